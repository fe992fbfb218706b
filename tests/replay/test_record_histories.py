"""What is stored of a history: all that the shell's decisions rest on, and no machine's name."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.replaying import replay
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from nights.record_histories import finished, read, scrubbed, stored, write

HISTORIES = list(stored(Path(__file__).parents[1] / "data" / "histories"))


def strings_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in strings_in(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings_in(inner)]
    return [value] if isinstance(value, str) else []


def test_a_process_has_one_name_wherever_it_appears() -> None:
    queue = "42@some-host-0123456789abcdef0123456789abcdef"
    content = {"identity": "42@some-host", "queue": {"name": queue}, "others": ["7@some-host", "driver@home"]}
    assert scrubbed(content) == {
        "identity": "process-1",
        "queue": {"name": "process-1-0123456789abcdef0123456789abcdef"},
        "others": ["process-2", "driver@home"],
    }


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.name[:15])
def test_no_stored_history_names_a_process_of_the_machine_it_was_recorded_on(path: Path) -> None:
    texts = strings_in(json.loads(gzip.decompress(path.read_bytes())))
    assert not [text for text in texts if re.match(r"\d+@", text)]


def event(number: int, kind: str, task: int | None = None) -> dict[str, Any]:
    commanded_by = {} if task is None else {"workflowTaskCompletedEventId": str(task)}
    return {"eventId": str(number), "eventType": f"EVENT_TYPE_{kind}", "anyEventAttributes": commanded_by}


def test_a_history_ends_with_the_commands_of_its_last_finished_workflow_task() -> None:
    ended = [
        event(1, "WORKFLOW_TASK_STARTED"),
        event(2, "WORKFLOW_TASK_COMPLETED"),
        event(3, "MARKER_RECORDED", task=2),
        event(4, "TIMER_STARTED", task=2),
    ]
    still_open = [event(5, "TIMER_FIRED"), event(6, "WORKFLOW_TASK_SCHEDULED"), event(7, "WORKFLOW_TASK_STARTED")]
    for n in range(len(still_open) + 1):
        assert finished([*ended, *still_open[:n]]) == ended


def test_a_history_recorded_within_a_workflow_task_replays_from_its_file(tmp_path: Path) -> None:
    whole = read(HISTORIES[-1])
    starts = [i for i, e in enumerate(whole.events) if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED]
    within_a_task = WorkflowHistory(whole.workflow_id, whole.events[: starts[5] + 1])
    stored_whole = read(write(tmp_path / "new", within_a_task))
    assert starts[4] < len(stored_whole.events) < starts[5]
    replay(stored_whole)
