"""The Temporal Schedule by which the sweep begins, every hour or at once."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from domain.clock import Clock
from workflows.policies import TASK_QUEUE
from workflows.sweep import SWEEP_WORKFLOW, SweepStart

SWEEP = "sweep"
"""Id of the Schedule, and of the workflow it starts."""

EVERY = timedelta(hours=1)
"""Real time between two sweeps; one that takes longer is not overtaken."""

JITTER = timedelta(minutes=10)


async def ensure_sweep_schedule(client: Client, clock: Clock, *, task_queue: str = TASK_QUEUE) -> None:
    """The Schedule, made if missing, else brought up to date; one an operator has paused stays paused."""
    schedule = _schedule(clock, task_queue)

    def renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule.state = found.description.schedule.state
        return ScheduleUpdate(schedule=schedule)

    try:
        await client.create_schedule(SWEEP, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(SWEEP).update(renewed)


async def sweep_now(client: Client) -> None:
    """Have a sweep begin, unless one is under way."""
    await client.get_schedule_handle(SWEEP).trigger()


def _schedule(clock: Clock, task_queue: str) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SWEEP_WORKFLOW, SweepStart(clock=clock), id=SWEEP, task_queue=task_queue, static_summary="repairs"
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)], jitter=JITTER),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
