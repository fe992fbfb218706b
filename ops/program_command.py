"""`nightcharge program`: programs as data, checked, compared and stored; tickets in, reliability out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import yaml

from domain.errors import CallerError
from domain.program import Program
from domain.program_document import differences, next_version, read_program
from domain.rollout.evidence import Evidence
from domain.rollout.tickets import TicketFile, read_tickets
from ops.output import AsJson, tell
from settings import Settings
from storage.programs import Programs
from storage.reliability import SqlReliability
from storage.roster import SqlRoster
from storage.sql import SqlStore
from workflows.ids import driver_id

REFUSED = 2
"""Exit code: the input cannot be used; the reason was told."""

T = TypeVar("T")
File = Annotated[Path, typer.Argument(help="The program as YAML.", exists=True, dir_okay=False)]
Name = Annotated[str, typer.Argument(help="The program's name.")]

program = typer.Typer(
    no_args_is_help=True, help="Programs as data: check, compare, store; tickets in, reliability out."
)


class Strict(yaml.SafeLoader):
    """YAML in which a key stands once: of two, the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


@program.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Say whether a file describes a program."""
    written = _written(file)
    rows, phase = len(written.brands.rows), written.standing.phase.value
    told = {"program": written.name, "brand_rows": rows, "phase": phase}
    tell(as_json, told, f"{written.name}: {rows} brand rows, phase {phase}")


@program.command()
def diff(file: File, as_json: AsJson = False) -> None:
    """Show what storing a file would change."""
    new, lines = _run(lambda store: _compared(store, _written(file)))
    tell(as_json, {"program": new.name, "changes": lines}, *_told(lines))


@program.command()
def apply(
    file: File,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the diff, ask, and store the next version. Drivers hear of it by `nightcharge rollout tell`."""
    new, lines = _run(lambda store: _compared(store, _written(file)))
    for line in _told(lines):
        typer.echo(line, err=as_json)
    version = None
    if lines and (yes or typer.confirm(f"Store as the next version of {new.name}?", err=as_json)):
        now = datetime.now(UTC)

        def publish(store: SqlStore) -> Awaitable[Program]:
            origin = f"cli {now.isoformat()}"
            return Programs(store.database).publish(new, reason=reason, origin=origin, at=now, follows=new.version)

        version = _run(publish).version
    words = [f"{new.name} version {version}"] if version is not None else []
    tell(as_json, {"program": new.name, "changes": lines, "version": version}, *words)


@program.command()
def versions(name: Name, as_json: AsJson = False) -> None:
    """All versions with their reasons, and what each changed."""
    before: Program | None = None
    for stored in _run(lambda store: Programs(store.database).versions(name)):
        changes = differences(before, stored.program) if before is not None else []
        version, before = stored.program.version, stored.program
        told = {"version": version, "reason": stored.reason, "origin": stored.origin, "changes": changes}
        tell(as_json, told, f"version {version}: {stored.reason} ({stored.origin})", *(f"  {line}" for line in changes))


@program.command()
def tickets(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Take in support tickets. Drivers are named by our id or the backend's own reference."""

    async def take(store: SqlStore) -> tuple[TicketFile, int]:
        now = datetime.now(UTC)
        await SqlRoster(store.database).enter_registered(name, now)
        known = await SqlReliability(store.database).known_drivers(name)
        read = read_tickets(file.read_bytes(), lambda word: _driver_among(known, name, word), now)
        return read, await SqlReliability(store.database).add_tickets(name, read.tickets)

    read, new = _run(take)
    told = {
        "new": new,
        "tickets": len(read.tickets),
        "repeated": read.repeated,
        "complaints": [{"line": one.line, "reason": one.reason} for one in read.complaints],
    }
    tell(as_json, told, f"{new} new tickets of {len(read.tickets)}, {read.repeated} rows repeated")
    for complaint in read.complaints:
        typer.echo(f"line {complaint.line}: {complaint.reason}", err=True)
    raise typer.Exit(REFUSED if read.complaints else 0)


@program.command()
def reliability(
    name: Name,
    days: Annotated[int, typer.Option(min=1, help="How far back.")] = 28,
    models: Annotated[bool, typer.Option("--models", help="Per model instead of per brand.")] = False,
    driver: Annotated[list[str] | None, typer.Option(help="Of these drivers: our id or the backend's own.")] = None,
    as_json: AsJson = False,
) -> None:
    """The reliability record per brand, model or driver, with 95 % bounds, the worst first."""

    async def look(store: SqlStore) -> dict[str, Evidence]:
        book, now = SqlReliability(store.database), datetime.now(UTC)
        await _collect(store, name, now)
        since = now - timedelta(days=days)
        if driver:
            known = await book.known_drivers(name)
            ids = [_driver_among(known, name, word) or word for word in driver]
            return await book.of_drivers(ids, since)
        return await book.by_brand(name, since, now, by_model=models)

    found = _run(look)
    if not found and not as_json:
        typer.echo("no night is accounted for yet")
    for key in sorted(found, key=lambda key: (found[key].commands.at_most(), key)):
        tell(
            as_json,
            {"of": key, **found[key].model_dump(mode="json")},
            key,
            *(f"  {line}" for line in found[key].lines()),
        )


async def _collect(store: SqlStore, name: str, now: datetime) -> None:
    """Take in the nights not yet collected, also of drivers whom no rollout has looked at: a launch has none."""
    await SqlRoster(store.database).enter_registered(name, now)
    while await SqlReliability(store.database).collect(name, 200):
        pass


def _driver_among(known: set[str], program: str, word: str) -> str | None:
    """The driver's id, from our id or the backend's own reference."""
    return next((one for one in (word, driver_id(program, word)) if one in known), None)


async def _compared(store: SqlStore, written: Program) -> tuple[Program, list[str]]:
    stored = await Programs(store.database).program(written.name)
    new = next_version(written, stored)
    if new.standing.phase is not written.standing.phase:
        typer.echo(f"phase stays {new.standing.phase.value}: only a rollout moves it", err=True)
    return new, differences(stored, new)


def _written(file: Path) -> Program:
    try:
        return read_program(yaml.load(file.read_text(encoding="utf-8"), Strict))
    except (CallerError, yaml.YAMLError, UnicodeDecodeError) as error:
        typer.echo(f"{file.name}: {error}", err=True)
        raise typer.Exit(REFUSED) from error


def _told(changes: list[str]) -> list[str]:
    return changes or ["nothing changes"]


def _run(work: Callable[[SqlStore], Awaitable[T]]) -> T:
    async def on_store() -> T:
        async with _store() as store:
            return await work(store)

    try:
        return asyncio.run(on_store())
    except CallerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(REFUSED) from error


@asynccontextmanager
async def _store() -> AsyncIterator[SqlStore]:
    store = SqlStore(Settings().database_url)
    await store.create()
    try:
        yield store
    finally:
        await store.close()
