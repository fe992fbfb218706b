"""The verdict on one night: ready, possible, told, what it cost, and which promises broke."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nights.judge.optimum import least_cost
from nights.judge.truth import HOUR, Truth

NEARLY_PCT = 0.5
"""A level this near the target is ready: levels are told in whole percents [%]."""

EARLY = timedelta(minutes=1)
"""A cable pulled this long before departure was pulled early."""

TO_SAY_IT = timedelta(minutes=30)
"""After the point of no return, or after what caused it, the driver must have heard within this."""

WARNINGS = frozenset({"at_risk", "act_now"})


@dataclass(frozen=True)
class Verdict:
    """One night, judged."""

    k: int
    faults: tuple[str, ...]
    is_ready: bool
    is_possible: bool
    is_told: bool
    is_silent_miss: bool
    is_told_late: bool
    is_lost_waiting: bool  # possible, but no longer when the wait for cheaper hours was over or a sign came
    is_beyond_switches: bool  # possible, but only with more relays moved than promised (P8)
    is_left_to_driver: bool  # the driver left early, or wanted no charge: readiness was not ours to bring about
    commands: int
    cost: float
    least_cost: float
    broken: tuple[str, ...] = ()
    spread_seconds: tuple[float, ...] = ()

    @property
    def is_false_alarm(self) -> bool:
        return self.is_told and self.is_ready


def is_ready(truth: Truth) -> bool:
    """Whether the target was there when the driver left."""
    return truth.soc_pct(truth.judged_at) >= truth.wish.target_pct - NEARLY_PCT


def left_to_driver(truth: Truth) -> bool:
    """Whether the driver left early, plugged in elsewhere, left us, or said that nothing shall be charged."""
    if truth.is_away or truth.erased_at is not None or truth.unplugged_at < truth.wish.departs_at - EARLY:
        return True
    last = [act.act for act in truth.acts if act.act != "set_wish" and act.at < truth.judged_at]
    return bool(last) and last[-1] in ("stay_stopped", "skip_night")


def warned_at(truth: Truth) -> datetime | None:
    """When the driver first heard that the car might not be ready."""
    heard = [word.at for word in truth.words if word.kind in WARNINGS and word.at <= truth.judged_at]
    return min(heard, default=None)


def no_return_at(truth: Truth) -> datetime:
    """From when on the target could not be reached any more, whatever anybody did. That a battery takes less power near
    its top is known once it shows, not before."""
    step, at = timedelta(minutes=5), truth.plugged_in_at
    while at < truth.judged_at:
        hours = _hours_as_it_seems(truth, truth.soc_pct(at))
        if at + hours * HOUR > truth.judged_at:
            return at
        at += step
    return truth.judged_at


def _hours_as_it_seems(truth: Truth, soc_pct: float) -> float:
    """Hours to the target at the power that the battery takes at this level, or less where it takes less already."""
    if soc_pct >= truth.bands[0].up_to_pct:
        return sum(span for span, _ in truth.hours_to(soc_pct, truth.wish.target_pct))
    missing_kwh = max(truth.wish.target_pct - soc_pct, 0.0) / 100 * truth.capacity_kwh / truth.efficiency
    return missing_kwh / truth.bands[0].kw


def known_impossible_at(truth: Truth) -> datetime:
    """From when on it could be known that the target is out of reach: not before the first true word on the level."""
    return max(no_return_at(truth), truth.misled_until or truth.plugged_in_at)


def judge(truth: Truth, broken: tuple[str, ...]) -> Verdict:
    """The verdict; `broken` names the promises beside P1 that the night broke."""
    ready, exempt, warned = is_ready(truth), left_to_driver(truth), warned_at(truth)
    is_miss = not ready and not exempt
    is_late = is_miss and warned is not None and warned > min(known_impossible_at(truth) + TO_SAY_IT, truth.judged_at)
    is_silent = is_miss and warned is None
    first, last = truth.plugged_in_at, truth.judged_at
    return Verdict(
        k=truth.k,
        faults=truth.faults,
        is_ready=ready,
        is_possible=ready or truth.possible_pct >= truth.wish.target_pct - NEARLY_PCT,
        is_lost_waiting=not ready and truth.possible_after_waiting_pct < truth.wish.target_pct - NEARLY_PCT,
        is_beyond_switches=not ready and truth.possible_in_six_pct < truth.wish.target_pct - NEARLY_PCT,
        is_told=warned is not None,
        is_silent_miss=is_silent,
        is_told_late=is_late,
        is_left_to_driver=exempt,
        commands=len(truth.commands),
        cost=truth.cost(first, last),
        least_cost=least_cost(truth, truth.soc_pct(first), truth.soc_pct(last), first, last),
        spread_seconds=truth.spread_seconds,
        broken=(*(("P1",) if is_silent or is_late else ()), *broken),
    )
