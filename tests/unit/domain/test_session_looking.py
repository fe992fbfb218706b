"""When a session asks the devices itself."""

from support.by_hand import CHARGING, Played, both, planned
from support.factories import CAR, CHARGER, at, make_plan, make_reading, make_session

from domain.commands import Goal, Proof
from domain.devices import PowerDeliveryState, Side
from domain.session.effects import Read
from domain.session.events import PlanReady
from domain.session.looking import _longest_unheard


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


def test_f69_a_side_that_does_not_answer_leaves_its_turn_to_the_other_meter():
    """Else the charger's meter is never looked at while the car's vendor is dead, and its energy is not counted."""
    played = planned(*both(CHARGING))
    played.readings(0.2, CHARGING)
    state = played.state.model_copy(update={"asked_at": {CAR: at(1.4)}})
    assert _longest_unheard(state) == CHARGER
    assert _longest_unheard(state.model_copy(update={"asked_at": {CHARGER: at(1.4)}})) == CAR
