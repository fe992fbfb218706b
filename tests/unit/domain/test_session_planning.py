"""When a session asks for a plan, and what it asks."""

from support.by_hand import CHARGING, STOPPED, Played, both, planned
from support.factories import MORNING, at, make_plan, make_reading, make_session

from domain.session.effects import OpenNight, Plan, WakeAt
from domain.session.events import PlanReady, ReadingArrived


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
    assert played.of(WakeAt)[0].reason == "the plan switches"


def test_a_level_that_follows_the_plan_asks_for_nothing():
    # After one of three planned hours: 11 kWh * 0.9 / 60 kWh = 16.5 % above 40 %.
    played = planned(*both(STOPPED))
    played.hear(ReadingArrived(reading=make_reading(hours=7, state=CHARGING, soc_pct=56)), 7)
    assert played.of(Plan) == []
