"""Many nights at once cost what they cost one by one."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from factories import make_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import oracle
from benchmarks.instances import as_columns, as_control
from domain.plan import ControlKind, PlanProblem
from planner import batch, plan, plan_batch
from planner.batch import BadColumns, NightColumns
from planner.problem import SolverFailed


def columns_of(problems: list[PlanProblem]) -> NightColumns:
    def column(name: str) -> Any:
        return np.array([getattr(p, name) for p in problems])

    lengths = [(b - a).total_seconds() / 3600 for p in problems for a, b in pairwise(p.edges)]
    return NightColumns(
        np.cumsum([0, *(len(p.price_per_kwh) for p in problems)]),
        np.array([price for p in problems for price in p.price_per_kwh]),
        np.array(lengths),
        *(column(name) for name in batch._PER_NIGHT),
    )


def free(prices: list[float], **changes: Any) -> PlanProblem:
    return make_problem(prices, control=ControlKind.MODULATED, **changes)


def test_three_nights_each_take_their_cheapest_slots() -> None:
    # 15 kWh: 10 at 0.1, 5 at 0.2 = 2.0; minimum 4 first, then 6 at 0.1 = 2.6; 30 wanted, 20 there: 3.0 + 10 * 10.
    found = plan_batch(
        columns_of(
            [
                free([0.2, 0.1, 0.3], target_dc_kwh=15.0),
                free([0.5, 0.1], min_dc_kwh=4.0),
                free([0.1, 0.2], target_dc_kwh=30.0),
            ]
        )
    )
    assert found.energy_ac_kwh.tolist() == pytest.approx([5, 10, 0, 4, 6, 10, 10])
    assert found.cost.tolist() == pytest.approx([2.0, 2.6, 103.0])
    assert found.lower_bound.tolist() == pytest.approx([2.0, 2.6, 103.0])
    assert found.shortfall_ac_kwh.tolist() == pytest.approx([0, 0, 10])


def test_equal_prices_charge_early_in_a_row_and_apart() -> None:
    found = plan_batch(columns_of([free([0.1, 0.1], target_dc_kwh=12.0), free([0.1, 0.2, 0.1], target_dc_kwh=12.0)]))
    assert found.energy_ac_kwh.tolist() == pytest.approx([10, 2, 10, 0, 2])


def test_paid_slots_fill_the_battery() -> None:
    found = plan_batch(columns_of([free([-0.1, 0.3, -0.2], battery_capacity_kwh=14.0)]))
    assert found.energy_ac_kwh.tolist() == pytest.approx([4, 0, 10])
    assert found.cost.tolist() == pytest.approx([-2.4])


def test_rounding_beyond_the_marginal_slot_leaves_no_kwh_too_much() -> None:
    # Slots of 1.00009 kWh count as 1.0000 in the flow: 150 of them and 1 Wh of the next. Exactly: 149, and 0.98759.
    prices = [0.1 + t / 1000 for t in range(200)]
    problem = free(prices, max_power_kw=1.00009, target_dc_kwh=150.001, battery_capacity_kwh=300.0)
    found = plan_batch(columns_of([free([0.1]), problem]))
    assert found.energy_ac_kwh[1:].tolist() == pytest.approx([1.00009] * 149 + [0.98759] + [0.0] * 50)
    assert found.lower_bound[1] == pytest.approx(found.cost[1])


def test_no_nights_have_no_plans() -> None:
    assert plan_batch(columns_of([])).cost.size == 0


def test_sample_costs_what_the_oracle_says_and_draws_what_plan_draws(instances: dict[str, Any]) -> None:
    rows = [as_control(row, "modulated") for row in instances["nights"]]
    columns = as_columns(rows)
    found = plan_batch(columns)
    assert found.cost.tolist() == pytest.approx([oracle.best_modulated(row) for row in rows], rel=1e-9, abs=1e-9)
    assert (found.lower_bound <= found.cost).all()
    assert found.lower_bound.tolist() == pytest.approx(found.cost.tolist(), rel=1e-6, abs=1e-6)
    for k in range(0, len(rows), 7):
        slots = slice(columns.first_slot[k], columns.first_slot[k + 1])
        alone = plan(columns.problem(k))
        assert found.energy_ac_kwh[slots].tolist() == pytest.approx(alone.energy_ac_kwh, abs=2e-3)


@st.composite
def nights(draw: st.DrawFn) -> PlanProblem:
    n, cap = draw(st.integers(1, 20)), draw(st.floats(1.0, 100.0))
    return free(
        draw(
            st.lists(st.one_of(st.sampled_from([0.1, 0.2, 0.0, -0.05]), st.floats(-0.5, 12.0)), min_size=n, max_size=n)
        ),
        minutes=[draw(st.sampled_from([3.2, 15])), *[draw(st.sampled_from([15, 60]))] * (n - 1)],
        battery_capacity_kwh=cap,
        soc_dc_kwh=draw(st.floats(0.0, 1.1)) * cap,
        target_dc_kwh=draw(st.floats(0.0, 1.0)) * cap,
        min_dc_kwh=draw(st.one_of(st.just(0.0), st.floats(0.0, 1.0))) * cap,
        max_power_kw=draw(st.sampled_from([1.4, 11.0])),
        efficiency=draw(st.sampled_from([1.0, 0.9])),
    )


@given(st.lists(nights(), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_nights_cost_together_what_they_cost_alone(problems: list[PlanProblem]) -> None:
    columns = columns_of(problems)
    found = plan_batch(columns)
    alone = [plan(problem) for problem in problems]
    assert found.cost.tolist() == pytest.approx([answer.cost for answer in alone], abs=1e-6)
    assert found.shortfall_ac_kwh.tolist() == pytest.approx([answer.shortfall_ac_kwh for answer in alone], abs=1e-6)
    assert (found.lower_bound <= found.cost).all()
    assert (found.cost - found.lower_bound <= 1e-3).all()
    for k, problem in enumerate(problems):
        energy = found.energy_ac_kwh[columns.first_slot[k] : columns.first_slot[k + 1]]
        most = problem.max_power_kw * columns.slot_hours[columns.first_slot[k] : columns.first_slot[k + 1]]
        assert ((energy >= 0) & (energy <= most + 1e-9)).all()
        room = max(0.0, problem.battery_capacity_kwh - problem.soc_dc_kwh) / problem.efficiency
        assert energy.sum() <= room + 1e-6


def test_flow_without_answer_leaves_the_nights_to_be_solved_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        raise SolverFailed("out of time")

    monkeypatch.setattr(batch, "_flow", fail)
    found = plan_batch(columns_of([free([0.2, 0.1], target_dc_kwh=15.0), free([0.3])]))
    assert found.energy_ac_kwh.tolist() == pytest.approx([5, 10, 10])
    assert found.cost.tolist() == pytest.approx([2.0, 3.0])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("price_per_kwh", [0.1, float("nan")], r"price_per_kwh \[currency/kWh\]: must be within"),
        ("slot_hours", [1.0, 0.0], r"slot_hours \[h\]: must be within"),
        ("slot_hours", [1.0], r"slot_hours \[h\]: \(1,\) values where 2"),
        ("efficiency", [1.2], r"efficiency \[fraction\]"),
        ("max_power_kw", [10.0, 10.0], r"max_power_kw \[kW\]: \(2,\) values where 1"),
        ("target_dc_kwh", [101.0], r"target_dc_kwh \[kWh\]: exceeds"),
        ("first_slot", [0, 1], r"first_slot \[slots\]"),
        ("first_slot", [0, 0, 2], r"first_slot \[slots\]"),
    ],
)
def test_bad_columns_name_field_and_unit(name: str, value: list[float], message: str) -> None:
    good = columns_of([free([0.1, 0.2])])
    with pytest.raises(BadColumns, match=message):
        replace(good, **{name: np.array(value)})
