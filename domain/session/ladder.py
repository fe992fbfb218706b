"""The next command toward a goal.

Holds are cleared where they lie, charger first; a side that failed gives way to the other. Every rung has a time limit,
so that the ladder is known to end before the last safe start.
"""

from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from domain.commands import CommandOutcome, CommandResult, Goal, Proof
from domain.devices import Side
from domain.energy_flow import charger_offers
from domain.fusion import Picture
from domain.memo import remembered
from domain.pairing import is_confirmed
from domain.routing import device_at, route
from domain.session.state import Command, Night, OverrideKind, SessionState
from domain.session.switches import SWITCHES_PER_NIGHT, may_pulse, switches
from domain.traits import PROOF_SLACK, traits_of

LADDER_REST = timedelta(minutes=20)
"""After every rung failed: time before the ladder is climbed again."""


DEAF_AFTER = 4
DEAF_AFTER_AT_A_HOLD = 2
"""Starts that a car accepted and did not obey since it last charged, from which on it is left alone while no hold of
ours lies on it; fewer if its charger holds it, or may: each of them may have flipped it (F18). Even numbers leave such
a car as it was [count]."""

LAST_HOURS = timedelta(hours=2)
REST_AT_LAST = timedelta(minutes=8)
"""So near the departure the ladder rests shorter: there is not much else to try."""


class Rung(NamedTuple):
    """One command to try."""

    side: Side
    proof: Proof
    why: str


def next_rung(state: SessionState, goal: Goal, now: datetime, *, is_pressing: bool = False) -> Rung | None:
    """The next command toward `goal`; None when the ladder is exhausted or the budget spent.

    `is_pressing`: from the last safe start on, or by the driver's word, the reserve may be used.
    """
    if state.night is None or len(state.night.commands) >= _budget(state, goal, is_pressing=is_pressing):
        return None
    closed = failed_sides(state, goal, now) | barred_sides(state, goal, now, is_pressing=is_pressing)
    if goal is Goal.STOP:
        return _best(state, goal, closed | unsure_sides(state))
    if not _may_start(state, state.night):
        return None
    closed |= _deaf_sides(state)
    return _release(state, closed) or _best(state, goal, closed)


@remembered
def unsure_sides(state: SessionState) -> frozenset[Side]:
    """The charger, if a stop there might take energy from another car; one through the car itself never does (P11)."""
    if state.box is None or state.night is None:
        return frozenset()
    reopened_at = max((undone.at for undone in state.night.undone if undone.is_on), default=None)
    ids = state.box.device_id, state.car.device_id
    is_sure = is_confirmed(*ids, state.readings, state.traces, since=reopened_at)
    return frozenset() if is_sure else frozenset({Side.CHARGER})


def _may_start(state: SessionState, night: Night) -> bool:
    """What others stop again and again is left to them in the end (P8); a hold of ours is always released, and the
    driver's "charge now" is worth a start at least."""
    return bool(state.holds) or switches(night) < SWITCHES_PER_NIGHT or _must_obey(state, night)


def _must_obey(state: SessionState, night: Night) -> bool:
    word = state.override
    if word is None or word.kind is not OverrideKind.CHARGE_NOW:
        return False
    return not any(c.order.goal is Goal.START and c.begun_at >= word.since for c in night.commands)


def pulse_rung(state: SessionState, picture: Picture, now: datetime, *, is_pressing: bool = False) -> Rung | None:
    """Every start failed while the charger offers: its offer is taken away, to be given back, once per failed ladder.

    That wakes cars that sleep or went deaf in a long pause, and that cannot be commanded themselves (F1, F4, F25).
    """
    night, box = state.night, state.box
    if night is None or box is None or picture.is_flowing or picture.is_full or state.hold_on(Side.VEHICLE):
        return None
    if not all(Side.CHARGER in route(state, goal) for goal in Goal) or toggles(state, Side.CHARGER):
        return None
    if len(night.commands) >= _budget(state, Goal.START, is_pressing=is_pressing) or not may_pulse(night):
        return None
    if Side.CHARGER in barred_sides(state, Goal.START, now) | unsure_sides(state) or not _offers_in_vain(state, night):
        return None
    if any(c.order.is_pulse and now - c.begun_at < LADDER_REST for c in night.commands):
        return None
    return Rung(
        Side.CHARGER, Proof.HELD, "every start failed while the charger offers: its offer is taken away and given back"
    )


