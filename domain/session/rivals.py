"""Somebody else is in control: what others did to the flow, and when to give way (F27-F31).

A change counts as theirs if no command of ours asked for it and the car had no reason of its own. We restore what we
want twice at most; then the car is left to them, the driver is told, and only the last safe start overrules.
"""

from datetime import datetime, timedelta

from domain.commands import CommandResult, Goal
from domain.fusion import Picture
from domain.memo import remembered
from domain.session.state import FlowSeen, Night, SessionState, Undone
from domain.session.switches import may_stop_at_the_target

OURS_FOR = timedelta(minutes=2)
"""A change this soon after a proven command of ours still belongs to it: two ends tell it one after the other."""

LATE_FOR = timedelta(minutes=30)
"""A command that was not measured may still take effect for this long (F21)."""

RESTORED_AT_MOST = 2
"""How often a change of theirs is undone, each way."""

NEARLY_PCT = 5.0
"""A car this near its limit may end the charge by itself [%]."""

SHORT_RUN = timedelta(minutes=5)
SHORT_RUNS = 3
SHORT_RUNS_WITHIN = timedelta(minutes=15)
"""Three short starts within this time: something aborts the charge, and trying on only wears (F27)."""

ABORT_REST = timedelta(minutes=45)
"""After starts that broke off: time before one more is tried."""


def seen(state: SessionState, picture: Picture) -> SessionState:
    """The state after the flow was measured, with what somebody else did to it."""
    is_on, at = picture.is_flowing, picture.flow_at
    if is_on is None or at is None:
        return state
    before = state.flow
    if before is not None and (before.is_on is is_on or at <= before.since):
        return state
    if before is not None and state.night is not None and _is_theirs(state, state.night, picture, at, is_on=is_on):
        undone = Undone(at=at, is_on=is_on, ran_for_seconds=(at - before.since).total_seconds())
        night = state.night.model_copy(update={"undone": (*state.night.undone, undone)})
        state = state.model_copy(update={"night": night})
    state = _note_late_effect(state, Goal.START if is_on else Goal.STOP, at)
    return state.model_copy(update={"flow": FlowSeen(is_on=is_on, since=at)})


def _note_late_effect(state: SessionState, goal: Goal, at: datetime) -> SessionState:
    """A command that took effect after it was given up: this device needs more time (F4, F21)."""
    commands = state.night.commands if state.night is not None else ()
    given_up = [c for c in commands if c.outcome is not None and c.outcome.result is CommandResult.UNPROVEN]
    last = next((c for c in reversed(given_up) if c.order.goal is goal), None)
    if last is None:
        return state
    took = at - last.begun_at
    if not timedelta(0) < took <= LATE_FOR:
        return state
    side, seconds = last.order.side, took.total_seconds()
    known = state.acted_within_seconds
    return state.model_copy(update={"acted_within_seconds": {**known, side: max(seconds, known.get(side, 0.0))}})


def _is_theirs(state: SessionState, night: Night, picture: Picture, at: datetime, *, is_on: bool) -> bool:
    if picture.is_plugged is False or _is_ours(night, Goal.START if is_on else Goal.STOP, at):
        return False
    if is_on:
        return any(hold.is_certain for hold in state.holds)  # else it was free to begin by itself (F30)
    limit = picture.charge_limit_pct or 100.0
    may_be_full = picture.soc_pct is not None and picture.soc_pct + NEARLY_PCT >= min(limit, night.target_soc_pct)
    return not (picture.is_full or may_be_full or picture.has_fault)


def _is_ours(night: Night, goal: Goal, at: datetime) -> bool:
    for command in night.commands:
        outcome = command.outcome
        if command.order.goal is not goal:
            continue
        if outcome is None:
            return True
        is_open_ended = outcome.sent_at is not None and outcome.result is not CommandResult.PROVEN
        if command.begun_at <= at <= outcome.ended_at + (LATE_FOR if is_open_ended else OURS_FOR):
            return True
    return False


def starts_of_theirs(night: Night) -> int:
    return sum(undone.is_on for undone in night.undone)


def stops_of_theirs(night: Night) -> int:
    return sum(not undone.is_on for undone in night.undone)


@remembered
def is_conceded(night: Night) -> bool:
    """Whether others undid us more often than we may restore it, or do it both ways. What breaks off, nobody wills."""
    starts, stops = starts_of_theirs(night), stops_of_theirs(night)
    if aborts(night):
        stops -= len(_short_runs(night))
    return max(starts, stops) > RESTORED_AT_MOST or (starts > 0 and stops > 0)


def rests_until(night: Night, now: datetime) -> datetime:
    """Until when no start is tried because the last ones broke off; `now` if none is in the way. One start after a
    rest shows whether the cause is gone (F14), as long as the night's switches allow for it."""
    if not aborts(night):
        return now
    return _short_runs(night)[-1] + ABORT_REST if may_stop_at_the_target(night) else night.departs_at


def _short_runs(night: Night) -> list[datetime]:
    return [
        u.at
        for u in night.undone
        if not u.is_on and u.ran_for_seconds is not None and u.ran_for_seconds <= SHORT_RUN.total_seconds()
    ]


@remembered
def aborts(night: Night) -> bool:
    """Whether charging broke off three times shortly after it began (F27)."""
    short = _short_runs(night)
    return any(
        short[n + SHORT_RUNS - 1] - short[n] <= SHORT_RUNS_WITHIN + SHORT_RUNS * SHORT_RUN
        for n in range(len(short) - SHORT_RUNS + 1)
    )
