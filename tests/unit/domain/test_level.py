"""The car's level between its own word and the meter (F6-F8, F13)."""

from datetime import timedelta

import pytest
from support.factories import EVENING, at

from domain.level import HOLDS_FOR, Level, metered, told

RATE = 16.5
"""11 kW at 90 % into 60 kWh [%/h]."""


def fresh(soc_pct: float = 40.0) -> Level:
    level = told(None, at(0), soc_pct, EVENING)
    return metered(level, at(0), RATE, most_pct_per_hour=RATE)


def test_f6_a_frozen_word_is_replaced_by_the_meter_and_stopped_on_the_bound() -> None:
    level = fresh()
    for n in range(1, 4):
        level = metered(level, at(n), RATE, most_pct_per_hour=RATE)
        level = told(level, at(n), 40.0, EVENING)
    assert level.is_frozen
    assert level.at_least_pct == pytest.approx(40 + 3 * 0.93 * RATE)
    assert level.at_most_pct > 40 + 3 * RATE


def test_a_word_is_frozen_only_if_it_was_repeated_while_energy_flowed() -> None:
    level = metered(fresh(), at(1), RATE, most_pct_per_hour=RATE)
    assert not level.is_frozen  # nobody asked the car since


def test_a_word_that_moves_with_the_meter_is_believed() -> None:
    level = told(metered(fresh(), at(1), RATE, most_pct_per_hour=RATE), at(1), 56.0, EVENING)
    assert (level.at_least_pct, level.told_at) == (56.0, at(1))


def test_f7_a_jump_up_without_energy_is_not_believed_for_the_lower_bound() -> None:
    level = told(metered(fresh(30), at(1), 0.0, most_pct_per_hour=RATE), at(2), 72.0, EVENING)
    assert level.at_least_pct < 50
    assert level.at_most_pct >= 72


def test_f8_a_fall_is_believed_at_once() -> None:
    assert told(fresh(57), at(1), 5.0, EVENING).at_least_pct == 5


def test_f8_a_word_from_before_the_plug_in_counts_for_less_until_a_newer_one_comes() -> None:
    old = told(None, at(-5), 57.0, EVENING)
    assert old.is_old
    assert old.at_least_pct == 37
    assert told(old, at(0.5), 52.0, EVENING).at_least_pct == 52


def test_a_smaller_battery_than_assumed_is_believed_once_energy_flowed() -> None:
    level = metered(fresh(), at(0.5), RATE, most_pct_per_hour=RATE)
    assert told(level, at(0.5), 55.0, EVENING).at_least_pct == 55


def test_f13_a_gap_without_measurement_widens_the_bounds() -> None:
    level = metered(fresh(), at(5), RATE, most_pct_per_hour=RATE)
    sure_hours = HOLDS_FOR / timedelta(hours=1)
    assert level.at_least_pct == pytest.approx(40 + 0.93 * RATE * sure_hours)
    assert level.at_most_pct == 100


def test_energy_up_to_the_moment_it_ceased_is_counted() -> None:
    level = metered(fresh(), at(1), 0.0, most_pct_per_hour=RATE)
    assert level.at_least_pct == pytest.approx(40 + 0.93 * RATE * 57 / 60)
    assert level.expected_pct(at(9)) == level.at_least_pct


def test_the_level_is_expected_to_rise_no_longer_than_power_is_taken_to_last() -> None:
    assert fresh().expected_pct(at(1)) == pytest.approx(40 + 0.93 * RATE)
    assert fresh().expected_pct(at(10)) == fresh().expected_pct(EVENING + HOLDS_FOR)


def test_it_says_when_a_level_is_reached() -> None:
    assert fresh().reaches_at(40 + 0.93 * RATE) == pytest.approx(at(1), abs=timedelta(seconds=1))
    assert metered(fresh(), at(1), 0.0, most_pct_per_hour=RATE).reaches_at(80) is None


def test_energy_before_a_word_that_is_believed_is_not_counted_again_after_it() -> None:
    level = metered(told(None, at(0), 40.0, at(0)), at(0), 15.0, most_pct_per_hour=20.0)
    level = metered(level, at(0.9), 15.0, most_pct_per_hour=20.0)
    level = told(level, at(1), 55.0, at(0))  # a reading without a power
    level = metered(level, at(1.1), 15.0, most_pct_per_hour=20.0)
    assert 56 < level.at_least_pct < 57
