"""The Schedule of the price feed, on the server that has Schedules."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.servers import DEADLINE_SECONDS, Server, serve
from temporalio.client import ScheduleOverlapPolicy
from temporalio.worker import Worker

from activities.prices import PriceFeed
from domain.prices import PriceSeries, PriceSlot
from storage.prices import SqlPrices
from storage.sql import SqlStore
from workflows.price_schedule import JITTER, TIMES, ensure_price_schedule, schedule_id
from workflows.prices import PriceFeedResult, PriceFeedStart, PriceFeedWorkflow

HOUR = timedelta(hours=1)


@pytest.fixture
async def dev() -> AsyncIterator[Server]:
    """A server on real time."""
    async with serve("dev", speed=1) as server:
        yield server


class Everything:
    """A market that knows whatever it is asked for; nobody to tell."""

    async def prices(self, area: str, starts_at, ends_at) -> PriceSeries:
        starts = [starts_at + n * HOUR for n in range(int((ends_at - starts_at) / HOUR))]
        slots = tuple(PriceSlot(starts_at=at, ends_at=at + HOUR, price_per_kwh=0.2) for at in starts)
        return PriceSeries(area=area, source="market", slots=slots)

    async def prices_changed(self, session, event) -> bool:
        raise AssertionError("no session is open")


async def test_feed_is_begun_by_its_schedule_with_jitter_on_the_markets_clock(dev: Server, tmp_path: Path) -> None:
    queue = f"queue-{uuid.uuid4()}"
    await ensure_price_schedule(dev.client, PriceFeedStart(area="NL"), task_queue=queue)
    schedule = dev.client.get_schedule_handle(schedule_id("NL"))
    spec = (await schedule.describe()).schedule.spec
    assert spec.jitter == JITTER > timedelta(0)
    assert spec.time_zone_name == "Europe/Brussels"
    assert [(c.hour[0].start, c.minute[0].start) for c in spec.calendars] == list(TIMES)
    assert (await schedule.describe()).schedule.policy.overlap is ScheduleOverlapPolicy.SKIP

    store = SqlStore(f"sqlite:///{tmp_path}/store.db")
    await store.create()
    feed = PriceFeed(Everything(), SqlPrices(store.database), Everything())
    steps = [feed.fetch_prices, feed.tell_sessions, feed.close_publication]
    async with Worker(dev.client, task_queue=queue, workflows=[PriceFeedWorkflow], activities=steps):
        await schedule.trigger()

        async def begun() -> str:
            actions = (await schedule.describe()).info.recent_actions
            return actions[-1].action.workflow_id if actions else ""

        handle = dev.client.get_workflow_handle(await dev.until(begun, "the feed's run"), result_type=PriceFeedResult)
        async with asyncio.timeout(DEADLINE_SECONDS):
            result = await handle.result()
    await store.close()
    assert (result.area, result.is_complete, result.told) == ("NL", True, 0)


async def test_ensuring_again_changes_the_schedule_and_keeps_an_operators_pause(dev: Server) -> None:
    await ensure_price_schedule(dev.client, PriceFeedStart(area="NL"))
    schedule = dev.client.get_schedule_handle(schedule_id("NL"))
    await schedule.pause(note="the market is closed")
    await ensure_price_schedule(dev.client, PriceFeedStart(area="NL", zone="Europe/Lisbon"))
    known = (await schedule.describe()).schedule
    assert known.spec.time_zone_name == "Europe/Lisbon"
    assert known.state.paused
    assert known.state.note == "the market is closed"