def _offers_in_vain(state: SessionState, night: Night) -> bool:
    """Whether the charger's last command was a start that it obeyed, as it says, and the car did not."""
    last = next((c for c in reversed(night.commands) if c.order.side is Side.CHARGER), None)
    if last is None or last.order.goal is not Goal.START or last.outcome is None:
        return False
    reading = state.readings.get(last.order.device_id)
    return last.outcome.result is CommandResult.UNPROVEN and charger_offers(reading) is True


def proof_limit(state: SessionState, side: Side) -> timedelta:
    """How long a command at this side may take to be measured before the other side is tried."""
    device = device_at(state, side) or state.car
    known = device.acts_within_seconds
    acts_within = traits_of(side, device.vendor).acts_within if known is None else timedelta(seconds=known)
    learnt = timedelta(seconds=state.acted_within_seconds.get(side, 0.0))
    return max(acts_within, learnt) + PROOF_SLACK


@remembered
def climb_time(state: SessionState, goal: Goal) -> timedelta:
    """How long the whole ladder may take: every side's rung one after the other."""
    return sum((proof_limit(state, side) for side in route(state, goal)), timedelta(0))


def toggles(state: SessionState, side: Side) -> bool:
    """Whether a repeated command flips the device at this side (F18)."""
    device = device_at(state, side)
    return device is not None and (device.toggles or traits_of(side, device.vendor).toggles)


def _budget(state: SessionState, goal: Goal, *, is_pressing: bool) -> int:
    return state.budgets.stops if goal is Goal.STOP else state.budgets.starts(is_pressing=is_pressing)


def _release(state: SessionState, closed: frozenset[Side]) -> Rung | None:
    """Holds of ours, charger first. Only clearing the last one can make energy flow."""
    held = [side for side in (Side.CHARGER, Side.VEHICLE) if state.hold_on(side) and device_at(state, side)]
    waiting = [side for side in held if side not in closed]
    if not waiting:
        return None
    proof = Proof.FLOW if held == [waiting[0]] else Proof.RELEASED
    hold = state.hold_on(waiting[0])
    doubt = "" if hold is None or hold.is_certain else " (asked for, never measured)"
    return Rung(waiting[0], proof, f"our hold lies on the {waiting[0].value}{doubt}: clear it there")


def _best(state: SessionState, goal: Goal, closed: frozenset[Side]) -> Rung | None:
    """The best side that did not just fail; one that failed earlier tonight comes last."""
    distrusted = _failed_tonight(state, goal)
    last = distrusted | (_offers_to_somebody(state) if goal is Goal.START else frozenset())
    sides = sorted((side for side in route(state, goal) if side not in closed), key=lambda side: side in last)
    if not sides:
        return None
    proof = Proof.FLOW if goal is Goal.START else Proof.NO_FLOW
    return Rung(sides[0], proof, _choice(sides[0], distrusted))


def _offers_to_somebody(state: SessionState) -> frozenset[Side]:
    """The charger, if it offers already and may hold another car: a start there cannot help, and one that toggles
    unmarked would take the other car's energy (F18, F62, P11)."""
    offers = state.box is not None and charger_offers(state.readings.get(state.box.device_id)) is True
    return unsure_sides(state) if offers else frozenset()


def _choice(side: Side, distrusted: frozenset[Side]) -> str:
    if side.other in distrusted:
        return f"the {side.other.value} did not obey: same goal through the {side.value}"
    if side is Side.CHARGER:
        return "charger first: the car is surely in it"
    return "no charger can do it for this car: through the car"


def _ended(state: SessionState, goal: Goal) -> list[Command]:
    commands = state.night.commands if state.night else ()
    return [c for c in commands if c.order.goal is goal and c.outcome is not None and _tells(c.outcome)]


def _tells(outcome: CommandOutcome) -> bool:
    """Whether it says something of the side: what was superseded by a newer intent does not."""
    return outcome.result is not CommandResult.SUPERSEDED


def _failed_tonight(state: SessionState, goal: Goal) -> frozenset[Side]:
    """Sides whose last try of this goal tonight failed, however long ago."""
    last = {c.order.side: c.outcome for c in _ended(state, goal)}
    return frozenset(side for side, outcome in last.items() if outcome is not None and not outcome.worked)


