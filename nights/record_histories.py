"""`python -m nights.record_histories FOLDER`: store histories that later releases must still replay.

Run it against an installation that has played a night, for example `nightcharge demo --keep`, with `TEMPORAL_ADDRESS`
set to its server. One folder per release: `tests/data/histories/<version>`. Names of machines and processes are
replaced; what drivers and devices said is stored as it is, so never record from production.
"""

import asyncio
import gzip
import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory

from client import connect
from workflows.messages import DRIVER_WORKFLOW, SESSION_WORKFLOW
from workflows.prices import PRICE_FEED_WORKFLOW
from workflows.rollout import ROLLOUT_WORKFLOW
from workflows.sweep import SWEEP_WORKFLOW

PER_WORKFLOW = 3
"""Histories kept of each workflow type [count]."""

_PROCESS = re.compile(r"^(\d+@[^\s:/]+?)(-[0-9a-f]{32})?$")
"""A process as the SDK names it, `pid@host`, and the queue named after it."""


async def record(temporal: Client, folder: Path) -> list[Path]:
    """Write the newest histories of every kind of workflow; returns the files."""
    written = []
    for kind in (DRIVER_WORKFLOW, SESSION_WORKFLOW, ROLLOUT_WORKFLOW, PRICE_FEED_WORKFLOW, SWEEP_WORKFLOW):
        found = temporal.list_workflows(f"WorkflowType='{kind}'", limit=PER_WORKFLOW)
        async for execution in found:
            handle = temporal.get_workflow_handle(execution.id, run_id=execution.run_id)
            written.append(write(folder, await handle.fetch_history()))
    return written


def write(folder: Path, history: WorkflowHistory) -> Path:
    """Store one history, cut after its last finished task and with no machine's name in it."""
    content = scrubbed({"events": finished(json.loads(history.to_json())["events"])})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{history.workflow_id.replace(':', '-')}.json.gz"
    path.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0))
    return path


def read(path: Path) -> WorkflowHistory:
    """A stored history."""
    return WorkflowHistory.from_json(path.name.removesuffix(".json.gz"), gzip.decompress(path.read_bytes()).decode())


def finished(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events up to what the last finished workflow task commanded: the replayer would wait for what comes of
    anything later for ever."""
    ends = [i for i, event in enumerate(events) if event["eventType"] == "EVENT_TYPE_WORKFLOW_TASK_COMPLETED"]
    if not ends:
        return []
    task = events[ends[-1]]["eventId"]
    commanded = itertools.takewhile(lambda event: _commanded_by(event) == task, events[ends[-1] + 1 :])
    return [*events[: ends[-1] + 1], *commanded]


def _commanded_by(event: dict[str, Any]) -> str | None:
    """The workflow task of which this is a command; None if it comes from elsewhere."""
    attributes: list[dict[str, str]] = [value for key, value in event.items() if key.endswith("EventAttributes")]
    return attributes[0].get("workflowTaskCompletedEventId") if attributes else None


def scrubbed(content: Any) -> Any:
    """The same with "process-1", "process-2", ... for the processes, in the order they appear."""
    names: dict[str, str] = {}
    numbers = itertools.count(1)

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [clean(inner) for inner in value]
        if isinstance(value, str) and (process := _PROCESS.match(value)):
            if process[1] not in names:
                names[process[1]] = f"process-{next(numbers)}"
            return names[process[1]] + (process[2] or "")
        return value

    return clean(content)


def stored(folder: Path) -> Iterator[Path]:
    """All stored histories, of every release."""
    yield from sorted(folder.rglob("*.json.gz"))


async def _main(folder: Path) -> None:
    for path in await record(await connect(), folder):
        print(path)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
