"""Best costs by trying every pattern: for a handful of slots of any length. Shares no code with the planner."""

from datetime import timedelta
from itertools import pairwise, product
from math import gcd

from domain.plan import PlanProblem

HOUR = timedelta(hours=1)


def best_onoff(p: PlanProblem) -> tuple[float, list[bool]]:
    """Least cost and its pattern; ties by fewer starts, then by use of earlier slots (docs/planner.md, 3.7)."""
    hours = [(b - a) / HOUR for a, b in pairwise(p.edges)]
    n = len(hours)
    need = max(0.0, min(p.target_dc_kwh, p.battery_capacity_kwh) - p.soc_dc_kwh) / p.efficiency
    room = max(0.0, p.battery_capacity_kwh - p.soc_dc_kwh) / p.efficiency
    forced = _forced(p, hours, room)
    allowed = [
        on
        for on in product((False, True), repeat=n)
        if all(want is None or want == state for want, state in zip(forced, on, strict=True)) and _keeps_times(p, on)
    ]
    drawn = {on: p.max_power_kw * sum(h for h, is_on in zip(hours, on, strict=True) if is_on) for on in allowed}
    reach = max(drawn.values())
    held = p.max_power_kw * sum(h for h, want in zip(hours, forced, strict=True) if want)
    grid = _grid(p)
    steps_needed = -(-(min(need, reach) - 1e-9) // (p.max_power_kw * grid))
    least = max(held, steps_needed * p.max_power_kw * grid)
    most = max(held, room, least + p.max_power_kw * (max(hours) - grid) if need > 1e-9 else 0.0)
    fitting = [on for on in allowed if least - 1e-9 <= drawn[on] <= most + 1e-9]
    if not fitting:
        over = min(kwh for kwh in drawn.values() if kwh >= least - 1e-9)
        fitting = [on for on in allowed if least - 1e-9 <= drawn[on] <= over + 1e-9]
    if p.most_switches is not None:
        fewest = max(p.most_switches, min(switches(p, on) for on in fitting))
        fitting = [on for on in fitting if switches(p, on) <= fewest]
    best = min(fitting, key=lambda on: (round(_cost(p, hours, on), 7), _starts(p, on), _lateness(hours, on)))
    missing = max(0.0, need - drawn[best])
    return _cost(p, hours, best) + p.missing_cost_per_kwh * missing * (missing > 1e-6), list(best)


def _grid(p: PlanProblem) -> float:
    """Greatest common length of the slots [h]."""
    ms = [round((b - a) / timedelta(milliseconds=1)) for a, b in pairwise(p.edges)]
    return gcd(*ms) / 3_600_000


def _forced(p: PlanProblem, hours: list[float], room: float) -> list[bool | None]:
    forced: list[bool | None] = []
    first = max(0.0, p.min_dc_kwh - p.soc_dc_kwh) / p.efficiency
    drawn = 0.0
    for edge, h in zip(p.edges, hours, strict=False):
        if p.frozen_until is not None and edge < p.frozen_until:
            on: bool | None = p.is_on_at_start and room - drawn > 1e-9
        else:
            on = True if first - drawn > 1e-9 else None
        forced.append(on)
        drawn += p.max_power_kw * h if on else 0.0
    return forced


def _keeps_times(p: PlanProblem, on: tuple[bool, ...]) -> bool:
    """Runs and pauses are long enough; one cut off by departure is fine, as is what began before the start."""
    state, since, ever_on = p.is_on_at_start, None, p.is_on_at_start
    for t, is_on in enumerate(on):
        if is_on == state:
            continue
        if since is not None:
            least = p.min_on if state else p.min_off
            if p.edges[t] - p.edges[since] < least:
                return False
        state, since = is_on, t
        ever_on = ever_on or is_on
    return True


def _cost(p: PlanProblem, hours: list[float], on: tuple[bool, ...]) -> float:
    energy = sum(
        price * p.max_power_kw * h for price, h, is_on in zip(p.price_per_kwh, hours, on, strict=True) if is_on
    )
    return energy + p.switch_cost * switches(p, on)


def switches(p: PlanProblem, on: tuple[bool, ...]) -> int:
    return sum(a != b for a, b in zip((p.is_on_at_start, *on), on, strict=False))


def _starts(p: PlanProblem, on: tuple[bool, ...]) -> int:
    return sum(b and not a for a, b in zip((p.is_on_at_start, *on), on, strict=False))


def _lateness(hours: list[float], on: tuple[bool, ...]) -> float:
    return sum(t * round(h * 60) for t, (h, is_on) in enumerate(zip(hours, on, strict=True)) if is_on)


def pattern_cost(p: PlanProblem, on: list[bool]) -> float:
    """Energy and switching of a pattern."""
    hours = [(b - a) / HOUR for a, b in pairwise(p.edges)]
    return _cost(p, hours, tuple(on))
