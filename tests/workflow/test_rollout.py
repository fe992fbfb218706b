"""The rollout's workflow: a phase from dry run to its end over nights, steered by signals, through continue-as-new."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from support.factories import EVENING
from support.servers import Server, serve
from temporalio import activity
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from domain.clock import Clock
from domain.program import Limits, Program
from domain.rollout import steps
from domain.rollout.asking import Rehearsal
from domain.rollout.begin import rollout_of
from domain.rollout.decide import decide
from domain.rollout.effects import RolloutDecision
from domain.rollout.events import Gathered, Go, PageTold, Published, Rehearsed, Stop, TakeBack
from domain.rollout.evidence import Evidence
from domain.rollout.measures import Measures
from domain.rollout.rates import Tally
from domain.rollout.standing import Phase, Standing
from domain.rollout.state import RolloutState
from workflows.rollout import RolloutStart, RolloutWorkflow, rollout_workflow_id

PAGES = 6
SPEED = 200_000.0
"""World seconds a real second where time is real: a night takes half a second."""

LIMITS = Limits(shares=(0.5, 1.0), soak_nights=1, longest_soak_nights=3, window=2)
PROGRAM = Program(name="town", limits=LIMITS, standing=Standing(phase=Phase.OPTIONAL))


@pytest.fixture(params=["time-skipping", "dev"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """One server, fresh; nights pass quicker than a session's."""
    async with serve(request.param, speed=SPEED) as server:
        yield server


@dataclass
class Steps:
    """A rollout's steps without a world; every brand does well."""

    clock: Clock
    renew_at_events: int | None = None
    published: list[steps.PublishStep] = field(default_factory=list)
    pages: Counter[tuple[int, int]] = field(default_factory=Counter)

    @activity.defn(name=steps.DECIDE_ROLLOUT)
    async def decide(self, question: steps.DecideRollout) -> RolloutDecision:
        is_long = self.renew_at_events is not None and question.vitals.history_events >= self.renew_at_events
        vitals = question.vitals.model_copy(update={"continue_as_new_suggested": is_long})
        return decide(question.state, question.now, question.seen, vitals, question.attempt)

    @activity.defn(name=steps.REHEARSE)
    async def rehearse(self, _step: steps.RehearseStep) -> Rehearsed:
        return Rehearsed(rehearsal=Rehearsal(drivers=60), brands=("Jeep",), at=self.now())

    @activity.defn(name=steps.PUBLISH)
    async def publish(self, step: steps.PublishStep) -> Published:
        self.published.append(step)
        return Published(version=step.change + 1, pages=PAGES, at=self.now())

    @activity.defn(name=steps.TELL_PAGE)
    async def tell_page(self, step: steps.TellPageStep) -> PageTold:
        self.pages[step.version, step.page] += 1
        return PageTold(page=step.page, version=step.version, told=10, at=self.now())

    @activity.defn(name=steps.GATHER)
    async def gather(self, step: steps.GatherStep) -> Gathered:
        evidence = Evidence(nights=40, commands=Tally.of([(10, 10)] * 40))
        return Gathered(evidence=evidence, measures=Measures(phase=step.phase), at=self.now())

    def now(self) -> datetime:
        return self.clock.world(activity.info().started_time)


@asynccontextmanager
async def rolling(server: Server, **changes: int) -> AsyncIterator[tuple[Steps, WorkflowHandle[RolloutWorkflow, str]]]:
    """A rollout that has begun."""
    made = Steps(server.clock, **changes)
    all_steps = [made.decide, made.rehearse, made.publish, made.tell_page, made.gather]
    async with Worker(server.client, task_queue=server.task_queue, workflows=[RolloutWorkflow], activities=all_steps):
        state = rollout_of(PROGRAM, Phase.TARGETED, 1)
        handle = await server.client.start_workflow(
            RolloutWorkflow.run,
            RolloutStart(state=state, clock=server.clock),
            id=rollout_workflow_id(state.rollout_id),
            task_queue=server.task_queue,
        )
        yield made, handle


async def state_of(handle: WorkflowHandle[RolloutWorkflow, str]) -> RolloutState:
    return await handle.query(RolloutWorkflow.state)


async def test_a_phase_goes_from_dry_run_over_shares_and_nights_to_its_end(server: Server):
    async with rolling(server) as (made, handle):

        async def is_rehearsed() -> bool:
            return (await state_of(handle)).rehearsal is not None

        await server.until(is_rehearsed, "the dry run")
        assert not made.published
        await handle.signal(RolloutWorkflow.go, Go(by="ann", at=EVENING))

        async def is_over() -> bool:
            return (await handle.describe()).close_time is not None

        await server.until(is_over, "the end", time_passes=True)
        assert await handle.result() == "every brand was treated"
        state = await state_of(handle)
        metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    for told in ("over: every brand was treated", "Jeep rolled out: surely above the pass mark", "dry run: 60 drivers"):
        assert told in metadata.current_details
    assert "400 of 400 commands proven at 40 drivers: 100.0%" in metadata.current_details
    fractions = [[share.fraction for share in step.standing.demands] for step in made.published]
    assert fractions == [[0.5], [1.0], [1.0]]  # half, all, and in the end everyone is told
    assert made.pages == Counter({(version, page): 1 for version in (2, 3, 4) for page in range(PAGES)})
    assert [(treated.brand, treated.result) for treated in state.treated] == [("Jeep", "rolled out")]
    soaked = [step.at for step in state.steps if "told" in step.words]
    assert soaked[1] - soaked[0] >= timedelta(days=LIMITS.soak_nights)


async def test_continue_as_new_between_pages_tells_each_page_once_and_keeps_signals(server: Server):
    async with rolling(server, renew_at_events=25) as (made, handle):

        async def has_begun() -> bool:
            return bool((await server.client.get_workflow_handle(handle.id).describe()).history_length)

        await server.until(has_begun, "the start")
        await server.say(lambda: handle.signal(RolloutWorkflow.go, Go(by="ann", at=EVENING)))

        async def is_spread() -> bool:
            return len(made.pages) >= PAGES

        await server.until(is_spread, "all pages")
        await server.say(lambda: handle.signal(RolloutWorkflow.stop, Stop(by="ann", at=EVENING)))
        back = TakeBack(by="ann", at=EVENING, reason="enough")
        await server.say(lambda: handle.signal(RolloutWorkflow.take_back, back))

        async def is_taken_back() -> bool:
            return len(made.pages) >= 2 * PAGES

        await server.until(is_taken_back, "everyone taken back")
        latest = server.client.get_workflow_handle(handle.id)

        async def is_over() -> bool:
            return (await latest.describe()).close_time is not None

        await server.until(is_over, "the end")
        assert (await latest.describe()).run_id != handle.first_execution_run_id
    assert made.published[-1].standing == PROGRAM.standing
    assert "enough" in made.published[-1].reason
    assert set(made.pages.values()) == {1}
