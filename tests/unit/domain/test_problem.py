"""From a session's request and the known prices to the planner's problem."""

from datetime import timedelta
from itertools import pairwise

import pytest
from support.factories import EVENING, MORNING, at

from domain.plan import ChargingPlan, ControlKind
from domain.prices import PriceSeries, PriceSlot
from domain.reliability import RouteRecord
from domain.session.effects import PlanRequest
from domain.session.problem import MIN_RUN, problem_for
from domain.tariff import Tariff
from planner import plan

HOUR = timedelta(hours=1)


def hourly(first, last, price=0.2) -> PriceSeries:
    """Hourly prices between two hours, counted from the plug-in."""
    slots = tuple(
        PriceSlot(starts_at=EVENING + HOUR * h, ends_at=EVENING + HOUR * (h + 1), price_per_kwh=price)
        for h in range(first, last)
    )
    return PriceSeries(area="NL", source="by hand", slots=slots)


def request(**changes) -> PlanRequest:
    values = {
        "revision": 1,
        "starts_at": EVENING + timedelta(minutes=7, seconds=5),
        "departs_at": MORNING,
        "tariff": Tariff(),
        "battery_capacity_kwh": 60,
        "soc_pct": 40,
        "target_soc_pct": 80,
        "min_soc_pct": 0,
        "max_power_kw": 11,
        "efficiency": 0.9,
        "control": ControlKind.ONOFF,
        "is_on": True,
    }
    return PlanRequest(**{**values, **changes})


def test_slots_run_from_now_to_departure_on_the_grid_and_on_price_changes():
    problem = problem_for(request(), hourly(0, 12))
    assert problem.edges[0] == EVENING + timedelta(minutes=7, seconds=5)
    assert problem.edges[1] == EVENING + timedelta(minutes=10)
    assert problem.edges[-1] == MORNING
    assert all(at(h) in problem.edges for h in range(1, 13))


def test_prices_are_all_in():
    problem = problem_for(request(), hourly(0, 12, price=0.2))
    assert problem.price_per_kwh == pytest.approx([0.35] * len(problem.price_per_kwh))
    assert not any(problem.is_forecast)


def test_hours_without_a_market_price_are_forecast_and_marked():
    problem = problem_for(request(), hourly(-200, 6))
    known = [not ours for ours in problem.is_forecast]
    assert known == [edge < at(6) for edge in problem.edges[:-1]]


def test_no_price_at_all_still_makes_a_problem():
    problem = problem_for(request(), hourly(0, 0))
    assert all(problem.is_forecast)
    assert len(set(problem.price_per_kwh)) == 1


def test_a_level_above_the_target_asks_for_nothing():
    problem = problem_for(request(soc_pct=90), hourly(0, 12))
    assert problem.target_dc_kwh == pytest.approx(problem.soc_dc_kwh)


def test_only_on_off_cars_have_shortest_runs():
    assert problem_for(request(), hourly(0, 12)).min_on == MIN_RUN
    assert problem_for(request(control=ControlKind.MODULATED), hourly(0, 12)).min_on == timedelta(0)


