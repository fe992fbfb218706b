"""Outgoing webhooks: where the program hears of its drivers, and what was sent."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from domain.model import Instant, Model, Request
from gateway.api.once import OnceRoute, documented_key
from gateway.api.paging import Cursor, Limit, Page, bad_cursor, cursor_of, place_of
from gateway.api.problems import EVERYWHERE, Refused, not_found
from gateway.api.services import Admin, Api
from gateway.outgoing import KINDS, is_public, secret_of
from storage.hooks import Hook

router = APIRouter(prefix="/v1/hooks", tags=["hooks"], route_class=OnceRoute, responses=EVERYWHERE)

MOST_HOOKS = 20

HookId = Annotated[str, Path(max_length=100)]


class NewHook(Request):
    """Where to send news, and which."""

    url: str = Field(max_length=500, pattern=r"^https?://[!-~]+$", examples=["https://backend.example/nightcharge"])
    kinds: frozenset[str] = Field(default=frozenset({"*"}), description=f"Of {', '.join(KINDS)}; * is all.")


class HookView(Model):
    """A hook without its secret."""

    id: str
    url: str
    kinds: tuple[str, ...]
    created_at: Instant

    @classmethod
    def of(cls, hook: Hook) -> "HookView":
        return cls.model_validate({**hook.model_dump(), "kinds": sorted(hook.kinds)})


class MadeHook(HookView):
    """A new hook and the secret that its news is signed with."""

    secret: str


class NewsView(Model):
    """One piece of news and what became of it."""

    number: int
    kind: str
    happened_at: Instant
    tries: int
    status: int | None
    delivered_at: Instant | None
    due_at: Instant | None  # None and not delivered: given up


@router.get("")
async def list_hooks(caller: Admin, api: Api) -> Page[HookView]:
    """The program's hooks, oldest first."""
    return Page(items=tuple(map(HookView.of, await api.hooks.of_program(caller.program))))


@router.post("", status_code=201, dependencies=[Depends(documented_key)])
async def make_hook(wanted: NewHook, caller: Admin, api: Api) -> MadeHook:
    """Have news sent to an address. It must be https and public."""
    unknown = sorted(wanted.kinds - {*KINDS, "*"})
    if unknown or not wanted.kinds:
        raise Refused(422, "invalid", f"kinds are of {', '.join(KINDS)}")
    if not await is_public(wanted.url, plain=api.config.plain_hooks):
        raise Refused(422, "invalid", "a hook is an https address that is reached from the public net")
    if len(await api.hooks.of_program(caller.program)) >= MOST_HOOKS:
        raise Refused(403, "forbidden", f"a program has at most {MOST_HOOKS} hooks")
    hook = Hook(id=uuid4().hex, program=caller.program, url=wanted.url, kinds=wanted.kinds, created_at=api.real_now())
    await api.hooks.add(hook)
    await api.note(caller, "make hook", hook.id)
    return MadeHook(**HookView.of(hook).model_dump(), secret=secret_of(hook.id, api.access))


@router.delete("/{hook_id}", status_code=204)
async def remove_hook(hook_id: HookId, caller: Admin, api: Api) -> None:
    """Send nothing more there."""
    if not await api.hooks.remove(caller.program, hook_id):
        raise not_found("hook")
    await api.note(caller, "remove hook", hook_id)


@router.get("/{hook_id}/news")
async def list_news(
    hook_id: HookId, caller: Admin, api: Api, limit: Limit = 50, cursor: Cursor = None
) -> Page[NewsView]:
    """What was sent there, newest first, and what became of it."""
    if hook_id not in {hook.id for hook in await api.hooks.of_program(caller.program)}:
        raise not_found("hook")
    before = place_of(cursor) if cursor is not None else None
    if before is not None and (type(before) is not int or abs(before) >= 2**31):
        raise bad_cursor()
    found = await api.hooks.history(caller.program, hook_id, before=before, limit=limit + 1)
    more = cursor_of(found[limit - 1].number) if len(found) > limit else None
    return Page(items=tuple(NewsView.model_validate(one.model_dump()) for one in found[:limit]), next=more)
