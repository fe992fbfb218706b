"""From plug-in to unplug: nights open and close, devices leave, nothing follows the end."""

from datetime import timedelta

from support.by_hand import CHARGING, STOPPED, UNPLUGGED, Played, both, held_at_the_charger, planned
from support.factories import CAR, CHARGER, MORNING, at, make_plan, make_reading, make_session

from domain.commands import CommandResult, Goal, Proof
from domain.devices import Side
from domain.driver.unlinking import RELEASE_LIMIT
from domain.energy_flow import Hold
from domain.session.apply import apply
from domain.session.control import LAST_ACT_WITHIN
from domain.session.effects import CloseNight, CloseSession, OpenNight, Plan, Report, ReportReleased, Tell, WakeAt
from domain.session.events import DevicesLeaving, DriverActed, NightAccounted, PlanReady, ReadingArrived
from domain.session.pulse import pulse_of


def test_an_older_reading_changes_nothing():
    played = planned(*both(STOPPED, 1.0))
    before = played.state.readings[CAR]
    played.hear(ReadingArrived(reading=make_reading(hours=0.5, state=CHARGING)), 1.1)
    assert played.state.readings[CAR] == before


def test_an_unplug_said_by_one_side_only_is_no_unplug():
    played = planned(*both(STOPPED))
    played.hear(ReadingArrived(reading=make_reading(hours=1, state=UNPLUGGED)), 1.0)
    played.decide(1.5)
    assert played.of(CloseNight) == []


def test_a_sure_unplug_closes_the_night_then_the_session_after_its_report():
    played = planned(*both(STOPPED))
    for side in Side:
        gone = make_reading(side, hours=1, state=UNPLUGGED, paired_with=None)
        played.state = apply(played.state, ReadingArrived(reading=gone))
    played.decide(1.0)
    assert played.of(CloseNight) == []
    played.decide(1.0 + 4.9 / 60)
    assert played.of(CloseNight) == []
    played.decide(1.0 + 5 / 60)
    assert [effect.reason for effect in played.of(CloseNight)] == ["unplugged"]
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="unplugged early"), 1.1)
    assert [type(effect) for effect in played.effects] == [Report, CloseSession]


def test_at_departure_the_night_closes_and_a_car_that_stays_gets_the_next_one():
    played = planned(*both(STOPPED))
    played.decide(12.0)
    assert [effect.reason for effect in played.of(CloseNight)] == ["departure"]
    played.hear(NightAccounted(number=1, is_ready=True, saving="1.50", why="ready"), 12.1)
    assert played.of(OpenNight) == []
    played.decide(13.0)
    (opened,) = played.of(OpenNight)
    assert opened.number == 2
    assert opened.departs_at == MORNING + timedelta(days=1)


def test_events_of_unknown_devices_are_left_alone():
    session = make_session(*both(STOPPED))
    stranger = make_reading(device_id="car-2")
    assert apply(session, ReadingArrived(reading=stranger)) == session


def test_f38_a_leaving_charger_is_released_then_left_alone_and_the_car_takes_over():
    played = held_at_the_charger()
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 1.0)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]
    assert played.of(ReportReleased) == []
    played.end(CommandResult.PROVEN, 1.1, *both(CHARGING, 1.1))
    assert [e.device_ids for e in played.of(ReportReleased)] == [(CHARGER,)]
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]
    assert CHARGER not in played.state.device_ids


def test_f38_a_leaving_charger_that_does_not_obey_is_given_up_after_one_try():
    played = held_at_the_charger()
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 1.0)
    played.end(CommandResult.UNPROVEN, 1.2)
    (report,) = played.of(ReportReleased)
    assert (report.device_ids, report.reason) == ((CHARGER,), "our hold could not be released in time")


def test_a_leaving_charger_without_a_hold_of_ours_is_reported_at_once():
    played = planned(*both(STOPPED))
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 1.0)
    assert played.sent() == []
    assert len(played.of(ReportReleased)) == 1


def test_a_car_that_cannot_do_without_its_charger_ends_its_session_when_the_charger_leaves():
    session = make_session(*both(STOPPED))
    played = Played(session.model_copy(update={"car": session.car.model_copy(update={"can_stop": False})}))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.1)
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 1.0)
    assert [e.reason for e in played.of(CloseNight)] == ["without its charger this car cannot be controlled"]


def test_an_unlinked_car_ends_its_session():
    played = planned(*both(STOPPED))
    played.hear(DevicesLeaving(device_ids=(CAR,)), 1.0)
    assert [e.reason for e in played.of(CloseNight)] == ["the car was unlinked"]
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="unlinked"), 1.1)
    assert len(played.of(CloseSession)) == 1


def test_a_hold_between_nights_is_released_too_when_its_device_leaves():
    played = held_at_the_charger()
    played.decide(12.0)
    played.hear(NightAccounted(number=1, is_ready=True, saving="0", why="ready"), 12.1)
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 12.2)
    assert len(played.of(OpenNight)) == 1
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_a_replug_while_the_night_is_being_closed_opens_the_next_one_at_once():
    played = planned(*both(STOPPED))
    for side in Side:
        gone = make_reading(side, hours=1, state=UNPLUGGED, paired_with=None)
        played.state = apply(played.state, ReadingArrived(reading=gone))
    played.decide(1.1)
    assert len(played.of(CloseNight)) == 1
    played.readings(1.11, STOPPED)
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="unplugged early"), 1.12)
    (opened,) = played.of(OpenNight)
    assert (opened.number, opened.departs_at) == (2, MORNING)


