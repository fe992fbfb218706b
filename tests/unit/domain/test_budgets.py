"""A program's budgets: they reach every session that begins, and leave enough to start the car."""

import pytest
from support.by_hand import CHARGING, STOPPED, Played, both
from support.factories import make_driver, make_plan, make_reading, make_session
from support.journeys import Played as PlayedDriver
from support.journeys import enrolled, placed_charger, plugged

from domain.budgets import Budgets
from domain.commands import CommandResult, Goal
from domain.devices import PowerDeliveryState
from domain.driver.effects import BeginSession
from domain.program import Program
from domain.session.effects import Read
from domain.session.events import PlanReady, ReadFailed

LEAN = Budgets(commands=3, reads=1, plans=1)


@pytest.mark.parametrize(("commands", "stops"), [(24, 8), (6, 2), (3, 1), (2, 1), (1, 0)])
def test_most_commands_are_kept_for_starting_and_one_always_is(commands: int, stops: int):
    budgets = Budgets(commands=commands)
    assert (budgets.stops, budgets.starts(is_pressing=False)) == (stops, commands)
    assert budgets.starts(is_pressing=True) > commands


def test_a_session_begins_with_its_programs_budgets():
    driver = make_driver(program=Program(name="test", budgets=LEAN))
    played = PlayedDriver(driver).see(placed_charger()).see(plugged()).enroll()
    (begun,) = played.of(BeginSession)
    assert begun.session.budgets == LEAN
    (usual,) = enrolled().see(plugged()).of(BeginSession)
    assert usual.session.budgets == Budgets()


def test_a_session_whose_stops_are_spent_lets_the_car_charge():
    played = Played(make_session(*both(CHARGING), budgets=LEAN))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.1)
    assert [goal for goal, _, _ in played.sent()] == [Goal.STOP]
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    played.readings(1.0, CHARGING)  # somebody started it: the one stop of the night is spent
    assert played.sent() == []


def test_a_plan_is_made_without_a_level_once_the_only_read_was_in_vain():
    unknown = make_reading(state=PowerDeliveryState.UNKNOWN, soc_pct=None)
    played = Played(make_session(unknown, budgets=LEAN))
    for quarter in range(5):
        played.decide(quarter / 4)
        for read in played.of(Read):
            played.hear(ReadFailed(device_id=read.device_id, why="asleep"), quarter / 4 + 0.01)
    assert played.state.night.reads == 1
    assert played.state.night.plan_revision == 1
