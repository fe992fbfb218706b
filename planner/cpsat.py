"""A site's remaining freedom as one constraint programme: it mends what car by car cannot (docs/planner.md, table 6).

Starts from a whole plan, never ends worse, and adds its own bound. Also takes a single night whose slots have too many
different lengths for the state graph.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import ceil, inf

import numpy as np
import numpy.typing as npt
from ortools.sat.python import cp_model

from planner.onoff import least_reachable
from planner.problem import DWH_PER_KWH, Night, OnOff
from planner.site_flow import FreeCars, free_cars

Floats = npt.NDArray[np.float64]

MONEY_UNITS = 1_000_000  # per currency unit
FINE_PER_KWH = 10_000_000
MOST_TERMS = 20_000  # of shortest runs and pauses: a larger model takes longer to build than to wait for
NIGHT_EFFORT = 0.5  # CP-SAT's deterministic time for a single night: a busy machine finds the same plan as an idle one
SOLVER = "or-tools cp-sat"


@dataclass(frozen=True, slots=True)
class Found:
    """The best patterns found [car][slot], their cost in the model and a proven bound [currency]."""

    patterns: list[list[bool]]
    cost: float
    bound: float


@dataclass(frozen=True, slots=True)
class ModelCar:
    """An on/off car as the model needs it."""

    night: OnOff
    first: int
    step_kwh: list[float]
    need_kwh: float
    missing_per_kwh: float
    least_ms: int  # on-time it has at least, whatever that costs
    hint: list[bool]
    most_switches: int | None = None


def improve(
    cars: list[ModelCar],
    free: FreeCars,
    room_kwh: Floats,
    seconds: float,
    bound: float,
    near_enough: float,
    effort: float = inf,
) -> Found | None:
    """The best plan found in `seconds`, starting from the hints; None if none was, or the model would be too large.

    Stops when the plan is within `near_enough` (of the cost) of the proven bound, or after `effort` (CP-SAT's
    deterministic time, in which the machine's load does not count); `bound` is one already known.
    Energies are whole 0.1 Wh, always rounded so that no true plan is lost: needs and steps down, room up.
    """
    if seconds <= 0 or sum(_terms(car.night) for car in cars) + free.spare.size > MOST_TERMS:
        return None
    model = cp_model.CpModel()
    load: list[list[cp_model.LinearExprT]] = [[] for _ in room_kwh]
    cost: list[cp_model.LinearExprT] = []
    states = [_add_car(model, car, load, cost) for car in cars]
    _add_free(model, free, load, cost)
    for t, terms in enumerate(load):
        if terms:
            model.add(cp_model.LinearExpr.sum(terms) <= ceil(room_kwh[t] * DWH_PER_KWH))
    objective = cp_model.LinearExpr.sum(cost)
    model.minimize(objective)
    if bound > -1e12:
        model.add(objective >= int(bound * MONEY_UNITS) - 2 * len(room_kwh) * (len(cars) + 1))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(0.01, seconds)
    solver.parameters.max_deterministic_time = effort
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.relative_gap_limit = near_enough
    solver.parameters.linearization_level = 2
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    # Rounding of every cost term by half a unit, and of every need by 0.1 Wh.
    slack = (len(room_kwh) * len(cars) + len(free.need)) / MONEY_UNITS
    slack += (
        sum(car.missing_per_kwh * (len(room_kwh) + 1) for car in cars) / FINE_PER_KWH
        + float(free.missing.sum()) / DWH_PER_KWH
    )
    return Found(
        patterns=[[bool(solver.value(x)) for x in row] for row in states],
        cost=solver.objective_value / MONEY_UNITS,
        bound=solver.best_objective_bound / MONEY_UNITS - slack,
    )


def improve_night(
    night: Night, o: OnOff, hint: list[bool], seconds: float, most_switches: int | None = None
) -> Found | None:
    """One car without a limit, for nights the state graph cannot take; None if nothing was found."""
    problem = night.problem
    least = min(least_reachable(o), sum(length for length, on in zip(o.length_ms, hint, strict=True) if on))
    car = ModelCar(o, 0, night.step_kwh, night.need_kwh, problem.missing_cost_per_kwh, least, hint, most_switches)
    nobody = free_cars([], [], night.n)
    return improve([car], nobody, np.full(night.n, sum(night.step_kwh)), seconds, -np.inf, 1e-5, NIGHT_EFFORT)


def _terms(o: OnOff) -> int:
    """Of shortest runs and pauses."""
    return sum(end - t for t, end in enumerate(o.after_run)) + sum(end - t for t, end in enumerate(o.after_pause))


def _add_car(
    model: cp_model.CpModel, car: ModelCar, load: list[list[cp_model.LinearExprT]], cost: list[cp_model.LinearExprT]
) -> list[cp_model.IntVar]:
    """An on/off car: states, starts, stops, shortest runs and pauses, need and missing energy (6.1-6.6, 6.8)."""
    o, n = car.night, car.night.n
    on = [model.new_bool_var("") for _ in range(n)]
    starts = [model.new_bool_var("") for _ in range(n)]
    stops = [model.new_bool_var("") for _ in range(n)]
    for t in range(n):
        before = on[t - 1] if t else int(o.is_on_at_start)
        model.add(on[t] - before == starts[t] - stops[t])
        model.add_at_most_one(starts[t], stops[t])
        if o.must_on[t]:
            model.add(on[t] == 1)
        if o.must_off[t]:
            model.add(on[t] == 0)
    if car.most_switches is not None:
        model.add(cp_model.LinearExpr.sum(starts) + cp_model.LinearExpr.sum(stops) <= car.most_switches)
    for t in range(n):
        recent_starts = starts[bisect_right(o.after_run, t) : t + 1]
        recent_stops = stops[bisect_right(o.after_pause, t) : t + 1]
        model.add(cp_model.LinearExpr.sum(recent_starts) <= on[t])
        model.add(cp_model.LinearExpr.sum(recent_stops) + on[t] <= 1)
    model.add(cp_model.LinearExpr.weighted_sum(on, o.length_ms) <= max(o.most_ms, o.least_ms))
    model.add(cp_model.LinearExpr.weighted_sum(on, o.length_ms) >= car.least_ms)
    # The need counts in finer units than the load: a hundred rounded slots must not add up to one more.
    fine = [ceil(kwh * FINE_PER_KWH) for kwh in car.step_kwh]
    need = int(car.need_kwh * FINE_PER_KWH)
    missing = model.new_int_var(0, need, "")
    model.add(cp_model.LinearExpr.weighted_sum(on, fine) + missing >= need)
    penalty = model.new_int_var(0, int(car.need_kwh * car.missing_per_kwh * MONEY_UNITS) + 1, "")
    model.add(FINE_PER_KWH * penalty >= round(car.missing_per_kwh * MONEY_UNITS) * missing)
    steps = [int(kwh * DWH_PER_KWH + 1e-6) for kwh in car.step_kwh]
    switch = round(o.stop / o.money_units * MONEY_UNITS)
    money = [round(c / o.money_units * MONEY_UNITS) for c in o.cost]
    cost.append(cp_model.LinearExpr.weighted_sum(on, money))
    cost.append(switch * (cp_model.LinearExpr.sum(starts) + cp_model.LinearExpr.sum(stops)))
    cost.append(penalty)
    for t in range(n):
        load[car.first + t].append(steps[t] * on[t])
        model.add_hint(on[t], car.hint[t])
    return on


def _add_free(
    model: cp_model.CpModel,
    free: FreeCars,
    load: list[list[cp_model.LinearExprT]],
    cost: list[cp_model.LinearExprT],
) -> None:
    """Free cars: energy per slot, need, room, missing energy; in units of 0.1 Wh (6.7)."""
    for j in range(len(free.need)):
        terms, prices = [], []
        for t in np.flatnonzero(free.low[j] + free.spare[j] > 0).tolist():
            low = int(free.low[j, t] * DWH_PER_KWH)
            high = ceil((free.low[j, t] + free.spare[j, t]) * DWH_PER_KWH)
            energy = model.new_int_var(low, high, "")
            terms.append(energy)
            prices.append(round(float(free.price[j, t]) * MONEY_UNITS))
            load[t].append(energy)
        held = float(free.low[j].sum())
        need = int((free.need[j] + held) * DWH_PER_KWH)
        missing = model.new_int_var(0, need, "")
        total = cp_model.LinearExpr.sum(terms)
        model.add(total + missing >= need)
        model.add(total <= max(need, ceil((free.room[j] + held) * DWH_PER_KWH)))
        # Money of 0.1 Wh is a few units only: counted in 1/DWH_PER_KWH units, and rounded once per car.
        money = model.new_int_var(-(10**12), 10**12, "")
        model.add(DWH_PER_KWH * money >= cp_model.LinearExpr.weighted_sum(terms, prices))
        cost.append(money)
        cost.append(round(float(free.missing[j]) * MONEY_UNITS / DWH_PER_KWH) * missing)
