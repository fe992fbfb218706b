"""A program's nights as an operator sees them: sums by brand and side of the cable, by day, and the nights missed.

All sums are taken in the database; of an account no more is read than the fields that are summed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ColumnElement, Float, case, cast, type_coerce
from sqlmodel import Session, col, func, select

from domain.model import Instant, Model
from storage.database import Database
from storage.price_tables import PriceArrivalRow, PriceRow
from storage.tables import DeviceRow, NightRow
from storage.tenant_tables import DriverRow

DAY = timedelta(days=1)


class BrandNights(Model):
    """The nights of one brand of car."""

    brand: str
    nights: int
    ready: int
    charger_tried: int = 0  # commands over the charger
    charger_proven: int = 0
    vehicle_tried: int = 0  # commands over the car
    vehicle_proven: int = 0
    saving: float = 0.0  # [currency]


class DayNights(Model):
    """The nights that departed within a day."""

    starts_at: Instant
    nights: int
    ready: int


class MissedNight(Model):
    """A night whose car was not ready."""

    session_id: str
    number: int
    driver_id: str
    departs_at: Instant


class PricesIn(Model):
    """How far the stored prices of an area reach."""

    area: str
    received_at: Instant | None
    known_until: Instant


class Fleet:
    """Reads only. Every question names the program."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_brand(self, program: str, since: datetime, until: datetime) -> list[BrandNights]:
        """Nights that departed in `[since, until)`, per brand of car, the most first."""
        return await self._database.read(lambda session: _by_brand(session, program, since, until))

    async def by_day(self, program: str, days: Sequence[datetime]) -> list[DayNights]:
        """Nights per day, each from its instant on."""

        def work(session: Session) -> list[DayNights]:
            found = []
            for day in days:
                query = select(func.count(), _sum(case((col(NightRow.is_ready).is_(True), 1), else_=0)))
                nights, ready = session.execute(_within(query, program, day, day + DAY)).one()
                found.append(DayNights(starts_at=day, nights=nights, ready=ready))
            return found

        return await self._database.read(work)

    async def missed(self, program: str, since: datetime, until: datetime, limit: int) -> list[MissedNight]:
        """Nights that departed in `[since, until)` without the car being ready, newest first."""
        query: Any = select(NightRow.session_id, NightRow.number, NightRow.driver_id, NightRow.departs_at)
        query = _within(query, program, since, until).where(col(NightRow.is_ready).is_(False))
        query = query.order_by(col(NightRow.departs_at).desc()).limit(limit)

        def work(session: Session) -> list[MissedNight]:
            return [MissedNight.model_validate(row._mapping) for row in session.execute(query)]

        return await self._database.read(work)

    async def drivers(self, program: str) -> int:
        """Drivers the program has."""
        query = select(func.count()).select_from(DriverRow).where(DriverRow.program == program)
        return await self._database.read(lambda session: session.exec(query).one())

    async def driver_of_vehicle(self, program: str, vehicle_id: str) -> str | None:
        """The driver of a vehicle or charger, if it is the program's."""
        query = select(DeviceRow.driver_id).join(DriverRow, col(DriverRow.id) == col(DeviceRow.driver_id))
        query = query.where(DriverRow.program == program, DeviceRow.id == vehicle_id)
        return await self._database.read(lambda session: session.exec(query).first())

    async def prices(self) -> list[PricesIn]:
        """Every area with stored prices."""
        ends = select(PriceRow.area, func.max(PriceRow.ends_at)).group_by(col(PriceRow.area))
        came = select(PriceArrivalRow.area, func.max(PriceArrivalRow.received_at)).group_by(col(PriceArrivalRow.area))

        def work(session: Session) -> list[PricesIn]:
            received = dict(session.exec(came).all())
            return [
                PricesIn(area=area, received_at=received.get(area), known_until=until)
                for area, until in sorted(session.exec(ends).all())
            ]

        return await self._database.read(work)


def _by_brand(session: Session, program: str, since: datetime, until: datetime) -> list[BrandNights]:
    account = _json(session, col(NightRow.account_json))
    brand = func.coalesce(_json(session, func.nullif(DeviceRow.device_json, ""))["brand"].as_string(), "unknown")
    sums = {
        "nights": func.count(),
        "ready": _sum(case((col(NightRow.is_ready).is_(True), 1), else_=0)),
        "saving": _sum(cast(account["saving"].as_string(), Float)),
    }
    for side in ("charger", "vehicle"):
        for word in ("tried", "proven"):
            sums[f"{side}_{word}"] = _sum(account[("routes", side, word)].as_integer())
    query: Any = select(brand.label("brand"), *(value.label(name) for name, value in sums.items()))
    query = _within(query, program, since, until)
    query = query.outerjoin(DeviceRow, col(DeviceRow.id) == col(NightRow.vehicle_id)).group_by(brand)
    found = [BrandNights.model_validate(row._mapping) for row in session.execute(query)]
    return sorted(found, key=lambda one: (-one.nights, one.brand))


def _within(query: Any, program: str, since: datetime, until: datetime) -> Any:
    departs_at = col(NightRow.departs_at)
    query = query.select_from(NightRow).join(DriverRow, col(DriverRow.id) == col(NightRow.driver_id))
    return query.where(DriverRow.program == program, departs_at >= since, departs_at < until)


def _sum(value: Any) -> Any:
    return func.coalesce(func.sum(value), 0)


def _json(session: Session, text: Any) -> ColumnElement[Any]:
    """Text as JSON; SQLite has no such type and takes text for it, while a cast there would make it a number."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return cast(text, JSON) if is_postgresql else type_coerce(text, JSON)
