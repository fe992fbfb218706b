"""The price feed on both servers: late, missing, partial, revised and repeated publications, told in paced waves."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.evening import night
from support.factories import EVENING
from support.servers import DEADLINE_SECONDS, Server, serve
from temporalio.worker import Worker

from activities.prices import PriceFeed
from client import Nightcharge
from domain import price_feed, steps
from domain.clock import Clock
from domain.errors import MalformedReply, NightchargeError, RateLimited, RetryableError, VendorUnavailable
from domain.price_feed import Pace, delivery_day
from domain.prices import PriceSeries, PriceSlot
from domain.relevance import Watch
from domain.session.events import PricesChanged
from storage.prices import SqlPrices
from storage.sql import SqlStore
from workflows.prices import PriceFeedResult, PriceFeedStart, PriceFeedWorkflow

TODAY, TOMORROW = (delivery_day("NL", date(2022, 12, on)) for on in (12, 13))
"""The factories' evening is the 12th."""

FAST = Pace(page=4, in_flight=3, per_second=10_000)
HOUR = timedelta(hours=1)

SPEED = 900.0
"""World seconds a real second where time is real: an evening of tries takes 19 seconds at most, a try is no race."""

Answer = PriceSeries | NightchargeError


def prices(day: price_feed.DeliveryDay, *, hours: int = 24, price: float = 0.2) -> tuple[PriceSlot, ...]:
    starts = [day.starts_at + n * HOUR for n in range(hours)]
    return tuple(PriceSlot(starts_at=at, ends_at=at + HOUR, price_per_kwh=price) for at in starts)


def known(*slots: PriceSlot) -> PriceSeries:
    return PriceSeries(area="NL", source="market", slots=slots)


NOTHING = known()
HALF = known(*prices(TOMORROW, hours=12))
WHOLE = known(*prices(TOMORROW))
REVISED = known(*prices(TOMORROW, hours=23), *prices(TOMORROW, price=0.9)[23:])


class Market:
    """Answers from a list, the last one for ever; counts what is asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = list(answers), list[tuple[Any, Any]]()

    async def prices(self, area: str, starts_at: Any, ends_at: Any) -> PriceSeries:
        self.asked.append((starts_at, ends_at))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, NightchargeError):
            raise answer
        return answer


class Door:
    """Open sessions that note what they are told; some are over, one may stumble the first time."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, PricesChanged]] = []
        self.over: set[str] = set()
        self.stumbles_at = ""
        self.in_flight = self.most_in_flight = 0

    async def prices_changed(self, session: str, event: PricesChanged) -> bool:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0.001)
            if session == self.stumbles_at:
                self.stumbles_at = ""
                raise RetryableError("the server does not answer")
            self.heard.append((session, event))
            return session not in self.over
        finally:
            self.in_flight -= 1

    @property
    def counts(self) -> Counter[str]:
        return Counter(session for session, _ in self.heard)


class Feed:
    """A feed over a market and a store, with its own worker."""

    def __init__(self, server: Server, store: SqlStore, market: Market) -> None:
        self.server, self.store, self.market, self.door = server, store, market, Door()
        self.book = SqlPrices(store.database)
        self.task_queue = f"queue-{uuid.uuid4()}"
        self.clock = server.clock
        if not server.skips:
            self.clock = Clock.starting(EVENING, real_now=datetime.now(UTC), speed=SPEED)

    async def now(self) -> datetime:
        return await self.server.now() if self.server.skips else self.clock.now()

    @asynccontextmanager
    async def worker(self, door: Any = None) -> AsyncIterator[None]:
        feed = PriceFeed(self.market, self.book, door or self.door)
        async with Worker(
            self.server.client,
            task_queue=self.task_queue,
            workflows=[PriceFeedWorkflow],
            activities=[feed.fetch_prices, feed.tell_sessions, feed.close_publication],
        ):
            yield

    async def run(self, **changes: Any) -> PriceFeedResult:
        start = PriceFeedStart(
            area="NL", clock=self.clock, pace=FAST, on=TOMORROW.on, try_every_minutes=2, jitter_minutes=1
        )
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.server.client.execute_workflow(
                PriceFeedWorkflow.run,
                start.model_copy(update=changes),
                id=f"price-feed-{uuid.uuid4()}",
                task_queue=self.task_queue,
            )

    async def open_sessions(self, count: int, area: str = "NL") -> list[str]:
        names = [f"{area}-{n:03}:1" for n in range(count)]
        for name in names:
            await self.store.save_watch(Watch(session_id=name, driver_id="d", device_ids=(name,), area=area))
        return names


