"""The bill of a session, counted from its history."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from nights.billed import DECISIONS, HEARTBEATS, as_child, billed
from nights.record_histories import read, stored

HISTORIES = Path(__file__).parents[1] / "data" / "histories"

BEGIN = datetime(2026, 1, 5, 20, tzinfo=UTC)


def numbered(*events: HistoryEvent) -> list[HistoryEvent]:
    for number, event in enumerate(events, 1):
        event.event_id = number
    return list(events)


def event(kind: str, minutes: float = 0) -> HistoryEvent:
    made = HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{kind}"))
    made.event_time.FromDatetime(BEGIN + timedelta(minutes=minutes))
    return made


def started(*, parent: bool = False, continues: str = "") -> HistoryEvent:
    made = event("WORKFLOW_EXECUTION_STARTED")
    attributes = made.workflow_execution_started_event_attributes
    attributes.continued_execution_run_id = continues
    if parent:
        attributes.parent_workflow_execution.workflow_id = "driver:1"
    return made


def command(attempt: int, minutes: float, heartbeat: timedelta) -> Iterator[HistoryEvent]:
    """A step scheduled as event 2, begun at once, ended after `minutes`."""
    scheduled, begun = event("ACTIVITY_TASK_SCHEDULED"), event("ACTIVITY_TASK_STARTED")
    scheduled.activity_task_scheduled_event_attributes.activity_type.name = "send_command"
    scheduled.activity_task_scheduled_event_attributes.heartbeat_timeout.FromTimedelta(heartbeat)
    begun.activity_task_started_event_attributes.scheduled_event_id = 2
    begun.activity_task_started_event_attributes.attempt = attempt
    ended = event("ACTIVITY_TASK_COMPLETED", minutes)
    ended.activity_task_completed_event_attributes.scheduled_event_id = 2
    yield from (scheduled, begun, ended)


def marker(task: int) -> HistoryEvent:
    made = event("MARKER_RECORDED")
    made.marker_recorded_event_attributes.marker_name = "core_local_activity"
    made.marker_recorded_event_attributes.workflow_task_completed_event_id = task
    return made


def test_a_child_costs_two_and_each_further_run_one() -> None:
    assert billed([[started()]]).total == 1
    assert billed([[started(parent=True)]]).total == 2
    assert billed([[started(parent=True)], [started(parent=True, continues="run-1")]]).total == 3


def test_every_attempt_of_a_step_counts() -> None:
    bill = billed([numbered(started(), *command(3, 5, timedelta(0)))])
    assert bill.actions == {"start": 1, "step send_command": 3}


def test_heartbeats_are_as_many_as_the_sdk_lets_through() -> None:
    """Five minutes: every 8 s of a limit of 10 s makes 37, every 60 s of a limit of 10 min makes 5."""
    short, long = (billed([numbered(started(), *command(1, 5, timedelta(seconds=s)))]) for s in (10, 600))
    assert (short.actions[HEARTBEATS], long.actions[HEARTBEATS]) == (37, 5)


def test_decisions_of_one_task_count_once() -> None:
    bill = billed([numbered(started(), marker(4), marker(4), marker(9))])
    assert bill.actions[DECISIONS] == 2
    assert bill.without_decisions_and_reads == 1


def test_a_recorded_session_is_billed_kind_by_kind() -> None:
    for path in (path for path in stored(HISTORIES) if path.name.startswith("session")):
        history = read(path)
        bill = billed([history.events])
        kinds = [e.event_type for e in history.events]
        assert bill.events == len(kinds)
        assert bill.actions["timers"] == kinds.count(EventType.EVENT_TYPE_TIMER_STARTED)
        assert bill.actions["signals heard"] == kinds.count(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        steps = [kind for kind in bill.actions if kind.startswith("step ")]
        assert {"step send_command", "step make_plan", "step close_night"} <= set(steps)
        assert bill.lines()[-1].strip() == f"{bill.events}  history events"


def test_the_stored_healthy_night_is_within_its_budget() -> None:
    """4 commands, 2 new plans, 8 device events in ten hours (`python -m nights.billed --record`)."""
    bill = as_child(billed([read(HISTORIES / "0.1.0" / "session-car-1-1.json.gz").events]))
    shape = (bill.actions["step send_command"], bill.actions["step make_plan"], bill.actions["signals heard"])
    assert shape == (4, 1 + 2, 8 + 2)
    assert not bill.over_budget, "\n".join(bill.lines())
    assert bill.total <= 56


def test_a_night_beyond_its_budget_says_by_what() -> None:
    bill = billed([numbered(started(), *(marker(task) for task in range(60)))])
    assert bill.over_budget == ["61 billed actions, at most 60"]
