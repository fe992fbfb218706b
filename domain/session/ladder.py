"""The next command toward a goal.

Holds are cleared where they lie, charger first; a side that failed gives way to the other.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.commands import Goal, Proof
from domain.devices import Side
from domain.routing import device_at, route
from domain.session.state import SessionState

LADDER_REST = timedelta(minutes=20)
"""After every rung failed: time before the ladder is climbed again."""

MAX_COMMANDS_PER_NIGHT = 24
"""Budget of commands [count]; a stop may use all but the reserve."""

RESERVED_FOR_START = 16
"""Commands kept for starting the car [count]."""


RESERVED_FOR_LAST = 16
"""Commands beyond the budget for starts from the last safe start on, or by the driver's word [count]."""


class Rung(NamedTuple):
    """One command to try."""

    side: Side
    proof: Proof
    why: str


def next_rung(state: SessionState, goal: Goal, now: datetime, *, is_pressing: bool = False) -> Rung | None:
    """The next command toward `goal`; None when the ladder is exhausted or the budget spent.

    `is_pressing`: from the last safe start on, or by the driver's word, the reserve may be used.
    """
    if state.night is None or len(state.night.commands) >= _budget(goal, is_pressing=is_pressing):
        return None
    failed = failed_sides(state, goal, now)
    if goal is Goal.STOP:
        return _best(state, goal, failed)
    return _release(state, failed) or _best(state, goal, failed)


def _budget(goal: Goal, *, is_pressing: bool) -> int:
    if goal is Goal.STOP:
        return MAX_COMMANDS_PER_NIGHT - RESERVED_FOR_START
    return MAX_COMMANDS_PER_NIGHT + (RESERVED_FOR_LAST if is_pressing else 0)


def _release(state: SessionState, failed: frozenset[Side]) -> Rung | None:
    """Holds of ours, charger first. Only clearing the last one can make energy flow."""
    held = [side for side in (Side.CHARGER, Side.VEHICLE) if state.hold_on(side) and device_at(state, side)]
    waiting = [side for side in held if side not in failed]
    if not waiting:
        return None
    proof = Proof.FLOW if held == [waiting[0]] else Proof.RELEASED
    hold = state.hold_on(waiting[0])
    doubt = "" if hold is None or hold.is_certain else " (asked for, never measured)"
    return Rung(waiting[0], proof, f"our hold lies on the {waiting[0].value}{doubt}: clear it there")


def _best(state: SessionState, goal: Goal, failed: frozenset[Side]) -> Rung | None:
    """The best side that did not just fail; one that failed earlier tonight comes last."""
    distrusted = _failed_tonight(state, goal)
    sides = sorted((side for side in route(state, goal) if side not in failed), key=lambda side: side in distrusted)
    if not sides:
        return None
    proof = Proof.FLOW if goal is Goal.START else Proof.NO_FLOW
    return Rung(sides[0], proof, _choice(sides[0], distrusted))


def _choice(side: Side, distrusted: frozenset[Side]) -> str:
    if side.other in distrusted:
        return f"the {side.other.value} did not obey: same goal through the {side.value}"
    if side is Side.CHARGER:
        return "charger first: the car is surely in it"
    return "no charger can do it for this car: through the car"


def _failed_tonight(state: SessionState, goal: Goal) -> frozenset[Side]:
    """Sides whose last try of this goal tonight failed, however long ago."""
    last = {c.order.side: c.outcome for c in (state.night.commands if state.night else ()) if c.order.goal is goal}
    return frozenset(side for side, outcome in last.items() if outcome is not None and not outcome.worked)


def failed_sides(state: SessionState, goal: Goal, now: datetime) -> frozenset[Side]:
    """Sides that failed this goal since it last worked, recently enough to count."""
    failed: set[Side] = set()
    for command in state.night.commands if state.night else ():
        outcome = command.outcome
        if outcome is None or command.order.goal is not goal:
            continue
        if outcome.worked:
            failed.discard(command.order.side)
        elif now - outcome.ended_at < LADDER_REST:
            failed.add(command.order.side)
    return frozenset(failed)


def climbs_again_at(state: SessionState, goal: Goal, now: datetime) -> datetime | None:
    """When the first failed side may be tried anew."""
    failed = failed_sides(state, goal, now)
    ended = [
        c.outcome.ended_at
        for c in (state.night.commands if state.night else ())
        if c.outcome is not None and c.order.goal is goal and c.order.side in failed and not c.outcome.worked
    ]
    return max(ended) + LADDER_REST if ended else None