@remembered
def failed_sides(state: SessionState, goal: Goal, now: datetime) -> frozenset[Side]:
    """Sides that failed this goal since it last worked, recently enough to count."""
    failures: dict[Side, list[CommandOutcome]] = {}  # since it last worked
    for command in state.night.commands if state.night else ():
        outcome = command.outcome
        if outcome is None or not _tells(outcome) or (command.order.goal is not goal and not command.order.is_pulse):
            continue
        if outcome.worked or (command.order.is_pulse and goal is Goal.START):
            failures.pop(command.order.side, None)
        else:
            failures.setdefault(command.order.side, []).append(outcome)
    return frozenset(
        side
        for side, outcomes in failures.items()
        if now - outcomes[-1].ended_at < _rest(state, now) and not _only_woke(state, side, goal, outcomes)
    )


def _only_woke(state: SessionState, side: Side, goal: Goal, outcomes: list[CommandOutcome]) -> bool:
    """Whether a device that we hold may have lost one start: it wakes a car that slept (F1), and a box that ended its
    transaction at our stop (F22). The next one starts it."""
    if goal is not Goal.START or state.hold_on(side) is None or toggles(state, side) or state.leaving:
        return False
    if side is Side.CHARGER and (state.box is None or charger_offers(state.readings.get(state.box.device_id))):
        return False  # it obeyed: what does not charge is the car
    return len(outcomes) == 1 and outcomes[0].result is CommandResult.UNPROVEN


def _deaf_sides(state: SessionState) -> frozenset[Side]:
    """The car, if it obeyed none of many starts, and nothing of ours is to be released there."""
    results = [c.outcome.result for c in _ended(state, Goal.START) if c.outcome and c.order.side is Side.VEHICLE]
    in_vain = list(takewhile(lambda result: result is CommandResult.UNPROVEN, reversed(results)))
    if not state.boxes or state.hold_on(Side.VEHICLE) is not None:
        return frozenset()
    is_held = state.box is None or charger_offers(state.readings.get(state.box.device_id)) is False
    most = DEAF_AFTER_AT_A_HOLD if is_held else DEAF_AFTER
    return frozenset({Side.VEHICLE}) if len(in_vain) >= most else frozenset()


def _rest(state: SessionState, now: datetime) -> timedelta:
    is_last = state.night is not None and now >= state.night.departs_at - LAST_HOURS
    return REST_AT_LAST if is_last else LADDER_REST


def barred_sides(state: SessionState, goal: Goal, now: datetime, *, is_pressing: bool = False) -> frozenset[Side]:
    """Sides that must be left alone for now: no login, a ban, or a toggling device whose state is not known."""
    return frozenset(side for side in Side if _is_barred(state, side, goal, now, is_pressing=is_pressing))


def _is_barred(state: SessionState, side: Side, goal: Goal, now: datetime, *, is_pressing: bool) -> bool:
    device = device_at(state, side)
    if device is None:
        return False
    if now < state.banned_until.get(device.device_id, now):
        return True
    # A login may be called dead in an outage (F70): from the last safe start on a hold of ours is worth the question.
    may_ask = is_pressing and goal is Goal.START and state.hold_on(side) is not None
    if device.device_id in state.no_login and not may_ask:
        return True
    return toggles(state, side) and _may_have_flipped(state, side, goal)


def _may_have_flipped(state: SessionState, side: Side, goal: Goal) -> bool:
    """Whether the last command of this goal left us, was never measured, and the device has not spoken since."""
    last = next((c for c in reversed(_ended(state, goal)) if c.order.side is side), None)
    if last is None or last.outcome is None or last.outcome.worked or last.outcome.sent_at is None:
        return False
    reading = state.readings.get(last.order.device_id)
    return reading is None or reading.observed_at is None or reading.observed_at <= last.outcome.ended_at


def climbs_again_at(state: SessionState, goal: Goal, now: datetime) -> datetime | None:
    """When the first side that failed or is banned may be tried anew."""
    failed = failed_sides(state, goal, now)
    latest: dict[Side, datetime] = {}
    for command in _ended(state, goal):
        if command.outcome is not None and command.order.side in failed and not command.outcome.worked:
            latest[command.order.side] = command.outcome.ended_at + _rest(state, now)
    for side in route(state, goal):
        device = device_at(state, side)
        until = state.banned_until.get(device.device_id) if device is not None else None
        if until is not None and until > now:
            latest[side] = max(until, latest.get(side, until))
    return min(latest.values(), default=None)
