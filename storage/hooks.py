"""News for the programs' backends: stored with the fact, sent until it is taken, at most once a hook.

It is also the notification port's second adapter: what a driver is told goes to the program's own channel.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from sqlmodel import Session, col, delete, select

from domain.model import Instant, Model
from domain.ports import Notices
from storage.database import Database
from storage.statements import insert_new
from storage.tenant_tables import DriverRow, HookRow, NewsRow

TOLD, ACCOUNTED = "driver.told", "night.accounted"
"""Kinds of news."""

KINDS = (TOLD, ACCOUNTED)


class Hook(Model):
    """Where a program hears its news. The secret that signs it is derived from the id, never stored."""

    id: str
    program: str
    url: str
    kinds: frozenset[str]  # "*" for all
    created_at: Instant


class News(Model):
    """One piece of news for one hook."""

    number: int
    hook_id: str
    url: str
    kind: str
    body: str
    happened_at: Instant
    tries: int
    status: int | None = None
    delivered_at: Instant | None = None
    due_at: Instant | None = None


class Told(Model):
    """What a driver is to be told."""

    driver_id: str
    session_id: str
    kind: str  # at_risk, act_now, ...
    cause: str
    what_to_do: str


class Hooks:
    """Hooks, and the news on their way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, hook: Hook) -> None:
        row = HookRow(**hook.model_dump(exclude={"kinds"}), kinds=" ".join(sorted(hook.kinds)))
        await self._database.write(lambda session: session.add(row))

    async def of_program(self, program: str) -> list[Hook]:
        query = select(HookRow).where(HookRow.program == program).order_by(col(HookRow.created_at), col(HookRow.id))
        return await self._database.read(lambda session: [_hook(row) for row in session.exec(query)])

    async def remove(self, program: str, hook_id: str) -> bool:
        """Remove the hook and its news on the way; False if the program has none such."""

        def work(session: Session) -> bool:
            row = session.get(HookRow, hook_id)
            if row is None or row.program != program:
                return False
            session.exec(delete(NewsRow).where(col(NewsRow.hook_id) == hook_id))
            session.delete(row)
            return True

        return await self._database.write(work)

    async def tell_of_driver(self, driver_id: str, kind: str, key: str, data: BaseModel, now: datetime) -> None:
        """Put a driver's news on its way to every hook of the program that wants it. `key` makes repeats harmless."""

        await self._database.write(lambda session: put_news(session, driver_id, kind, key, data, now))

    async def due(self, now: datetime, limit: int) -> list[News]:
        """News to be sent now, oldest first."""
        query = (
            select(NewsRow, HookRow.url)
            .join(HookRow, col(HookRow.id) == col(NewsRow.hook_id))
            .where(col(NewsRow.due_at) <= now)
            .order_by(col(NewsRow.number))
            .limit(limit)
        )
        return await self._database.read(lambda session: [_news(row, url) for row, url in session.exec(query)])

    async def claim(self, number: int, tries: int, until: datetime) -> bool:
        """Take one piece of news to send it; False if another gateway has. Nobody else sends it before `until`."""

        def work(session: Session) -> bool:
            row = session.get(NewsRow, number, with_for_update=True)
            if row is None or row.due_at is None or row.tries != tries:
                return False
            row.tries, row.due_at = tries + 1, until
            return True

        return await self._database.write(work)

    async def sent(
        self, number: int, status: int | None, *, delivered_at: datetime | None, due_at: datetime | None
    ) -> None:
        """Note what became of a try: delivered, to be tried again at `due_at`, or given up (neither)."""

        def work(session: Session) -> None:
            row = session.get(NewsRow, number, with_for_update=True)
            if row is not None:
                row.status, row.delivered_at, row.due_at = status, delivered_at, due_at

        await self._database.write(work)

    async def history(self, program: str, hook_id: str, *, before: int | None = None, limit: int) -> list[News]:
        """The hook's news, newest first."""
        query = (
            select(NewsRow, HookRow.url)
            .join(HookRow, col(HookRow.id) == col(NewsRow.hook_id))
            .where(HookRow.program == program, NewsRow.hook_id == hook_id)
        )
        if before is not None:
            query = query.where(col(NewsRow.number) < before)
        query = query.order_by(col(NewsRow.number).desc()).limit(limit)
        return await self._database.read(lambda session: [_news(row, url) for row, url in session.exec(query)])

    async def clean(self, now: datetime, kept_for: timedelta) -> None:
        """Forget news that is no longer on its way."""
        old = delete(NewsRow).where(col(NewsRow.due_at).is_(None), col(NewsRow.happened_at) < now - kept_for)
        await self._database.write(lambda session: session.exec(old))


class HookNotices:
    """The notification port's second adapter: what a driver is told goes to the program's backend."""

    def __init__(self, hooks: Hooks, now: Callable[[], datetime], also: Notices | None = None) -> None:
        self._hooks, self._now, self._also = hooks, now, also

    async def tell(self, driver_id: str, session_id: str, kind: str, cause: str, what_to_do: str) -> None:
        told = Told(driver_id=driver_id, session_id=session_id, kind=kind, cause=cause, what_to_do=what_to_do)
        key = f"told:{session_id}:{kind}:{cause}"
        await self._hooks.tell_of_driver(driver_id, TOLD, key, told, self._now())
        if self._also is not None:
            await self._also.tell(driver_id, session_id, kind, cause, what_to_do)


def put_news(session: Session, driver_id: str, kind: str, key: str, data: BaseModel, at: datetime) -> None:
    """Put a driver's news on its way in the caller's transaction, so that a fact and its news are stored together."""
    driver = session.get(DriverRow, driver_id)
    if driver is None:
        return
    hooks = [_hook(row) for row in session.exec(select(HookRow).where(HookRow.program == driver.program))]
    body = _Body(
        id=str(uuid4()),
        kind=kind,
        happened_at=at,
        program=driver.program,
        driver_id=driver_id,
        reference=driver.reference,
        data=data.model_dump(mode="json"),
    ).model_dump_json()
    rows = [
        NewsRow(hook_id=hook.id, key=key, kind=kind, body=body, happened_at=at, due_at=at)
        for hook in hooks
        if kind in hook.kinds or "*" in hook.kinds
    ]
    if rows:
        insert_new(session, rows)


def _hook(row: HookRow) -> Hook:
    return Hook.model_validate({**row.model_dump(), "kinds": frozenset(row.kinds.split())})


def _news(row: NewsRow, url: str) -> News:
    return News.model_validate({**row.model_dump(exclude={"key"}), "url": url})


class _Body(Model):
    id: str
    kind: str
    happened_at: Instant
    program: str
    driver_id: str
    reference: str
    data: dict[str, Any]
