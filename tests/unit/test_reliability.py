"""Prices of commands that sometimes fail."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.reliability import COMMAND_COST, Reliability

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
