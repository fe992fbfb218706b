"""When a session asks the devices itself."""

from support.by_hand import CHARGING, Played, planned
from support.factories import CAR, make_plan, make_reading, make_session

from domain.commands import Goal, Proof
from domain.devices import PowerDeliveryState, Side
from domain.session.effects import Read
from domain.session.events import PlanReady


def test_unknown_power_is_asked_for_before_anything_is_sent():
    quiet = make_reading(state=PowerDeliveryState.UNKNOWN, hours=-1, paired_with=None)
    played = planned(quiet, with_charger=False)
    assert played.sent() == []
    played = Played(make_session(quiet, with_charger=False))
    played.decide(0.0)
    assert [effect.device_id for effect in played.of(Read)] == [CAR]


def test_s43_after_a_plug_in_the_word_which_charger_holds_the_car_is_waited_for_and_asked_for_once():
    unmatched = (
        make_reading(Side.CHARGER, state=CHARGING, paired_with=None),
        make_reading(state=CHARGING, paired_with=None),
    )
    played = Played(make_session(*unmatched))
    played.decide(0.0)
    assert [(e.device_id, e.reason) for e in played.of(Read)] == [(CAR, "not known yet which charger holds the car")]
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.02)
    assert played.sent() == []
    assert played.of(Read) == []
    played.readings(0.05, CHARGING)  # now both ends name each other
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.NO_FLOW)]


def test_a_car_that_no_charger_of_ours_claims_in_time_is_controlled_through_itself():
    unmatched = (
        make_reading(Side.CHARGER, state=CHARGING, paired_with=None),
        make_reading(state=CHARGING, paired_with=None),
    )
    played = Played(make_session(*unmatched))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.02)
    played.decide(0.0 + 5 / 60)
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]