@pytest.fixture
async def feed(server: Server, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Builds a feed whose market gives these answers, one a try. Its evening begins at 19:00 on the market's clock."""
    stores: list[SqlStore] = []

    async def build(*answers: Answer) -> Feed:
        stores.append(SqlStore(f"sqlite:///{tmp_path}/store.db"))
        await stores[-1].create()
        return Feed(server, stores[-1], Market(*answers))

    yield build
    for store in stores:
        await store.close()


async def test_complete_publication_is_kept_and_told_once_to_every_open_session_of_the_area(feed: Any) -> None:
    one = await feed(WHOLE)
    names = await one.open_sessions(10)
    await one.open_sessions(5, area="BE")
    one.door.over = {names[3]}
    async with one.worker():
        result = await one.run()
    assert (result.is_complete, result.tries, result.waves, result.told) == (True, 1, 1, 9)
    assert one.door.counts == Counter(names)
    assert {event.area for _, event in one.door.heard} == {"NL"}
    assert one.door.most_in_flight <= FAST.in_flight
    assert len((await one.book.prices("NL", TOMORROW.starts_at, TOMORROW.ends_at)).slots) == 24


async def test_f44_late_publication_is_waited_for_through_the_evening(feed: Any) -> None:
    one = await feed(NOTHING, VendorUnavailable(), NOTHING, MalformedReply(), WHOLE)
    await one.open_sessions(3)
    async with one.worker():
        result = await one.run()
    assert result.is_complete
    assert result.waves == 1
    assert set(one.door.counts.values()) == {1}
    assert result.tries == 4  # the passing failure was tried again within its try


async def test_f44_missing_publication_ends_the_evening_not_the_plans(feed: Any) -> None:
    one = await feed(NOTHING)
    await one.open_sessions(3)
    async with one.worker():
        result = await one.run(gives_up_at=time(20, 0))
        assert await one.now() >= EVENING + HOUR
    assert (result.is_complete, result.hours_missing, result.told) == (False, 24, 0)
    assert 2 <= result.tries <= 31  # every two to three minutes for an hour; busy machines lose some
    assert one.door.heard == []


async def test_partial_publication_is_told_and_then_the_rest_of_it(feed: Any) -> None:
    one = await feed(HALF, HALF, WHOLE)
    await one.open_sessions(3)
    async with one.worker():
        result = await one.run()
    assert (result.is_complete, result.tries, result.waves) == (True, 3, 2)
    assert set(one.door.counts.values()) == {2}
    assert len({event.publication for _, event in one.door.heard}) == 2


async def test_same_publication_again_is_not_told_again(feed: Any) -> None:
    one = await feed(WHOLE)
    await one.open_sessions(3)
    async with one.worker():
        await one.run()
        again = await one.run()
    assert (again.is_complete, again.waves) == (True, 0)
    assert set(one.door.counts.values()) == {1}


async def test_revised_publication_is_told_and_stands(feed: Any) -> None:
    one = await feed(WHOLE, REVISED)
    await one.open_sessions(3)
    async with one.worker():
        await one.run()
        revised = await one.run()
    assert (revised.waves, revised.told) == (1, 3)
    stored = await one.book.prices("NL", TOMORROW.starts_at, TOMORROW.ends_at)
    assert stored.slots[-1].price_per_kwh == 0.9
    assert len(await one.book.arrivals("NL")) == 2


async def test_prices_that_missed_their_evening_are_fetched_and_told_by_the_next_run(feed: Any) -> None:
    one = await feed(NOTHING, known(*prices(TODAY), *prices(TOMORROW)))
    await one.open_sessions(1)
    async with one.worker():
        await one.run(on=TODAY.on)
        result = await one.run()
    assert (result.is_complete, result.waves) == (True, 1)
    assert TODAY.on in one.door.heard[0][1].publication
    assert TOMORROW.on in one.door.heard[0][1].publication
    assert one.market.asked[-1][0] == TODAY.starts_at - price_feed.HISTORY  # a forecast's week is filled as well


async def test_told_to_wait_it_does_not_ask_before_time(feed: Any) -> None:
    one = await feed(RateLimited(retry_after=HOUR / 2), WHOLE)
    async with one.worker():
        before = await one.now()
        assert (await one.run()).is_complete
        assert await one.now() - before >= HOUR / 2
    assert len(one.market.asked) == 2


async def test_second_attempt_at_a_page_goes_on_where_the_first_was(feed: Any) -> None:
    one = await feed(WHOLE)
    names = await one.open_sessions(12)
    one.door.stumbles_at = names[9]
    async with one.worker():
        result = await one.run(pace=Pace(page=12, in_flight=2, per_second=10_000))
    assert set(one.door.counts) == set(names)
    assert (
        one.door.counts[names[0]] == 1
    )  # how far the first attempt came is told by heartbeat, the newest within moments
    assert result.told == len(names)


async def test_wave_is_carried_over_continue_as_new(feed: Any) -> None:
    one = await feed(WHOLE)
    names = await one.open_sessions(9)
    async with one.worker():
        fetched = await PriceFeed(one.market, one.book, one.door).fetch_prices(
            price_feed.FetchPrices(days=(TODAY, TOMORROW))
        )
        telling = {"news": fetched.news, "after": names[5], "told": 6}
        result = await one.run(telling=telling)
    assert set(one.door.counts) == set(names[6:])
    assert (result.told, result.waves, result.is_complete) == (9, 1, True)


@pytest.fixture(params=["time-skipping", "dev"])
async def slow_server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """Where time is real a night takes over a minute, so that a busy machine still speaks to the first night."""
    async with serve(request.param, speed=600.0) as server:
        yield server


async def test_open_session_plans_anew_on_new_prices_and_once_only(slow_server: Server, tmp_path: Path) -> None:
    server, store = slow_server, SqlStore(f"sqlite:///{tmp_path}/store.db")
    await store.create()
    one = Feed(server, store, Market(WHOLE))
    async with night(server) as tonight:
        await server.until(tonight.has_plan, "the first plan")
        state = await tonight.state()
        assert state.watch is not None
        await one.store.save_watch(state.watch)  # as the step `listen` does; here it is a fake
        planned = len(tonight.fakes.asked[steps.MAKE_PLAN])

        async with one.worker(Nightcharge(server.client)):
            handle = await server.client.start_workflow(
                PriceFeedWorkflow.run,
                PriceFeedStart(area="NL", clock=one.clock, pace=FAST, on=TOMORROW.on),
                id="price-feed",
                task_queue=one.task_queue,
            )

            async def is_told() -> bool:
                return (await handle.query(PriceFeedWorkflow.progress)).told == 1

            await server.until(is_told, "the wave")
            await handle.result()

        async def has_planned_anew() -> Sequence[Any]:
            return [step for step in tonight.fakes.asked[steps.MAKE_PLAN][planned:] if step.request.revision > planned]

        await server.until(has_planned_anew, "a plan with the new prices")
        heard = (await tonight.state()).publication
        assert heard.startswith(TOMORROW.on)
        assert await Nightcharge(server.client).prices_changed(
            state.session_id, PricesChanged(area="NL", publication=heard)
        )
        await tonight.end()
    heard_of = [entry.name for step in tonight.fakes.asked[steps.CLOSE_NIGHT] for entry in step.log]
    assert heard_of.count("prices_changed") == 2
    await store.close()
