"""What every inbox must do. Each test runs on each database."""

import asyncio
from datetime import timedelta

import pytest
from support.factories import EVENING, make_device, make_reading

from domain.inbox import Backlog, Origin, WorkedOff
from domain.relevance import Watch
from storage.memory import MemoryStore
from storage.sql import SqlStore

WATCH = Watch(session_id="car-1:1", driver_id="driver-1", device_ids=("car-1",))


pytestmark = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
"""The inbox lives in databases only."""


@pytest.fixture
def sql(store: MemoryStore | SqlStore) -> SqlStore:
    assert isinstance(store, SqlStore)
    return store


async def ids(sql: SqlStore, limit: int = 9) -> list[str]:
    return [delivery.id for delivery in await sql.inbox.pending(limit)]


class TestDeliveries:
    async def test_deliveries_wait_in_order_of_arrival_until_done(self, sql: SqlStore) -> None:
        for key in ("b", "a", "c"):
            assert await sql.inbox.accept(key, key.encode(), EVENING)
        assert await ids(sql, 2) == ["b", "a"]
        await sql.inbox.keep(WorkedOff(done=["b"]), EVENING)
        await sql.inbox.keep(WorkedOff(done=["b"]), EVENING)
        assert await ids(sql) == ["a", "c"]

    async def test_interrupted_round_is_taken_again_whole_and_alone(self, sql: SqlStore) -> None:
        """Else what is made of it would differ, and be told twice in other words."""
        for key in ("a", "b"):
            await sql.inbox.accept(key, key.encode(), EVENING)
        assert [one.id for one in await sql.inbox.take(9)] == ["a", "b"]
        await sql.inbox.accept("c", b"c", EVENING)
        assert [one.id for one in await sql.inbox.take(9)] == ["a", "b"]
        await sql.inbox.keep(WorkedOff(done=["a"], left=["b"]), EVENING)
        assert [one.id for one in await sql.inbox.take(9)] == ["b", "c"]
        await sql.inbox.keep(WorkedOff(done=["b", "c"]), EVENING)
        assert await sql.inbox.take(9) == []

    async def test_delivery_comes_back_as_it_was_handed_in(self, sql: SqlStore) -> None:
        body = bytes(range(256))
        await sql.inbox.accept("a", body, EVENING, origin=Origin.SWEEP)
        (delivery,) = await sql.inbox.pending(1)
        assert (delivery.body, delivery.received_at, delivery.origin) == (body, EVENING, Origin.SWEEP)

    async def test_known_delivery_id_is_refused_also_when_done(self, sql: SqlStore) -> None:
        assert await sql.inbox.accept("a", b"1", EVENING)
        await sql.inbox.keep(WorkedOff(done=["a"]), EVENING)
        assert not await sql.inbox.accept("a", b"2", EVENING + timedelta(days=3))
        assert await ids(sql) == []

    async def test_known_content_is_refused_under_another_id_also_when_done(self, sql: SqlStore) -> None:
        assert await sql.inbox.accept("a", b"1", EVENING)
        await sql.inbox.keep(WorkedOff(done=["a"]), EVENING)
        assert not await sql.inbox.accept("b", b"1", EVENING + timedelta(days=3))

    async def test_one_of_many_equal_deliveries_at_the_same_time_is_accepted(self, sql: SqlStore) -> None:
        answers = await asyncio.gather(*(sql.inbox.accept(f"id{n}", b"same", EVENING) for n in range(20)))
        assert sum(answers) == 1

    async def test_each_of_many_at_the_same_time_hears_its_own_answer(self, sql: SqlStore) -> None:
        await sql.inbox.accept("id3", b"3", EVENING)
        answers = await asyncio.gather(*(sql.inbox.accept(f"id{n}", str(n).encode(), EVENING) for n in range(6)))
        assert answers == [True, True, True, False, True, True]

    async def test_prune_forgets_what_is_done_and_old_and_nothing_else(self, sql: SqlStore) -> None:
        for n, key in enumerate(("old", "aside", "waits", "young")):
            await sql.inbox.accept(key, key.encode(), EVENING + timedelta(hours=n * 24))
        await sql.inbox.keep(WorkedOff(done=["old", "young"], set_aside={"aside": "why"}), EVENING)
        assert await sql.inbox.prune(EVENING + timedelta(hours=72), 100) == 1
        assert await sql.inbox.prune(EVENING + timedelta(hours=72), 100) == 0
        assert await sql.inbox.accept("old", b"old", EVENING)
        assert not await sql.inbox.accept("young", b"?", EVENING)
        assert [one.delivery_id for one in await sql.inbox.set_aside()] == ["aside"]

    async def test_prune_takes_no_more_than_it_was_given(self, sql: SqlStore) -> None:
        for n in range(5):
            await sql.inbox.accept(f"{n}", f"{n}".encode(), EVENING)
        await sql.inbox.keep(WorkedOff(done=[f"{n}" for n in range(5)]), EVENING)
        later = EVENING + timedelta(days=9)
        assert [await sql.inbox.prune(later, 2) for _ in range(4)] == [2, 2, 1, 0]