def test_a_route_that_fails_more_often_costs_more_and_keeps_more_slots_free():
    # Nothing observed: 0.95, 0.02 / 0.95. Half of 20 failed: (10 + 19) / 40 = 0.725.
    fresh, poor = (
        problem_for(request(route=RouteRecord(tried=tried, proven=tried // 2)), hourly(0, 12)) for tried in (0, 20)
    )
    assert fresh.switch_cost == pytest.approx(0.02 / 0.95)
    assert poor.switch_cost == pytest.approx(0.02 / 0.725)
    assert sum(fee > 0 for fee in poor.risk_premium) > sum(fee > 0 for fee in fresh.risk_premium)
    assert sum(poor.risk_premium) > sum(fresh.risk_premium)


def test_the_premium_rises_to_the_departure_and_spares_the_rest_of_the_night():
    fees = problem_for(request(), hourly(0, 12)).risk_premium
    # Two quarters in slots of five minutes; the last one bears all of 0.7 a quarter.
    assert [fee > 0 for fee in fees[-6:]] == [True] * 6
    assert not any(fees[:-6])
    assert list(fees) == sorted(fees)
    assert fees[-1] == pytest.approx(0.7 / 3)


def test_switches_that_come_later_are_planned_as_much_earlier():
    # Up to 10 minutes late, 5 in the mean: a switch planned at 23:55 happens on the hour, when the price changes.
    problem = problem_for(request(spread_seconds=600), hourly(0, 12))
    assert problem.edges[-1] == MORNING - timedelta(minutes=10)
    assert all(at(h) - timedelta(minutes=5) in problem.edges for h in range(1, 12))
    assert problem.edges[0] == request().starts_at


def test_a_spread_longer_than_the_night_leaves_a_slot_to_plan():
    late = request(starts_at=MORNING - timedelta(minutes=8), spread_seconds=1200)
    problem = problem_for(late, hourly(0, 12))
    assert problem.edges[0] == late.starts_at
    assert problem.edges[-1] - problem.edges[0] == timedelta(minutes=5)


def test_the_running_slot_is_passed_on_as_frozen():
    until = EVENING + timedelta(minutes=10)
    assert problem_for(request(frozen_until=until), hourly(0, 12)).frozen_until == until


def test_falling_power_of_a_full_battery_is_planned_where_power_is_set_freely():
    tapering = {"taper_from_pct": 80, "taper_end_power_kw": 20.0}
    free = problem_for(request(control=ControlKind.MODULATED, **tapering), hourly(0, 12))
    assert free.taper_from_dc_kwh == pytest.approx(48)
    assert free.taper_end_power_kw == 11  # no more than the maximum
    assert problem_for(request(**tapering), hourly(0, 12)).taper_from_dc_kwh is None
    assert problem_for(request(control=ControlKind.MODULATED), hourly(0, 12)).taper_from_dc_kwh is None


def test_the_plan_is_made_on_the_prices_of_the_tariff():
    """Night band from 23:00 in Amsterdam, 22:00 UTC: its edge is a slot's edge, and nothing is forecast."""
    bands = ({"since": "23:00", "price_per_kwh": "0.1"}, {"since": "07:00", "price_per_kwh": "0.3"})
    tariff = Tariff(kind="time_of_use", bands=bands, fees_per_kwh="0.05", vat_fraction="0.21")
    problem = problem_for(request(tariff=tariff), hourly(0, 0))
    switch = EVENING.replace(hour=22)
    for start, price in zip(problem.edges, problem.price_per_kwh, strict=False):
        assert price == pytest.approx(1.21 * (0.15 if start >= switch else 0.35))
        assert price == float(tariff.price_at(start))
    assert not any(problem.is_forecast)


def test_a_car_that_might_not_resume_gets_one_block():
    """Cheap hours 1 and 4, six hours of charging: in one piece, though two would cost less."""
    slots = tuple(
        PriceSlot(starts_at=at(h), ends_at=at(h + 1), price_per_kwh=0.05 if h in (1, 4) else 0.3) for h in range(12)
    )
    prices = PriceSeries(area="NL", source="by hand", slots=slots)
    pieces = plan(problem_for(request(is_on=False, target_soc_pct=70), prices))
    block = plan(problem_for(request(is_on=False, target_soc_pct=70, one_block=True), prices))
    assert runs(pieces) == 2
    assert runs(block) == 1


def test_a_plan_keeps_to_the_switches_that_are_left():
    slots = tuple(
        PriceSlot(starts_at=at(h), ends_at=at(h + 1), price_per_kwh=0.05 if h % 3 == 1 else 0.3) for h in range(12)
    )
    prices = PriceSeries(area="NL", source="by hand", slots=slots)
    free = plan(problem_for(request(is_on=False, target_soc_pct=90), prices))
    bound = plan(problem_for(request(is_on=False, target_soc_pct=90, most_switches=3), prices))
    assert runs(free) > 2
    assert runs(bound) <= 2


def runs(answer: ChargingPlan) -> int:
    states = [False] + [answer.is_on(t) for t in range(len(answer.energy_ac_kwh))]
    return sum(b and not a for a, b in pairwise(states))
