"""`nightcharge rollout`: try out, start, watch, stop, resume and take back the phases of a program."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from client import EngineUnavailable, connect
from domain.clock import Clock
from domain.errors import CallerError
from domain.program import Program
from domain.rollout import begin
from domain.rollout.details import rollout_details
from domain.rollout.events import BrandConfirmed, Go, Operator, Resume, SkipBrand, Stop, TakeBack
from domain.rollout.standing import Phase
from domain.rollout.state import RolloutState
from ops.output import AsJson, tell
from settings import Settings
from storage.programs import Programs
from storage.sql import SqlStore
from workflows.fleet import running_of
from workflows.policies import TASK_QUEUE
from workflows.rollout import ROLLOUT_WORKFLOW, RolloutStart, RolloutWorkflow, rollout_workflow_id
from workflows.search_attributes import PROGRAM

REFUSED = 2
"""Exit code: it makes no sense now; the reason was told."""

rollout = typer.Typer(no_args_is_help=True, help="Try out, start, watch, stop and take back a program's phases.")

Name = Annotated[str, typer.Argument(help="The program's name.")]
Rollout = Annotated[str, typer.Argument(help="The rollout's id, as `start` told it.")]
Brand = Annotated[str, typer.Argument(help="The brand under way, as `show` names it.")]
By = Annotated[str, typer.Option(help="Who says so.")]
Reason = Annotated[str, typer.Option(help="Why, for the record.")]
ME = os.environ.get("USER", "operator")


@rollout.command()
def rehearse(name: Name, phase: Phase, as_json: AsJson = False) -> None:
    """Tell who would be asked what, and why; nobody is asked."""
    _start(name, lambda program, seq: begin.rollout_of(program, phase, seq, is_dry=True), as_json, wait=True)


@rollout.command()
def start(name: Name, phase: Phase, as_json: AsJson = False) -> None:
    """Begin with a dry run; then it waits for `go`."""
    _start(name, lambda program, seq: begin.rollout_of(program, phase, seq), as_json)


@rollout.command("tell")
def tell_all(name: Name, as_json: AsJson = False) -> None:
    """Tell everyone the newest version of the program, after a dry run and `go`."""
    _start(name, begin.telling_of, as_json)


@rollout.command()
def show(rollout_id: Rollout, as_json: AsJson = False) -> None:
    """Where it stands, with the evidence of every step."""
    state = asyncio.run(_state(rollout_id))
    tell(as_json, state.model_dump(mode="json"), rollout_details(state))


@rollout.command()
def go(rollout_id: Rollout, by: By = ME, reason: Reason = "", as_json: AsJson = False) -> None:
    """Go on: after the dry run, or where it asks for an operator."""
    _say(rollout_id, Go(by=by, at=_now(), reason=reason), as_json)


@rollout.command()
def stop(rollout_id: Rollout, by: By = ME, reason: Reason = "", as_json: AsJson = False) -> None:
    """Begin nothing new; pages under way end."""
    _say(rollout_id, Stop(by=by, at=_now(), reason=reason), as_json)


@rollout.command()
def resume(rollout_id: Rollout, by: By = ME, reason: Reason = "", as_json: AsJson = False) -> None:
    """Go on after a stop."""
    _say(rollout_id, Resume(by=by, at=_now(), reason=reason), as_json)


@rollout.command("take-back")
def take_back(rollout_id: Rollout, by: By = ME, reason: Reason = "", as_json: AsJson = False) -> None:
    """Return everybody to what was asked before this rollout."""
    _say(rollout_id, TakeBack(by=by, at=_now(), reason=reason), as_json)


@rollout.command("skip-brand")
def skip_brand(rollout_id: Rollout, brand: Brand, by: By = ME, reason: Reason = "", as_json: AsJson = False) -> None:
    """Take the brand under way back and go on with the next. Said twice, the next one is left alone."""
    _say(rollout_id, SkipBrand(by=by, at=_now(), reason=reason, brand=brand), as_json)


@rollout.command()
def confirm(rollout_id: Rollout, brand: Brand, by: By = ME, reason: Reason = "", as_json: AsJson = False) -> None:
    """Confirm that a brand was enabled at the vendor (S40)."""
    _say(rollout_id, BrandConfirmed(by=by, at=_now(), reason=reason, brand=brand), as_json)


def _now() -> datetime:
    return Settings().clock.world(datetime.now(UTC))


def _say(rollout_id: str, said: Operator, as_json: bool) -> None:
    async def signal() -> None:
        temporal = await connect()
        handle = temporal.get_workflow_handle(rollout_workflow_id(rollout_id))
        await handle.signal(said.type, said)  # type: ignore[attr-defined]

    try:
        asyncio.run(signal())
    except (RPCError, EngineUnavailable) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(REFUSED) from error
    tell(as_json, {"rollout_id": rollout_id, **said.model_dump(mode="json")}, f"told {rollout_id}")


async def _state(rollout_id: str) -> RolloutState:
    temporal = await connect()
    handle = temporal.get_workflow_handle_for(RolloutWorkflow.run, rollout_workflow_id(rollout_id))
    return await handle.query(RolloutWorkflow.state)


def _start(name: str, make: Any, as_json: bool, *, wait: bool = False) -> None:
    try:
        rollout_id, ended = asyncio.run(_begin(name, make, Settings(), wait=wait))
    except (CallerError, RPCError, EngineUnavailable, WorkflowAlreadyStartedError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(REFUSED) from error
    told: dict[str, Any] = {"rollout_id": rollout_id}
    if ended is not None:
        told["state"] = ended.model_dump(mode="json")
    tell(as_json, told, *([rollout_details(ended)] if ended is not None else []), f"rollout {rollout_id}")


async def _begin(name: str, make: Any, settings: Settings, *, wait: bool) -> tuple[str, RolloutState | None]:
    """The rollout's id, and what it came to if that was waited for."""
    program = await _program(name, settings)
    temporal = await connect()
    state: RolloutState = make(program, int(datetime.now(UTC).timestamp()))
    if not state.is_dry:
        await _only_one(temporal, name)
    clock: Clock = settings.clock
    handle = await temporal.start_workflow(
        RolloutWorkflow.run,
        RolloutStart(state=state, clock=clock),
        id=rollout_workflow_id(state.rollout_id),
        task_queue=TASK_QUEUE,
        search_attributes=TypedSearchAttributes([SearchAttributePair(PROGRAM, name)]),
        static_summary=f"phase {state.phase.value} of {name}",
    )
    if not wait:
        return state.rollout_id, None
    await handle.result()
    return state.rollout_id, await handle.query(RolloutWorkflow.state)


async def _only_one(temporal: Client, name: str) -> None:
    """Refuse a second rollout: two would set the same standing, and stop each other at the first step."""
    async for other in temporal.list_workflows(running_of(ROLLOUT_WORKFLOW, name)):
        raise CallerError(f"{other.id} is under way: let it end, or take it back")


async def _program(name: str, settings: Settings) -> Program:
    store = SqlStore(settings.database_url)
    await store.create()
    try:
        found = await Programs(store.database).program(name)
    finally:
        await store.close()
    if found is None:
        raise CallerError(f"no program {name}: store it with `nightcharge program apply`")
    return found
