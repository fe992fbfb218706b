"""The price feed's stored history still replays, and one of another feed does not."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from nights.record_histories import read, stored
from workflows.engine import PLUGIN
from workflows.prices import PriceFeedWorkflow

HISTORIES = Path(__file__).parents[1] / "data" / "histories"
FEEDS = [path for path in stored(HISTORIES) if path.name.startswith("price-feed")]
LIMIT_SECONDS = 30.0


async def replay(history: WorkflowHistory) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        await Replayer(plugins=[PLUGIN], workflows=[PriceFeedWorkflow]).replay_workflow(history)


@pytest.mark.parametrize("path", FEEDS, ids=lambda path: path.parent.name)
async def test_an_evening_of_late_then_partial_then_whole_prices_replays(path: Path) -> None:
    history = read(path)
    fetched = [event for event in history.events if _step(event) == "fetch_prices"]
    assert len(fetched) > 2
    await replay(history)


async def test_a_feed_that_fetched_by_another_name_does_not_replay() -> None:
    history = read(FEEDS[0])
    for event in history.events:
        if _step(event) == "fetch_prices":
            event.activity_task_scheduled_event_attributes.activity_type.name = "fetch_prices_anew"
    with pytest.raises(NondeterminismError):
        await replay(history)


def _step(event: object) -> str:
    name: str = event.activity_task_scheduled_event_attributes.activity_type.name  # type: ignore[attr-defined]
    return name
