"""Nothing, or at least the minimum power: 10 kW, minimum 6 kW, hours, no losses."""

from itertools import product
from typing import Any

import pytest
from factories import drawn, make_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan import ControlKind, PlanProblem, PlanStatus
from planner import plan


def make_semi(prices: list[float], **changes: Any) -> PlanProblem:
    return make_problem(prices, control=ControlKind.SEMICONTINUOUS, min_power_kw=6.0, **changes)


def best_cost(problem: PlanProblem) -> float:
    """Least cost by trying every set of slots on; with a set, the cheapest kWh first. Uniform hours, no floors."""
    need = max(0.0, problem.target_dc_kwh - problem.soc_dc_kwh)
    room = problem.battery_capacity_kwh - problem.soc_dc_kwh
    best = float("inf")
    for chosen in product((False, True), repeat=len(problem.price_per_kwh)):
        prices = sorted(p for p, on in zip(problem.price_per_kwh, chosen, strict=True) if on)
        total = 6.0 * len(prices)
        if total > room + 1e-9 and not (len(prices) == 1 and need > 0):
            continue
        cost = 6.0 * sum(prices)
        for price in prices:
            take = min(4.0, max(0.0, (room if price < 0 else need) - total))
            total += take
            cost += take * price
        best = min(best, cost + 10.0 * max(0.0, need - total))
    return best


def test_rest_below_the_minimum_is_taken_from_a_full_slot() -> None:
    # 13 kWh: 10 and 3 is not allowed, so 7 and 6: 0.7 + 1.2.
    answer = plan(make_semi([0.1, 0.2, 0.3], target_dc_kwh=13.0))
    assert drawn(answer.energy_ac_kwh) == [7, 6, 0]
    assert answer.cost == pytest.approx(1.9)
    assert answer.status is PlanStatus.OPTIMAL


def test_need_below_the_minimum_is_rounded_toward_charging() -> None:
    answer = plan(make_semi([0.3, 0.1], target_dc_kwh=2.0))
    assert drawn(answer.energy_ac_kwh) == [0, 6]
    assert answer.shortfall_ac_kwh == 0.0


def test_minimum_level_draws_at_least_the_minimum_power() -> None:
    answer = plan(make_semi([0.3, 0.2, 0.1], min_dc_kwh=12.0, target_dc_kwh=16.0))
    assert drawn(answer.energy_ac_kwh) == [10, 6, 0]


def test_full_car_draws_nothing() -> None:
    assert drawn(plan(make_semi([0.1], soc_dc_kwh=100.0, target_dc_kwh=100.0)).energy_ac_kwh) == [0]


@given(
    st.lists(st.floats(-0.2, 0.5), min_size=1, max_size=7),
    st.floats(0.0, 60.0),
    st.floats(0.0, 30.0),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_cost_is_that_of_trying_every_set_of_slots(prices: list[float], target: float, room: float) -> None:
    problem = make_semi(prices, target_dc_kwh=target, battery_capacity_kwh=max(1.0, target + room))
    answer = plan(problem)
    assert answer.cost == pytest.approx(best_cost(problem), abs=1e-3)
    assert answer.lower_bound <= answer.cost + 1e-9
    assert all(kwh < 1e-6 or kwh > 6.0 - 1e-6 for kwh in answer.energy_ac_kwh)
