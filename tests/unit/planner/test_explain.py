"""Answers about a plan, each with its sum. 10 kW, no losses, hours: 10 kWh a slot."""

import pytest
from factories import at, drawn, make_problem

from domain.plan import ControlKind
from planner.explain import leaving_later, one_more_kwh, why_not

FREE = ControlKind.MODULATED


@pytest.mark.parametrize("control", [FREE, ControlKind.ONOFF])
def test_charging_in_another_slot_costs_the_difference(control: ControlKind) -> None:
    # 10 kWh at 0.3 instead of 0.1: 2.0 more.
    choice = why_not(make_problem([0.3, 0.1], control=control), at(30))
    assert choice is not None
    assert choice.extra_cost == pytest.approx(2.0)
    assert drawn(choice.plan.energy_ac_kwh) == [10, 0]


def test_charging_in_an_equal_slot_costs_nothing_more() -> None:
    choice = why_not(make_problem([0.1, 0.1]), at(61))
    assert choice is not None
    assert choice.is_equal


def test_slot_that_is_used_or_frozen_or_outside_has_no_answer() -> None:
    problem = make_problem([0.3, 0.1], frozen_until=at(1))
    assert why_not(problem, at(0)) is None
    assert why_not(problem, at(61)) is None
    assert why_not(problem, at(121)) is None


def test_one_more_kwh_costs_the_next_cheapest_slot() -> None:
    assert one_more_kwh(make_problem([0.3, 0.1, 0.2], control=FREE)) == pytest.approx(0.2)
    assert one_more_kwh(make_problem([0.3, 0.1], control=FREE, soc_dc_kwh=100.0, target_dc_kwh=100.0)) == 0.0


def test_one_more_kwh_of_a_slot_that_runs_anyway_is_free() -> None:
    assert one_more_kwh(make_problem([0.3, 0.1], target_dc_kwh=8.0)) == pytest.approx(0.0)


def test_leaving_later_saves_what_the_cheaper_hour_saves() -> None:
    # 10 kWh at 0.1 instead of 0.3.
    choice = leaving_later(make_problem([0.3, 0.3]), [(at(180), 0.1)])
    assert choice.extra_cost == pytest.approx(-2.0)


def test_risk_premium_moves_with_the_departure() -> None:
    # The premium of 5 now burdens the added hour; the old last hour is free of it: 3.0 instead of 5.0 in hour 0.
    problem = make_problem([0.5, 0.3], risk_premium=(0.0, 5.0))
    choice = leaving_later(problem, [(at(180), 0.1)])
    assert drawn(choice.plan.energy_ac_kwh) == [0, 10, 0]
    assert choice.extra_cost == pytest.approx(-2.0)
