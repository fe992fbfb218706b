"""`nightcharge inspect`: what was heard, decided, done and proven in a session, night by night."""

import asyncio
import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from client import EngineUnavailable, connect
from nights.billed import billed as billed_actions
from ops.inspect import Story, in_lines, is_whole, runs_of, story_of
from settings import Settings
from storage.sql import SqlStore
from workflows.ids import session_of

UNKNOWN = 2
"""Exit code: neither history nor storage knows the session."""


def inspect(
    session: Annotated[str, typer.Argument(help="The session's id, as the Temporal UI shows it: session:ID.")],
    as_json: Annotated[bool, typer.Option("--json", help="Every entry as a JSON line, with night and source.")] = False,
    billed: Annotated[bool, typer.Option("--billed", help="Count the session's billed actions by kind.")] = False,
) -> None:
    """Tell a session's nights, from workflow history while it is retained, else from storage."""
    if billed:
        _tell_bill(session_of(session))
        return
    story = asyncio.run(_read(session_of(session), Settings()))
    if not story.nights:
        typer.echo(f"session:{story.session_id} is known neither to Temporal nor to storage", err=True)
        raise typer.Exit(UNKNOWN)
    for line in as_json_lines(story) if as_json else in_lines(story):
        typer.echo(line)


def _tell_bill(session_id: str) -> None:
    """History alone tells what was billed, so there is nothing to say once it is gone."""
    runs = asyncio.run(_runs(session_id))
    if not is_whole(runs):
        typer.echo(f"the whole history of session:{session_id} is not retained", err=True)
        raise typer.Exit(UNKNOWN)
    for line in billed_actions(runs).lines():
        typer.echo(line)


async def _runs(session_id: str) -> list[list[HistoryEvent]]:
    temporal = await _temporal()
    return [] if temporal is None else await runs_of(temporal, session_id)


def as_json_lines(story: Story) -> list[str]:
    """One object an entry: the entry as stored, with its night (null: none yet) and its source."""
    return [
        json.dumps({"night": night.number, "source": night.source.value, **entry.model_dump(mode="json")})
        for night in story.nights
        for entry in night.log
    ]


async def _read(session_id: str, settings: Settings) -> Story:
    temporal = await _temporal()
    store = SqlStore(settings.database_url) if _is_there(settings.database_url) else None
    try:
        return await story_of(session_id, temporal, store)
    finally:
        if store is not None:
            await store.close()


async def _temporal() -> Client | None:
    """The client, or None, and a word about it, if no server answers."""
    try:
        return await connect()
    except EngineUnavailable as error:
        typer.echo(f"no workflow history, storage alone is read: {error}", err=True)
        return None


def _is_there(url: str) -> bool:
    """Whether there is a database: to look into a SQLite file that isn't there would make an empty one."""
    parts = urlsplit(url)
    return not parts.scheme.startswith("sqlite") or Path(parts.path.removeprefix("/")).is_file()
