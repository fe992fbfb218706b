"""Changing a program's rules: first look at the difference, then publish exactly that, with a reason."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from domain.errors import CallerError
from domain.model import Model, Request
from domain.program import Program
from domain.program_document import differences, next_version, read_program
from gateway.api.access import Principal
from gateway.api.once import OnceRoute, documented_key
from gateway.api.paging import Page
from gateway.api.problems import EVERYWHERE, Refused, documented, not_found
from gateway.api.services import Api, ProgramReader, Publisher, Services
from storage.programs import Programs

router = APIRouter(prefix="/v1/programs/{program}", tags=["programs"], route_class=OnceRoute, responses=EVERYWHERE)

Name = Annotated[str, Path(max_length=100)]

EXAMPLE = {"name": "home", "wish": {"target_soc_pct": 80, "ready_by": "06:30", "zone": "Europe/Amsterdam"}}


class Draft(Request):
    """A program as operators write it (docs/rollout.md), as JSON."""

    document: dict[str, Any] = Field(examples=[EXAMPLE])


class Difference(Model):
    """What publishing would change."""

    follows: int  # the version that is in force
    lines: tuple[str, ...]  # "wish.ready_by: 07:00 -> 06:30"; empty: nothing would change
    diff: str  # names exactly this change: to be sent along when it is published


class NewVersion(Draft):
    """A program to be published."""

    reason: str = Field(min_length=1, max_length=500, description="Why, for the record.", examples=["winter tariff"])
    diff: str = Field(max_length=100, description="From the difference that somebody looked at.")


class Version(Model):
    """One version of a program."""

    version: int
    reason: str
    origin: str
    changes: tuple[str, ...]  # against the version before


@router.get("/versions")
async def list_versions(program: Name, caller: ProgramReader, api: Api) -> Page[Version]:
    """All published versions, the oldest first, each with its reason and what it changed."""
    _own(program, caller)
    versions = await Programs(api.store.database).versions(program)
    before = [None, *(stored.program for stored in versions)]
    return Page(
        items=tuple(
            Version(
                version=stored.program.version,
                reason=stored.reason,
                origin=stored.origin,
                changes=tuple(differences(last, stored.program)) if last is not None else (),
            )
            for last, stored in zip(before, versions, strict=False)
        )
    )


@router.post("/diff")
async def compare(program: Name, wanted: Draft, caller: Publisher, api: Api) -> Difference:
    """What publishing the document would change. Nothing is stored."""
    return (await _compared(program, wanted, caller, api))[1]


@router.post("/versions", status_code=201, dependencies=[Depends(documented_key)], responses=documented(409))
async def publish(program: Name, wanted: NewVersion, caller: Publisher, api: Api) -> Program:
    """Publish the next version, if the difference is still the one that was looked at.

    New drivers begin with it; those under way hear of it by a rollout (`nightcharge rollout tell`).
    """
    new, difference = await _compared(program, wanted, caller, api)
    if difference.diff != wanted.diff:
        raise Refused(409, "refused", "the program or the document has changed: look at the difference again")
    if not difference.lines:
        raise Refused(409, "refused", "nothing would change")
    now = api.real_now()
    stored = await Programs(api.store.database).publish(
        new, reason=wanted.reason, origin=f"{caller.actor} {now.isoformat()}", at=now, follows=difference.follows
    )
    await api.note(caller, "publish program", f"{program} version {stored.version}")
    return stored


async def _compared(name: str, wanted: Draft, caller: Principal, api: Services) -> tuple[Program, Difference]:
    _own(name, caller)
    try:
        written = read_program(wanted.document)
    except CallerError as error:
        raise Refused(422, "invalid", str(error)) from None
    if written.name != name:
        raise Refused(422, "invalid", "the document is of another program")
    stored = await Programs(api.store.database).program(name) or await api.tenants.program(name)
    new = next_version(written, stored)
    lines = tuple(differences(stored, new))
    digest = hashlib.sha256(f"{new.version}\n{new.model_dump_json()}".encode()).hexdigest()
    return new, Difference(follows=new.version, lines=lines, diff=digest)


def _own(name: str, caller: Principal) -> None:
    if name != caller.program:
        raise not_found("program")
