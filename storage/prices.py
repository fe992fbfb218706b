"""The price book: prices by area as they hold now, what arrived, and who waits for them."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from domain.price_feed import digest_of, left_free
from domain.prices import PriceSeries, PriceSlot
from domain.relevance import Watch
from storage.database import Database
from storage.price_tables import PriceArrivalRow, PriceRow, PriceToldRow
from storage.statements import insert_new, upsert
from storage.tables import WatchRow

NOTHING_STORED = "nothing stored"
"""The source of an empty series."""

LONGEST_SLOT = timedelta(days=1)
"""No market sells by longer slots."""

READ_AHEAD = 500
"""Watches read at once while looking for those of one area [count]."""


class SqlPrices:
    """`PriceBook` of `domain.ports` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prices(self, area: str, starts_at: datetime, ends_at: datetime) -> PriceSeries:
        """The prices that overlap `[starts_at, ends_at)`, whole; their source names every source they came from."""
        rows = await self._database.read(lambda session: _overlapping(session, area, starts_at, ends_at))
        return PriceSeries(
            area=area,
            currency=rows[0].currency if rows else "EUR",
            source="; ".join(dict.fromkeys(row.source for row in rows)) or NOTHING_STORED,
            slots=tuple(_slot(row) for row in rows),
        )

    async def keep_prices(self, series: PriceSeries, received_at: datetime) -> None:
        if series.slots:
            await self._database.write(lambda session: _keep(session, series, received_at))

    async def arrivals(self, area: str) -> list[PriceSeries]:
        """Every series that brought something new, in order of arrival, each with its report."""
        query = select(PriceArrivalRow).where(PriceArrivalRow.area == area).order_by(col(PriceArrivalRow.received_at))
        bodies = await self._database.read(lambda session: [row.series_json for row in session.exec(query)])
        return [PriceSeries.model_validate_json(body) for body in bodies]

    async def told(self, area: str, on: str) -> str | None:
        row = await self._database.read(lambda session: session.get(PriceToldRow, (area, on)))
        return row.digest if row else None

    async def note_told(self, area: str, on: str, digest: str, told_at: datetime) -> None:
        row = PriceToldRow(area=area, on=on, digest=digest, told_at=told_at)
        await self._database.write(lambda session: upsert(session, row))

    async def waiting(self, area: str, after: str, limit: int) -> list[str]:
        """Open sessions of this area: up to `limit` ids behind `after`, in order."""
        return await self._database.read(lambda session: _waiting(session, area, after, limit))


def _keep(session: Session, series: PriceSeries, received_at: datetime) -> None:
    insert_new(session, [_arrival(series, received_at)])
    before = _overlapping(session, series.area, series.slots[0].starts_at, series.slots[-1].ends_at)
    free = left_free([_slot(row) for row in before], series.slots)
    after = [
        _row(series.area, part, row.currency, row.source)
        for row, (_, parts) in zip(before, free, strict=True)
        for part in parts
    ]
    after += [_row(series.area, slot, series.currency, series.source) for slot in series.slots]
    for row in before:
        session.delete(row)
    session.flush()
    session.expunge_all()
    session.add_all(after)


def _overlapping(session: Session, area: str, starts_at: datetime, ends_at: datetime) -> list[PriceRow]:
    """In order. No slot is longer than a day, so that the index on starts narrows the search from both sides."""
    at = col(PriceRow.starts_at)
    query = (
        select(PriceRow)
        .where(PriceRow.area == area, at > starts_at - LONGEST_SLOT, at < ends_at, PriceRow.ends_at > starts_at)
        .order_by(at)
    )
    return list(session.exec(query))


def _waiting(session: Session, area: str, after: str, limit: int) -> list[str]:
    found: list[str] = []
    while len(found) < limit:
        query = select(WatchRow).where(col(WatchRow.session_id) > after).order_by(col(WatchRow.session_id))
        rows = session.exec(query.limit(READ_AHEAD)).all()
        watches = (Watch.model_validate_json(row.watch_json) for row in rows)
        found += [watch.session_id for watch in watches if watch.area == area]
        if len(rows) < READ_AHEAD:
            break
        after = rows[-1].session_id
    return found[:limit]


def _arrival(series: PriceSeries, received_at: datetime) -> PriceArrivalRow:
    digest = digest_of(series.slots)
    return PriceArrivalRow(
        area=series.area, digest=digest, received_at=received_at, series_json=series.model_dump_json()
    )


def _row(area: str, slot: PriceSlot, currency: str, source: str) -> PriceRow:
    return PriceRow(
        area=area,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        price_per_kwh=slot.price_per_kwh,
        currency=currency,
        source=source,
    )


def _slot(row: PriceRow) -> PriceSlot:
    return PriceSlot(starts_at=row.starts_at, ends_at=row.ends_at, price_per_kwh=row.price_per_kwh)
