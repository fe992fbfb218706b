"""The one record of a night: what was heard, decided with which reason, done, and proven. JSON lines, never states.

The workflow shell, the loop engine and production write it alike; pictures, explanations, the judge of the promises
and `nightcharge inspect` read it. An entry is fully determined by what the workflow's history records.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from domain.model import Instant, Model


class LogKind(StrEnum):
    EVENT = "event"  # heard: reading, action, plan, outcome, time
    DECISION = "decision"  # effects with their reasons


class LogEntry(Model):
    """One line. `at` is world time; `number` counts events, a decision carries the number of the last event it saw."""

    kind: LogKind
    number: int
    at: Instant
    name: str  # type of the event, or "decided"
    data: dict[str, Any]  # the event or decision as JSON


def to_lines(entries: Iterable[LogEntry]) -> str:
    """The log as JSON lines."""
    return "".join(entry.model_dump_json() + "\n" for entry in entries)


def from_lines(lines: str) -> list[LogEntry]:
    """The log back from JSON lines."""
    return [LogEntry.model_validate_json(line) for line in lines.splitlines() if line]


def decisions(entries: Sequence[LogEntry]) -> list[LogEntry]:
    """Only the decisions."""
    return [entry for entry in entries if entry.kind is LogKind.DECISION]


def with_event(log: tuple[LogEntry, ...], number: int, at: datetime, event: BaseModel) -> tuple[LogEntry, ...]:
    """The log with one more event heard."""
    data = event.model_dump(mode="json")
    return (*log, LogEntry(kind=LogKind.EVENT, number=number, at=at, name=data.pop("type"), data=data))


def with_decision(log: tuple[LogEntry, ...], seen: int, at: datetime, decision: BaseModel) -> tuple[LogEntry, ...]:
    """The log with one more decision; one that was outrun by an event and not acted on makes way for it."""
    data = decision.model_dump(mode="json")
    if data["attempt"] > 0:
        last = max(i for i, entry in enumerate(log) if entry.kind is LogKind.DECISION)
        log = (*log[:last], *log[last + 1 :])
    return (*log, LogEntry(kind=LogKind.DECISION, number=seen, at=at, name="decided", data=data))


def in_order(log: Iterable[LogEntry]) -> tuple[LogEntry, ...]:
    """By number of event, a decision after the last event it knew."""
    return tuple(sorted(log, key=lambda entry: (entry.number, entry.kind is LogKind.DECISION)))
