"""A night of no power, or any power from the minimum to the maximum (docs/planner.md, table 7).

With so many slots on, the cheapest are on, each with at least its minimum; what each then draws is the flow of
`modulated`. So a flow per number of slots on finds the best: exact where the free slots have one length.
"""

from dataclasses import replace
from itertools import accumulate
from math import inf
from time import perf_counter

from planner.modulated import dual_bound, multiplier, solve_modulated
from planner.problem import SMALLEST_KWH, Night

SOLVER = "or-tools min-cost flow"


def solve_semicontinuous(night: Night, seconds: float) -> tuple[list[float], float]:
    """Energies [kWh], and a bound on the cost of any plan [currency]. Raises SolverFailed.

    A rest below a slot's minimum is rounded toward charging where the battery has room for it. After `seconds` the
    best so far stands, with the gap to the bound of free power.
    """
    deadline = perf_counter() + seconds
    problem = night.problem
    part = problem.min_power_kw / problem.max_power_kw
    least = [kwh * part for kwh in night.step_kwh]
    floors = [max(low, least[t]) if low > SMALLEST_KWH else 0.0 for t, low in enumerate(night.floor_kwh)]
    free = [t for t in range(night.n) if floors[t] == 0.0 and night.ceiling_kwh[t] > SMALLEST_KWH]
    order = sorted(free, key=lambda t: (problem.price_per_kwh[t], t))
    held = sum(floors)
    bases = [*accumulate((least[t] for t in order), initial=held)]
    best, best_cost, best_count = _drawn(night, floors, []), inf, 0
    is_exact = len({round(night.length_ms[t]) for t in order}) <= 1
    for count in _counts(night, order, held):
        if bases[count] > max(night.room_kwh, held) + SMALLEST_KWH and not (count == 1 and held < night.need_kwh):
            continue
        if best_cost < inf and perf_counter() > deadline:
            is_exact = False
            break
        chosen = order[:count]
        lows = list(floors)
        for t in chosen:
            lows[t] = least[t]
        energies = _drawn(night, lows, chosen)
        cost = _cost(night, energies)
        if cost < best_cost - 1e-9 or (cost < best_cost + 1e-9 and count < best_count):
            best, best_cost, best_count = energies, cost, count
    bound = dual_bound(night, multiplier(night, solve_modulated(night)))
    return best, max(bound, best_cost) if is_exact else min(bound, best_cost)


def _counts(night: Night, order: list[int], held: float) -> list[int]:
    """Numbers of slots on worth trying: about as many as the need takes, and more only while slots pay.

    Those about the need and about the room come first: one of them is the best where nothing is odd.
    """
    paying = sum(1 for t in order if night.problem.price_per_kwh[t] < 0)
    fewest, fullest = (_reaching(night, order, kwh - held) for kwh in (night.need_kwh, night.room_kwh))
    most = min(len(order), max(fewest + 1, paying))
    likely = [count + k for count in (fewest, min(paying, fullest)) for k in (0, 1, -1)]
    counts = dict.fromkeys([*likely, *range(fewest + 2, most + 1)])
    return [count for count in counts if max(0, fewest - 1) <= count <= most]


def _reaching(night: Night, order: list[int], wanted: float) -> int:
    """How many slots at full power it takes to draw `wanted` kWh; all, if they are too few."""
    count = 0
    while count < len(order) and wanted > SMALLEST_KWH:
        wanted -= night.step_kwh[order[count]]
        count += 1
    return count


def _drawn(night: Night, lows: list[float], chosen: list[int]) -> list[float]:
    """The best energies with exactly these slots on."""
    is_on = set(chosen)
    highs = [
        night.step_kwh[t] if t in is_on else max(lows[t], night.ceiling_kwh[t]) if lows[t] > 0 else 0.0
        for t in range(night.n)
    ]
    room = max(night.room_kwh, sum(lows))
    return solve_modulated(replace(night, floor_kwh=lows, ceiling_kwh=highs, room_kwh=room))


def _cost(night: Night, energies: list[float]) -> float:
    problem = night.problem
    missing = max(0.0, night.need_kwh - sum(energies) - SMALLEST_KWH)
    energy = sum(price * kwh for price, kwh in zip(problem.price_per_kwh, energies, strict=True))
    return energy + problem.missing_cost_per_kwh * missing
