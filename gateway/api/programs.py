"""The program itself: rules, keys, the audit, and a second person's approval."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from domain.model import Instant, Model, Request
from domain.program import Program
from gateway.api.access import Scope, new_key
from gateway.api.once import OnceRoute, documented_key
from gateway.api.paging import Cursor, Limit, Page, bad_cursor, cursor_of, place_of
from gateway.api.problems import EVERYWHERE, Refused, not_found
from gateway.api.services import Admin, Api, Approver, Caller, ProgramReader
from gateway.api.switching import APPROVAL_LIVES, APPROVED
from storage.audit import AuditRecord
from storage.tenants import KeyRecord

router = APIRouter(prefix="/v1", tags=["programs"], route_class=OnceRoute, responses=EVERYWHERE)

Name = Annotated[str, Path(max_length=100)]


class KeyView(Model):
    """A key without its secret."""

    id: str
    label: str
    scopes: tuple[Scope, ...]
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None

    @classmethod
    def of(cls, key: KeyRecord) -> "KeyView":
        return cls.model_validate({**key.model_dump(), "scopes": sorted(key.scopes)})


class NewKey(Request):
    """A key to be made."""

    label: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    scopes: frozenset[Scope] = Field(min_length=1)
    days: float | None = Field(default=None, gt=0, le=3650)  # None: until it is revoked


class MadeKey(KeyView):
    """A new key; the token is shown this once and stored nowhere."""

    token: str


class Approval(Model):
    """A second person allows more switching for a while."""

    expires_at: Instant


@router.get("/programs")
async def list_programs(caller: ProgramReader, api: Api) -> Page[Program]:
    """The programs this key sees: its own."""
    program = await api.tenants.program(caller.program)
    return Page(items=(program,) if program else ())


@router.get("/programs/{program}")
async def get_program(program: Name, caller: ProgramReader, api: Api) -> Program:
    """The program's rules."""
    found = await api.tenants.program(caller.program) if program == caller.program else None
    if found is None:
        raise not_found("program")
    return found


@router.get("/keys")
async def list_keys(caller: Admin, api: Api) -> Page[KeyView]:
    """The program's keys, oldest first."""
    return Page(items=tuple(map(KeyView.of, await api.tenants.keys(caller.program))))


@router.post("/keys", status_code=201)
async def make_key(wanted: NewKey, caller: Admin, api: Api) -> MadeKey:
    """Make a key. Nobody can give a right they do not have."""
    missing = sorted(wanted.scopes - caller.scopes)
    if missing:
        raise Refused(403, "forbidden", f"your own key lacks {', '.join(missing)}")
    now = api.real_now()
    expires_at = now + timedelta(days=wanted.days) if wanted.days is not None else None
    key, token = new_key(caller.program, wanted.label, wanted.scopes, now, expires_at)
    await api.tenants.add_key(key)
    await api.note(caller, "make key", key.id)
    return MadeKey(**KeyView.of(key).model_dump(), token=token.get_secret_value())


@router.delete("/keys/{key_id}", status_code=204)
async def revoke_key(key_id: Annotated[str, Path(max_length=100)], caller: Admin, api: Api) -> None:
    """End a key at once."""
    if not await api.tenants.revoke_key(caller.program, key_id, api.real_now()):
        raise not_found("key")
    await api.note(caller, "revoke key", key_id)


@router.post("/approvals", status_code=201, dependencies=[Depends(documented_key)])
async def approve(caller: Approver, api: Api) -> Approval:
    """As a second person, allow the program's other keys to switch ten times as much for a quarter of an hour."""
    await api.note(caller, APPROVED, caller.program)
    return Approval(expires_at=api.real_now() + APPROVAL_LIVES)


@router.get("/audit")
async def list_audit(caller: Admin, api: Api, limit: Limit = 50, cursor: Cursor = None) -> Page[AuditRecord]:
    """Who did what, newest first."""
    before = place_of(cursor) if cursor is not None else None
    if before is not None and (type(before) is not int or abs(before) >= 2**31):
        raise bad_cursor()
    found = await api.audit.acts(caller.program, before=before, limit=limit + 1)
    more = cursor_of(found[limit - 1].number) if len(found) > limit else None
    return Page(items=tuple(found[:limit]), next=more)


class Me(Model):
    """Whose token this is and what it opens."""

    program: str
    actor: str
    scopes: tuple[str, ...]
    driver_id: str | None
    world_time: Instant  # the clock that actions are dated by; real time but in a demo


@router.get("/me")
async def get_me(caller: Caller, api: Api) -> Me:
    """Whose token this is."""
    return Me(**caller.model_dump(exclude={"scopes"}), scopes=tuple(sorted(caller.scopes)), world_time=api.now())
