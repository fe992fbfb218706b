"""When a schedule wants charging, over midnights, weeks and clock changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from simulator.weekplan import Rule, should_charge, transitions

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def rule(**keys: object) -> Rule:
    return Rule.model_validate({"shouldCharge": True, **keys})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "wish"),
    [
        ("2022-12-12T21:59", False),  # Monday 22:59 in Amsterdam
        ("2022-12-12T22:00", True),
        ("2022-12-13T03:59", True),  # Tuesday 04:59, still Monday's rule
        ("2022-12-13T04:00", False),
        ("2022-12-13T22:30", False),  # Tuesday night is not named
    ],
)
def test_a_rule_over_midnight_belongs_to_the_day_it_began(at: str, wish: bool) -> None:
    monday = rule(hourMinute={"from": "23:00", "to": "05:00"}, weekdays=[0])
    assert should_charge([monday], False, utc(at), AMSTERDAM) is wish


def test_the_first_rule_that_applies_wins_and_else_the_default() -> None:
    rules = [rule(shouldCharge=False, hourMinute={"from": "02:00", "to": "03:00"}), rule(weekdays=[1])]
    assert should_charge(rules, False, utc("2022-12-13T01:30"), AMSTERDAM) is False
    assert should_charge(rules, False, utc("2022-12-13T02:30"), AMSTERDAM) is True
    assert should_charge(rules, False, utc("2022-12-14T02:30"), AMSTERDAM) is False


def test_time_stamps_bound_a_rule_half_open() -> None:
    window = [rule(fromTimestamp="2022-12-13T01:00:00Z", toTimestamp="2022-12-13T02:00:00Z")]
    assert [should_charge(window, False, utc(f"2022-12-13T{t}"), AMSTERDAM) for t in ("00:59", "01:00", "02:00")] == [
        False,
        True,
        False,
    ]


def test_transitions_follow_the_wall_clock_through_a_clock_change() -> None:
    night = [rule(hourMinute={"from": "01:00", "to": "05:00"})]
    # In the night of 26 March 2023 Amsterdam goes from UTC+1 to UTC+2 at 02:00.
    assert transitions(night, False, utc("2023-03-25T12:00"), AMSTERDAM, 2) == [
        (utc("2023-03-26T00:00"), True),
        (utc("2023-03-26T03:00"), False),
    ]


def test_rules_without_an_edge_have_no_transitions() -> None:
    assert transitions([], True, utc("2022-12-12T12:00"), AMSTERDAM, 2) == []
    assert transitions([rule()], True, utc("2022-12-12T12:00"), AMSTERDAM, 2) == []
