"""From a session's request and the known prices to the planner's problem."""

from datetime import timedelta

import pytest
from support.factories import EVENING, MORNING, at

from domain.plan import ControlKind
from domain.prices import PriceSeries, PriceSlot
from domain.session.effects import PlanRequest
from domain.session.problem import MIN_RUN, problem_for
from domain.tariff import Tariff

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
