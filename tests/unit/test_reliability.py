"""Prices of commands that sometimes fail."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.commands import CommandOutcome, CommandResult, Goal
from domain.devices import Side
from domain.reliability import COMMAND_COST, Reliability, RouteRecord, added, routes_of

START = datetime(2026, 1, 5, tzinfo=UTC)
QUARTERS = [START + timedelta(minutes=15 * t) for t in range(9)]


def test_premium_rises_over_the_last_slots() -> None:
    # 0.9: 0.1^3 = 0.001 is rare enough, so three quarters: 1/9, 4/9 and all of 0.7.
    expected = (0, 0, 0, 0, 0, 0.7 / 9, 2.8 / 9, 0.7)
    assert Reliability(worked_fraction=0.9).premium(QUARTERS) == pytest.approx(expected)


def test_premium_of_an_hour_counts_its_quarters() -> None:
    hours = [START + timedelta(hours=t) for t in range(3)]
    assert Reliability(worked_fraction=0.9).premium(hours) == pytest.approx((0.0, 2.8))


def test_less_reliable_routes_keep_more_slots_free_and_pay_more_per_command() -> None:
    tries = [Reliability(worked_fraction=p).tries for p in (1.0, 0.99, 0.95, 0.9, 0.8, 0.5, 0.0)]
    assert tries == [2, 2, 2, 3, 4, 9, 12]
    assert Reliability(worked_fraction=0.8).command_cost == pytest.approx(COMMAND_COST / 0.8)
    assert Reliability(worked_fraction=0.0).command_cost == pytest.approx(COMMAND_COST * 12)


def test_few_observations_move_the_expectation_little() -> None:
    assert Reliability.observed(0, 0).worked_fraction == pytest.approx(0.95)
    assert Reliability.observed(0, 1).worked_fraction == pytest.approx(19 / 21)
    assert Reliability.observed(900, 1000).worked_fraction == pytest.approx(919 / 1020)


def ended(side: Side, result: CommandResult) -> CommandOutcome:
    return CommandOutcome(number=1, key="k", goal=Goal.START, side=side, result=result, ended_at=START)


def test_only_commands_that_tell_of_their_route_count() -> None:
    """One superseded was let go of, one already so was never tried."""
    charger = [ended(Side.CHARGER, result) for result in CommandResult]
    routes = routes_of([*charger, ended(Side.VEHICLE, CommandResult.PROVEN)])
    assert routes == {Side.CHARGER: RouteRecord(tried=4, proven=1), Side.VEHICLE: RouteRecord(tried=1, proven=1)}
    assert routes_of([ended(Side.CHARGER, CommandResult.SUPERSEDED)]) == {}


def test_records_add_up_side_by_side() -> None:
    one = {Side.CHARGER: RouteRecord(tried=4, proven=1)}
    other = {Side.CHARGER: RouteRecord(tried=2, proven=2), Side.VEHICLE: RouteRecord(tried=1)}
    assert added(one, other) == {Side.CHARGER: RouteRecord(tried=6, proven=3), Side.VEHICLE: RouteRecord(tried=1)}


def test_a_route_is_judged_by_its_own_record() -> None:
    poor = Reliability.of_route(RouteRecord(tried=20, proven=10))
    assert poor.worked_fraction == pytest.approx(29 / 40)
    assert poor.command_cost > Reliability.of_route(RouteRecord()).command_cost
