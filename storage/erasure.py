"""Erasing what is stored of a driver, for good, and knowing it afterwards (GDPR, article 17).

What remains is a digest of the driver's id and the instant, so that what was observed before it and arrives late, or is
written by a session left behind, leaves no trace. Webhook bodies are gone once they are worked off.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, delete, select

from storage.database import Database
from storage.rollout_tables import MemberRow, NightRecordRow, TicketRow
from storage.statements import upsert
from storage.tables import (
    CommandRow,
    DeviceRow,
    ListenerRow,
    NightLogRow,
    NightRow,
    ReadingRow,
    UtcDateTime,
    WatchRow,
)
from storage.tenant_tables import AnswerRow, DriverRow, NewsRow


class ErasedRow(SQLModel, table=True):
    """One erased driver, known by digest alone."""

    __tablename__ = "erased"

    digest: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)


class SqlErasure:
    """ErasureBook of `domain.ports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, driver_id: str, device_ids: Collection[str], at: datetime) -> None:
        """Delete everything of the driver and of these devices, in one transaction. Doing it again is harmless."""
        await self._database.write(lambda session: _erase(session, driver_id, tuple(device_ids), at))

    async def erased(self, driver_ids: Collection[str]) -> dict[str, datetime]:
        """Which of these drivers were erased, and when."""
        by_digest = {_digest(driver_id): driver_id for driver_id in driver_ids}
        query = select(ErasedRow).where(col(ErasedRow.digest).in_(by_digest))
        rows = await self._database.read(lambda session: list(session.exec(query))) if by_digest else []
        return {by_digest[row.digest]: row.at for row in rows}


def is_erased(session: Session, driver_id: str, at: datetime) -> bool:
    """Whether what happened to the driver at `at` must leave no trace."""
    row = session.get(ErasedRow, _digest(driver_id))
    return row is not None and at <= row.at


def was_erased(session: Session, driver_id: str) -> bool:
    """Whether this driver was erased at some time, and may have come back since."""
    return session.get(ErasedRow, _digest(driver_id)) is not None


def _erase(session: Session, driver_id: str, device_ids: tuple[str, ...], at: datetime) -> None:
    upsert(session, ErasedRow(digest=_digest(driver_id), at=at))
    known = session.exec(select(DeviceRow.id).where(DeviceRow.driver_id == driver_id))
    devices = {*device_ids, *known}
    sessions = _sessions(session, driver_id, devices)
    for row, column, values in (
        (CommandRow, CommandRow.session_id, sessions),
        (NightLogRow, NightLogRow.session_id, sessions),
        (NightRow, NightRow.session_id, sessions),
        (WatchRow, WatchRow.session_id, sessions),
        (ListenerRow, ListenerRow.session_id, sessions),
        (ReadingRow, ReadingRow.device_id, devices),
        (DeviceRow, DeviceRow.id, devices),
        (DriverRow, DriverRow.id, {driver_id}),
        (MemberRow, MemberRow.driver_id, {driver_id}),
        (NightRecordRow, NightRecordRow.driver_id, {driver_id}),
        (TicketRow, TicketRow.driver_id, {driver_id}),
    ):
        session.exec(delete(row).where(col(column).in_(values)))
    session.exec(delete(NewsRow).where(col(NewsRow.body).contains(driver_id)))
    session.exec(delete(AnswerRow).where(col(AnswerRow.body).contains(driver_id)))


def _sessions(session: Session, driver_id: str, devices: set[str]) -> set[str]:
    """Ids of all sessions of the driver's cars: their nights, and commands or watches of nights without an account."""
    found = set(session.exec(select(NightRow.session_id).where(NightRow.driver_id == driver_id)))
    for device_id in devices:
        prefix = f"{device_id}:"
        for column in (CommandRow.session_id, WatchRow.session_id):
            found |= set(session.exec(select(column).where(col(column).startswith(prefix, autoescape=True))))
    return found


def _digest(driver_id: str) -> str:
    return hashlib.sha256(f"erased/{driver_id}".encode()).hexdigest()
