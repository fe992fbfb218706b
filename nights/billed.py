"""What a session costs in billed actions of Temporal Cloud, counted from its history, by kind.

Rules (docs.temporal.io/cloud/actions): one action each for a start (a child: two), a run continued as new, a timer,
a change of search attributes, a signal heard or sent, an update, every attempt of an activity; local activities count
together per workflow task. Heartbeats that reach the server count too and leave no trace in history: `heartbeats` is
how many the running time of steps allows at most. Queries leave no trace either, and are not counted.

`python -m nights.billed` plays the night the budget is meant for, and counts; `python -m nights.billed FILE` counts a
stored history. Exit code 1 beyond the budget.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from domain import steps
from ops.history import DECISION_MARKER

THROTTLE = 0.8
"""The SDK sends a heartbeat at most this often, as a part of the heartbeat timeout ..."""

LONGEST_THROTTLE = timedelta(seconds=60)
"""... but not less often than this, unless the worker says otherwise."""

MOST_ACTIONS, MOST_WITHOUT_DECISIONS_AND_READS, MOST_EVENTS = 60, 30, 200
"""The budget of a healthy night of ten hours with 4 commands, 2 new plans and 8 relevant device events."""

AS_A_CHILD = "as a child"
DECISIONS = "decisions"
HEARTBEATS = "heartbeats, at most"

_ONE_EACH = {
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals heard",
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "signals sent",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
}

_ENDS = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
}


@dataclass(frozen=True, slots=True)
class Billed:
    """Billed actions of a session by kind, and the length of its histories."""

    actions: Counter[str]
    events: int

    @property
    def total(self) -> int:
        return self.actions.total()

    @property
    def without_decisions_and_reads(self) -> int:
        return self.total - self.actions[DECISIONS] - self.actions[_step(steps.READ_DEVICE)]

    @property
    def over_budget(self) -> list[str]:
        """What a healthy night may not cost, in words; [] if it is within its budget."""
        limits = (
            (self.total, MOST_ACTIONS, "billed actions"),
            (self.without_decisions_and_reads, MOST_WITHOUT_DECISIONS_AND_READS, "without decisions and reads"),
            (self.events, MOST_EVENTS, "history events"),
        )
        return [f"{count} {what}, at most {most}" for count, most, what in limits if count > most]

    def lines(self) -> list[str]:
        """The breakdown, the largest kind first."""
        kinds = [f"{count:5d}  {kind}" for kind, count in sorted(self.actions.items(), key=lambda item: -item[1])]
        return [
            *kinds,
            f"{self.total:5d}  billed actions, {self.without_decisions_and_reads} without decisions and reads",
            f"{self.events:5d}  history events",
        ]


def billed(runs: Sequence[Sequence[HistoryEvent]]) -> Billed:
    """The bill of a session from the histories of its runs, oldest first."""
    actions: Counter[str] = Counter()
    for run in runs:
        actions += _of_run(run)
    return Billed(actions, sum(len(run) for run in runs))


def _of_run(run: Sequence[HistoryEvent]) -> Counter[str]:
    actions = Counter({"start" if not _continues(run[0]) else "continued as new": 1})
    if run[0].workflow_execution_started_event_attributes.HasField("parent_workflow_execution"):
        actions[AS_A_CHILD] = int(not _continues(run[0]))
    actions[DECISIONS] = len(set(_deciding_tasks(run)))
    for event in run:
        if event.event_type in _ONE_EACH:
            actions[_ONE_EACH[event.event_type]] += 1
    for attempt in _tries(run):
        actions[_step(attempt.name)] += attempt.attempts
        actions[HEARTBEATS] += attempt.heartbeats
    return +actions


def _continues(event: HistoryEvent) -> bool:
    return bool(event.workflow_execution_started_event_attributes.continued_execution_run_id)


def _deciding_tasks(run: Iterable[HistoryEvent]) -> Iterable[int]:
    for event in run:
        marker = event.marker_recorded_event_attributes
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED and marker.marker_name == DECISION_MARKER:
            yield marker.workflow_task_completed_event_id


class _Try(NamedTuple):
    name: str
    attempts: int
    heartbeats: int


def _tries(run: Sequence[HistoryEvent]) -> Iterable[_Try]:
    """Every step of the run with its attempts; one still under way counts as one."""
    started = {e.activity_task_started_event_attributes.scheduled_event_id: e for e in run if _is_started(e)}
    ended = {_scheduled_by(e): e for e in run if e.event_type in _ENDS}
    for event in run:
        if event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            continue
        scheduled = event.activity_task_scheduled_event_attributes
        begin, end = started.get(event.event_id), ended.get(event.event_id)
        beat = min(scheduled.heartbeat_timeout.ToTimedelta() * THROTTLE, LONGEST_THROTTLE)
        beats = 0
        if begin is not None and end is not None and beat > timedelta(0):
            beats = (end.event_time.ToDatetime() - begin.event_time.ToDatetime()) // beat
        attempts = 1 if begin is None else begin.activity_task_started_event_attributes.attempt
        yield _Try(scheduled.activity_type.name, attempts, beats)


def _is_started(event: HistoryEvent) -> bool:
    return event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED


def _scheduled_by(event: HistoryEvent) -> int:
    attributes = getattr(event, event.WhichOneof("attributes") or "")
    number: int = attributes.scheduled_event_id
    return number


def _step(name: str) -> str:
    return f"step {name}"


def as_child(bill: Billed) -> Billed:
    """The bill of a session that was started from outside, as if a driver's workflow had opened it."""
    return Billed(bill.actions | Counter({AS_A_CHILD: 1}), bill.events)


def main(
    history: Annotated[Path | None, typer.Argument(exists=True, help="A stored history to count instead.")] = None,
    record: Annotated[Path | None, typer.Option(help="Store the played night's history in this folder.")] = None,
) -> None:
    """Count the billed actions of a healthy night; exit code 1 beyond its budget."""
    from nights.healthy_night import play
    from nights.record_histories import read, write

    played = asyncio.run(play()) if history is None else read(history)
    bill = as_child(billed([played.events]))
    for line in [*bill.lines(), *(f"beyond the budget: {words}" for words in bill.over_budget)]:
        print(line)
    if record is not None:
        print(write(record, played))
    raise typer.Exit(1 if bill.over_budget else 0)


if __name__ == "__main__":
    typer.run(main)
