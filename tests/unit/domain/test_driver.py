"""Both journeys by the machine alone, as requirements S3, S9-S11 and S13-S15 tell them; sessions opened once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import CAR, CHARGER, DRIVER, EVENING, at, make_device, make_driver, make_reading
from support.journeys import HOME, Played, capable, incapable, plugged

from domain.departure import Wish
from domain.devices import Capability, CapabilityKind, Device, PowerDeliveryState, Side
from domain.driver.apply import apply, begun
from domain.driver.decide import _rules, decide
from domain.driver.effects import (
    AskForRelease,
    BeginSession,
    LabelDriver,
    ListDevices,
    Renew,
    SetPlace,
    StartLink,
    Vitals,
)
from domain.driver.events import (
    ActionEnded,
    DeviceGone,
    DeviceSeen,
    DismissPrompt,
    Enroll,
    LinkReturned,
    NightReported,
    PlaceCharger,
    RequestLink,
    SessionEnded,
    SetWish,
    TimeReached,
    Withdraw,
)
from domain.driver.state import OUTCOMES_REMEMBERED
from domain.journey import Stage
from domain.machine import MAX_CHAIN
from domain.requirement import Requirement

STOPPED, UNPLUGGED = PowerDeliveryState.STOPPED, PowerDeliveryState.UNPLUGGED


def unplaced_charger(**changes) -> Device:
    return make_device(Side.CHARGER, **changes)


def enrolled(*, with_charger: bool = False) -> Played:
    played = capable()
    if with_charger:
        played.see(unplaced_charger()).place()
    return played.enroll()


# Journey A


def test_s3_smart_charging_stays_disabled_while_an_incapable_car_has_no_charger():
    journey = incapable().journey
    assert journey.stage is Stage.CHARGER_REQUIRED
    assert not journey.is_enabled
    (vehicle,) = journey.vehicles
    assert vehicle.requirement is Requirement.MANDATORY
    assert "cannot start charging or stop charging or report its location" in vehicle.requirement_reason


def test_s9_s10_the_prompt_comes_right_after_an_incapable_car_and_persists_until_its_charger_is_linked():
    played = incapable()
    assert played.journey.prompt is not None
    assert played.journey.prompt.key == "prompt.charger_required"
    assert played.journey.prompt.is_blocking
    played.hear(DismissPrompt(action_id="d", prompt="prompt.charger_required"))
    assert played.outcome("d").status == "refused"
    assert played.journey.prompt is not None
    assert played.journey.prompt.key == "prompt.charger_required"
    played.see(unplaced_charger()).place()
    assert played.journey.prompt is None


def test_s11_enrolment_is_refused_while_blocked_and_possible_once_the_charger_is_linked_and_placed():
    played = incapable().enroll("too early")
    assert played.outcome("too early").status == "refused"
    assert played.state.enrolment is None

    played.see(unplaced_charger())
    assert played.journey.stage is Stage.LOCATE_CHARGER
    assert played.enroll("still too early").outcome("still too early").status == "refused"

    played.place()
    assert played.journey.stage is Stage.READY_TO_ENROLL
    assert played.journey.is_enabled
    assert played.enroll("now").outcome("now").status == "done"
    assert played.journey.stage is Stage.ENROLLED


def test_start_and_stop_are_unlocked_by_the_charger_at_once_and_location_only_by_its_place():
    played = incapable().see(unplaced_charger())
    (vehicle,) = played.journey.vehicles
    assert (vehicle.effective.can_start, vehicle.effective.can_stop) == (True, True)
    assert not vehicle.effective.can_locate
    assert not vehicle.effective.can_smart_charge
    played.place()
    (vehicle,) = played.journey.vehicles
    assert vehicle.effective.can_smart_charge


def test_an_incapable_car_without_its_charger_is_back_in_journey_a_and_opens_no_session():
    played = incapable().see(unplaced_charger()).place().enroll()
    played.hear(DeviceGone(device_id=CHARGER))
    assert played.journey.stage is Stage.CHARGER_REQUIRED
    assert not played.journey.is_enabled
    played.see(plugged(can_control=False), 1)
    assert played.of(BeginSession) == []


# Journey B


def test_s13_the_prompt_comes_right_after_a_capable_car_and_names_the_benefits():
    played = capable()
    journey = played.journey
    assert journey.stage is Stage.READY_TO_ENROLL
    assert journey.is_enabled
    assert journey.vehicles[0].requirement is Requirement.RECOMMENDED
    assert journey.prompt is not None
    assert not journey.prompt.is_blocking
    assert len(journey.prompt.benefits) == 3


def test_s14_a_dismissed_prompt_stays_away_and_its_path_stays_in_settings():
    played = capable()
    played.hear(DismissPrompt(action_id="d", prompt="prompt.charger_recommended"))
    assert played.outcome("d").status == "done"
    assert played.journey.prompt is None
    assert "link_charger" in played.journey.settings
    played.see(make_device(brand="Jeep"), 1)
    assert played.journey.prompt is None


def test_s15_a_capable_car_without_charger_is_enabled_enrolled_and_charged_through_the_car():
    played = capable()
    played.hear(DismissPrompt(action_id="d", prompt="prompt.charger_recommended")).enroll()
    assert played.outcome("enroll").status == "done"
    played.see(plugged(hours=1), 1)
    (opened,) = played.of(BeginSession)
    assert opened.session.boxes == ()
    assert opened.session.car.can_start
    assert opened.session.car.can_stop


def test_a_prompt_that_is_not_shown_cannot_be_dismissed():
    played = capable().hear(DismissPrompt(action_id="d", prompt="prompt.charger_required"))
    assert played.outcome("d").status == "refused"
    assert played.state.dismissed == frozenset()


# Capability


def test_a_linked_charger_never_raises_the_cars_own_capability():
    played = incapable().see(unplaced_charger())
    before = played.state.own[CAR]
    played.see(make_device(can_control=True))  # the vendor lends the charger's ability to the car
    assert played.state.own[CAR] == before
    assert played.journey.vehicles[0].requirement is Requirement.MANDATORY
    played.hear(DeviceGone(device_id=CHARGER))
    assert played.journey.stage is Stage.CHARGER_REQUIRED


def test_a_car_linked_after_its_charger_is_judged_by_its_brand():
    played = Played().see(unplaced_charger()).see(make_device(can_control=True, brand="Jeep"))
    own = played.state.own[CAR]
    assert not own.can_stop
    assert own.evidence.startswith("brand table")


def test_what_the_vehicle_says_without_a_charger_replaces_the_brand_table():
    nothing_said = Played().see(make_device(brand="Jeep", capabilities={}))
    assert not nothing_said.state.own[CAR].can_stop
    nothing_said.see(make_device(brand="Jeep", can_control=True))
    assert nothing_said.state.own[CAR].can_stop


def test_a_missing_location_alone_makes_the_charger_mandatory():
    able, unable = Capability(is_capable=True), Capability(is_capable=False)
    kinds = {
        CapabilityKind.START_CHARGING: able,
        CapabilityKind.STOP_CHARGING: able,
        CapabilityKind.LOCATION: unable,
    }
    played = Played().see(make_device(capabilities=kinds))
    assert played.journey.stage is Stage.CHARGER_REQUIRED


def test_a_charger_that_stands_at_a_known_place_needs_no_question():
    at_home = make_reading(Side.CHARGER, state=UNPLUGGED, location_id=HOME, paired_with=None)
    played = incapable().see(unplaced_charger(reading=at_home))
    assert played.journey.stage is Stage.READY_TO_ENROLL


def test_a_charger_whose_place_is_removed_locks_the_location_again():
    here = make_reading(Side.CHARGER, state=UNPLUGGED, location_id=HOME, paired_with=None)
    played = incapable().see(unplaced_charger(reading=here))
    nowhere = make_reading(Side.CHARGER, hours=1, state=UNPLUGGED, location_id=None, paired_with=None)
    played.see(unplaced_charger(reading=nowhere), 1)
    assert played.journey.stage is Stage.LOCATE_CHARGER


# Actions


def test_an_action_that_needs_the_vendor_is_begun_once_and_pending_until_it_ends():
    played = Played()
    action = RequestLink(action_id="l", side=Side.VEHICLE, redirect_uri="https://app.invalid")
    (link,) = played.hear(action).of(StartLink)
    assert link.action_id == "l"
    assert played.outcome("l").status == "pending"
    assert played.hear(action).of(StartLink) == []
    played.hear(ActionEnded(action_id="l", is_done=True, url="https://vendor.invalid/1"))
    assert played.outcome("l").status == "done"
    assert played.state.outcomes["l"].url == "https://vendor.invalid/1"


def test_devices_found_by_a_listing_are_seen():
    played = Played()
    assert len(played.hear(LinkReturned(action_id="r", side=Side.VEHICLE)).of(ListDevices)) == 1
    played.hear(ActionEnded(action_id="r", is_done=True, devices=(make_device(),)))
    assert played.journey.stage is Stage.READY_TO_ENROLL


def test_only_a_linked_charger_can_be_placed():
    played = capable().hear(PlaceCharger(action_id="p", charger_id=CAR, place_id=HOME))
    assert played.outcome("p").status == "refused"
    played.see(unplaced_charger())
    assert len(played.hear(PlaceCharger(action_id="q", charger_id=CHARGER, place_id=HOME)).of(SetPlace)) == 1


ACTIONS = [
    RequestLink(action_id="x", side=Side.VEHICLE, redirect_uri="https://app.invalid"),
    LinkReturned(action_id="x", side=Side.CHARGER),
    DismissPrompt(action_id="x", prompt="prompt.charger_recommended"),
    Enroll(action_id="x", at=EVENING, text_version="1"),
    Withdraw(action_id="x"),
    SetWish(action_id="x", wish=Wish(target_soc_pct=55)),
]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.type)
def test_a_repeated_action_returns_the_first_outcome_and_changes_nothing(action):
    played = capable().hear(action)
    before = played.state
    played.hear(action)
    assert played.state == before
    other = SetWish(action_id="x", wish=Wish(target_soc_pct=99))
    assert apply(before, other) == before


def test_the_oldest_outcomes_are_forgotten_and_the_newest_kept():
    played = capable()
    for n in range(OUTCOMES_REMEMBERED + 5):
        played.state = apply(played.state, SetWish(action_id=str(n), wish=Wish(target_soc_pct=50)))
    assert len(played.state.outcomes) == OUTCOMES_REMEMBERED
    assert "4" not in played.state.outcomes
    assert "5" in played.state.outcomes


def test_after_withdrawal_no_plug_in_opens_a_session():
    played = enrolled().hear(Withdraw(action_id="w"))
    played.see(plugged(hours=1), 1)
    assert played.of(BeginSession) == []
    assert played.journey.stage is Stage.READY_TO_ENROLL


# Sessions


def test_a_plug_in_opens_one_session_however_often_it_is_told():
    played = enrolled(with_charger=True)
    (opened,) = played.see(plugged(hours=1), 1).of(BeginSession)
    assert opened.session.session_id == f"{CAR}:1"
    assert [box.device_id for box in opened.session.boxes] == [CHARGER]
    assert opened.session.driver_id == DRIVER
    assert played.see(plugged(hours=1), 1).of(BeginSession) == []
    assert played.see(plugged(hours=1.1), 1.1).of(BeginSession) == []


def test_a_car_plugged_in_before_enrolment_gets_its_session_by_enrolling():
    played = Played().see(plugged())
    assert played.of(BeginSession) == []
    assert len(played.enroll().of(BeginSession)) == 1


def test_unknown_is_no_plug_in():
    reading = make_reading(hours=1, state=PowerDeliveryState.UNKNOWN, is_plugged_in=None)
    assert enrolled().see(make_device(reading=reading), 1).of(BeginSession) == []


def test_a_session_starts_with_the_cars_own_abilities_not_the_lent_ones():
    played = incapable().see(unplaced_charger()).place().enroll()
    (opened,) = played.see(plugged(can_control=True, hours=1), 1).of(BeginSession)
    assert not opened.session.car.can_start
    assert not opened.session.car.can_stop


def test_a_sessions_end_brings_the_unplug_along_so_that_no_empty_session_follows():
    played = enrolled()
    played.see(plugged(hours=1), 1)
    gone = make_reading(hours=9, state=UNPLUGGED, paired_with=None)
    played.hear(SessionEnded(session_id=f"{CAR}:1", vehicle_id=CAR, readings=(gone,)), 9)
    assert played.of(BeginSession) == []
    assert played.state.sessions == {}
    (again,) = played.see(plugged(hours=20), 20).of(BeginSession)
    assert again.session.session_id == f"{CAR}:2"


def test_the_end_of_another_session_leaves_the_open_one_alone():
    played = enrolled()
    played.see(plugged(hours=1), 1)
    before = played.state
    played.hear(SessionEnded(session_id=f"{CAR}:7", vehicle_id=CAR), 2)
    assert played.state == before


def test_an_older_picture_of_a_device_changes_nothing():
    played = enrolled()
    played.see(plugged(hours=2), 2)
    before = played.state
    older = make_reading(hours=1, state=UNPLUGGED, paired_with=None)
    played.see(make_device(reading=older), 3)
    assert played.state == before


def test_a_night_is_noted_once_and_the_last_seven_are_kept():
    played = enrolled()
    for number in range(1, 10):
        report = NightReported(
            session_id="s", vehicle_id=CAR, number=number, is_ready=True, saving="1.00", why="as planned"
        )
        played.hear(report).hear(report)
    assert [night.number for night in played.state.nights] == list(range(3, 10))


def test_labels_follow_stage_and_brand_and_are_set_only_when_they_change():
    played = Played().see(make_device(can_control=False))
    (label,) = played.of(LabelDriver)
    assert (label.labels.stage, label.labels.brand) == ("charger_required", "Jeep")
    assert played.see(make_device(can_control=False)).of(LabelDriver) == []


def test_a_long_history_is_renewed_only_when_no_action_is_pending():
    long = Vitals(history_events=5000, continue_as_new_suggested=True)
    idle = capable()
    assert isinstance(decide(idle.state, EVENING, vitals=long).effects[-1], Renew)
    waiting = capable().hear(LinkReturned(action_id="r", side=Side.CHARGER))
    assert [e for e in decide(waiting.state, EVENING, vitals=long).effects if isinstance(e, Renew)] == []


EVENTS = st.sampled_from(
    [
        *ACTIONS,
        DeviceSeen(device=make_device()),
        DeviceSeen(device=make_device(can_control=False)),
        DeviceSeen(device=plugged(hours=1)),
        DeviceSeen(device=unplaced_charger()),
        DeviceGone(device_id=CAR),
        DeviceGone(device_id=CHARGER),
        PlaceCharger(action_id="p", charger_id=CHARGER, place_id=HOME),
        ActionEnded(action_id="p", is_done=True, charger_id=CHARGER, place_id=HOME),
        Enroll(action_id="e", at=EVENING, text_version="1"),
        SessionEnded(session_id=f"{CAR}:1", vehicle_id=CAR),
        TimeReached(),
    ]
)


@given(events=st.lists(EVENTS, max_size=12))
def test_every_chain_comes_to_rest_and_only_enabled_enrolled_vehicles_get_sessions(events):
    played = Played()
    for event in events:
        before = set(played.state.sessions)
        played.hear(event)
        assert not list(_rules(played.state, EVENING))
        assert len(played.effects) <= MAX_CHAIN
        if set(played.state.sessions) - before:
            assert played.journey.is_enabled
            assert played.journey.is_enrolled


def test_withdrawal_in_mid_session_lets_go_of_every_device_once():
    played = plugged_in_and_enrolled()
    (session,) = played.sessions.values()
    state = apply(played, Withdraw(action_id="withdraw"))
    asked = [e for e in decide(state, at(1)).effects if isinstance(e, AskForRelease)]
    assert [(e.session_id, e.why) for e in asked] == [(session.session_id, "left the program")]
    assert set(asked[0].device_ids) == set(state.devices)
    for effect in decide(state, at(1)).effects:
        state = begun(state, effect, at(1))
    assert not [e for e in decide(state, at(1)).effects if isinstance(e, AskForRelease)]


def plugged_in_and_enrolled():
    state = make_driver()
    for device in (make_device(), make_device(Side.CHARGER)):
        state = apply(state, DeviceSeen(device=device))
    state = apply(state, Enroll(action_id="enrolled", at=at(0), text_version="1"))
    car = make_device(reading=make_reading(hours=0.5))
    state = apply(state, DeviceSeen(device=car))
    for effect in decide(state, at(0.6)).effects:
        state = begun(state, effect, at(0.6))
    assert state.sessions
    return state


def test_withdrawal_lets_go_also_after_a_session_was_asked_to_release_for_an_unlink():
    state = plugged_in_and_enrolled()
    (session,) = state.sessions.values()
    asked = AskForRelease(session_id=session.session_id, device_ids=(CHARGER,), reason="unlink")
    state = apply(begun(state, asked, at(1)), Withdraw(action_id="withdraw"))
    assert [e.why for e in decide(state, at(1)).effects if isinstance(e, AskForRelease)] == ["left the program"]
