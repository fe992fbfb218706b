"""Queries beside decisions (decision record 0008): to open a workflow in the Temporal UI must never stop it.

A query that reaches a workflow while its decision is being recorded lets newer SDKs end the workflow task too early;
the workflow is then stuck with a nondeterminism error. If this fails after an upgrade, the pin of the SDK stays.
"""

import asyncio
from pathlib import Path

from support.factories import CAR
from support.played import LIMIT_SECONDS, Played, dev_server, house_at, house_worker, plug_in, shell_worker, until
from support.replaying import replay
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from domain.devices import Side
from domain.session.events import DriverActed
from ops.history import rebuild
from workflows.session import SessionWorkflow

SESSIONS = 2
ACTIONS = 5
"""Changes of mind of each driver; each supersedes a command and is decided upon. So few are enough: with temporalio
1.32 each of three plays failed."""

QUERY_EVERY_SECONDS = 0.02


async def ask_all_the_time(played: Played, answers: list[int]) -> None:
    """What an operator's open page does, only more often."""
    while True:
        answers.append(len((await played.state()).acted))
        await asyncio.sleep(QUERY_EVERY_SECONDS)


async def change_mind(played: Played) -> None:
    """Signals and commands, one after the other, each heard before the next."""
    for n in range(ACTIONS):
        act = "charge_now" if n % 2 else "stay_stopped"
        action = DriverActed(action_id=str(n), at=played.house.clock.now(), act=act)  # type: ignore[arg-type]
        await played.handle.signal(SessionWorkflow.driver_acted, action)
        await played.hears(played.house.reading(Side.VEHICLE), played.house.reading(Side.CHARGER))

        async def is_obeyed(count: int = n + 1) -> bool:
            return len((await played.state()).acted) == count

        await until(is_obeyed, f"action {n} of {played.session_id} is never obeyed")


def failures_of_ours(history: WorkflowHistory) -> list[str]:
    """Why workflow tasks failed; that a signal outran the end of a session is no failure."""
    failed = [event.workflow_task_failed_event_attributes for event in history.events if is_failed_task(event)]
    harmless = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    return [attributes.failure.message for attributes in failed if attributes.cause != harmless]


def is_failed_task(event: HistoryEvent) -> bool:
    return event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED


async def test_sessions_that_are_queried_all_the_time_end_and_replay(tmp_path: Path) -> None:
    answers: list[int] = []
    async with dev_server(tmp_path) as temporal:
        house = house_at(600, command_takes_seconds=1.0)
        async with house_worker(temporal, house), shell_worker(temporal):
            sessions = [await plug_in(temporal, house, session_id=f"{CAR}:{n}") for n in range(SESSIONS)]
            asking = [asyncio.create_task(ask_all_the_time(played, answers)) for played in sessions]
            await asyncio.gather(*map(change_mind, sessions))
            await asyncio.gather(*(played.unplugged() for played in sessions))
            await asyncio.wait_for(asyncio.gather(*(played.handle.result() for played in sessions)), 3 * LIMIT_SECONDS)
            for questions in asking:
                questions.cancel()
            await asyncio.wait(asking)
        histories = [await played.handle.fetch_history() for played in sessions]

    assert all(questions.cancelled() for questions in asking), "a query failed"
    assert len(answers) > SESSIONS * ACTIONS
    superseded = 0
    for history in histories:
        kinds = [event.event_type for event in history.events]
        assert not failures_of_ours(history)
        superseded += kinds.count(EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED)
        assert kinds.count(EventType.EVENT_TYPE_MARKER_RECORDED) > ACTIONS, "it was hardly decided"
        assert rebuild([history.events]).nights[1] in house.logs
        replay(history)
    assert superseded, "no command was superseded"
