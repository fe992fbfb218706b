"""The commands `nightcharge keys`: the API keys of a program's backends."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from gateway.api.access import Scope, new_key
from ops.output import AsJson, tell
from ops.stored import with_store
from storage.audit import Audit, AuditRecord
from storage.sql import SqlStore
from storage.tenants import Tenants

UNKNOWN = 1

keys = typer.Typer(no_args_is_help=True, help="API keys of a program's backends.")

Program = Annotated[str, typer.Argument(help="Name of the program.")]


@keys.command()
def create(
    program: Program,
    label: Annotated[str, typer.Option(help="What it is for.")] = "by hand",
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; none: read and act.")] = None,
    days: Annotated[float | None, typer.Option(min=0.01, help="Days it lives; none: until it is revoked.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown this once."""

    async def make(store: SqlStore) -> tuple[str, str] | None:
        tenants, now = Tenants(store.database), datetime.now(UTC)
        if await tenants.program(program) is None:
            return None
        ends = now + timedelta(days=days) if days is not None else None
        record, token = new_key(program, label, frozenset(scope or (Scope.READ, Scope.ACT)), now, ends)
        await tenants.add_key(record)
        await _note(store, program, "make key", record.id)
        return record.id, token.get_secret_value()

    made = with_store(make)
    if made is None:
        typer.echo(f"no program {program}: nightcharge program apply FILE", err=True)
        raise typer.Exit(UNKNOWN)
    tell(as_json, {"id": made[0], "token": made[1]}, made[1])


@keys.command("list")
def list_keys(program: Program, as_json: AsJson = False) -> None:
    """The program's keys, oldest first."""
    for key in with_store(lambda store: Tenants(store.database).keys(program)):
        told = {**key.model_dump(mode="json", exclude={"digest"}), "is_valid": key.is_valid(datetime.now(UTC))}
        state = "valid" if told["is_valid"] else "ended"
        tell(as_json, told, f"{key.id}  {state}  {' '.join(sorted(key.scopes))}  {key.label}")


@keys.command()
def revoke(
    program: Program, key_id: Annotated[str, typer.Argument(help="Id of the key.")], as_json: AsJson = False
) -> None:
    """End a key at once."""

    async def end(store: SqlStore) -> bool:
        is_ended = await Tenants(store.database).revoke_key(program, key_id, datetime.now(UTC))
        if is_ended:
            await _note(store, program, "revoke key", key_id)
        return is_ended

    if not with_store(end):
        typer.echo(f"{program} has no valid key {key_id}", err=True)
        raise typer.Exit(UNKNOWN)
    tell(as_json, {"id": key_id, "is_valid": False}, f"{key_id} opens nothing any more")


async def _note(store: SqlStore, program: str, act: str, what: str) -> None:
    record = AuditRecord(at=datetime.now(UTC), program=program, actor="operator", act=act, object=what, outcome="done")
    await Audit(store.database).note(record)
