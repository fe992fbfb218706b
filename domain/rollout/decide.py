"""`decide(state, now) -> RolloutDecision`: what a rollout does next, and why. Rules are found by their name."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from domain.machine import to_rest
from domain.rollout.apply import begun
from domain.rollout.effects import (
    AskOperator,
    Close,
    Gather,
    MoveOn,
    Publish,
    Rehearse,
    Renew,
    RolloutDecision,
    RolloutEffect,
    TellPage,
    Vitals,
    WakeAt,
)
from domain.rollout.judge import Judgement, Move, judge
from domain.rollout.standing import TARGETED_DRIVERS, Phase
from domain.rollout.state import RolloutState


def decide(
    state: RolloutState, now: datetime, seen: int = 0, vitals: Vitals | None = None, attempt: int = 0
) -> RolloutDecision:
    """All that is to be done at `now`, to rest."""
    is_long = (vitals or Vitals()).continue_as_new_suggested
    state, effects = to_rest(state, now, partial(_rules, is_long=is_long), begun)
    if state.soak is not None and not (state.ends_because or state.under_way or _is_resting(state)):
        effects.append(WakeAt(at=state.soak.look_at, reason="look at what was measured"))
    if is_long and not is_busy(state) and not state.ends_because:
        effects.append(Renew(reason="the history has grown long and nothing is under way"))
    return RolloutDecision(at=now, seen=seen, attempt=attempt, effects=tuple(effects))


def is_busy(state: RolloutState) -> bool:
    """Whether a step's answer is still to come."""
    return bool(state.under_way) or (state.spread is not None and bool(state.spread.in_flight))


def _is_resting(state: RolloutState) -> bool:
    """Whether it waits for an operator's word, and for nothing else."""
    return state.is_stopped or bool(state.is_asking)


def _rules(state: RolloutState, now: datetime, *, is_long: bool) -> Iterator[RolloutEffect]:
    """One thing after the other: the first rule that has something to do is the only one."""
    if state.ends_because or is_long:
        return
    for rule in (rehearse_first, spread_out, obey_on_brand, judge_the_soak, begin_the_brand, publish, gather, close):
        effects = list(rule(state, now))
        if effects:
            yield from effects
            return


def rehearse_first(state: RolloutState, now: datetime) -> Iterator[RolloutEffect]:
    """Nothing is asked of anybody before it is known who would be asked what."""
    if state.rehearsal is None and not (state.under_way or state.is_stopped or state.is_leaving or state.is_asking):
        yield Rehearse(phase=state.phase, reason="who would be asked what, and why")


def spread_out(state: RolloutState, now: datetime) -> Iterator[RolloutEffect]:
    """Pages of drivers, a few at a time; the next begins when one ends."""
    spread = state.spread
    if spread is None or state.is_stopped or state.is_asking:
        return
    waiting = [*spread.lost, *range(spread.next_page, spread.pages)]
    for page in waiting[: state.limits.window - len(spread.in_flight)]:
        yield TellPage(
            page=page,
            pages=spread.pages,
            version=spread.version,
            is_everyone=spread.is_everyone,
            reason=f"version {spread.version}, page {page + 1} of {spread.pages}",
        )


def obey_on_brand(state: RolloutState, now: datetime) -> Iterator[RolloutEffect]:
    """An operator's decision on the brand under way."""
    if state.word and state.brand is not None and state.is_free:
        yield MoveOn(move=Move(state.word), brand=state.brand, reason=state.word_reason)


def judge_the_soak(state: RolloutState, now: datetime) -> Iterator[RolloutEffect]:
    """Evidence that was not acted on yet."""
    soak = state.soak
    if soak is None or soak.is_judged or soak.evidence is None or not state.is_free:
        return
    if state.phase is Phase.OPTIONAL:
        judgement = _measured(soak.nights, state.limits.soak_nights)
    else:
        judgement = judge(soak.evidence, state.limits, soak.nights)
    if judgement.move is Move.WIDEN and not state.is_enabled_here:
        judgement = Judgement(move=Move.ASK_OPERATOR, reason=f"{state.brand} is no longer enabled for linking here")
    yield MoveOn(move=judgement.move, brand=state.brand, reason=judgement.reason)


def _measured(nights: int, wanted: int) -> Judgement:
    """Phase 1 has no pass mark: nobody must link. Its effect is measured and told."""
    if nights < wanted:
        return Judgement(move=Move.HOLD, reason=f"night {nights} of {wanted}")
    return Judgement(move=Move.WIDEN, reason=f"measured for {nights} nights")


def begin_the_brand(state: RolloutState, now: datetime) -> Iterator[RolloutEffect]:
    """The first share of the next brand; an incapable brand must be enabled here and at the vendor first (S40)."""
    brand = state.brand
    if brand is None or state.share >= 0 or not state.is_free or state.wanted != state.published:
        return
    if state.phase is Phase.EXTENDED:
        if not state.is_enabled_here:
            yield AskOperator(reason=f"{brand} is not enabled for linking here: enable it in the program, then say go")
            return
        if brand.casefold() not in state.confirmed:
            yield AskOperator(reason=f"confirm that {brand} is enabled at the vendor, too")
            return
    yield MoveOn(move=Move.WIDEN, brand=brand, reason=_first_reason(state, brand))


def _first_reason(state: RolloutState, brand: str) -> str:
    if state.phase is Phase.OPTIONAL:
        return "recommended to all who linked a vehicle"
    if state.phase is Phase.EXTENDED:
        return f"enabled here, and at the vendor by {state.confirmed[brand.casefold()]}"
    return "drivers in trouble" if brand == TARGETED_DRIVERS else "not reliable enough alone"


def publish(state: RolloutState, now: datetime) -> Iterator[RolloutEffect]:
    """A standing that is wanted and not published; in the end the last one for everyone."""
    if not state.is_free:
        return
    is_end = not state.brands
    if state.wanted != state.published:
        reason = state.wanted_reason
    elif is_end and state.change > 0 and not state.is_spread_out:
        reason = "the rollout has come to its end"
    else:
        return
    yield Publish(change=state.change + 1, standing=state.wanted, is_everyone=is_end, reason=reason)


def gather(state: RolloutState, now: datetime) -> Iterator[RolloutEffect]:
    """Once a night, while a share soaks."""
    soak = state.soak
    if soak is not None and soak.is_judged and now >= soak.look_at and not (state.under_way or _is_resting(state)):
        began_at = state.began_at or soak.began_at
        yield Gather(brand=state.brand, since=soak.began_at, began_at=began_at, reason="a night has passed")


def close(state: RolloutState, now: datetime) -> Iterator[RolloutEffect]:
    """The end: a dry run told, everything rolled out, or taken back."""
    if state.is_dry and state.rehearsal is not None:
        yield Close(reason="a dry run: nobody was asked")
    elif state.is_free and state.brands == () and state.wanted == state.published and _is_told(state):
        yield Close(reason=_why_over(state))


def _why_over(state: RolloutState) -> str:
    if state.treated and not state.is_leaving:
        return "every brand was treated"
    return state.wanted_reason or "no brand is asked anything else"


def _is_told(state: RolloutState) -> bool:
    return state.change == 0 or state.is_spread_out


__all__ = ["decide", "is_busy"]
