"""When a session asks for a plan, and what it asks."""

import pytest
from support.by_hand import CHARGING, STOPPED, Played, both, planned
from support.factories import CAR, CHARGER, MORNING, at, make_plan, make_reading, make_session

from domain.budgets import Budgets
from domain.commands import CommandResult, Goal
from domain.devices import PowerDeliveryState
from domain.session.apply import apply
from domain.session.effects import OpenNight, Plan, Read, WakeAt
from domain.session.events import DriverActed, PlanReady, PricesChanged, ReadFailed, ReadingArrived


def test_plug_in_opens_a_night_to_the_next_departure_and_asks_for_a_plan():
    played = Played(make_session(*both(STOPPED)))
    played.decide(0.0)
    (opened,), (plan,) = played.of(OpenNight), played.of(Plan)
    assert opened.departs_at == MORNING
    assert plan.request.soc_pct == 40
    assert plan.request.target_soc_pct == 80
    assert played.sent() == []


def test_a_plan_for_an_older_question_is_not_taken():
    played = planned(*both(STOPPED))
    before = played.state.night.plan
    played.hear(PlanReady(revision=7, plan=make_plan((0, 1))), 0.2)
    assert played.state.night.plan == before


def test_the_next_instant_is_the_earliest_of_interest():
    wake = planned(*both(STOPPED)).decide(0.2).effects[-1]
    assert isinstance(wake, WakeAt)
    assert (wake.at, wake.reason) == (at(6.0), "the plan switches")


def test_a_level_off_the_plan_asks_for_a_new_plan_once_the_old_one_has_settled():
    # The plan was asked for at 40 %, charges nothing before hour 6, and the car is then seen at 33 %.
    played = planned(*both(STOPPED))
    lower = make_reading(hours=0.2, soc_pct=33)
    played.hear(ReadingArrived(reading=lower), 0.2)
    assert played.of(Plan) == []
    assert [e.reason for e in played.of(WakeAt)] == ["plan again: level is -7 % off the plan"]
    played.decide(0.25)
    (plan,) = played.of(Plan)
    assert (plan.request.soc_pct, plan.reason) == (33, "level is -7 % off the plan")
    assert played.of(WakeAt) == [], "the plan is awaited first, then the timer is set"


def test_a_level_that_follows_the_plan_asks_for_nothing():
    # After one of three planned hours: 11 kWh * 0.9 / 60 kWh = 16.5 % above 40 %.
    played = planned(*both(STOPPED))
    played.hear(ReadingArrived(reading=make_reading(hours=7, state=CHARGING, soc_pct=56)), 7)
    assert played.of(Plan) == []


def charging(kw: float, hours: float):
    return [r.model_copy(update={"charge_rate_kw": kw}) for r in both(CHARGING, hours)]


def test_f56_power_off_by_a_fifth_replaces_the_nominal_one_once_it_has_settled():
    played = planned(*both(STOPPED), seen_kw=None)
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.05, *charging(7.4, 6.05))
    assert played.of(Plan) == []
    assert "look whether the power has settled" in [e.reason for e in played.of(WakeAt)]
    played.decide(6.05 + 5 / 60)
    assert [e.device_id for e in played.of(Read)] == [CHARGER]
    played.hear(ReadingArrived(reading=charging(7.4, 6.2)[0]), 6.2)
    (plan,) = played.of(Plan)
    assert plan.request.max_power_kw == 7.4
    assert plan.reason == "7.4 kW are measured where 11.0 were planned"
    assert plan.request.is_on


def test_a_car_whose_power_nobody_knows_shows_it_in_a_short_charge_before_it_matters():
    played = planned(*both(STOPPED), seen_kw=None)
    # 26.7 kWh at 3 kW take 8.9 h, with 35 min for ladder and driver: 2.5 h after the plug-in.
    played.decide(2.4)
    assert played.sent() == []
    played.decide(2.6)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]
    played.end(CommandResult.PROVEN, 2.65, *both(CHARGING, 2.65))
    assert [goal for goal, _, _ in played.sent()] == [Goal.STOP]
    assert played.state.seen_kw == 11


@pytest.mark.parametrize("most", [Budgets().plans, 2])
def test_f57_a_flood_of_prices_and_levels_leaves_the_plan_and_the_relay_alone(most: int):
    played = planned(*both(STOPPED))
    played.state = played.state.model_copy(update={"budgets": Budgets(plans=most)})
    plans = 0
    for minute in range(60):
        hours = 1 + minute / 60
        played.state = apply(played.state, PricesChanged(area="NL", publication=f"p{minute}"))
        played.hear(ReadingArrived(reading=make_reading(hours=hours, soc_pct=40 - minute % 2)), hours)
        for plan in played.of(Plan):
            plans += 1
            played.hear(PlanReady(revision=plan.request.revision, plan=make_plan()), hours)
    assert plans <= most - 1  # the first one was made before
    assert played.state.night.commands == ()


