"""The driver wins: now, stop, skip, pause, target, departure."""

import pytest
from support.by_hand import CHARGING, STOPPED, Played, both, held_at_the_charger, planned
from support.factories import CHARGER, at, make_plan, make_reading, make_session, outcome_of

from domain.commands import CommandResult, Goal, Proof
from domain.departure import Wish
from domain.devices import Side
from domain.session.apply import apply
from domain.session.effects import Plan, Tell, WakeAt
from domain.session.events import CommandEnded, DriverActed, NightAccounted, PlanReady


def test_charge_now_wins_at_once_over_a_stop_that_is_under_way():
    played = planned(*both(CHARGING))
    played.hear(DriverActed(action_id="a", at=at(0.2), act="charge_now"), 0.2)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]
    stop = played.state.night.commands[0]
    assert stop.outcome.result is CommandResult.SUPERSEDED
    played.hear(CommandEnded(outcome=outcome_of(stop.order, CommandResult.PROVEN, hours=0.3)), 0.3)
    assert played.state.night.commands[0].outcome.result is CommandResult.SUPERSEDED


def test_stay_stopped_is_not_undone_by_the_plan_or_the_last_safe_start():
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="a", at=at(1), act="stay_stopped"), 1)
    for hours in (6.5, 9, 11.5):
        played.decide(hours)
        assert played.sent() == []


def test_a_repeated_action_changes_nothing():
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="a", at=at(1), act="charge_now"), 1)
    played.hear(DriverActed(action_id="b", at=at(2), act="follow_plan"), 2)
    before = played.state
    assert apply(before, DriverActed(action_id="a", at=at(1), act="charge_now")) == before


@pytest.mark.parametrize("kind", ["charge_now", "stay_stopped"])
def test_the_drivers_word_outlives_the_plan_until_taken_back(kind):
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="a", at=at(1), act=kind), 1)
    assert played.state.override.kind == kind
    played.hear(DriverActed(action_id="b", at=at(2), act="follow_plan"), 2)
    assert played.state.override is None


def test_charge_now_after_departure_does_not_wait_for_the_next_night():
    played = held_at_the_charger()
    played.decide(12.0)
    played.hear(NightAccounted(number=1, is_ready=True, saving="0", why="ready"), 12.1)
    played.hear(DriverActed(action_id="a", at=at(12.2), act="charge_now"), 12.2)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_a_raised_target_is_not_reached_yet_and_a_lowered_one_may_be():
    played = planned(*both(STOPPED))
    for target, ready_at in ((40, at(0)), (90, None)):
        wish = played.state.wish.model_copy(update={"target_soc_pct": target})
        played.hear(DriverActed(action_id=str(target), at=at(2), act="set_wish", wish=wish), 2)
        assert played.state.night.ready_at == ready_at


def test_p7_a_pause_holds_until_its_instant_and_then_the_plan_goes_on():
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="p", at=at(1), act="pause_until", until=at(7)), 1)
    (plan,) = played.of(Plan)
    assert plan.request.frozen_until == at(7)
    played.hear(PlanReady(revision=2, plan=make_plan((6, 9))), 1.1)
    played.decide(6.5)
    assert played.sent() == []
    assert "the driver's pause ends" in [e.reason for e in played.of(WakeAt)]
    played.decide(7.0)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_p7_a_pause_beyond_the_last_safe_start_is_kept_and_its_risk_is_told_at_once():
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="p", at=at(1), act="pause_until", until=at(11)), 1)
    assert [(t.kind, t.cause) for t in played.of(Tell)] == [("at_risk", "stopped_by_driver")]
    played.decide(9.5)
    assert played.sent() == []
    assert [(t.kind, t.what_to_do) for t in played.of(Tell)] == [("act_now", "say_charge_now")]
    played.decide(11.0)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_p7_after_stay_stopped_the_risk_to_departure_is_shown_and_never_undone():
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="s", at=at(1), act="stay_stopped"), 1)
    assert [(t.kind, t.cause) for t in played.of(Tell)] == [("at_risk", "stopped_by_driver")]
    for hours in (6, 9.5, 11.9):
        played.decide(hours)
        assert played.sent() == []


def test_f30_below_the_minimum_level_the_car_charges_whatever_the_price():
    played = Played(make_session(*both(STOPPED), wish=Wish(target_soc_pct=80, min_soc_pct=50)))
    played.decide(0.0)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_f58_a_new_wish_asks_for_a_new_plan_at_once_however_many_there_were():
    played = planned(*both(STOPPED))
    night = played.state.night.model_copy(update={"plan_revision": 40})
    played.state = played.state.model_copy(update={"night": night})
    wish = played.state.wish.model_copy(update={"target_soc_pct": 90})
    played.hear(DriverActed(action_id="w", at=at(2), act="set_wish", wish=wish), 2)
    assert [e.request.target_soc_pct for e in played.of(Plan)] == [90]


def test_f61_the_drivers_answer_which_charger_it_is_makes_the_match_sure():
    unmatched = (make_reading(Side.CHARGER, paired_with=None), make_reading(paired_with=None))
    played = planned(*unmatched)
    played.decide(0.3)
    assert [(t.kind, t.cause) for t in played.of(Tell)] == [("question", "which_charger")]
    played.hear(DriverActed(action_id="n", at=at(0.4), act="name_charger", charger_id=CHARGER), 0.4)
    assert played.state.box.device_id == CHARGER
    played.decide(6.0)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]
