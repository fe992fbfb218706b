"""The durable steps of a rollout: names and payloads on which workflow and activities agree."""

from domain.clock import Clock
from domain.model import Instant, Model
from domain.program import Limits
from domain.rollout.effects import Gather, Publish, Rehearse, TellPage
from domain.rollout.standing import Phase, Standing
from domain.rollout.state import RolloutState
from domain.session.effects import Vitals

DECIDE_ROLLOUT = "decide_rollout"
REHEARSE = "rehearse_rollout"
PUBLISH = "publish_program"
TELL_PAGE = "tell_page"
GATHER = "gather_evidence"


class DecideRollout(Model):
    state: RolloutState
    now: Instant
    seen: int
    attempt: int
    vitals: Vitals


class RehearseStep(Model):
    program: str
    phase: Phase
    limits: Limits
    clock: Clock


class PublishStep(Model):
    program: str
    rollout_id: str
    change: int
    standing: Standing
    expects: Standing | None = None  # how far the program is now by this rollout's knowledge; None: not asked
    reason: str
    page_size: int
    clock: Clock


class TellPageStep(Model):
    program: str
    version: int
    page: int
    pages: int
    is_everyone: bool
    clock: Clock


class GatherStep(Model):
    program: str
    phase: Phase
    brand: str | None
    since: Instant
    began_at: Instant
    page_size: int
    clock: Clock


Step = RehearseStep | PublishStep | TellPageStep | GatherStep


def step_of(effect: Rehearse | Publish | TellPage | Gather, state: RolloutState, clock: Clock) -> Step:
    """What a step needs to know to bring an effect about."""
    match effect:
        case Rehearse():
            return RehearseStep(program=state.program, phase=effect.phase, limits=state.limits, clock=clock)
        case Publish():
            return PublishStep(
                program=state.program,
                rollout_id=state.rollout_id,
                change=effect.change,
                standing=effect.standing,
                expects=state.published,
                reason=effect.reason,
                page_size=state.limits.page_size,
                clock=clock,
            )
        case TellPage():
            return TellPageStep(
                program=state.program,
                version=effect.version,
                page=effect.page,
                pages=effect.pages,
                is_everyone=effect.is_everyone,
                clock=clock,
            )
        case Gather():
            return GatherStep(
                program=state.program,
                phase=state.phase,
                brand=effect.brand,
                since=effect.since,
                began_at=effect.began_at,
                page_size=state.limits.page_size,
                clock=clock,
            )
