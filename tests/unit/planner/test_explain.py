"""Answers about a plan, each with its sum. 10 kW, no losses, hours: 10 kWh a slot."""

import pytest
from factories import at, drawn, make_problem

from domain.plan import ControlKind
from planner import plan
from planner.explain import explain, leaving_earlier, leaving_later, one_more_kwh, why_not

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


def test_leaving_earlier_costs_what_the_lost_hour_saved() -> None:
    # 10 kWh at 0.3 instead of 0.1 once the last hour is gone; a departure before the first edge leaves no night.
    choice = leaving_earlier(make_problem([0.3, 0.1]), at(90))
    assert choice is not None
    assert choice.extra_cost == pytest.approx(2.0)
    assert choice.plan.departs_at == at(60)
    assert leaving_earlier(make_problem([0.3, 0.1]), at(59)) is None


def test_shadow_price_of_departure_is_what_the_last_hour_saves() -> None:
    # 10 kW at 0.1 where the next best costs 0.3: (0.3 - 0.1) * 10 an hour. A night that is over before loses nothing.
    assert plan(make_problem([0.3, 0.1], control=FREE)).departure_price_per_hour == pytest.approx(2.0)
    assert plan(make_problem([0.1, 0.3], control=FREE)).departure_price_per_hour == 0.0
    # With nothing else to charge in, the energy would be missing: (10 - 0.3) * 10.
    assert plan(make_problem([0.3])).departure_price_per_hour == pytest.approx(97.0)


@pytest.mark.parametrize("control", list(ControlKind))
def test_every_plan_carries_the_shadow_price_of_its_target(control: ControlKind) -> None:
    assert plan(make_problem([0.3, 0.1, 0.2], control=control)).target_price_per_kwh == pytest.approx(0.2)


def test_explanation_holds_every_answer_asked_for() -> None:
    # Slot 0: 0.2 more per kWh; one more kWh at 0.2; an added hour at 0.05 saves 0.5; the lost last hour costs 0.0.
    problem = make_problem([0.3, 0.1, 0.2], control=FREE)
    told = explain(problem, why_not_at=[at(0), at(61)], later=[(at(240), 0.05)], earlier=at(120))
    assert [answer.extra_bill for answer in told.why_not] == pytest.approx([2.0])
    assert told.one_more_kwh_cost == pytest.approx(0.2)
    assert told.leaving_later is not None
    assert told.leaving_later.extra_bill == pytest.approx(-0.5)
    assert told.leaving_earlier is not None
    assert told.leaving_earlier.extra_bill == pytest.approx(0.0)


def test_slot_kept_free_for_a_second_try_says_so() -> None:
    # 0.05 is the cheaper hour on the bill; with the premium of 2 it is not.
    answer = plan(make_problem([0.4, 0.1, 0.4, 0.05], control=FREE, risk_premium=(0, 0, 0, 2.0), target_dc_kwh=5.0))
    assert drawn(answer.energy_ac_kwh) == [0, 5, 0, 0]
    assert [reason.value for reason in answer.reasons] == ["wait_cheaper", "cheapest", "full", "too_late"]
