"""Accounts across sessions: a driver's nights and a program's, newest first."""

from datetime import datetime

from sqlalchemy import and_, or_
from sqlmodel import col, select

from domain.account import NightAccount
from domain.model import Instant, Model
from storage.database import Database
from storage.tables import NightRow
from storage.tenant_tables import DriverRow


class Mark(Model):
    """A place in the list of nights."""

    departs_at: Instant
    session_id: str
    number: int


class Reports:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def nights(
        self,
        program: str,
        *,
        driver_id: str | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        after: Mark | None = None,
        limit: int,
    ) -> list[NightAccount]:
        """Accounts of nights that departed in `[starts_at, ends_at)`, newest first, from the one after `after` on."""
        departs_at, session_id, number = col(NightRow.departs_at), col(NightRow.session_id), col(NightRow.number)
        query = select(NightRow.account_json).join(DriverRow, col(DriverRow.id) == col(NightRow.driver_id))
        query = query.where(DriverRow.program == program)
        if driver_id is not None:
            query = query.where(NightRow.driver_id == driver_id)
        if starts_at is not None:
            query = query.where(departs_at >= starts_at)
        if ends_at is not None:
            query = query.where(departs_at < ends_at)
        if after is not None:
            same_instant = and_(departs_at == after.departs_at, session_id == after.session_id, number < after.number)
            same_time = and_(departs_at == after.departs_at, session_id < after.session_id)
            query = query.where(or_(departs_at < after.departs_at, same_time, same_instant))
        query = query.order_by(departs_at.desc(), session_id.desc(), number.desc()).limit(limit)
        bodies = await self._database.read(lambda session: session.exec(query).all())
        return [NightAccount.model_validate_json(body) for body in bodies]
