"""From plug-in to unplug: nights open and close, devices leave, nothing follows the end."""

from datetime import timedelta

from support.by_hand import CHARGING, STOPPED, UNPLUGGED, Played, both, held_at_the_charger, planned
from support.factories import CAR, CHARGER, MORNING, at, make_plan, make_reading, make_session

from domain.commands import CommandResult, Goal, Proof
from domain.devices import Side
from domain.session.apply import apply
from domain.session.effects import CloseNight, CloseSession, OpenNight, Report, ReportReleased
from domain.session.events import DevicesLeaving, NightAccounted, PlanReady, ReadingArrived


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
