"""The inbox: deliveries stored before the answer, and the device pictures they lead to."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Select as SqlSelect
from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, delete, select, update
from sqlmodel.sql.expression import Select

from domain.devices import Device
from domain.inbox import Backlog, Delivery, Known, Origin, SetAside, WorkedOff
from domain.relevance import Watch
from storage.content import body_digest
from storage.database import Database
from storage.erasure import SqlErasure
from storage.rows import device_values, reading_values
from storage.statements import Values, insert_each, insert_many, update_many, upsert_many
from storage.tables import DeliveryRow, DeviceRow, ListenerRow, ReadingRow, TakenRow, WatchRow

PICTURES_AT_HAND = 10_000
"""Pictures not parsed again while their stored text is the same; some 60 MB."""

MOST_AT_ONCE = 500
"""Device ids asked for in one statement; databases limit its parameters."""


class SqlInbox:
    """`Inbox` of `domain.inbox`. Deliveries that arrive while one is being stored share the next transaction.

    Args:
        gather_seconds: least real time between the beginnings of two such transactions. Most of a transaction's price
            is its own, not its rows', so a storm of deliveries is stored in fewer; a lone one never waits.
    """

    def __init__(self, database: Database, *, gather_seconds: float = 0.0) -> None:
        self._database, self._gather_seconds = database, gather_seconds
        self._arrived: list[tuple[Values, asyncio.Future[bool]]] = []
        self._storing: asyncio.Task[None] | None = None
        self._stored_at = -math.inf  # when the last transaction began, by the loop's clock
        self._pictures: OrderedDict[str, tuple[str, Device]] = OrderedDict()

    async def accept(
        self, delivery_id: str, body: bytes, received_at: datetime, *, origin: Origin = Origin.WEBHOOK
    ) -> bool:
        """Store the delivery; False if its id or its content is known already."""
        row: Values = {
            "delivery_id": delivery_id,
            "digest": body_digest(body),
            "received_at": received_at,
            "origin": origin.value,
            "body": body,
            **_UNTOUCHED,
        }
        is_new: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._arrived.append((row, is_new))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_arrived())
        return await is_new

    async def _store_arrived(self) -> None:
        loop = asyncio.get_running_loop()
        while self._arrived:
            await asyncio.sleep(self._stored_at + self._gather_seconds - loop.time())
            self._stored_at = loop.time()
            group, self._arrived = self._arrived, []
            try:
                answers = await self._database.write(
                    partial(insert_each, model=DeliveryRow, rows=[row for row, _ in group])
                )
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

    async def take(self, limit: int) -> list[Delivery]:
        """The deliveries of the next round; after a crash, those of the interrupted one, no more and no fewer."""

        def look(session: Session) -> tuple[list[_Pending], bool]:
            numbers = session.exec(select(TakenRow.number)).all()
            interrupted = _pending(session, _WAITING.where(col(DeliveryRow.number).in_(numbers))) if numbers else []
            return (interrupted, True) if interrupted else (_pending(session, _WAITING.limit(limit)), False)

        def mark(session: Session) -> None:
            session.exec(delete(TakenRow))
            insert_many(session, TakenRow, [{"number": number} for number, _ in pending])

        pending, is_again = await self._database.read(look)
        if pending and not is_again:
            await self._database.write(mark)
        return [delivery for _, delivery in pending]

    async def pending(self, limit: int) -> list[Delivery]:
        """The oldest deliveries not yet done, in order of arrival."""
        pending = await self._database.read(lambda session: _pending(session, _WAITING.limit(limit)))
        return [delivery for _, delivery in pending]

    async def known(self, device_ids: Sequence[str]) -> dict[str, Known]:
        """What is known of each of the devices."""
        rows, watches = await self._database.read(lambda session: _rows_of(session, device_ids))
        known: dict[str, Known] = {}
        for device_id in device_ids:
            body, gone_at = rows.get(device_id, ("", None))
            device = self._picture(device_id, body) if body else None
            known[device_id] = Known(device=device, gone_at=gone_at, watch=watches.get(device_id))
        return known

    def _picture(self, device_id: str, body: str) -> Device:
        known = self._pictures.get(device_id)
        return known[1] if known is not None and known[0] == body else Device.model_validate_json(body)

    async def erased(self, driver_ids: Collection[str]) -> dict[str, datetime]:
        """Which of these drivers were erased, and when."""
        return await SqlErasure(self._database).erased(driver_ids)

    async def devices(self, driver_id: str) -> list[Device]:
        """The driver's devices."""
        query = select(DeviceRow.device_json).where(DeviceRow.driver_id == driver_id, col(DeviceRow.gone_at).is_(None))
        bodies = await self._database.read(lambda session: session.exec(query.order_by(col(DeviceRow.id))).all())
        return [Device.model_validate_json(body) for body in bodies]

    async def keep(self, work: WorkedOff, at: datetime) -> None:
        """Store all of it, or nothing."""
        rows = await asyncio.to_thread(_Rows, work, at)
        await self._database.write(rows.write)
        for device, row in zip(work.devices, rows.devices, strict=False):
            self._pictures[device.id] = (row["device_json"], device)
            self._pictures.move_to_end(device.id)
        while len(self._pictures) > PICTURES_AT_HAND:
            self._pictures.popitem(last=False)

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


