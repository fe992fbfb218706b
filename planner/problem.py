"""A planning problem in numbers: the one place where quantities are scaled and rounded for the solvers.

| quantity | unit here | rounding | largest value |
|---|---|---|---|
| energy of a slot, room, floor of a slot | 0.1 Wh (meter) | to nearest | 2^31 |
| energy needed (`need_dwh`) | 0.1 Wh (meter) | up: toward charging | 2^31 |
| on-time of a slot | ms | to nearest | 2^40 |
| on-time needed (`OnOff.least_ms`) | ms | up: toward charging | 2^40 |
| money of a night | 1e-9 currency, or a coarser power of ten; tie-breaks below it | to nearest | 2^58 |

Costs and energies of the plan are computed from the chosen slots in floating point, never from these integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil, floor, gcd

from domain.plan import PlanProblem

DWH_PER_KWH = 10_000  # 0.1 Wh: 7e-5 of a night's energy at most
MS_PER_HOUR = 3_600_000
FINEST_MONEY = 1e9  # units per currency unit
LARGEST_MONEY = 2.0**58  # a whole night with tie-breaks: sums and differences of two stay inside 64 bits
SMALLEST_KWH = 1e-9  # energies below are rounding noise of the caller's subtraction

_MS = timedelta(milliseconds=1)


class SolverFailed(Exception):
    """A solver gave no usable answer in its limits; the caller takes the next one, at last the closed form."""


@dataclass(frozen=True, slots=True)
class Taper:
    """How the most energy of a slot falls with what was drawn before it [kWh at the meter] (8.1)."""

    begins_kwh: float  # drawn energy at which power begins to fall; below 0: it has
    high_kwh: list[float]  # per slot, with nothing drawn
    fall: list[float]  # per slot, per kWh drawn: 0..1

    def most_kwh(self, t: int, drawn: float) -> float:
        return max(0.0, self.high_kwh[t] - self.fall[t] * drawn)


@dataclass(frozen=True, slots=True)
class Night:
    """One car's night as plain columns [kWh at the meter, currency]; slot `t` of `n`."""

    problem: PlanProblem  # its prices carry risk premium and carbon weight
    billed_per_kwh: tuple[float, ...]  # prices as they will be paid
    n: int
    length_ms: list[float]
    step_kwh: list[float]  # energy of slot t at full power
    need_kwh: float  # to the target, 0 if reached
    room_kwh: float  # to the full battery
    first_kwh: float  # to the minimum level
    floor_kwh: list[float]  # slot t draws at least this (minimum level, frozen on)
    ceiling_kwh: list[float]  # slot t draws at most this (frozen off)
    frozen: int  # so many slots keep the state of the start
    taper: Taper | None = None

    def most_kwh(self, t: int, drawn: float) -> float:
        """What slot `t` can take at most after `drawn` kWh, whatever its floor and ceiling."""
        most = min(self.step_kwh[t], max(0.0, self.room_kwh - drawn))
        return most if self.taper is None else min(most, self.taper.most_kwh(t, drawn))


def lengths_ms(edges: Sequence[datetime]) -> list[float]:
    """Length of every slot [ms]."""
    return [(b - a).total_seconds() * 1e3 for a, b in pairwise(edges)]


def read(problem: PlanProblem, lengths: list[float] | None = None) -> Night:
    """The night's columns; needs are turned from battery to meter side here. `lengths` of the slots, if known [ms]."""
    edges = problem.edges
    power = problem.max_power_kw
    lengths = lengths_ms(edges) if lengths is None else lengths
    step = [power * (ms / MS_PER_HOUR) for ms in lengths]
    n = len(step)
    room = max(0.0, problem.battery_capacity_kwh - problem.soc_dc_kwh) / problem.efficiency
    need = min(max(0.0, problem.target_dc_kwh - problem.soc_dc_kwh) / problem.efficiency, room)
    first = min(max(0.0, problem.min_dc_kwh - problem.soc_dc_kwh) / problem.efficiency, room)
    frozen = 0
    if problem.frozen_until is not None:
        frozen = sum(1 for edge in edges[:-1] if edge < problem.frozen_until)
    taper = _taper(problem, lengths)
    floors, ceilings = _limits(step, frozen, problem.is_on_at_start, first, room, taper)
    steered = _steered(problem, step)
    return Night(steered, problem.price_per_kwh, n, lengths, step, need, room, first, floors, ceilings, frozen, taper)


def _taper(problem: PlanProblem, lengths: list[float]) -> Taper | None:
    if problem.taper_from_dc_kwh is None:
        return None
    level = min(problem.soc_dc_kwh, problem.battery_capacity_kwh)
    begins = (problem.taper_from_dc_kwh - level) / problem.efficiency
    span = (problem.battery_capacity_kwh - problem.taper_from_dc_kwh) / problem.efficiency
    slope = (problem.max_power_kw - problem.taper_end_power_kw) / span  # kW per kWh drawn
    hours = [ms / MS_PER_HOUR for ms in lengths]
    high = [h * (problem.max_power_kw + slope * begins) / (1 + h * slope) for h in hours]
    return Taper(begins, high, [h * slope / (1 + h * slope) for h in hours])


