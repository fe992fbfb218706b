"""Stored rollouts and sweeps still replay, whatever has become of the policies; another shell's do not."""

from pathlib import Path
from typing import Any

import pytest
from support.replaying import Seen, replay
from temporalio.client import WorkflowHistory
from temporalio.workflow import NondeterminismError

from domain.rollout.decide import decide
from domain.rollout.judge import Judgement, Move
from nights.record_histories import read, stored

HISTORIES = list(stored(Path(__file__).parents[1] / "data" / "histories"))
ROLLOUTS = [path for path in HISTORIES if path.name.startswith("rollout")]
SWEEPS = [path for path in HISTORIES if path.name.startswith("sweep")]


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name.split('.')[0]}"


def seen_in(path: Path) -> Seen:
    with pytest.MonkeyPatch.context() as monkeypatch:
        seen = Seen().watch(monkeypatch, "domain.rollout")
        replay(read(path))
    return seen


@pytest.mark.parametrize("path", ROLLOUTS, ids=named)
def test_a_rollout_replays_after_policies_changed_in_apply_and_decide(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen_in(path)
    decided = [decide(state, at).effects for state, at in before.decided_on]

    def never_sure(*_: Any) -> Judgement:
        return Judgement(move=Move.HOLD, reason="never sure")

    monkeypatch.setattr("domain.rollout.state.STEPS_REMEMBERED", 2)
    monkeypatch.setattr("domain.rollout.decide.judge", never_sure)
    monkeypatch.setattr("domain.rollout.decide._first_reason", lambda *_: "for another reason")
    after = seen_in(path)

    assert after.heard != before.heard, "the changed apply made no difference, so nothing was shown"
    anew = [decide(state, at).effects for state, at in before.decided_on]
    assert anew != decided, "the changed decide made no difference, so nothing was shown"


@pytest.mark.parametrize("path", SWEEPS, ids=named)
def test_a_sweep_replays_to_its_next_run(path: Path) -> None:
    history = read(path)
    assert history.events[-1].HasField("workflow_execution_continued_as_new_event_attributes")
    replay(history)


@pytest.mark.parametrize(("path", "step"), [(ROLLOUTS[0], "tell_page"), (SWEEPS[0], "sweep_page")])
def test_one_that_called_a_step_by_another_name_does_not_replay(path: Path, step: str) -> None:
    with pytest.raises(NondeterminismError):
        replay(_renamed(read(path), step))


def _renamed(history: WorkflowHistory, step: str) -> WorkflowHistory:
    for event in history.events:
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == step:
            scheduled.activity_type.name = f"{step}_anew"
    return history
