"""When a session commands, and through which side."""

import pytest
from support.by_hand import CHARGING, NO_POWER, STOPPED, Played, both, held_at_the_charger, planned
from support.factories import at, make_plan, make_reading, make_session, outcome_of

from domain.budgets import Budgets
from domain.commands import CommandResult, Goal, Proof
from domain.devices import Side
from domain.session.apply import apply
from domain.session.events import CommandEnded, DriverActed, PlanFailed, PlanReady, ReadingArrived
from domain.session.picture import picture_of


def test_a_car_that_charges_at_plug_in_is_stopped_through_the_charger_first():
    played = planned(*both(CHARGING))
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.NO_FLOW)]


def test_a_car_without_charger_is_stopped_through_the_car():
    car = make_reading(state=CHARGING, paired_with=None)
    played = planned(car, with_charger=False)
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


def test_a_charger_that_is_not_surely_holding_the_car_is_not_commanded():
    car = make_reading(state=CHARGING, paired_with=None)
    charger = make_reading(Side.CHARGER, state=CHARGING, paired_with=None)
    assert planned(charger, car).sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


def test_a_lying_charger_gives_way_to_the_car_and_both_holds_are_cleared_charger_first():
    played = planned(*both(CHARGING))
    played.end(CommandResult.UNPROVEN, 0.4, *both(CHARGING, 0.4))
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]
    played.end(CommandResult.PROVEN, 0.5, *both(STOPPED, 0.5, charger=NO_POWER))
    assert {(h.side, h.is_certain) for h in played.state.holds} == {(Side.CHARGER, False), (Side.VEHICLE, True)}
    assert played.sent() == []

    played.decide(6.0)  # the cheap hour
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.RELEASED)]
    played.end(CommandResult.ALREADY_SO, 6.0, *both(STOPPED, 6.0, charger=NO_POWER))
    assert played.sent() == [(Goal.START, Side.VEHICLE, Proof.FLOW)]
    played.end(CommandResult.PROVEN, 6.1, *both(CHARGING, 6.1))
    assert played.state.holds == ()
    assert played.sent() == []


def test_energy_that_flows_disproves_a_certain_hold():
    played = planned(*both(CHARGING))
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    assert [h.side for h in played.state.holds] == [Side.CHARGER]
    played.readings(6.2, CHARGING)
    assert played.state.holds == ()


def test_nothing_is_sent_when_what_is_measured_is_what_is_wanted():
    assert planned(*both(STOPPED)).sent() == []


def test_from_the_last_safe_start_on_price_no_longer_counts():
    # 40 % of 60 kWh at 90 % efficiency is 26.7 kWh; at 0.9 * 11 kW that takes 2.7 h; with 0.5 h margin: 8.8 h in.
    played = Played(make_session(*both(STOPPED)))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan((11, 12))), 0.1)
    played.decide(8.7)
    assert played.sent() == []
    played.decide(8.9)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_without_a_plan_the_car_charges_at_once():
    played = Played(make_session(*both(STOPPED)))
    played.decide(0.0)
    played.hear(PlanFailed(revision=1, why="MalformedReply"), 0.1)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_at_the_target_the_charge_is_stopped():
    played = planned(*both(STOPPED))
    played.readings(8.0, CHARGING)
    assert played.sent() == []
    full = make_reading(hours=8.5, state=CHARGING, soc_pct=80)
    played.hear(ReadingArrived(reading=full), 8.5)
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.NO_FLOW)]
    assert played.state.night.ready_at == at(8.5)


def test_a_late_result_of_an_old_command_changes_nothing():
    played = planned(*both(CHARGING))
    old = played.order()
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    before = played.state
    assert apply(before, CommandEnded(outcome=outcome_of(old, CommandResult.UNPROVEN, hours=0.4))) == before


def test_a_car_that_says_it_charges_without_a_rate_is_stopped_but_never_taken_as_proven():
    silent = make_reading(state=CHARGING, charge_rate_kw=None, paired_with=None)
    played = planned(silent, with_charger=False)
    assert picture_of(played.state, at(0.1)).is_flowing is None
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


@pytest.mark.parametrize("why", ["cheap hour", "charge now", "last safe start"])
def test_a_held_car_is_started_although_nobody_tells_its_power(why):
    played = held_at_the_charger()
    for side in Side:
        silent = make_reading(side, hours=0.5, is_reachable=False)
        played.state = apply(played.state, ReadingArrived(reading=silent))
    hours = {"cheap hour": 6.0, "charge now": 1.0, "last safe start": 10.0}[why]
    if why == "charge now":
        played.hear(DriverActed(action_id="a", at=at(hours), act="charge_now"), hours)
    else:
        played.decide(hours)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_a_charger_that_names_another_car_is_not_commanded():
    car = make_reading(state=CHARGING)
    charger = make_reading(Side.CHARGER, state=CHARGING, paired_with="car-2")
    played = planned(charger, car)
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


@pytest.mark.parametrize("commands", [24, 6])
def test_commands_are_kept_for_the_last_safe_start_whatever_the_programs_budget(commands: int):
    played = planned(*both(STOPPED))
    played.state = played.state.model_copy(update={"budgets": Budgets(commands=commands)})
    played.decide(6.0)
    played.end(CommandResult.UNPROVEN, 6.1, *both(STOPPED, 6.1))
    spent = (played.state.night.commands[0],) * commands
    night = played.state.night.model_copy(update={"commands": spent})
    played.state = played.state.model_copy(update={"night": night})
    played.decide(8.7)
    assert played.sent() == []
    played.decide(9.5)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]


def test_beyond_the_cars_own_limit_nothing_is_commanded():
    readings = [r.model_copy(update={"soc_pct": 70.0, "charge_limit_pct": 70.0}) for r in both(STOPPED)[1:]]
    played = planned(both(STOPPED)[0], *readings)
    for hours in (6.5, 11.5):
        played.decide(hours)
        assert played.sent() == []