def _steered(problem: PlanProblem, step: list[float]) -> PlanProblem:
    """The problem with risk premium and carbon weight in its prices (1.2)."""
    prices = problem.price_per_kwh
    if problem.risk_premium:
        prices = tuple(p + premium / kwh for p, premium, kwh in zip(prices, problem.risk_premium, step, strict=True))
    if problem.carbon_g_per_kwh and problem.carbon_cost_per_kg:
        per_g = problem.carbon_cost_per_kg / 1000
        prices = tuple(p + grams * per_g for p, grams in zip(prices, problem.carbon_g_per_kwh, strict=True))
    return problem if prices is problem.price_per_kwh else problem.model_copy(update={"price_per_kwh": prices})


def _limits(
    step: list[float], frozen: int, is_on: bool, first: float, room: float, taper: Taper | None
) -> tuple[list[float], list[float]]:
    """Least and most energy per slot: frozen slots first, then full power until the minimum level is in."""

    def full(t: int) -> float:
        return step[t] if taper is None else min(step[t], taper.most_kwh(t, drawn))

    floors = [0.0] * len(step)
    ceilings = list(step)
    drawn = 0.0
    for t in range(frozen):
        floors[t] = ceilings[t] = min(full(t), room - drawn) if is_on else 0.0
        drawn += floors[t]
    for t in range(frozen, len(step)):
        if first - drawn <= SMALLEST_KWH:
            break
        floors[t] = min(full(t), first - drawn)
        drawn += floors[t]
    return floors, ceilings


def to_dwh(kwh: float) -> int:
    """Energy in 0.1 Wh, to nearest."""
    return round(kwh * DWH_PER_KWH)


def to_dwh_up(kwh: float) -> int:
    """Energy in 0.1 Wh, rounded up unless it is a whole number but for noise."""
    return ceil(kwh * DWH_PER_KWH - 1e-6)


def money_scale(largest: float, weight: int) -> float:
    """Units per currency unit, a power of ten, so that `largest` [currency] times `weight` stays below the limit."""
    scale = FINEST_MONEY
    while scale > 1e-9 and largest * scale * weight > LARGEST_MONEY:
        scale /= 10
    return scale


@dataclass(frozen=True, slots=True)
class OnOff:
    """The on/off night in integers (docs/planner.md, table 3)."""

    n: int
    length_ms: list[int]
    cost: list[int]  # money of slot t if on, tie-breaks included
    start: int  # money of a start, tie-break included
    stop: int  # money of a stop
    after_run: list[int]  # a run that starts at t lasts at least to this edge
    after_pause: list[int]  # a pause that starts at t lasts at least to this edge
    must_on: list[bool]
    must_off: list[bool]
    is_on_at_start: bool
    least_ms: int  # on-time wanted
    most_ms: int  # on-time allowed
    money_units: float  # integer units per currency unit, tie-breaks included


def scale_onoff(night: Night, extra_price: float = 0.0) -> OnOff:
    """Integers of an on/off night: on-time in ms, money with the tie-breaks in the low digits.

    `extra_price` [currency/kWh] is room left for prices that are added later.
    """
    problem, n, step = night.problem, night.n, night.step_kwh
    lengths = [round(ms) for ms in night.length_ms]
    must_on = [low > SMALLEST_KWH for low in night.floor_kwh]
    must_off = [high <= SMALLEST_KWH for high in night.ceiling_kwh]
    forced = sum(length for length, on in zip(lengths, must_on, strict=True) if on)
    per_ms = problem.max_power_kw / MS_PER_HOUR
    grid = gcd(*lengths)
    least = max(forced, ceil((night.need_kwh / per_ms * (1 - 1e-12) - 1e-4) / grid) * grid)
    most = max(forced, floor(night.room_kwh / per_ms * (1 + 1e-12) + 1e-4))
    if night.need_kwh > SMALLEST_KWH:
        # Whole slots overshoot the need by less than the longest slot; that is allowed even into a full battery.
        most = max(most, least + max(lengths) - grid)
    money = [price * kwh for price, kwh in zip(problem.price_per_kwh, step, strict=True)]
    early = _earliness(lengths)
    per_start = sum(early) + 1  # one start outweighs any order of slots
    weight = per_start * (n + 2)  # one unit of money outweighs any number of starts
    scale = money_scale(sum(map(abs, money)) + extra_price * sum(step) + problem.switch_cost * (n + 2), weight)
    return OnOff(
        n=n,
        length_ms=lengths,
        cost=[round(m * scale) * weight + e for m, e in zip(money, early, strict=True)],
        start=round(problem.switch_cost * scale) * weight + per_start,
        stop=round(problem.switch_cost * scale) * weight,
        after_run=_edges_after(lengths, problem.min_on),
        after_pause=_edges_after(lengths, problem.min_off),
        must_on=must_on,
        must_off=must_off,
        is_on_at_start=problem.is_on_at_start,
        least_ms=least,
        most_ms=most,
        money_units=scale * weight,
    )


def _earliness(lengths: list[int]) -> list[int]:
    """Tie-break weight of using slot t: its index, times its length in units of the shortest common minute grid."""
    if min(lengths) == max(lengths):
        return list(range(len(lengths)))
    return [t * max(1, round(length / 60_000)) for t, length in enumerate(lengths)]


def _edges_after(lengths: list[int], least: timedelta) -> list[int]:
    """For each slot the first edge at which a stretch begun there is at least `least` long; at most the last edge."""
    wanted = least / _MS - 0.5
    n, edge, total = len(lengths), 0, 0
    result = []
    for t in range(n):
        if edge <= t:
            edge, total = t + 1, lengths[t]
        while edge < n and total < wanted:
            total += lengths[edge]
            edge += 1
        result.append(edge)
        total -= lengths[t]
    return result
