"""The Schedule of a price feed: one per market area, begun around publication and again in the evening.

A run that is still trying keeps later ones from starting (overlap policy SKIP); the evening's runs see revisions.
"""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from workflows.policies import TASK_QUEUE
from workflows.prices import PriceFeedStart, PriceFeedWorkflow

TIMES = ((12, 50), (18, 10), (21, 40))
"""Hour and minute on the market's clock: the coupled auction's results come between 12:45 and 13:00, as a rule."""

JITTER = timedelta(minutes=8)

CATCH_UP = timedelta(hours=6)
"""After an outage of ours a missed start is made up for within this time; later ones are the next run's work."""


def schedule_id(area: str) -> str:
    return f"prices:{area}"


async def ensure_price_schedule(client: Client, start: PriceFeedStart, *, task_queue: str = TASK_QUEUE) -> None:
    """Create the area's Schedule, or bring it to this shape. An operator's pause stays."""
    wanted = _schedule(start, task_queue)

    def change(known: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule=_with_state_of(wanted, known.description.schedule))

    try:
        await client.create_schedule(schedule_id(start.area), wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id(start.area)).update(change)


def _with_state_of(wanted: Schedule, known: Schedule) -> Schedule:
    wanted.state = known.state
    return wanted


def _schedule(start: PriceFeedStart, task_queue: str) -> Schedule:
    action = ScheduleActionStartWorkflow(
        PriceFeedWorkflow.run,
        start,
        id=f"price-feed:{start.area}",
        task_queue=task_queue,
        static_summary=f"day-ahead prices of {start.area}",
    )
    calendars = [
        ScheduleCalendarSpec(hour=[ScheduleRange(hour)], minute=[ScheduleRange(minute)]) for hour, minute in TIMES
    ]
    return Schedule(
        action=action,
        spec=ScheduleSpec(calendars=calendars, jitter=JITTER, time_zone_name=start.zone),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )
