"""The one record of a night: what was heard, decided with which reason, done, and proven. JSON lines, never states.

The workflow shell, the loop engine and production write it alike; pictures, explanations, the judge of the promises
and `nightcharge inspect` read it. An entry is fully determined by what the workflow's history records.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

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
