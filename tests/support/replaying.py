"""Replaying histories with a time limit, and the states a replay goes through."""

import asyncio
import threading
from datetime import datetime
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from workflows.driver import DriverWorkflow
from workflows.engine import PLUGIN
from workflows.prices import PriceFeedWorkflow
from workflows.rollout import RolloutWorkflow
from workflows.session import SessionWorkflow
from workflows.sweep import SweepWorkflow

ALL = [DriverWorkflow, SessionWorkflow, RolloutWorkflow, PriceFeedWorkflow, SweepWorkflow]
LIMIT_SECONDS = 30.0
"""A replay takes one second. One that never ends can't be cancelled in SDK 1.31, so it is left behind in its thread."""


class ReplayStuck(Exception):
    """The replayer waits for something that history does not tell."""


def replay(history: WorkflowHistory, limit_seconds: float = LIMIT_SECONDS) -> None:
    """Replay one history of ours; raises what the workflow task would have failed with, or ReplayStuck."""
    failures: list[BaseException] = []

    def work() -> None:
        replayer = Replayer(plugins=[PLUGIN], workflows=ALL)
        try:
            asyncio.run(replayer.replay_workflow(history))
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(limit_seconds)
    if thread.is_alive():
        raise ReplayStuck(history.workflow_id)
    for failure in failures:
        raise failure


class Seen:
    """The states that a machine went through."""

    def __init__(self) -> None:
        self.heard: list[Any] = []  # after every event
        self.decided_on: list[tuple[Any, datetime]] = []  # before every effect

    def watch(self, monkeypatch: pytest.MonkeyPatch, machine: str) -> "Seen":
        """Look at what `machine`'s shell computes. The sandbox passes `domain` through, so a replay is seen too."""
        watched = __import__(f"{machine}.apply", fromlist=["apply"])
        apply, begun = watched.apply, watched.begun

        def watched_apply(state: Any, event: Any) -> Any:
            self.heard.append(apply(state, event))
            return self.heard[-1]

        def watched_begun(state: Any, effect: Any, at: datetime) -> Any:
            self.decided_on.append((state, at))
            return begun(state, effect, at)

        monkeypatch.setattr(watched, "apply", watched_apply)
        monkeypatch.setattr(watched, "begun", watched_begun)
        return self
