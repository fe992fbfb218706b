"""The promises that one night can break (P2 to P11, P17); P1 is part of the verdict.

Each check sees the truth and our words alone. What it takes for broken is in its docstring.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from nights.judge.truth import Truth
from nights.judge.verdict import NEARLY_PCT, WARNINGS, is_ready, left_to_driver

SWITCHES = 6
"""Most times a night that we may turn the car on or off [count]."""

SIDES = ("charger", "vehicle")

TO_ACT = timedelta(minutes=45)
"""Both rungs of the ladder on the slowest brand."""

PROVEN_WITHIN = timedelta(minutes=10)
"""Energy this near to a proof must be true."""

HELD_TOO_LONG = timedelta(minutes=30)
"""A hold of ours in force for this long after the last safe start is left behind."""

METER_SHARE = 0.05
"""Bills from readings every few minutes may err by this share of the energy."""


def flowed(truth: Truth, starts_at: datetime, ends_at: datetime) -> bool:
    return bool(truth.flows(starts_at, ends_at))


def last_safe_start(truth: Truth) -> datetime:
    """The last instant from which the rest could still be charged without a pause."""
    at = truth.judged_at
    while at > truth.plugged_in_at:
        hours = sum(span for span, _ in truth.hours_to(truth.soc_pct(at), truth.wish.target_pct))
        if at + timedelta(hours=hours) <= truth.judged_at:
            return at
        at -= timedelta(minutes=5)
    return truth.plugged_in_at


LADDER = timedelta(hours=1)
"""So long before the last safe start everything that can start the car should be asked."""


def wait_ends_at(truth: Truth) -> datetime:
    """When the wait for cheaper hours ended, or should have: at the first start or warning after our last stop, or an
    hour before the last safe start."""
    begun = max((r.at for r in truth.relays if r.is_ours and r.now == "open"), default=truth.plugged_in_at)
    starts = [command.at for command in truth.commands if command.kind == "START" and command.at > begun]
    warned = [word.at for word in truth.words if word.kind in WARNINGS and word.at > begun]
    return max(begun, min([*starts, *warned, last_safe_start(truth) - LADDER]))


def our_holds(truth: Truth, starts_at: datetime, ends_at: datetime) -> timedelta:
    """How long a relay that we opened stayed open within the span, over both sides."""
    return sum((_held(truth, side, starts_at, ends_at) for side in SIDES), timedelta(0))


def left_alone(truth: Truth, starts_at: datetime, ends_at: datetime) -> timedelta:
    """How long our holds lay within the span on sides that we did not even ask to start, then or shortly before. What
    has left our hands can be asked no more (F38): that time counts only if we knew of it and did not ask in time."""
    return sum(
        (
            _held(truth, side, starts_at, min(ends_at, _reachable_until(truth, side)))
            for side in SIDES
            if not any(
                command.side == side and command.kind == "START" and starts_at - TO_ACT <= command.at <= ends_at
                for command in truth.commands
            )
        ),
        timedelta(0),
    )


def _reachable_until(truth: Truth, side: str) -> datetime:
    """Until when we could have asked this side to start; for ever, if we were told that it leaves and did not ask."""
    gone = next((gone for gone in truth.gone if gone.side == side), None)
    if gone is None:
        return truth.judged_at
    was_asked = gone.announced_at is None or any(
        command.side == side and command.kind == "START" and gone.announced_at <= command.at <= gone.at
        for command in truth.commands
    )
    return gone.at if was_asked else truth.judged_at


def _held(truth: Truth, side: str, starts_at: datetime, ends_at: datetime) -> timedelta:
    held, opened = timedelta(0), None
    for relay in (relay for relay in truth.relays if relay.side == side):
        if opened is not None:
            held += max(timedelta(0), min(relay.at, ends_at) - max(opened, starts_at))
        opened = relay.at if relay.now == "open" and relay.is_ours else None
    return held if opened is None else held + max(timedelta(0), ends_at - max(opened, starts_at))


def strands(truth: Truth) -> bool:
    """P2: a car that could have been ready is not; after the last safe start our hold was in force, and we did not
    even ask the side on which it lies to start. Or we hold a car whose driver has left us."""
    if truth.erased_at is not None:
        if truth.acts and truth.acts[-1].act == "stay_stopped":
            return False  # what holds the car is the driver's own word
        return our_holds(truth, truth.erased_at, truth.judged_at) > HELD_TOO_LONG
    if is_ready(truth) or left_to_driver(truth) or truth.possible_pct < truth.wish.target_pct - NEARLY_PCT:
        return False
    return left_alone(truth, last_safe_start(truth), truth.judged_at) > HELD_TOO_LONG


def claims_untrue(truth: Truth) -> bool:
    """P3: a start is called proven without energy that flows, or a side released while our hold lies there."""
    proven = [claim for claim in truth.claims if claim.goal == "start" and claim.result == "proven"]
    return any(
        _held(truth, claim.side, claim.ended_at - timedelta(seconds=1), claim.ended_at) > timedelta(0)
        if claim.proof == "released"
        else not flowed(truth, claim.sent_at - PROVEN_WITHIN, claim.ended_at + timedelta(minutes=1))
        for claim in proven
        if claim.sent_at is not None
    )


def deadlocks(truth: Truth) -> bool:
    """P4: we ask one side to start, and nothing flows for an hour with time left, because our hold lies on the other
    side, which we do not ask."""
    starts = [command.at for command in truth.commands if command.kind == "START"]
    if is_ready(truth) or left_to_driver(truth) or not starts:
        return False
    first, last = starts[0], truth.judged_at
    stops = [command.at for command in truth.commands if command.kind == "STOP" and command.at > first]
    if stops or last - first < timedelta(hours=1):
        return False
    return not flowed(truth, first, last) and left_alone(truth, first, last) > timedelta(minutes=55)


def repeats(truth: Truth) -> bool:
    """P6: one command of ours moved a relay twice, or against its word."""
    ours = [(relay.cause, relay.side) for relay in truth.relays if relay.is_ours]
    is_against = any((relay.now == "open") != (":STOP:" in relay.cause) for relay in truth.relays if relay.is_ours)
    return is_against or len(ours) > len(set(ours))


def overrules_driver(truth: Truth) -> bool:
    """P7: after "charge now" we stopped a car below its target, or after "stay stopped" we started it."""
    acts = [act for act in truth.acts if act.act != "set_wish"]
    for index, act in enumerate(acts):
        until = acts[index + 1].at if index + 1 < len(acts) else truth.judged_at
        wrong = {"charge_now": "STOP", "stay_stopped": "START"}.get(act.act)
        is_undone = any(act.at < command.at < until and command.kind == wrong for command in truth.commands)
        if is_undone and (wrong == "START" or truth.soc_pct(until) < truth.wish.target_pct):
            return True
    return False


def fights(truth: Truth) -> bool:
    """P8: more than six switches of ours in a night: from a plug-in, or from the departure, to the unplug or there."""
    edges = sorted({truth.wish.departs_at, *(begun for begun, _ in truth.plugged)})
    nights = Counter(sum(edge <= relay.at for edge in edges) for relay in truth.relays if relay.is_ours)
    return any(count > SWITCHES for count in nights.values())


def misbills(truth: Truth) -> bool:
    """P10: the bill's slots do not add up to its cost to the cent; or a healthy night's energy is off the truth."""
    for bill in truth.bills:
        if abs(sum(price * energy for _, _, price, energy in bill.slots) - bill.cost) >= 0.005:
            return True
    if truth.faults or not truth.bills:
        return False
    true_kwh = truth.energy_kwh(truth.plugged_in_at, truth.unplugged_at)
    return abs(sum(bill.energy_kwh for bill in truth.bills) - true_kwh) > max(METER_SHARE * true_kwh, 0.5)


def stops_another(truth: Truth) -> bool:
    """P11: a stop reached a car that the session was not about."""
    return truth.wrong_stops > 0


def unexplained(truth: Truth) -> bool:
    """P17: a command reached a vendor that the night log gives no reason for, then or before. A step that a dying
    worker left behind may ask again for the same reason; whether that moved a relay twice is P6's question."""
    return any(
        not any(
            (reason.side, reason.kind) == (command.side, command.kind) and reason.at <= command.at
            for reason in truth.reasons
        )
        for command in truth.commands
    )


CHECKS: dict[str, Callable[[Truth], bool]] = {
    "P2": strands,
    "P3": claims_untrue,
    "P4": deadlocks,
    "P6": repeats,
    "P7": overrules_driver,
    "P8": fights,
    "P10": misbills,
    "P11": stops_another,
    "P17": unexplained,
}


def broken_promises(truth: Truth) -> tuple[str, ...]:
    """The promises this night broke, P1 aside."""
    return tuple(name for name, breaks in CHECKS.items() if breaks(truth))
