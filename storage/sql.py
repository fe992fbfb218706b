"""All books in a SQL database: SQLite by default, PostgreSQL by URL.

Every method is one transaction. Values are stored as JSON text beside the columns they are found by.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Update
from sqlmodel import Session, col, delete, select, update

from domain.account import NightAccount
from domain.commands import CommandIntent, CommandOrder, CommandOutcome
from domain.devices import Device, Reading
from domain.errors import CallerError, UnknownDevice
from domain.nightlog import LogEntry, from_lines, to_lines
from domain.relevance import Watch
from storage.database import Database
from storage.erasure import SqlErasure, is_erased, was_erased
from storage.hooks import ACCOUNTED, put_news
from storage.inbox import SqlInbox
from storage.migrations import migrate
from storage.rows import device_values, reading_values
from storage.statements import insert_many, insert_new, upsert, upsert_many
from storage.tables import (
    CommandRow,
    DeviceRow,
    ListenerRow,
    NightLogRow,
    NightRow,
    ReadingRow,
    WatchRow,
)


class SqlStore:
    """CommandBook, ReadingBook, NightBook and WatchBook of `domain.ports` behind one SQLAlchemy URL; its inbox too."""

    def __init__(self, url: str = "sqlite:///nightcharge.db") -> None:
        self.database = Database(url)
        self.inbox = SqlInbox(self.database)
        self.erasure = SqlErasure(self.database)

    async def create(self) -> None:
        """Bring the tables to the present version; harmless when they are, and when another process does the same."""
        await self.database.prepare(migrate)

    async def close(self) -> None:
        await self.database.close()

    # Commands

    async def open_intent(self, intent: CommandIntent) -> CommandIntent:
        def work(session: Session) -> CommandIntent:
            if was_erased(session, intent.order.driver_id) and session.get(DeviceRow, intent.order.device_id) is None:
                raise UnknownDevice  # a session that was left behind; of one who came back the devices are known
            insert_new(session, [_command_row(intent)])
            return _intent(session.get_one(CommandRow, intent.key))

        return await self.database.write(work)

    async def note_request(self, key: str, requested_at: datetime, *, instead_of: datetime | None = None) -> bool:
        def work(session: Session) -> bool:
            row = session.get(CommandRow, key, with_for_update=True)
            if row is None:
                raise CallerError(f"no command intent under {key}")
            if _intent(row).requested_at != instead_of:
                return False
            row.requested_at = requested_at
            return True

        return await self.database.write(work)

    async def note_action(self, key: str, action_id: str | None) -> None:
        await self._change_intent(key, update(CommandRow).values(action_id=action_id))

    async def close_intent(self, key: str, outcome: CommandOutcome) -> None:
        """Keep the outcome; the first one stays."""

        def work(session: Session) -> None:
            row = session.get(CommandRow, key, with_for_update=True)
            if row is None:
                raise CallerError(f"no command intent under {key}")
            if row.outcome_json is None:
                row.outcome_json = outcome.model_dump_json()

        await self.database.write(work)

    async def commands(self, session_id: str) -> list[CommandIntent]:
        """All intents of the session, by command number."""
        query = select(CommandRow).where(CommandRow.session_id == session_id).order_by(col(CommandRow.number))
        return await self.database.read(lambda session: [_intent(row) for row in session.exec(query)])

    async def _change_intent(self, key: str, change: Update) -> None:
        def work(session: Session) -> None:
            if session.exec(change.where(col(CommandRow.key) == key)).rowcount == 0:
                raise CallerError(f"no command intent under {key}")

        await self.database.write(work)

    # Readings

    async def add_readings(self, readings: Sequence[Reading]) -> None:
        if readings:
            rows = [reading_values(reading) for reading in readings]
            await self.database.write(lambda session: insert_many(session, ReadingRow, rows))

    async def readings(self, device_id: str, starts_at: datetime, ends_at: datetime) -> list[Reading]:
        at, arrival = col(ReadingRow.at), col(ReadingRow.received_at)
        mine = select(ReadingRow).where(ReadingRow.device_id == device_id)
        inside = mine.where(at >= starts_at, at < ends_at).order_by(at, arrival)
        before = mine.where(at < starts_at).order_by(at.desc(), arrival.desc()).limit(1)

        def work(session: Session) -> list[Reading]:
            rows = [*session.exec(before), *session.exec(inside)]
            return [Reading.model_validate_json(row.reading_json) for row in rows]

        return await self.database.read(work)

    # Nights

    async def save_night(self, account: NightAccount, log: Sequence[LogEntry]) -> None:
        lines = NightLogRow(session_id=account.session_id, number=account.number, lines=to_lines(log))

        def work(session: Session) -> None:
            if is_erased(session, account.driver_id, account.plugged_in_at):
                return  # by a session left behind
            if insert_new(session, [_night_row(account)]):
                session.add(lines)
                key, told = f"night:{account.session_id}/{account.number}", account.model_copy(update={"slots": ()})
                put_news(session, account.driver_id, ACCOUNTED, key, told, account.closed_at)

        await self.database.write(work)

    async def account(self, session_id: str, number: int) -> NightAccount | None:
        row = await self.database.read(lambda session: session.get(NightRow, (session_id, number)))
        return NightAccount.model_validate_json(row.account_json) if row else None

    async def accounts(self, session_id: str) -> list[NightAccount]:
        """All accounts of the session, by night."""
        query = select(NightRow.account_json).where(NightRow.session_id == session_id).order_by(col(NightRow.number))
        bodies = await self.database.read(lambda session: session.exec(query).all())
        return [NightAccount.model_validate_json(body) for body in bodies]

    async def log(self, session_id: str, number: int) -> list[LogEntry]:
        row = await self.database.read(lambda session: session.get(NightLogRow, (session_id, number)))
        return from_lines(row.lines) if row else []

    # Devices and who listens to them

    async def save_device(self, device: Device) -> None:
        await self.database.write(lambda session: upsert_many(session, DeviceRow, [device_values(device)]))

    async def device(self, device_id: str) -> Device | None:
        row = await self.database.read(lambda session: session.get(DeviceRow, device_id))
        return Device.model_validate_json(row.device_json) if row and row.gone_at is None else None

    async def devices(self, driver_id: str) -> list[Device]:
        """The driver's devices, by id."""
        return await self.inbox.devices(driver_id)

    async def remove_device(self, device_id: str) -> None:
        await self.database.write(lambda session: session.exec(delete(DeviceRow).where(col(DeviceRow.id) == device_id)))

    async def save_watch(self, watch: Watch) -> None:
        mine = select(ListenerRow).where(ListenerRow.session_id == watch.session_id)

        def work(session: Session) -> None:
            upsert(session, WatchRow(session_id=watch.session_id, watch_json=watch.model_dump_json()))
            known = {row.device_id: row for row in session.exec(mine)}
            for device_id, row in known.items():
                if device_id not in watch.device_ids:
                    session.delete(row)
            for device_id in dict.fromkeys(watch.device_ids):
                if device_id not in known:
                    session.add(ListenerRow(device_id=device_id, session_id=watch.session_id))

        await self.database.write(work)

    async def end_watch(self, session_id: str) -> None:
        def work(session: Session) -> None:
            session.exec(delete(ListenerRow).where(col(ListenerRow.session_id) == session_id))
            session.exec(delete(WatchRow).where(col(WatchRow.session_id) == session_id))

        await self.database.write(work)

    async def watch_of(self, device_id: str) -> Watch | None:
        """The watch that began to listen to the device last; the one before hears again when that one ends."""
        query = (
            select(WatchRow.watch_json)
            .join(ListenerRow, col(ListenerRow.session_id) == col(WatchRow.session_id))
            .where(ListenerRow.device_id == device_id)
            .order_by(col(ListenerRow.id).desc())
            .limit(1)
        )
        body = await self.database.read(lambda session: session.exec(query).first())
        return Watch.model_validate_json(body) if body else None


def _command_row(intent: CommandIntent) -> CommandRow:
    return CommandRow(
        key=intent.key,
        session_id=intent.session_id,
        number=intent.order.number,
        order_json=intent.order.model_dump_json(),
        intended_at=intent.intended_at,
        requested_at=intent.requested_at,
        action_id=intent.action_id,
        outcome_json=intent.outcome.model_dump_json() if intent.outcome else None,
    )


def _intent(row: CommandRow) -> CommandIntent:
    return CommandIntent(
        key=row.key,
        session_id=row.session_id,
        order=CommandOrder.model_validate_json(row.order_json),
        intended_at=row.intended_at,
        requested_at=row.requested_at,
        action_id=row.action_id,
        outcome=CommandOutcome.model_validate_json(row.outcome_json) if row.outcome_json else None,
    )


def _night_row(account: NightAccount) -> NightRow:
    return NightRow(
        session_id=account.session_id,
        number=account.number,
        driver_id=account.driver_id,
        vehicle_id=account.vehicle_id,
        departs_at=account.departs_at,
        is_ready=account.is_ready,
        account_json=account.model_dump_json(),
    )
