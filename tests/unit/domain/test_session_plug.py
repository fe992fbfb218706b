"""An unplug is believed only on evidence, and never inside our own commands (F2, F10, F11, F26, F59)."""

from support.by_hand import CHARGING, STOPPED, UNPLUGGED, Played, both, planned
from support.factories import CAR, CHARGER, at, make_reading, make_session

from domain.commands import CommandResult, Goal
from domain.devices import PowerDeliveryState, Side
from domain.session.effects import CloseNight, OpenNight, Plan, Read
from domain.session.events import ReadFailed, ReadingArrived
from domain.session.picture import picture_by_word
from domain.session.plug import note_plug


def say_unplugged(played: Played, hours: float, *sides: Side) -> None:
    for side in sides:
        played.hear_reading(make_reading(side, hours=hours, state=UNPLUGGED, paired_with=None))
    played.decide(hours)


def test_f10_an_unplug_that_the_charger_denies_is_no_unplug_although_the_pairing_is_gone_too() -> None:
    played = planned(*both(STOPPED))
    say_unplugged(played, 1, Side.VEHICLE)
    for hours in (1.2, 2.0, 4.5):
        played.decide(hours)
        assert played.of(CloseNight) == []
    assert played.state.box is not None


def test_f11_f59_a_blip_or_a_replug_within_minutes_goes_on_with_the_same_night() -> None:
    played = planned(*both(STOPPED))
    say_unplugged(played, 1, *Side)
    played.decide(1.05)
    assert played.of(CloseNight) == []
    played.readings(1.06, STOPPED)
    played.decide(2)
    assert played.of(CloseNight) == []
    assert played.state.night.number == 1


def test_f10_a_car_alone_that_says_unplugged_right_after_our_stop_is_doubted_for_hours() -> None:
    car = make_reading(state=CHARGING, paired_with=None)
    played = planned(car, with_charger=False)
    played.end(CommandResult.PROVEN, 0.3, make_reading(hours=0.3, paired_with=None))
    say_unplugged(played, 0.31, Side.VEHICLE)
    played.decide(1)
    assert played.of(CloseNight) == []
    say_unplugged(played, 5.9, Side.VEHICLE)  # it says so whenever it is asked
    played.decide(6)  # the plan's time has come, and our hold may lie there
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]
    played.decide(12)  # every negative conclusion expires (F14)
    assert len(played.of(CloseNight)) == 1


def test_f10_the_box_that_let_go_just_before_is_witness_enough_of_an_unplug_right_after_our_stop() -> None:
    played = planned(*both(CHARGING))
    stopped = both(STOPPED, hours=0.3)
    played.end(CommandResult.PROVEN, 0.3, *stopped)
    say_unplugged(played, 0.31, Side.CHARGER)  # the pairing ends with it
    say_unplugged(played, 0.32, Side.VEHICLE)
    played.decide(0.5)
    assert len(played.of(CloseNight)) == 1


def test_f10_f61_a_box_that_may_hold_another_car_is_no_witness_of_an_unplug_right_after_our_stop() -> None:
    played = planned(make_reading(state=CHARGING, paired_with=None), with_charger=False)
    played.end(CommandResult.PROVEN, 0.3, make_reading(hours=0.3, paired_with=None))
    say_unplugged(played, 0.31, Side.VEHICLE)
    unplugged = picture_by_word(played.state, at(0.32))
    assert unplugged.is_plugged is False
    heard = note_plug(played.state, unplugged, make_reading(Side.CHARGER, hours=0.32, paired_with=None))
    assert heard.is_unplug_doubted


def test_f10_what_the_car_alone_says_at_another_time_is_asked_for_once_more_and_believed() -> None:
    played = planned(make_reading(paired_with=None), with_charger=False)
    say_unplugged(played, 1, Side.VEHICLE)
    played.decide(1 + 1.1 / 60)
    assert len(played.of(Read)) == 1
    played.decide(1.1)
    assert len(played.of(CloseNight)) == 1


def test_f2_a_car_that_cannot_be_read_keeps_its_plan_and_its_last_plug_state() -> None:
    played = planned(*both(STOPPED))
    asleep = make_reading(
        hours=1, is_reachable=False, is_plugged_in=None, state=PowerDeliveryState.UNKNOWN, soc_pct=None
    )
    played.hear(ReadingArrived(reading=asleep), 1)
    played.hear(ReadFailed(device_id="car-1", why="DeviceUnreachable"), 1.1)
    assert played.state.night.plan is not None
    played.decide(6.0)
    assert len(played.sent()) == 1
    assert played.state.level.told_pct == 40


def test_f26_a_plug_that_flickers_in_our_own_command_ends_nothing_and_plans_nothing_anew() -> None:
    played = planned(*both(CHARGING))
    say_unplugged(played, 0.12, *Side)
    played.readings(0.13, STOPPED)
    assert played.of(CloseNight) == []
    assert played.of(Plan) == []
    assert played.state.unplug_said_at is None
    assert at(0) == played.state.night.opened_at


def test_s45_a_session_opened_by_the_chargers_plug_in_opens_a_night_although_the_car_said_unplugged_hours_ago() -> None:
    old = make_reading(hours=-5, state=UNPLUGGED, paired_with=None)
    played = Played(make_session(old, make_reading(Side.CHARGER)))
    played.decide(0.0)
    assert len(played.of(OpenNight)) == 1
    assert played.state.charger_id == CHARGER
    assert played.of(CloseNight) == []


def test_s45_a_charger_that_nobody_paired_leaves_it_unknown_so_the_car_is_read_at_once_and_believed() -> None:
    old = make_reading(hours=-5, state=UNPLUGGED, paired_with=None)
    played = Played(make_session(old, make_reading(Side.CHARGER, paired_with=None)))
    played.decide(0.0)
    assert len(played.of(OpenNight)) == 1
    assert [read.side for read in played.of(Read)] == [Side.VEHICLE]
    played.hear_reading(make_reading(hours=0.01, state=UNPLUGGED, paired_with=None))
    played.decide(0.2)
    assert len(played.of(CloseNight)) == 1


def test_s45_a_car_that_said_unplugged_after_the_plug_in_is_believed() -> None:
    word = make_reading(hours=0.01, state=UNPLUGGED, paired_with=None)
    played = Played(make_session(word, make_reading(Side.CHARGER, paired_with=None)))
    played.decide(0.02)
    assert played.of(OpenNight) == []


def test_f65_the_other_account_of_a_linked_charger_is_that_charger():
    """The vendor names, after the plug-in, the id that the box has at another vendor."""
    session = make_session(*both(STOPPED))
    boxes = tuple(box.model_copy(update={"aliases": ("box-elsewhere",)}) for box in session.boxes)
    played = Played(session.model_copy(update={"boxes": boxes, "readings": {}}))
    played.decide(0.0)
    played.hear_reading(make_reading(hours=0.1, state=STOPPED, paired_with="box-elsewhere"))
    assert (played.state.charger_id, played.state.box) == (CHARGER, boxes[0])
    born = session.model_copy(
        update={"boxes": boxes, "readings": {CAR: make_reading(state=STOPPED, paired_with="box-elsewhere")}}
    )
    played = Played(born)
    played.decide(0.0)
    assert played.state.box == boxes[0]
    car = born.car.model_copy(update={"aliases": ("car-elsewhere",)})
    played = Played(born.model_copy(update={"car": car, "readings": {}}))
    played.decide(0.0)
    played.hear_reading(make_reading(Side.CHARGER, hours=0.1, state=STOPPED, paired_with="car-elsewhere"))
    assert played.state.box == boxes[0]