def test_an_unplug_that_was_observed_long_ago_is_still_given_its_minute():
    played = planned(*both(STOPPED, 0.5))
    for side in Side:
        late = make_reading(side, hours=1, state=UNPLUGGED, paired_with=None, received_at=at(3))
        played.state = apply(played.state, ReadingArrived(reading=late))
    played.decide(3.0)
    assert played.of(CloseNight) == []


def test_nothing_follows_the_closing_of_a_session():
    played = planned(*both(STOPPED))
    for side in Side:
        gone = make_reading(side, hours=1, state=UNPLUGGED, paired_with=None)
        played.state = apply(played.state, ReadingArrived(reading=gone))
    played.decide(1.1)
    played.state = apply(played.state, DevicesLeaving(device_ids=(CHARGER,)))
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="unplugged"), 1.2)
    assert isinstance(played.effects[-1], CloseSession)


def test_f52_a_car_that_is_short_at_departure_goes_on_to_the_target_whatever_the_price_and_is_told():
    played = planned(*both(STOPPED))
    played.decide(9.0)
    played.end(CommandResult.PROVEN, 9.1, *both(CHARGING, 9.1))
    played.decide(12.0)
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="short"), 12.01)
    (opened,) = played.of(OpenNight)
    assert (opened.catches_up, opened.reason) == (True, "the target was missed and the car stays: go on")
    assert [(t.kind, t.cause) for t in played.of(Tell)] == [("notice", "late")]
    played.readings(12.2, STOPPED)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]


def test_f52_a_driver_who_wished_no_charge_is_not_caught_up_with():
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="s", at=at(1), act="stay_stopped"), 1)
    played.decide(12.0)
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="short"), 12.01)
    assert played.of(OpenNight) == []


def test_several_nights_in_one_plug_in_each_with_its_own_plan_and_account():
    played = planned(*both(STOPPED))
    for number in (1, 2, 3):
        hours = 12 + 24 * (number - 1)
        played.decide(hours)
        assert [e.number for e in played.of(CloseNight)] == [number]
        played.hear(NightAccounted(number=number, is_ready=True, saving="0", why="ready"), hours + 0.01)
        played.readings(hours + 1, STOPPED)
        assert [e.number for e in played.of(OpenNight)] == [number + 1]
        assert len(played.of(Plan)) == 1


def test_the_night_remembers_whether_it_knew_its_charger_for_the_drivers_record():
    known = planned(*both(STOPPED))
    known.decide(12.0)
    known.hear(NightAccounted(number=1, is_ready=True, saving="0", why="ready"), 12.1)
    assert (known.state.last_charger_id, known.state.is_match_known) == (CHARGER, True)
    charger, car = both(STOPPED)
    unmatched = planned(charger.model_copy(update={"paired_with": None}), car.model_copy(update={"paired_with": None}))
    unmatched.decide(12.0)
    unmatched.hear(NightAccounted(number=1, is_ready=True, saving="0", why="ready"), 12.1)
    assert (unmatched.state.last_charger_id, unmatched.state.is_match_known) == (None, False)


def test_f66_a_car_plugged_in_elsewhere_is_left_alone():
    charger = make_reading(Side.CHARGER, state=UNPLUGGED, paired_with=None, location_id="home")
    car = make_reading(state=CHARGING, paired_with=None, location_id="office")
    played = planned(charger, car)
    for hours in (1, 6.5, 11.5):
        played.decide(hours)
        assert played.sent() == []
        assert played.of(Tell) == []


def test_the_pulse_tells_a_sweep_what_it_must_know():
    played = held_at_the_charger()
    pulse = pulse_of(played.state, heard=7, wakes_at=at(6))
    assert (pulse.night, pulse.holds, pulse.open_commands, pulse.is_closed) == (1, 1, 0, False)
    assert pulse.last_reading_at == at(0.3)
    assert set(pulse.device_ids) == {CAR, CHARGER}


def test_f39_what_leaves_is_waited_for_no_longer_than_the_erasure_waits_for_us():
    """Also with a start under way on one side, our hold on the other, and the slowest brand."""
    played = held_at_the_charger()
    slow = {"acts_within_seconds": 1800.0}
    boxes = tuple(box.model_copy(update=slow) for box in played.state.boxes)
    hold = Hold(side=Side.VEHICLE, since=at(0.3))
    car = played.state.car.model_copy(update=slow)
    played.state = played.state.model_copy(update={"boxes": boxes, "car": car, "holds": (*played.state.holds, hold)})
    played.hear(DevicesLeaving(device_ids=played.state.device_ids, why="erased"), 1.0)
    first = played.last_order
    assert first.side is Side.CHARGER
    assert first.prove_by <= at(1.0) + RELEASE_LIMIT
    hours = (first.prove_by - at(0)) / timedelta(hours=1)
    played.end(CommandResult.UNPROVEN, hours)
    second = played.last_order
    assert second.side is Side.VEHICLE
    assert second.prove_by <= at(1.0) + RELEASE_LIMIT
    hours = (second.prove_by - at(0)) / timedelta(hours=1)
    played.end(CommandResult.UNPROVEN, hours)
    assert played.of(CloseNight) or played.state.night.is_closing
    assert not played.state.open_commands()


def test_f38_a_start_under_way_when_its_side_leaves_is_not_waited_for_without_end():
    played = held_at_the_charger()
    played.decide(6.0)
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 6.01)
    assert played.of(ReportReleased) == []
    hours = 6.0 + LAST_ACT_WITHIN / timedelta(hours=1)
    assert at(hours) in [wake.at for wake in played.of(WakeAt)]
    played.decide(hours)
    assert [report.device_ids for report in played.of(ReportReleased)] == [(CHARGER,)]