_UNTOUCHED: Values = {"is_done": False, "tries": 0}

_IS_PENDING = (col(DeliveryRow.is_done).is_(False), col(DeliveryRow.set_aside_at).is_(None))

_WAITING = (
    sql_select(
        col(DeliveryRow.number),
        col(DeliveryRow.delivery_id),
        col(DeliveryRow.body),
        col(DeliveryRow.received_at),
        col(DeliveryRow.origin),
        col(DeliveryRow.tries),
    )
    .where(*_IS_PENDING)
    .order_by(col(DeliveryRow.number))
)

_Pending = tuple[int, Delivery]


def _pending(session: Session, query: SqlSelect[*tuple[Any, ...]]) -> list[_Pending]:
    """What waits, with its number. By columns: a model for every row would cost more than the query."""
    return [
        (number, Delivery(id=key, body=body, received_at=received_at, origin=Origin(origin), tries=tries))
        for number, key, body, received_at, origin, tries in session.connection().execute(query)
    ]


def _rows_of(
    session: Session, device_ids: Sequence[str]
) -> tuple[dict[str, tuple[str, datetime | None]], dict[str, Watch]]:
    """Text of the picture and instant of vanishing, and the watch, of each device that has one."""
    rows: dict[str, tuple[str, datetime | None]] = {}
    watches: dict[str, str] = {}
    for start in range(0, len(device_ids), MOST_AT_ONCE):
        some = device_ids[start : start + MOST_AT_ONCE]
        pictures = select(DeviceRow.id, DeviceRow.device_json, DeviceRow.gone_at).where(col(DeviceRow.id).in_(some))
        rows |= {device_id: (body, gone_at) for device_id, body, gone_at in session.exec(pictures)}
        watches |= dict(session.exec(_watches_of(some)).all())
    parsed = {body: Watch.model_validate_json(body) for body in set(watches.values())}
    return rows, {device_id: parsed[body] for device_id, body in watches.items()}


def _watches_of(device_ids: Sequence[str]) -> Select[str, str]:
    """In the order in which they began to listen, so that the last stays."""
    return (
        select(ListenerRow.device_id, WatchRow.watch_json)
        .join(WatchRow, col(WatchRow.session_id) == col(ListenerRow.session_id))
        .where(col(ListenerRow.device_id).in_(device_ids))
        .order_by(col(ListenerRow.id))
    )


class _Rows:
    """What is to be kept, written as rows; made before the transaction, which holds up everybody else."""

    def __init__(self, work: WorkedOff, at: datetime) -> None:
        self.readings = [reading_values(reading) for reading in work.readings]
        self.devices = [device_values(device, seen_at=work.seen.get(device.id)) for device in work.devices]
        for device_id, (driver_id, gone_at) in work.gone.items():
            row: Values = {"id": device_id, "driver_id": driver_id, "device_json": "", "gone_at": gone_at}
            self.devices.append({**row, "seen_at": work.seen.get(device_id)})
        fresh = {row["id"] for row in self.devices}
        self.seen = [{"_key": key, "seen_at": seen_at} for key, seen_at in work.seen.items() if key not in fresh]
        # What is done needs no body any more: its digest knows it again. Bodies hold VINs.
        self.done = [{"_key": key, "is_done": True, "body": b""} for key in work.done]
        self.failed: list[Values] = [
            *({"_key": key, "failure": why, "set_aside_at": None} for key, why in work.failed.items()),
            *({"_key": key, "failure": why, "set_aside_at": at} for key, why in work.set_aside.items()),
        ]
        self.given_back = [*work.done, *work.left]
        self.ended = sorted(work.ended)

    def write(self, session: Session) -> None:
        insert_many(session, ReadingRow, self.readings)
        upsert_many(session, DeviceRow, self.devices)
        update_many(session, DeviceRow, "id", self.seen)
        update_many(session, DeliveryRow, "delivery_id", self.done)
        update_many(session, DeliveryRow, "delivery_id", self.failed)
        for start in range(0, len(self.given_back), MOST_AT_ONCE):
            keys = self.given_back[start : start + MOST_AT_ONCE]
            numbers = select(DeliveryRow.number).where(col(DeliveryRow.delivery_id).in_(keys))
            session.exec(delete(TakenRow).where(col(TakenRow.number).in_(numbers)))
        failed = [row["_key"] for row in self.failed]
        if failed:
            again = update(DeliveryRow).where(col(DeliveryRow.delivery_id).in_(failed))
            session.exec(again.values(tries=col(DeliveryRow.tries) + 1))
        for session_id in self.ended:
            session.exec(delete(ListenerRow).where(col(ListenerRow.session_id) == session_id))
            session.exec(delete(WatchRow).where(col(WatchRow.session_id) == session_id))


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
