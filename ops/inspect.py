"""The record of a session wherever it is: in workflow history while that is retained, else in storage."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.nightlog import LogEntry
from ops.history import rebuild, start_of
from ops.telling import in_words
from storage.sql import SqlStore
from workflows.ids import session_workflow_id


class Source(StrEnum):
    HISTORY = "history"
    STORAGE = "storage"


class ToldNight(NamedTuple):
    """One night's log. Number None: what was recorded after the last night was closed."""

    number: int | None
    source: Source
    log: tuple[LogEntry, ...]


class Story(NamedTuple):
    """Everything recorded of a session, and the driver's zone if history tells it."""

    session_id: str
    zone: str
    nights: tuple[ToldNight, ...]


async def story_of(session_id: str, temporal: Client | None, store: SqlStore | None) -> Story:
    """What is recorded of the session; no nights if it is unknown. Storage fills in what history no longer has."""
    runs = await runs_of(temporal, session_id) if temporal is not None else []
    nights = from_history(runs) if runs else []
    if store is not None and not is_whole(runs):
        known = {night.number for night in nights}
        nights = [*(night for night in await _stored(session_id, store) if night.number not in known), *nights]
    return Story(session_id, start_of(runs[0]).state.wish.zone if runs else "UTC", tuple(nights))


async def runs_of(temporal: Client, session_id: str) -> list[list[HistoryEvent]]:
    """The histories of the session's runs, oldest first, as far back as they are retained; [] if none is."""
    runs: list[list[HistoryEvent]] = []
    run_id = None
    while True:
        handle = temporal.get_workflow_handle(session_workflow_id(session_id), run_id=run_id)
        try:
            events = [event async for event in handle.fetch_history_events()]
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return runs
            raise
        runs.insert(0, events)
        run_id = _run_before(events)
        if not run_id:
            return runs


def is_whole(runs: list[list[HistoryEvent]]) -> bool:
    """Whether the first run is among them."""
    return bool(runs) and not _run_before(runs[0])


def from_history(runs: list[list[HistoryEvent]]) -> list[ToldNight]:
    """The nights that these runs tell."""
    rebuilt = rebuild(runs)
    nights = [ToldNight(number, Source.HISTORY, log) for number, log in rebuilt.nights.items()]
    return [*nights, ToldNight(None, Source.HISTORY, rebuilt.rest)] if rebuilt.rest else nights


async def _stored(session_id: str, store: SqlStore) -> list[ToldNight]:
    numbers = [account.number for account in await store.accounts(session_id)]
    return [ToldNight(n, Source.STORAGE, tuple(await store.log(session_id, n))) for n in numbers]


def _run_before(events: list[HistoryEvent]) -> str:
    return events[0].workflow_execution_started_event_attributes.continued_execution_run_id


def in_lines(story: Story) -> Iterator[str]:
    """The story in words, with local times."""
    zone = ZoneInfo(story.zone)
    yield f"session:{story.session_id}, times in {story.zone}"
    for night in story.nights:
        name = "since then" if night.number is None else f"night {night.number}"
        yield f"{name}, from {night.source.value}"
        for entry in night.log:
            for line in in_words(entry):
                yield f"  {entry.at.astimezone(zone):%a %d %b %H:%M}  {line}"
