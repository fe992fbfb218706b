"""The sweep: its parts page by page on both servers, and its repairs where workflows can be listed."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.evening import Account, account
from support.factories import CAR, CHARGER, DRIVER, make_device, make_reading
from support.servers import Server, serve
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.sweeping import Sweeping
from domain.devices import Device, PowerDeliveryState, Side
from domain.driver.events import DeviceGone, DeviceSeen
from domain.relevance import Watch
from domain.sweep import FIRST, SWEEP_PAGE, DevicePage, Part, Sweep, SweepPage, SweptPage
from storage.sql import SqlStore
from workflows.register import VisibleWorkflows
from workflows.sweep import SweepStart, SweepWorkflow
from workflows.sweep_schedule import SWEEP, ensure_sweep_schedule, sweep_now
from workflows.telling import Telling

QUICK = timedelta(milliseconds=1)


class Pages:
    """The step, with so many pages of each part."""

    def __init__(self, **pages: int) -> None:
        self.pages = {part: pages.get(part.value, 1) for part in Part}
        self.asked: list[SweepPage] = []
        self.fails: dict[Part, list[ApplicationError]] = {}

    @activity.defn(name=SWEEP_PAGE)
    async def sweep_page(self, step: SweepPage) -> SweptPage:
        self.asked.append(step)
        if failures := self.fails.get(step.line.part):
            raise failures.pop(0)
        number = int(step.line.cursor or 1)
        return SweptPage(cursor=str(number + 1) if number < self.pages[step.line.part] else None, looked_at=10)

    def cursors(self, part: Part) -> list[str | None]:
        return [step.line.cursor for step in self.asked if step.line.part is part]


@asynccontextmanager
async def sweeper(server: Server, step: Callable[..., Any], queue: str) -> AsyncIterator[None]:
    async with Worker(server.client, task_queue=queue, workflows=[SweepWorkflow], activities=[step]):
        yield


async def begin(server: Server, queue: str, **start: Any) -> WorkflowHandle[SweepWorkflow, Sweep]:
    return await server.client.start_workflow(
        SweepWorkflow.run,
        SweepStart(clock=server.clock, pace=QUICK, **start),
        id=f"sweep-{uuid.uuid4()}",
        task_queue=queue,
    )


async def swept(server: Server, pages: Pages, **start: Any) -> Sweep:
    queue = f"queue-{uuid.uuid4()}"
    async with sweeper(server, pages.sweep_page, queue):
        return await (await begin(server, queue, **start)).result()


async def test_every_part_is_swept_to_its_last_page_and_what_was_not_listed_comes_last(server: Server) -> None:
    pages = Pages(vehicles=3, chargers=2, unseen=2)
    report = await swept(server, pages)
    assert pages.cursors(Part.VEHICLES) == [None, "2", "3"]
    assert pages.cursors(Part.CHARGERS) == [None, "2"]
    assert [step.line.part for step in pages.asked[-2:]] == [Part.UNSEEN, Part.UNSEEN]
    assert report.looked_at == {**dict.fromkeys(FIRST, 10), Part.VEHICLES: 30, Part.CHARGERS: 20, Part.UNSEEN: 20}
    assert not report.open


async def test_long_sweep_continues_as_new_and_asks_for_no_page_twice(server: Server) -> None:
    pages = Pages(vehicles=7)
    report = await swept(server, pages, rounds=2)
    assert pages.cursors(Part.VEHICLES) == [None, "2", "3", "4", "5", "6", "7"]
    assert len({step.began_at for step in pages.asked}) == 1
    assert report.looked_at[Part.VEHICLES] == 70


async def test_page_that_cannot_be_read_for_good_ends_its_part_and_nothing_is_called_missing(server: Server) -> None:
    """Without a full list nobody can say what is missing from it."""
    pages = Pages(vehicles=3, chargers=3)
    pages.fails[Part.VEHICLES] = [ApplicationError("no such page", non_retryable=True)]
    report = await swept(server, pages)
    assert report.given_up == (Part.VEHICLES,)
    assert pages.cursors(Part.CHARGERS) == [None, "2", "3"]
    assert pages.cursors(Part.UNSEEN) == []


async def test_page_that_fails_for_a_while_is_waited_for(server: Server) -> None:
    """F69: the vendor's outage is not the sweep's end."""
    pages = Pages(vehicles=2)
    again = ApplicationError("not now", next_retry_delay=QUICK)
    pages.fails[Part.VEHICLES] = [again, again]
    report = await swept(server, pages)
    assert report.given_up == ()
    assert pages.cursors(Part.VEHICLES) == [None, None, None, "2"]


class NoDevices:
    """A platform without devices."""

    async def page(self, side: Side, cursor: str | None) -> DevicePage:
        return DevicePage(devices=(), cursor=None)

    async def read(self, side: Side, device_id: str) -> Device:
        raise AssertionError("nothing is known, so nothing is read")


class Repairs:
    """The real step before a real server, as often as asked."""

    def __init__(self, server: Server, store: SqlStore) -> None:
        self.server, self.store, self.queue = server, store, f"queue-{uuid.uuid4()}"
        telling, register = Telling(server.client), VisibleWorkflows(server.client)
        self.step = Sweeping(NoDevices(), register, store.inbox, store, telling).sweep_page

    async def until(self, part: Part) -> None:
        """Sweep until a sweep repaired something of this part: what ended is listed some seconds late."""

        async def has_repaired() -> bool:
            report = await (await begin(self.server, self.queue)).result()
            return report.repaired.get(part, 0) > 0

        async with sweeper(self.server, self.step, self.queue):
            await self.server.until(has_repaired, f"a repair of {part.value}")


@pytest.fixture
async def dev() -> AsyncIterator[Server]:
    """The server that can list workflows."""
    async with serve("dev", speed=600) as server:
        yield server


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path}/sweep.db")
    await store.create()
    yield store
    await store.close()


@pytest.fixture
async def night(dev: Server) -> AsyncIterator[Account]:
    """A driver with an open session."""
    async with account(dev) as driver:
        await driver.enroll(make_device())
        now = await dev.now()
        await driver.see(make_device(reading=plugged_in(now)))
        await has_session(driver, 1)
        yield driver


def plugged_in(now: datetime) -> Any:
    return make_reading(state=PowerDeliveryState.STOPPED, observed_at=now, received_at=now, paired_with=None)


async def has_session(driver: Account, seq: int) -> None:
    async def is_open() -> bool:
        opened = (await driver.state()).sessions.get(CAR)
        if opened is None or opened.session_id != f"{CAR}:{seq}":
            return False
        try:
            return (await driver.session(seq).handle.describe()).status is not None
        except Exception:  # the child is still being started
            return False

    await driver.server.until(is_open, f"session {seq}")


async def test_driver_whose_session_was_terminated_is_told_and_opens_the_next(night: Account, store: SqlStore) -> None:
    """Else it would wait for the end of a session that nobody will ever report."""
    await store.save_watch(Watch(session_id=f"{CAR}:1", driver_id=DRIVER, device_ids=(CAR,)))
    await night.session(1).handle.terminate("by an operator")
    await Repairs(night.server, store).until(Part.ENDED_SESSIONS)
    await has_session(night, 2)
    assert await store.watch_of(CAR) is None


async def test_session_whose_driver_was_terminated_lets_go_and_ends(night: Account, store: SqlStore) -> None:
    await night.handle.terminate("by an operator")
    await Repairs(night.server, store).until(Part.GONE_DRIVERS)
    await night.server.until(night.session(1).is_over, "the end of the session")


async def test_schedule_is_made_once_and_a_sweep_begins_when_asked(dev: Server) -> None:
    pages, queue = Pages(), f"queue-{uuid.uuid4()}"
    async with sweeper(dev, pages.sweep_page, queue):
        for _ in range(2):
            await ensure_sweep_schedule(dev.client, dev.clock, task_queue=queue)

        async def is_paused() -> bool:
            return (await dev.client.get_schedule_handle(SWEEP).describe()).schedule.state.paused

        await dev.client.get_schedule_handle(SWEEP).pause()
        await dev.until(is_paused, "the pause")
        await ensure_sweep_schedule(dev.client, dev.clock, task_queue=queue)
        assert await is_paused()
        await sweep_now(dev.client)

        async def has_swept() -> bool:
            return bool(pages.cursors(Part.VEHICLES))

        await dev.until(has_swept, "a sweep")


async def test_signal_that_is_sent_twice_is_heard_once(dev: Server) -> None:
    """A gateway that dies between telling and noting tells again."""
    handle = await dev.client.start_workflow("Driver", id=f"driver:{DRIVER}", task_queue="nobody")
    telling = Telling(dev.client)
    for _ in range(3):
        assert await telling.tell_driver(DRIVER, DeviceSeen(device=make_device()))
        assert await telling.tell_driver(DRIVER, DeviceGone(device_id=CHARGER))
    assert not await telling.tell_driver("nobody", DeviceGone(device_id=CHARGER))
    events = (await handle.fetch_history()).events
    told = [event.workflow_execution_signaled_event_attributes.signal_name for event in events]
    assert sorted(name for name in told if name) == ["device_gone", "device_seen"]
