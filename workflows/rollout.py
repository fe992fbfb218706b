"""One rollout of one phase of one program: dry run, shares, pages of drivers, soak, widen or take back."""

from datetime import datetime, timedelta

from temporalio import workflow

from domain.clock import Clock
from domain.model import Model
from domain.rollout import steps
from domain.rollout.apply import apply, begun
from domain.rollout.details import rollout_details
from domain.rollout.effects import (
    Close,
    Gather,
    Publish,
    Rehearse,
    RolloutDecision,
    RolloutEffect,
    TellPage,
    Vitals,
)
from domain.rollout.events import BrandConfirmed, Go, Resume, SkipBrand, Stop, TakeBack, TimeReached
from domain.rollout.state import RolloutState
from workflows import policies, rollout_answers
from workflows.shell import Shell

ROLLOUT_WORKFLOW = "Rollout"

PAGE_LIMIT = timedelta(minutes=5)
LONG_LIMIT = timedelta(hours=2)
"""For steps that look at every driver; heartbeats tell of a dead worker much sooner."""


class RolloutStart(Model):
    """A rollout's whole state: at the first start, and carried over continue-as-new."""

    state: RolloutState
    clock: Clock = Clock()
    heard: int = 0


def rollout_workflow_id(rollout_id: str) -> str:
    return f"rollout:{rollout_id}"


@workflow.defn(name=ROLLOUT_WORKFLOW)
class RolloutWorkflow:
    """Dry run first; then share by share, with evidence."""

    @workflow.init
    def __init__(self, start: RolloutStart) -> None:
        self.shell: Shell[RolloutState, RolloutDecision] = Shell(
            state=start.state,
            clock=start.clock,
            heard=start.heard,
            log=(),
            apply=apply,
            begun=begun,
            ask=self._ask,
            act=self._act,
            time_reached=TimeReached,
        )

    @workflow.run
    async def run(self, start: RolloutStart) -> str:
        while True:
            decision = await self.shell.decide_and_act()
            self.shell.log = ()  # its record is its history, and the versions of the program
            workflow.set_current_details(rollout_details(self.shell.state))
            for effect in decision.effects:
                if isinstance(effect, Close):
                    await workflow.wait_condition(workflow.all_handlers_finished)
                    self.shell.cancel_all()
                    return effect.reason
            if await self.shell.must_renew(decision):
                await self._renew()

    @workflow.signal(description="Go on: after the dry run, or where it was asked to look.")
    def go(self, said: Go) -> None:
        self.shell.hear(said)

    @workflow.signal(description="Begin nothing new; what is under way ends.")
    def stop(self, said: Stop) -> None:
        self.shell.hear(said)

    @workflow.signal(description="Go on after a stop.")
    def resume(self, said: Resume) -> None:
        self.shell.hear(said)

    @workflow.signal(description="Return everybody to what was asked before this rollout.")
    def take_back(self, said: TakeBack) -> None:
        self.shell.hear(said)

    @workflow.signal(description="Take the brand under way back and go on with the next.")
    def skip_brand(self, said: SkipBrand) -> None:
        self.shell.hear(said)

    @workflow.signal(description="Confirm that a brand was enabled at the vendor.")
    def brand_confirmed(self, said: BrandConfirmed) -> None:
        self.shell.hear(said)

    @workflow.query(description="Everything the rollout knows.")
    def state(self) -> RolloutState:
        return self.shell.state

    async def _ask(
        self, state: RolloutState, now: datetime, seen: int, attempt: int, vitals: Vitals
    ) -> RolloutDecision:
        question = steps.DecideRollout(state=state, now=now, seen=seen, attempt=attempt, vitals=vitals)
        return await self.shell.recorded(steps.DECIDE_ROLLOUT, question, RolloutDecision)

    def _act(self, effect: RolloutEffect) -> None:
        if not isinstance(effect, Rehearse | Publish | TellPage | Gather):
            return
        begin, beat, why = self.shell.begin, policies.HEARTBEAT, effect.reason
        step = steps.step_of(effect, self.shell.state, self.shell.clock)
        match effect:
            case Rehearse():
                begin(steps.REHEARSE, "rehearse", step, why, limit=LONG_LIMIT, heartbeat=beat)
            case Publish():
                begin(steps.PUBLISH, "publish", step, why)
            case TellPage():
                name = f"page {effect.page} of version {effect.version}"
                begin(steps.TELL_PAGE, name, step, why, limit=PAGE_LIMIT, heartbeat=beat)
            case Gather():
                begin(steps.GATHER, "gather", step, why, limit=LONG_LIMIT, heartbeat=beat)

    async def _renew(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        shell = self.shell
        workflow.continue_as_new(RolloutStart(state=shell.state, clock=shell.clock, heard=shell.heard))


__all__ = ["ROLLOUT_WORKFLOW", "RolloutStart", "RolloutWorkflow", "rollout_answers", "rollout_workflow_id"]
