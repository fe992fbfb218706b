"""A night of freely set power that falls as the battery fills, as a linear programme (docs/planner.md, table 8)."""

from itertools import groupby
from math import inf

import numpy as np
from ortools.linear_solver.python.model_builder_helper import ModelBuilderHelper, ModelSolverHelper, SolveStatus

from planner.problem import SMALLEST_KWH, Night, SolverFailed, Taper

SOLVER = "or-tools glop"
PARAMETERS = "use_preprocessing: false use_dual_simplex: true"  # so small a programme is solved before it is simplified

Row = tuple[float, float, int, float]  # least, most, slot t, factor of what was drawn before t


def matters(night: Night) -> bool:
    """Whether a plan may draw so much that power falls; else the flow of `modulated` is exact."""
    if night.taper is None:
        return False
    wanted = night.room_kwh if min(night.problem.price_per_kwh) < 0 else night.need_kwh
    return max(wanted, sum(night.floor_kwh)) > night.taper.begins_kwh


def solve_tapered(night: Night, seconds: float) -> tuple[list[float], float]:
    """The cheapest energies [kWh], and a bound on the cost of any plan [currency]. Raises SolverFailed.

    Variables are the energies drawn up to the end of each slot, then the missing energy (8.2-8.5).
    """
    assert night.taper is not None
    n = night.n
    prices = night.problem.price_per_kwh
    money = [a - b for a, b in zip(prices, (*prices[1:], 0.0), strict=True)]
    money.append(night.problem.missing_cost_per_kwh)
    most = [night.room_kwh] * n + [night.need_kwh]
    rows = _rows(night, night.taper)
    model = ModelBuilderHelper()
    # The stubs take numpy's dtypes for shapes.
    model.add_var_array_with_bounds(np.zeros(n + 1), np.array(most), np.zeros(n + 1, bool), "")  # type: ignore[arg-type]
    model.set_objective_coefficients(list(range(n + 1)), money)
    _add(model, rows)
    solver = ModelSolverHelper("glop")
    solver.set_solver_specific_parameters(PARAMETERS)
    solver.set_time_limit_in_seconds(seconds)
    solver.solve(model)
    if solver.status() != SolveStatus.OPTIMAL:
        raise SolverFailed(f"tapered night: {solver.status()}")
    drawn = solver.variable_values().tolist()[:n]
    energies = [b - a for a, b in zip([0.0, *drawn], drawn, strict=False)]
    return fitted(night, energies), _bound(rows, money, most, solver.dual_values().tolist())


def _rows(night: Night, taper: Taper) -> list[Row]:
    """Limits of the slots (8.3), of the power at their ends where it can fall (8.4), and the need (8.5)."""
    rows: list[Row] = []
    reach, room = 0.0, night.room_kwh  # drawn at most before slot t
    for t, (low, high, top, fall) in enumerate(
        zip(night.floor_kwh, night.ceiling_kwh, taper.high_kwh, taper.fall, strict=True)
    ):
        rows.append((low, high, t, -1.0))
        kwh = top - fall * reach
        if kwh < high:
            rows.append((-inf, top, t, fall - 1.0))
        reach = min(room, reach + min(high, max(0.0, kwh)))
    rows.append((night.need_kwh, inf, night.n, 1.0))
    return rows


def _add(model: ModelBuilderHelper, rows: list[Row]) -> None:
    add, term = model.add_linear_constraint, model.add_term_to_constraint
    set_least, set_most = model.set_constraint_lower_bound, model.set_constraint_upper_bound
    for least, highest, t, factor in rows:
        row = add()  # without limits
        if least != -inf:
            set_least(row, least)
        if highest != inf:
            set_most(row, highest)
        term(row, t, 1.0)
        if t:
            term(row, t - 1, factor)


def _bound(rows: list[Row], money: list[float], most: list[float], duals: list[float]) -> float:
    """The dual bound: true whatever the duals, tight at the right ones (8.6)."""
    bound = 0.0
    reduced = list(money)
    for (least, highest, t, factor), dual in zip(rows, duals, strict=True):
        side = least if dual > 0 else highest
        if dual == 0.0 or side in (-inf, inf):
            continue  # an infinite side binds nothing: noise
        bound += dual * side
        reduced[t] -= dual
        if t:
            reduced[t - 1] -= dual * factor
    return bound + sum(cost * kwh for cost, kwh in zip(reduced, most, strict=True) if cost < 0)


def fitted(night: Night, energies: list[float]) -> list[float]:
    """The energies within what the car takes; slots in a row at one price draw theirs as early as they can (8.7)."""
    prices = night.problem.price_per_kwh
    drawn = 0.0
    result = []
    for _, group in groupby(range(night.n), key=lambda t: prices[t]):
        slots = list(group)
        left = sum(energies[t] for t in slots)
        for t in slots:
            if left <= SMALLEST_KWH:
                result.append(0.0)
                continue
            kwh = min(left, night.ceiling_kwh[t], night.most_kwh(t, drawn))
            result.append(kwh)
            left -= kwh
            drawn += kwh
    return result
