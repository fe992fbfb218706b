"""Nights as they ended: one driver's, the program's, as accounts and as CSV."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from domain.account import NightAccount
from domain.model import Instant
from domain.nightlog import LogEntry
from gateway.api.once import OnceRoute
from gateway.api.paging import Cursor, Limit, Page, bad_cursor, cursor_of, place_of
from gateway.api.problems import EVERYWHERE, not_found
from gateway.api.services import Api, Exporter, OwnDriver, Reader, Services
from gateway.api.views import NightView
from storage.reports import Mark

router = APIRouter(prefix="/v1", tags=["nights"], route_class=OnceRoute, responses=EVERYWHERE)

SessionId = Annotated[str, Path(max_length=200)]
Number = Annotated[int, Path(ge=1, le=100_000)]
Since = Annotated[Instant | None, Query(description="Departures at or after this instant.")]
Until = Annotated[Instant | None, Query(description="Departures before this instant.")]

CSV_PAGE = 200


@router.get("/drivers/{driver_id}/nights")
async def list_nights(
    driver: OwnDriver, _: Reader, api: Api, limit: Limit = 50, cursor: Cursor = None
) -> Page[NightView]:
    """The driver's nights, newest first."""
    return await _page(api, driver.program, limit, cursor, driver_id=driver.id)


@router.get("/drivers/{driver_id}/sessions/{session_id}/nights/{number}")
async def get_account(driver: OwnDriver, _: Reader, api: Api, session_id: SessionId, number: Number) -> NightAccount:
    """One night's account: every slot with energy, price and what charging at once would have drawn."""
    return await _own_account(api, driver.id, session_id, number)


@router.get("/drivers/{driver_id}/sessions/{session_id}/nights/{number}/log")
async def get_log(driver: OwnDriver, _: Reader, api: Api, session_id: SessionId, number: Number) -> Page[LogEntry]:
    """The night's record: what was heard, decided with which reason, done, and proven."""
    await _own_account(api, driver.id, session_id, number)
    return Page(items=tuple(await api.store.log(session_id, number)))


@router.get("/nights")
async def list_all_nights(
    caller: Exporter, api: Api, limit: Limit = 50, cursor: Cursor = None, since: Since = None, until: Until = None
) -> Page[NightView]:
    """The program's nights, newest first."""
    return await _page(api, caller.program, limit, cursor, since=since, until=until)


@router.get("/exports/nights.csv", response_class=StreamingResponse, responses={200: {"content": {"text/csv": {}}}})
async def export_nights(caller: Exporter, api: Api, since: Since = None, until: Until = None) -> StreamingResponse:
    """The program's nights as CSV, a line a night, newest first."""
    await api.note(caller, "export nights", caller.program)
    headers = {"Content-Disposition": 'attachment; filename="nights.csv"'}
    return StreamingResponse(_lines(api, caller.program, since, until), media_type="text/csv", headers=headers)


async def _page(
    api: Services,
    program: str,
    limit: int,
    cursor: str | None,
    *,
    driver_id: str | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
) -> Page[NightView]:
    found = await api.reports.nights(
        program, driver_id=driver_id, starts_at=since, ends_at=until, after=_mark(cursor), limit=limit + 1
    )
    more = cursor_of(_mark_of(found[limit - 1]).model_dump(mode="json")) if len(found) > limit else None
    return Page(items=tuple(map(NightView.of, found[:limit])), next=more)


async def _lines(api: Services, program: str, since: Instant | None, until: Instant | None) -> AsyncIterator[str]:
    """Page by page, so that a year of a large program fits into memory."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, list(NightView.model_fields))
    writer.writeheader()
    after = None
    while True:
        yield sink.getvalue()
        sink.seek(0)
        sink.truncate()
        found = await api.reports.nights(program, starts_at=since, ends_at=until, after=after, limit=CSV_PAGE)
        if not found:
            return
        for account in found:
            writer.writerow({k: harmless(v) for k, v in NightView.of(account).model_dump(mode="json").items()})
        after = _mark_of(found[-1])


def harmless(value: object) -> object:
    """Text that a spreadsheet would take for a formula, made plain text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and not _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _mark(cursor: str | None) -> Mark | None:
    if cursor is None:
        return None
    try:
        mark = Mark.model_validate(place_of(cursor))
    except ValidationError:
        raise bad_cursor() from None
    if "\x00" in mark.session_id or abs(mark.number) > 2**31 - 1:
        raise bad_cursor()
    return mark


def _mark_of(account: NightAccount) -> Mark:
    return Mark(departs_at=account.departs_at, session_id=account.session_id, number=account.number)


async def _own_account(api: Services, driver_id: str, session_id: str, number: int) -> NightAccount:
    account = await api.store.account(session_id, number)
    if account is None or account.driver_id != driver_id:
        raise not_found("night")
    return account
