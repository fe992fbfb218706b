"""Power that falls as the battery fills: 10 kW, falling from 10 kWh to nothing at 20 kWh, hours, no losses."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from factories import at, drawn, make_problem
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.linear_solver import pywraplp
from pydantic import ValidationError

from benchmarks import checker
from benchmarks.instances import with_taper
from domain.plan import ControlKind, PlanProblem, PlanStatus, SlotReason
from domain.site import SiteProblem
from planner import closed_form, modulated, plan, tapered
from planner.explain import one_more_kwh, why_not
from planner.files import night_answer, night_problem
from planner.problem import SolverFailed

HOUR = timedelta(hours=1)
PARTS = 20  # instants of a slot at which its power is checked


def make_tapered(prices: list[float], **changes: Any) -> PlanProblem:
    values: dict[str, Any] = {
        "control": ControlKind.MODULATED,
        "battery_capacity_kwh": 20.0,
        "taper_from_dc_kwh": 10.0,
        "target_dc_kwh": 16.0,
    }
    return make_problem(prices, **(values | changes))


def allowed_kw(p: PlanProblem, level: float) -> float:
    """Most power at a level of the battery."""
    assert p.taper_from_dc_kwh is not None
    left = (p.battery_capacity_kwh - level) / (p.battery_capacity_kwh - p.taper_from_dc_kwh)
    return p.taper_end_power_kw + (p.max_power_kw - p.taper_end_power_kw) * min(1.0, max(0.0, left))


def least_cost(p: PlanProblem) -> float:
    """Cost by the textbook: power, level and missing energy as variables; no minimum level, nothing frozen."""
    assert p.taper_from_dc_kwh is not None
    solver = pywraplp.Solver.CreateSolver("GLOP")
    start = min(p.soc_dc_kwh, p.battery_capacity_kwh)
    slope = (p.max_power_kw - p.taper_end_power_kw) / (p.battery_capacity_kwh - p.taper_from_dc_kwh)
    cost, level = 0.0, start
    for t, (a, b) in enumerate(pairwise(p.edges)):
        hours = (b - a) / HOUR
        power = solver.NumVar(0.0, p.max_power_kw, "")
        after = solver.NumVar(start, p.battery_capacity_kwh, "")
        solver.Add(after == level + p.efficiency * hours * power)
        solver.Add(power <= p.taper_end_power_kw + slope * (p.battery_capacity_kwh - after))
        cost += p.price_per_kwh[t] * hours * power
        level = after
    missing = solver.NumVar(0.0, solver.infinity(), "")
    solver.Add(level + p.efficiency * missing >= max(start, p.target_dc_kwh))
    solver.Minimize(cost + p.missing_cost_per_kwh * missing)
    assert solver.Solve() == pywraplp.Solver.OPTIMAL
    return float(solver.Objective().Value())


def test_dear_slot_is_used_early_because_later_ones_take_less() -> None:
    # A slot takes at most 10 - e / 2 after e kWh. Slots 1 and 2 alone take 10 + 5; with x before them they end at
    # 15 + x / 4, so 16 kWh need x = 4: 4 + (10 - 2) + (10 - 6), cost 1.2 + 0.8 + 0.8.
    answer = plan(make_tapered([0.3, 0.1, 0.2]))
    assert drawn(answer.energy_ac_kwh) == [4, 8, 4]
    assert answer.cost == pytest.approx(2.8)
    assert answer.lower_bound == pytest.approx(2.8)
    assert (answer.status, answer.solver) == (PlanStatus.OPTIMAL, tapered.SOLVER)
    assert answer.reasons == (SlotReason.NEEDED_FOR_TARGET, SlotReason.CHEAPEST, SlotReason.CHEAPEST)


def test_target_out_of_reach_takes_what_the_battery_takes() -> None:
    # 10, then 10 - 5: 15 of 16.
    answer = plan(make_tapered([0.3, 0.1]))
    assert drawn(answer.energy_ac_kwh) == [10, 5]
    assert answer.shortfall_ac_kwh == pytest.approx(1.0)
    assert answer.status is PlanStatus.BEST_EFFORT
    assert answer.cost == pytest.approx(3.0 + 0.5 + 10.0)


def test_minimum_level_above_the_taper_takes_what_the_battery_takes_at_once() -> None:
    # Minimum 17: 10, 5, and 2 of 2.5.
    answer = plan(make_tapered([0.3, 0.3, 0.3, 0.1], min_dc_kwh=17.0))
    assert drawn(answer.energy_ac_kwh) == [10, 5, 2, 0]
    assert answer.reasons[:3] == (SlotReason.MINIMUM_FIRST,) * 3


def test_frozen_slot_above_the_taper_keeps_what_the_battery_takes() -> None:
    # On at 12 kWh: 4 of power falling to 4 at 16 kWh, although the next hour is cheaper.
    answer = plan(make_tapered([0.3, 0.1], soc_dc_kwh=12.0, is_on_at_start=True, frozen_until=at(60)))
    assert drawn(answer.energy_ac_kwh) == [4, 0]


def test_paid_slots_fill_the_battery_as_far_as_it_takes() -> None:
    # 15 kWh in: 10 - 15 / 2 = 2.5 more although the target is reached.
    assert drawn(plan(make_tapered([-0.1], soc_dc_kwh=15.0, target_dc_kwh=15.0)).energy_ac_kwh) == [2.5]


def test_slots_in_a_row_at_one_price_charge_early() -> None:
    # 12 kWh anywhere: 10, then 2 of the 5 that slot 1 takes.
    assert drawn(plan(make_tapered([0.1] * 4, target_dc_kwh=12.0)).energy_ac_kwh) == [10, 2, 0, 0]


def test_target_below_the_taper_is_planned_as_without() -> None:
    with_taper, without = plan(make_tapered([0.3, 0.1], target_dc_kwh=9.0)), plan(make_problem([0.3, 0.1]))
    assert with_taper.solver == modulated.SOLVER
    assert drawn(with_taper.energy_ac_kwh) == [0, 9]
    assert without.status is with_taper.status


def test_why_not_and_one_more_kwh_hold_with_taper() -> None:
    # 12 kWh: 10 in slot 0, 2 in slot 1. Slot 2 forced to 10: slot 0 gives the other 2.
    problem = make_tapered([0.1, 0.2, 0.3], target_dc_kwh=12.0)
    choice = why_not(problem, at(150))
    assert choice is not None
    assert drawn(choice.plan.energy_ac_kwh)[2] == pytest.approx(10.0)
    assert choice.extra_cost > 0
    assert one_more_kwh(problem) == pytest.approx(0.2)


def test_solver_without_answer_leaves_the_closed_form_within_the_taper(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        raise SolverFailed("out of time")

    best = plan(make_tapered([0.3, 0.1, 0.2])).cost
    monkeypatch.setattr(tapered, "solve_tapered", fail)
    answer = plan(make_tapered([0.3, 0.1, 0.2]))
    # Cheapest first wants 10 and 6; after 10 the last hour takes 5.
    assert drawn(answer.energy_ac_kwh) == [0, 10, 5]
    assert (answer.status, answer.solver) == (PlanStatus.CLOSED_FORM, closed_form.GREEDY)
    assert answer.lower_bound <= best <= answer.cost


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"control": ControlKind.ONOFF}, r"taper_from_dc_kwh \[kWh\]: only a modulated car can taper, not onoff"),
        ({"control": ControlKind.SEMICONTINUOUS}, r"taper_from_dc_kwh \[kWh\]: only a modulated car"),
        ({"taper_from_dc_kwh": 20.0}, r"taper_from_dc_kwh \[kWh\]: 20 is not below battery_capacity_kwh"),
        ({"taper_from_dc_kwh": -1.0}, "taper_from_dc_kwh"),
        ({"taper_end_power_kw": 11.0}, r"taper_end_power_kw \[kW\]: 11 exceeds max_power_kw"),
        ({"taper_from_dc_kwh": None, "taper_end_power_kw": 1.0}, r"taper_end_power_kw \[kW\]: needs"),
        ({"taper_end_power_kw": float("nan")}, "taper_end_power_kw"),
    ],
)
def test_taper_that_cannot_be_planned_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_tapered([0.1], **changes)


def test_taper_behind_a_shared_limit_is_refused() -> None:
    car = make_tapered([0.1])
    with pytest.raises(ValidationError, match=r"cars\[0\].taper_from_dc_kwh \[kWh\]"):
        SiteProblem(edges=car.edges, limit_kw=(10.0,), cars=(car,))


@st.composite
def tapered_nights(draw: st.DrawFn) -> PlanProblem:
    n = draw(st.integers(1, 12))
    cap = draw(st.floats(5.0, 100.0))
    power = draw(st.sampled_from([3.7, 11.0, 22.0]))
    return make_tapered(
        draw(st.lists(st.one_of(st.sampled_from([0.1, 0.2, 0.0]), st.floats(-0.3, 1.0)), min_size=n, max_size=n)),
        minutes=[draw(st.sampled_from([7, 15, 60])), *[draw(st.sampled_from([15, 60, 180]))] * (n - 1)],
        battery_capacity_kwh=cap,
        soc_dc_kwh=draw(st.floats(0.0, 1.05)) * cap,
        target_dc_kwh=draw(st.floats(0.5, 1.0)) * cap,
        taper_from_dc_kwh=draw(st.one_of(st.floats(0.0, 0.99), st.sampled_from([0.8, 0.999999]))) * cap,
        taper_end_power_kw=draw(st.sampled_from([0.0, 0.1, 1.0])) * power,
        max_power_kw=power,
        efficiency=draw(st.sampled_from([1.0, 0.9])),
    )


@given(tapered_nights())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_cost_is_that_of_the_textbook_programme_and_power_is_allowed_all_along(problem: PlanProblem) -> None:
    answer = plan(problem)
    assert answer.status in (PlanStatus.OPTIMAL, PlanStatus.BEST_EFFORT)
    assert answer.cost == pytest.approx(least_cost(problem), rel=1e-6, abs=1e-5)
    assert answer.lower_bound <= answer.cost <= answer.lower_bound + 1e-4
    level = problem.soc_dc_kwh
    for t, kwh in enumerate(answer.energy_ac_kwh):
        for _ in range(PARTS if kwh > 0 else 0):
            level += problem.efficiency * kwh / PARTS
            assert answer.power_kw(t) <= allowed_kw(problem, level) + 1e-5
        assert kwh == 0 or level <= problem.battery_capacity_kwh + 1e-6


@given(tapered_nights(), st.floats(0.0, 1.0), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_minimum_and_frozen_slots_never_break_a_tapered_night(
    problem: PlanProblem, least: float, is_on: bool, is_frozen: bool
) -> None:
    changes = {
        "min_dc_kwh": least * problem.battery_capacity_kwh,
        "is_on_at_start": is_on,
        "frozen_until": at(20) if is_frozen else None,
    }
    problem = PlanProblem(**(problem.model_dump() | changes))
    answer = plan(problem)
    assert answer.status in (PlanStatus.OPTIMAL, PlanStatus.BEST_EFFORT)
    assert answer.lower_bound <= answer.cost <= answer.lower_bound + 1e-3
    free = plan(problem.model_copy(update={"taper_from_dc_kwh": None, "taper_end_power_kw": 0.0}))
    if min(problem.price_per_kwh) >= 0 and not is_frozen and least <= problem.target_dc_kwh:
        assert answer.shortfall_ac_kwh >= free.shortfall_ac_kwh - 1e-6


def test_sample_nights_with_taper_are_valid_and_proven(instances: dict[str, Any]) -> None:
    for row in map(with_taper, instances["nights"][:60]):
        problem = night_problem(row)
        answer = plan(problem)
        assert not checker.night_faults(row, night_answer(row["id"], answer, problem.control)), row["id"]
        assert answer.cost - answer.lower_bound <= 1e-6, row["id"]