class TestBacklog:
    async def test_backlog_counts_what_waits_and_tells_its_oldest(self, sql: SqlStore) -> None:
        assert await sql.inbox.backlog() == Backlog(pending=0, set_aside=0, oldest_at=None)
        for n in range(4):
            await sql.inbox.accept(f"{n}", f"{n}".encode(), EVENING + timedelta(minutes=n))
        await sql.inbox.keep(WorkedOff(done=["0"], set_aside={"1": "why"}), EVENING)
        oldest_at = EVENING + timedelta(minutes=2)
        assert await sql.inbox.backlog() == Backlog(pending=2, set_aside=1, oldest_at=oldest_at)

    async def test_what_was_set_aside_says_why_and_can_be_tried_again(self, sql: SqlStore) -> None:
        for key in ("a", "b"):
            await sql.inbox.accept(key, key.encode(), EVENING)
        await sql.inbox.keep(WorkedOff(failed={"a": "once"}), EVENING)
        assert [delivery.tries for delivery in await sql.inbox.pending(2)] == [1, 0]
        await sql.inbox.keep(WorkedOff(set_aside={"a": "twice", "b": "at once"}), EVENING)
        assert await ids(sql) == []
        aside = await sql.inbox.set_aside()
        assert [(one.delivery_id, one.tries, one.why) for one in aside] == [("a", 2, "twice"), ("b", 1, "at once")]
        assert await sql.inbox.retry(["a", "unknown"]) == 1
        assert [(one.id, one.tries, one.body) for one in await sql.inbox.pending(2)] == [("a", 0, b"a")]
        assert await sql.inbox.retry() == 1
        assert await ids(sql) == ["a", "b"]


class TestDevices:
    async def test_what_is_known_of_a_device_is_picture_and_watch(self, sql: SqlStore) -> None:
        await sql.inbox.keep(WorkedOff(devices=[make_device()]), EVENING)
        await sql.save_watch(WATCH)
        known = await sql.inbox.known(["car-1", "nobody"])
        assert (known["car-1"].device, known["car-1"].watch) == (make_device(), WATCH)
        assert (known["nobody"].device, known["nobody"].watch) == (None, None)

    async def test_watch_that_began_last_is_the_one_known(self, sql: SqlStore) -> None:
        await sql.save_watch(WATCH)
        last = WATCH.model_copy(update={"session_id": "car-2:1"})
        await sql.save_watch(last)
        await sql.save_watch(WATCH)
        assert (await sql.inbox.known(["car-1"]))["car-1"].watch == last

    async def test_picture_replaces_the_one_before(self, sql: SqlStore) -> None:
        newer = make_device(reading=make_reading(hours=1))
        for device in (make_device(), newer):
            await sql.inbox.keep(WorkedOff(devices=[device]), EVENING)
        assert await sql.device("car-1") == newer

    async def test_device_that_vanished_is_known_as_gone_until_it_is_back(self, sql: SqlStore) -> None:
        await sql.inbox.keep(WorkedOff(devices=[make_device()]), EVENING)
        await sql.inbox.keep(WorkedOff(gone={"car-1": ("driver-1", EVENING)}), EVENING)
        assert await sql.device("car-1") is None
        assert await sql.devices("driver-1") == []
        known = (await sql.inbox.known(["car-1"]))["car-1"]
        assert (known.device, known.gone_at) == (None, EVENING)
        await sql.inbox.keep(WorkedOff(devices=[make_device()]), EVENING)
        known = (await sql.inbox.known(["car-1"]))["car-1"]
        assert (known.device, known.gone_at) == (make_device(), None)

    async def test_readings_are_kept_once_and_ended_watches_end(self, sql: SqlStore) -> None:
        await sql.save_watch(WATCH)
        work = WorkedOff(readings=[make_reading(hours=h) for h in (1, 2, 1)], ended={WATCH.session_id})
        await sql.inbox.keep(work, EVENING)
        await sql.inbox.keep(work, EVENING)
        assert len(await sql.readings("car-1", EVENING, EVENING + timedelta(days=1))) == 2
        assert await sql.watch_of("car-1") is None

    async def test_all_is_kept_or_nothing(self, sql: SqlStore) -> None:
        await sql.inbox.accept("a", b"1", EVENING)
        naive = make_reading().model_copy(update={"observed_at": EVENING.replace(tzinfo=None)})
        with pytest.raises(Exception, match="naive"):
            await sql.inbox.keep(WorkedOff(done=["a"], devices=[make_device()], readings=[naive]), EVENING)
        assert await ids(sql) == ["a"]
        assert await sql.device("car-1") is None

    async def test_unseen_are_those_of_which_nothing_came_since_page_by_page(self, sql: SqlStore) -> None:
        devices = [make_device(id=f"car-{n}") for n in range(6)]
        early, late = EVENING, EVENING + timedelta(hours=1)
        seen = {"car-0": early, "car-1": late, "car-2": early, "car-3": early, "car-4": early}
        await sql.inbox.keep(WorkedOff(devices=devices, seen=seen), EVENING)
        await sql.inbox.keep(WorkedOff(seen={"car-2": late}, gone={"car-3": ("driver-1", late)}), EVENING)
        assert [device.id for device in await sql.inbox.unseen(late, "", 2)] == ["car-0", "car-4"]
        assert [device.id for device in await sql.inbox.unseen(late, "car-4", 2)] == ["car-5"]
