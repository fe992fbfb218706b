"""The inbox: deliveries stored before the answer, and the device pictures they lead to."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import bindparam, func
from sqlmodel import Session, col, delete, select, update

from domain.devices import Device
from domain.inbox import Backlog, Delivery, Known, Origin, SetAside, WorkedOff
from domain.relevance import Watch
from storage.content import body_digest
from storage.database import Database
from storage.rows import device_row, reading_row
from storage.statements import insert_each, insert_many, upsert_many
from storage.tables import DeliveryRow, DeviceRow, ListenerRow, WatchRow

MOST_AT_ONCE = 500
"""Device ids asked for in one statement; databases limit its parameters."""


class SqlInbox:
    """`Inbox` of `domain.inbox`. Deliveries that arrive while one is being stored share the next transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._arrived: list[tuple[DeliveryRow, asyncio.Future[bool]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def accept(
        self, delivery_id: str, body: bytes, received_at: datetime, *, origin: Origin = Origin.WEBHOOK
    ) -> bool:
        """Store the delivery; False if its id or its content is known already."""
        row = DeliveryRow(
            delivery_id=delivery_id,
            digest=body_digest(body),
            received_at=received_at,
            origin=origin.value,
            body=body,
        )
        is_new: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._arrived.append((row, is_new))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_arrived())
        return await is_new

    async def _store_arrived(self) -> None:
        while self._arrived:
            group, self._arrived = self._arrived, []
            try:
                answers = await self._database.write(partial(insert_each, rows=[row for row, _ in group]))
            except BaseException as error:
                for _, is_new in group:
                    if not is_new.done():
                        is_new.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                continue
            for (_, is_new), answer in zip(group, answers, strict=True):
                if not is_new.done():  # who asked may have gone away meanwhile
                    is_new.set_result(answer)

    async def pending(self, limit: int) -> list[Delivery]:
        """The oldest deliveries not yet done, in order of arrival."""
        query = select(DeliveryRow).where(*_IS_PENDING).order_by(col(DeliveryRow.number)).limit(limit)
        return await self._database.read(lambda session: [_delivery(row) for row in session.exec(query)])

    async def known(self, device_ids: Sequence[str]) -> dict[str, Known]:
        """What is known of each of the devices."""
        return await self._database.read(lambda session: _known(session, device_ids))

    async def keep(self, work: WorkedOff, at: datetime) -> None:
        """Store all of it, or nothing."""
        await self._database.write(lambda session: _keep(session, work, at))

    async def backlog(self) -> Backlog:
        waiting = select(func.count(), func.min(DeliveryRow.received_at)).where(*_IS_PENDING)
        aside = select(func.count()).where(col(DeliveryRow.set_aside_at).is_not(None))

        def work(session: Session) -> Backlog:
            pending, oldest_at = session.exec(waiting).one()
            return Backlog(pending=pending, oldest_at=oldest_at, set_aside=session.exec(aside).one())

        return await self._database.read(work)

    async def prune(self, before: datetime, limit: int) -> int:
        """Forget done deliveries that arrived before; the number forgotten, at most `limit`."""
        number = col(DeliveryRow.number)
        oldest = select(DeliveryRow.number, DeliveryRow.received_at).where(col(DeliveryRow.is_done).is_(True))

        def work(session: Session) -> int:
            rows = session.exec(oldest.order_by(number).limit(limit)).all()
            old = [key for key, received_at in rows if received_at < before]
            for start in range(0, len(old), MOST_AT_ONCE):
                session.exec(delete(DeliveryRow).where(number.in_(old[start : start + MOST_AT_ONCE])))
            return len(old)

        return await self._database.write(work)

    # For the operator

    async def set_aside(self) -> list[SetAside]:
        """Deliveries that kept failing, oldest first."""
        query = select(DeliveryRow).where(col(DeliveryRow.set_aside_at).is_not(None)).order_by(col(DeliveryRow.number))
        return await self._database.read(lambda session: [_set_aside(row) for row in session.exec(query)])

    async def retry(self, delivery_ids: Sequence[str] | None = None) -> int:
        """Have deliveries that were set aside (None: all) tried again; how many."""
        change = update(DeliveryRow).where(col(DeliveryRow.set_aside_at).is_not(None))
        if delivery_ids is not None:
            change = change.where(col(DeliveryRow.delivery_id).in_(delivery_ids))
        change = change.values(set_aside_at=None, tries=0)
        return await self._database.write(lambda session: session.exec(change).rowcount)

    # For the sweep

    async def unseen(self, since: datetime, after: str, limit: int) -> list[Device]:
        """Known devices of which nothing arrived since, by id, beginning behind the id `after`."""
        seen_at = col(DeviceRow.seen_at)
        query = (
            select(DeviceRow.device_json)
            .where(col(DeviceRow.id) > after, col(DeviceRow.gone_at).is_(None))
            .where(seen_at.is_(None) | (seen_at < since))
            .order_by(col(DeviceRow.id))
            .limit(limit)
        )
        bodies = await self._database.read(lambda session: session.exec(query).all())
        return [Device.model_validate_json(body) for body in bodies]


_IS_PENDING = (col(DeliveryRow.is_done).is_(False), col(DeliveryRow.set_aside_at).is_(None))


def _known(session: Session, device_ids: Sequence[str]) -> dict[str, Known]:
    known: dict[str, Known] = {}
    for start in range(0, len(device_ids), MOST_AT_ONCE):
        some = device_ids[start : start + MOST_AT_ONCE]
        rows = {row.id: row for row in session.exec(select(DeviceRow).where(col(DeviceRow.id).in_(some)))}
        watches = dict(session.exec(_watches_of(some)).all())  # in order, so that the last to begin stays
        for device_id in some:
            row, watch = rows.get(device_id), watches.get(device_id)
            is_here = row is not None and row.gone_at is None
            known[device_id] = Known(
                device=Device.model_validate_json(row.device_json) if row is not None and is_here else None,
                gone_at=row.gone_at if row is not None else None,
                watch=Watch.model_validate_json(watch) if watch is not None else None,
            )
    return known


def _watches_of(device_ids: Sequence[str]):  # type: ignore[no-untyped-def]
    return (
        select(ListenerRow.device_id, WatchRow.watch_json)
        .join(WatchRow, col(WatchRow.session_id) == col(ListenerRow.session_id))
        .where(col(ListenerRow.device_id).in_(device_ids))
        .order_by(col(ListenerRow.id))
    )


def _keep(session: Session, work: WorkedOff, at: datetime) -> None:
    insert_many(session, [reading_row(reading) for reading in work.readings])
    upsert_many(session, [device_row(device, seen_at=work.seen.get(device.id)) for device in work.devices])
    gone = [
        DeviceRow(id=device_id, driver_id=driver_id, device_json="", seen_at=work.seen.get(device_id), gone_at=gone_at)
        for device_id, (driver_id, gone_at) in work.gone.items()
    ]
    upsert_many(session, gone)
    fresh = {device.id for device in work.devices} | work.gone.keys()
    _note_seen(session, {key: seen_at for key, seen_at in work.seen.items() if key not in fresh})
    for session_id in work.ended:
        session.exec(delete(ListenerRow).where(col(ListenerRow.session_id) == session_id))
        session.exec(delete(WatchRow).where(col(WatchRow.session_id) == session_id))
    # What is done needs no body any more: its digest knows it again. Bodies hold VINs.
    for delivery_id in work.done:
        session.exec(_change(delivery_id).values(is_done=True, body=b""))
    for delivery_id, why in work.failed.items():
        session.exec(_change(delivery_id).values(tries=col(DeliveryRow.tries) + 1, failure=why))
    for delivery_id, why in work.set_aside.items():
        session.exec(_change(delivery_id).values(tries=col(DeliveryRow.tries) + 1, failure=why, set_aside_at=at))


def _note_seen(session: Session, seen: dict[str, datetime]) -> None:
    if seen:
        table = DeviceRow.__table__  # type: ignore[attr-defined]
        change = table.update().where(table.c.id == bindparam("key")).values(seen_at=bindparam("at"))
        session.connection().execute(change, [{"key": key, "at": at} for key, at in seen.items()])


def _change(delivery_id: str):  # type: ignore[no-untyped-def]
    return update(DeliveryRow).where(col(DeliveryRow.delivery_id) == delivery_id)


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.delivery_id,
        body=row.body,
        received_at=row.received_at,
        origin=Origin(row.origin),
        tries=row.tries,
    )


def _set_aside(row: DeliveryRow) -> SetAside:
    assert row.set_aside_at is not None
    return SetAside(
        delivery_id=row.delivery_id,
        origin=Origin(row.origin),
        received_at=row.received_at,
        set_aside_at=row.set_aside_at,
        tries=row.tries,
        why=row.failure or "",
    )
