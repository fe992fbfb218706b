"""When a solver gives nothing in its limits: the next one, at last the closed form, and the plan says which."""

from datetime import timedelta
from typing import Any

import pytest
from factories import drawn, make_problem

from benchmarks import checker
from domain.plan import ControlKind, PlanStatus
from planner import closed_form, cpsat, labels, modulated, night, onoff, plan, plan_site, site_flow
from planner.files import night_answer, night_problem, site_answer, site_problem
from planner.problem import SolverFailed

Row = dict[str, Any]


def fail(*_: object, **__: object) -> Any:
    raise SolverFailed("out of time")


def test_free_power_falls_back_to_the_cheapest_slots_first(instances: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in instances["nights"] if row["control"] == "modulated"][:20]
    best = [plan(night_problem(row)).cost for row in rows]
    monkeypatch.setattr(modulated, "_flow", fail)
    for row, cost in zip(rows, best, strict=True):
        answer = plan(night_problem(row))
        assert (answer.status, answer.solver) == (PlanStatus.CLOSED_FORM, closed_form.GREEDY)
        assert answer.cost == pytest.approx(cost, rel=1e-9)
        assert answer.lower_bound == pytest.approx(cost, rel=1e-6)


def test_flow_and_labels_find_the_same_plan_in_the_state_graph(instances: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in instances["nights"] if row["control"] == "onoff"][:40]
    flows = [plan(night_problem(row)) for row in rows]
    monkeypatch.setattr(onoff, "LARGEST_BITS", -1)
    for row, flow in zip(rows, flows, strict=True):
        answer = plan(night_problem(row))
        assert (flow.solver, answer.solver) == (onoff.SOLVER, labels.SOLVER)
        assert (answer.energy_ac_kwh, answer.lower_bound) == (flow.energy_ac_kwh, flow.lower_bound)


def test_state_graph_and_constraint_programme_find_the_same_cost(
    instances: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row for row in instances["nights"] if row["control"] == "onoff" and len(row["price"]) < 40][:12]
    best = [plan(night_problem(row)).cost for row in rows]
    monkeypatch.setattr(onoff, "solve_onoff", fail)
    for row, cost in zip(rows, best, strict=True):
        problem = night_problem(row)
        answer = plan(problem)
        assert answer.solver == cpsat.SOLVER
        assert answer.cost == pytest.approx(cost, rel=1e-4)
        assert answer.lower_bound <= cost + 1e-6
        assert not checker.night_faults(row, night_answer(row["id"], answer, problem.control))


def test_on_off_falls_back_to_a_valid_plan_with_its_bound(instances: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in instances["nights"] if row["control"] == "onoff"][:40]
    best = [plan(night_problem(row)).cost for row in rows]
    monkeypatch.setattr(onoff, "solve_onoff", fail)
    monkeypatch.setattr(night.cpsat, "improve_night", lambda *_: None)
    for row, cost in zip(rows, best, strict=True):
        problem = night_problem(row)
        answer = plan(problem)
        assert (answer.status, answer.solver) == (PlanStatus.CLOSED_FORM, closed_form.LAGRANGE)
        assert answer.lower_bound <= cost + 1e-6
        faults = checker.night_faults(row, night_answer(row["id"], answer, problem.control))
        assert [fault for fault in faults if "slots on, allowed" not in fault] == []
        assert answer.shortfall_ac_kwh == pytest.approx(plan_shortfall(row), abs=1e-6)


def plan_shortfall(row: Row) -> float:
    """What is missing if every slot is on [kWh]."""
    reach = row["p_max"] * row["slot_min"] / 60 * len(row["price"])
    return float(max(0.0, (row["target"] - row["soc0"]) / row["eta"] - reach))


def test_slots_of_many_lengths_stay_within_the_time_limit() -> None:
    # A hundred slots of a hundred lengths add up to more on-times than any graph holds.
    minutes = [7 + 1.37 * k for k in range(100)]
    prices = [0.1 + 0.01 * (k * 7 % 13) for k in range(100)]
    problem = make_problem(prices, minutes=minutes, target_dc_kwh=70.0, switch_cost=0.02)
    answer = plan(problem, time_limit=timedelta(seconds=2))
    assert answer.solver in (labels.SOLVER, cpsat.SOLVER, closed_form.LAGRANGE)
    assert answer.shortfall_ac_kwh == 0.0
    assert answer.lower_bound <= answer.cost


def test_unproven_plan_of_a_night_is_the_same_however_long_the_machine_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    # The constraint programme stops by its own count of work, not by the clock; so early that a gap is left.
    monkeypatch.setattr(onoff, "solve_onoff", fail)
    monkeypatch.setattr(cpsat, "NIGHT_EFFORT", 0.003)
    prices = [0.1 + 0.01 * (k * 7 % 13) for k in range(60)]
    problem = make_problem(prices, minutes=[7 + 1.37 * k for k in range(60)], target_dc_kwh=70.0, switch_cost=0.02)
    patient, hasty = (plan(problem, time_limit=timedelta(seconds=seconds)) for seconds in (600, 60))
    assert patient.energy_ac_kwh == hasty.energy_ac_kwh
    assert patient.gap == hasty.gap > 0


def test_without_any_time_there_is_still_a_plan_within_the_limit(instances: Row) -> None:
    row = instances["sites"][7]
    problem = site_problem(row)
    answer = plan_site(problem, time_limit=timedelta(0))
    faults = checker.site_faults(row, site_answer(row["id"], answer, problem))
    assert [fault for fault in faults if "more slots on" not in fault] == []
    paid = make_problem([-0.1 - 0.01 * (k * 7 % 13) for k in range(60)], min_power_kw=4.0, target_dc_kwh=1.0)
    semi = plan(paid.model_copy(update={"control": ControlKind.SEMICONTINUOUS}), time_limit=timedelta(0))
    assert semi.lower_bound <= semi.cost < 0


def test_site_falls_back_to_cars_in_turn(instances: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    row = instances["sites"][2]
    monkeypatch.setattr("planner.site.limit_prices", fail)
    monkeypatch.setattr(site_flow, "share", fail)
    problem = site_problem(row)
    answer = plan_site(problem)
    assert answer.solver == closed_form.IN_TURN
    faults = checker.site_faults(row, site_answer(row["id"], answer, problem))
    assert [fault for fault in faults if "more slots on" not in fault] == []


def test_semicontinuous_falls_back_to_whole_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modulated, "_flow", fail)
    problem = make_problem([0.3, 0.1], control=ControlKind.SEMICONTINUOUS, min_power_kw=6.0)
    answer = plan(problem)
    assert answer.status is PlanStatus.CLOSED_FORM
    assert drawn(answer.energy_ac_kwh) == [0, 10]


def test_plans_are_the_same_every_time(instances: Row) -> None:
    for row in instances["nights"][:10]:
        problem = night_problem(row)
        assert plan(problem).energy_ac_kwh == plan(problem).energy_ac_kwh
