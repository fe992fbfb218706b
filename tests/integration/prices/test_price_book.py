"""The price book in a database: what holds, what arrived, who was told, who waits."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.ports import PriceBook
from domain.prices import PriceReport, PriceSeries, PriceSlot
from domain.relevance import Watch
from storage import prices
from storage.prices import SqlPrices
from storage.sql import SqlStore

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2025, 1, 14, 23, tzinfo=UTC)
NOON = datetime(2025, 1, 14, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    """An empty store in a file, and on a server."""
    is_file = request.param == "sqlite"
    made = SqlStore(f"sqlite:///{tmp_path}/store.db" if is_file else request.getfixturevalue("postgresql_url"))
    await made.create()
    yield made
    await made.close()


@pytest.fixture
def book(store: SqlStore) -> SqlPrices:
    """The store's price book."""
    return SqlPrices(store.database)


def series(*prices: float, area: str = "NL", source: str = "first", hour: int = 0) -> PriceSeries:
    starts = [MIDNIGHT + (hour + n) * HOUR for n in range(len(prices))]
    slots = tuple(
        PriceSlot(starts_at=at, ends_at=at + HOUR, price_per_kwh=price)
        for at, price in zip(starts, prices, strict=True)
    )
    report = PriceReport(source=source, rows_read=len(prices), rows_used=len(prices), hours_known=len(prices))
    return PriceSeries(area=area, source=source, slots=slots, report=report)


async def test_prices_come_back_as_they_were_with_their_source(book: SqlPrices) -> None:
    port: PriceBook = book
    await port.keep_prices(series(0.1, -0.2, 1 / 3), NOON)
    found = await port.prices("NL", MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR)
    assert [(slot.starts_at, slot.price_per_kwh) for slot in found.slots] == [(MIDNIGHT + HOUR, -0.2)]
    assert found.source == "first"
    assert (await port.prices("BE", MIDNIGHT, MIDNIGHT + HOUR)).slots == ()


async def test_same_prices_again_change_nothing(book: SqlPrices) -> None:
    for _ in range(3):
        await book.keep_prices(series(0.1, 0.2), NOON)
    assert len((await book.prices("NL", MIDNIGHT, MIDNIGHT + 9 * HOUR)).slots) == 2
    assert len(await book.arrivals("NL")) == 1


async def test_revision_stands_and_what_it_replaced_is_kept_as_it_arrived(book: SqlPrices) -> None:
    await book.keep_prices(series(0.1, 0.2, 0.3), NOON)
    await book.keep_prices(series(0.9, source="revision", hour=1), NOON + HOUR)
    found = await book.prices("NL", MIDNIGHT, MIDNIGHT + 9 * HOUR)
    assert [slot.price_per_kwh for slot in found.slots] == [0.1, 0.9, 0.3]
    assert found.source == "first; revision"
    first, second = await book.arrivals("NL")
    assert [slot.price_per_kwh for slot in first.slots] == [0.1, 0.2, 0.3]
    assert (second.source, second.report and second.report.rows_read) == ("revision", 1)


async def test_partial_publication_takes_nothing_away(book: SqlPrices) -> None:
    await book.keep_prices(series(*[0.1] * 24), NOON)
    await book.keep_prices(series(0.2, 0.2), NOON)
    await book.keep_prices(series(), NOON)
    assert len((await book.prices("NL", MIDNIGHT, MIDNIGHT + 24 * HOUR)).slots) == 24


async def test_told_remembers_the_last_publication_of_each_day_and_area(book: SqlPrices) -> None:
    assert await book.told("NL", "2025-01-15") is None
    for digest in ("one", "two", "one"):
        await book.note_told("NL", "2025-01-15", digest, NOON)
        assert await book.told("NL", "2025-01-15") == digest
    assert await book.told("BE", "2025-01-15") is None
    assert await book.told("NL", "2025-01-16") is None


async def test_waiting_sessions_are_paged_by_area(
    store: SqlStore, book: SqlPrices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "READ_AHEAD", 3)
    for n in range(10):
        area = "NL" if n % 2 else "BE"
        await store.save_watch(Watch(session_id=f"v{n}:1", driver_id="d", device_ids=(f"v{n}",), area=area))
    await store.save_watch(Watch(session_id="old:1", driver_id="d", device_ids=("v",)))
    await store.end_watch("v5:1")
    first = await book.waiting("NL", "", 3)
    assert first == ["v1:1", "v3:1", "v7:1"]
    assert await book.waiting("NL", first[-1], 3) == ["v9:1"]
    assert await book.waiting("NL", "v9:1", 3) == []


async def test_two_feeds_of_two_areas_write_at_once(book: SqlPrices) -> None:
    areas = ["NL", "BE", "FR", "DE_LU"]
    await asyncio.gather(*(book.keep_prices(series(*[0.1] * 24, area=area), NOON) for area in areas))
    for area in areas:
        assert len((await book.prices(area, MIDNIGHT, MIDNIGHT + 24 * HOUR)).slots) == 24