def test_f44_prices_that_come_late_are_planned_for_and_known_ones_change_nothing():
    played = planned(*both(STOPPED))
    played.hear(PricesChanged(area="NL", publication="a"), 1)
    assert [e.reason for e in played.of(Plan)] == ["new prices are out"]
    played.hear(PlanReady(revision=2, plan=make_plan(), prices_known_until=at(12)), 1.1)
    played.hear(PricesChanged(area="NL", publication="b"), 2)
    assert played.of(Plan) == []
    played.hear(PricesChanged(area="DE", publication="c"), 2)
    assert played.of(Plan) == []


def test_f57_what_was_switched_just_before_is_frozen_in_the_next_plan():
    played = planned(*both(STOPPED))
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.1, *both(CHARGING, 6.1))
    wish = played.state.wish.model_copy(update={"target_soc_pct": 90})
    played.hear(DriverActed(action_id="w", at=at(6.2), act="set_wish", wish=wish), 6.2)
    (plan,) = played.of(Plan)
    assert plan.request.frozen_until == at(6.6)
    assert plan.request.most_switches == 5


def test_f25_a_car_that_does_not_resume_is_planned_in_one_block():
    session = make_session(*both(STOPPED))
    car = session.car.model_copy(update={"resumes": False})
    played = Played(session.model_copy(update={"car": car}))
    played.decide(0.0)
    (plan,) = played.of(Plan)
    assert plan.request.one_block
    played.hear(PlanReady(revision=1, plan=make_plan((0, 3))), 0.1)
    played.end(CommandResult.PROVEN, 0.2, *both(CHARGING, 0.2))
    played.hear(PlanReady(revision=1, plan=make_plan((8, 10))), 0.3)
    assert played.sent() == []


def test_f52_past_the_plans_last_run_a_car_below_its_target_goes_on_until_its_level_is_known():
    played = planned(*both(STOPPED))
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.0, *both(CHARGING, 6.0))
    played.decide(9.0)
    assert played.sent() == []
    assert [e.device_id for e in played.of(Read)][-1] == CAR
    played.hear(ReadingArrived(reading=make_reading(hours=9.05, state=CHARGING, soc_pct=80)), 9.05)
    assert [goal for goal, _, _ in played.sent()] == [Goal.STOP]


def test_a_changed_limit_of_the_cars_own_is_planned_for():
    played = planned(*both(STOPPED))
    limited = make_reading(hours=1, charge_limit_pct=60.0)
    played.hear(ReadingArrived(reading=limited), 1)
    (plan,) = played.of(Plan)
    assert (plan.request.target_soc_pct, plan.reason) == (60, "the car's own limit allows 60 % now")


def test_f54_near_the_top_a_percent_lost_starts_nothing():
    played = planned(*both(STOPPED))
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.0, *both(CHARGING, 6.0))
    played.hear(ReadingArrived(reading=make_reading(hours=8.5, state=CHARGING, soc_pct=80)), 8.5)
    played.end(CommandResult.PROVEN, 8.6, *(r.model_copy(update={"soc_pct": None}) for r in both(STOPPED, 8.6)))
    assert played.state.night.ready_at is not None
    played.hear(ReadingArrived(reading=make_reading(hours=9, soc_pct=79)), 9)
    played.decide(11.5)
    assert played.sent() == []


@pytest.mark.parametrize("most", [Budgets().reads, 3])
def test_f5_reads_are_few_in_a_night_in_which_nothing_answers(most: int):
    session = make_session(make_reading(state=PowerDeliveryState.UNKNOWN, paired_with=None), with_charger=False)
    played = Played(session.model_copy(update={"budgets": Budgets(reads=most)}))
    reads = 0
    for quarter in range(48):
        played.decide(quarter / 4)
        reads += len(played.of(Read))
        for read in played.of(Read):
            played.hear(ReadFailed(device_id=read.device_id, why="DeviceUnreachable"), quarter / 4 + 0.01)
    assert reads <= most


def test_f20_a_car_plugged_in_behind_its_cheap_slot_is_planned_from_then_on():
    late = make_session(*both(STOPPED, 8), plugged_in_at=at(8))
    played = Played(late)
    played.decide(8.0)
    (plan,) = played.of(Plan)
    assert plan.request.starts_at == at(8)
