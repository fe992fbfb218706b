"""Histories of every release still replay, whatever has become of the policies; the shell must not change them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.replaying import Seen, replay
from temporalio.client import WorkflowHistory
from temporalio.workflow import NondeterminismError

from domain.driver.decide import decide as decide_for_driver
from domain.session.decide import decide as decide_for_session
from nights.record_histories import read, stored

HISTORIES = Path(__file__).parents[1] / "data" / "histories"
DRIVERS = [path for path in stored(HISTORIES) if path.name.startswith("driver")]
SESSIONS = [path for path in stored(HISTORIES) if path.name.startswith("session")]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name[:15]}"


def seen_in(path: Path, machine: str) -> Seen:
    """The states of a replay under the policies that are in force now."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        seen = Seen().watch(monkeypatch, machine)
        replay(read(path))
    return seen


def test_there_are_histories_of_both_workflows() -> None:
    assert DRIVERS
    assert SESSIONS


@pytest.mark.parametrize("path", SESSIONS, ids=name_of)
def test_a_session_replays_after_thresholds_changed_in_apply_and_decide(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen_in(path, "domain.session")
    decided = [decide_for_session(state, at).effects for state, at in before.decided_on]

    monkeypatch.setattr("domain.session.hearing.FLOW_THRESHOLD_KW", -1.0)  # no flow at all disproves a hold
    monkeypatch.setattr("domain.session.wants.SAFETY_MARGIN", timedelta(hours=9))  # the last safe start is early
    after = seen_in(path, "domain.session")

    assert after.heard != before.heard, "the changed apply made no difference, so nothing was shown"
    anew = [decide_for_session(state, at).effects for state, at in before.decided_on]
    assert anew != decided, "the changed decide made no difference, so nothing was shown"


@pytest.mark.parametrize("path", DRIVERS, ids=name_of)
def test_a_driver_replays_after_policies_changed_in_apply_and_decide(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen_in(path, "domain.driver")
    decided = [decide_for_driver(state, at).effects for state, at in before.decided_on]

    def open_none(*_: Any) -> Iterator[Any]:
        return iter(())

    monkeypatch.setattr("domain.driver.outcomes.OUTCOMES_REMEMBERED", 2)
    monkeypatch.setattr("domain.driver.decide.open_a_session", open_none)
    after = seen_in(path, "domain.driver")

    assert after.heard != before.heard, "the changed apply made no difference, so nothing was shown"
    anew = [decide_for_driver(state, at).effects for state, at in before.decided_on]
    assert anew != decided, "the changed decide made no difference, so nothing was shown"


def with_another_name_for(activity: str, history: WorkflowHistory) -> WorkflowHistory:
    """The history of another shell, one that calls `activity` by another name."""
    for event in history.events:
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == activity:
            scheduled.activity_type.name = f"{activity}_anew"
    return history


def test_a_session_that_called_an_activity_by_another_name_does_not_replay() -> None:
    with pytest.raises(NondeterminismError):
        replay(with_another_name_for("send_command", read(SESSIONS[0])))


def test_a_driver_that_called_an_activity_by_another_name_does_not_replay() -> None:
    with pytest.raises(NondeterminismError):
        replay(with_another_name_for("start_link", read(DRIVERS[0])))
