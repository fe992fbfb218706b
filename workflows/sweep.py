"""The sweep: page by page through all devices, ended sessions and drivers; at a pace, as often as a Schedule says."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from domain.clock import Clock
from domain.model import Model
from domain.sweep import SWEEP_PAGE, Line, Sweep, SweepPage, SweptPage
from workflows import policies

SWEEP_WORKFLOW = "Sweep"

ROUNDS_A_RUN = 200
"""Rounds of pages after which the sweep continues as new; a round is some forty events of history."""

LOOK_BACK = timedelta(days=2)
"""How far the first sweep looks back for sessions and drivers that ended."""

OVERLAP = timedelta(minutes=10)
"""What two sweeps have in common: lists of workflows are some seconds late."""

PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=5)
)
"""A sweep waits out any outage: nothing but the next sweep waits for it."""

PAGE_LIMIT = timedelta(minutes=5)

PAGE_PATIENCE = timedelta(days=1)
"""Real time after which a page is given up, and its part with it."""


class SweepStart(Model):
    """A sweep's input, and what it carries over continue-as-new."""

    clock: Clock = Clock()
    pace: timedelta = timedelta(seconds=2)  # real time between two rounds of pages: spares the vendor's budget
    rounds: int = ROUNDS_A_RUN  # after so many it continues as new
    sweep: Sweep | None = None  # None: at the start


@workflow.defn(name=SWEEP_WORKFLOW)
class SweepWorkflow:
    """A page of each open part, a pause, the next page; the parts side by side."""

    @workflow.run
    async def run(self, start: SweepStart) -> Sweep:
        sweep, rounds = start.sweep or self._begin(start), 0
        while sweep.open:
            if rounds == start.rounds:
                workflow.continue_as_new(start.model_copy(update={"sweep": sweep}))
            pages = await asyncio.gather(*(self._page(sweep, line, start.clock) for line in sweep.open))
            sweep, rounds = sweep.after(tuple(pages)), rounds + 1
            await workflow.sleep(start.pace, summary="pace")
        return sweep

    def _begin(self, start: SweepStart) -> Sweep:
        now, last = workflow.now(), None
        if workflow.has_last_completion_result():
            last = workflow.get_last_completion_result(Sweep)
        since = now - LOOK_BACK if last is None else last.started_at - OVERLAP
        return Sweep(began_at=start.clock.world(now), started_at=now, since=since)

    async def _page(self, sweep: Sweep, line: Line, clock: Clock) -> SweptPage | None:
        try:
            page: SweptPage = await workflow.execute_activity(
                SWEEP_PAGE,
                SweepPage(line=line, began_at=sweep.began_at, since=sweep.since, clock=clock),
                result_type=SweptPage,
                start_to_close_timeout=PAGE_LIMIT,
                schedule_to_close_timeout=PAGE_PATIENCE,
                heartbeat_timeout=policies.HEARTBEAT,
                retry_policy=PATIENT,
                summary=line.part.value,
            )
        except ActivityError as failure:
            workflow.logger.error("part of the sweep given up", extra={"part": line.part.value, "why": str(failure)})
            return None
        return page
