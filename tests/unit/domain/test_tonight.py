"""The driver's word for one night reaches the session that counts: F58, F60, and F38 for what vanished."""

from datetime import time

from support.factories import CAR, CHARGER, at
from support.journeys import Played, enrolled, plugged

from domain.departure import Wish
from domain.driver.effects import GONE, AskForRelease, BeginSession, PassOn
from domain.driver.events import ActTonight, DeviceGone, PassedOn, SessionEnded, SetWish, Withdraw
from domain.session.state import OverrideKind

WISH = Wish(target_soc_pct=70, ready_by=time(5, 30))


def word(act: str = "charge_now", *, action_id: str = "now", hours: float = -1, **changes) -> ActTonight:
    return ActTonight(action_id=action_id, at=at(hours), vehicle_id=CAR, act=act, **changes)


def in_session() -> Played:
    return enrolled().see(plugged())


def test_a_word_goes_to_the_open_session_once():
    played = in_session().hear(word(hours=1), 1)
    (passed,) = played.of(PassOn)
    assert (passed.session_id, passed.word.act, passed.word.action_id) == (f"{CAR}:1", "charge_now", "now")
    assert played.outcome("now").detail == "passed on to the session"
    assert not played.wait(1).of(PassOn)
    assert played.hear(PassedOn(action_id="now", is_heard=True), 1).state.tonight == {}


def test_a_word_before_the_plug_in_is_kept_and_the_session_begins_with_it():
    played = enrolled().hear(word(), -1)
    assert not played.of(PassOn)
    (begun,) = played.see(plugged(), 0).of(BeginSession)
    assert begun.session.override is not None
    assert begun.session.override.kind is OverrideKind.CHARGE_NOW
    assert not played.of(PassOn)
    assert played.state.tonight == {}


def test_f58_a_word_that_changes_the_wish_before_the_plug_in_changes_that_night():
    played = enrolled().hear(word("set_wish", wish=WISH), -1)
    (begun,) = played.see(plugged(), 0).of(BeginSession)
    assert begun.session.wish == WISH
    assert played.state.wish != WISH


def test_a_word_for_a_night_that_is_over_is_not_obeyed_in_the_next():
    played = enrolled().hear(word(), -1)
    (begun,) = played.see(plugged(hours=24), 24).of(BeginSession)
    assert begun.session.override is None
    assert played.state.tonight == {}


def test_a_word_that_found_no_session_is_kept_for_the_next():
    played = in_session().hear(word(hours=1), 1)
    played.hear(SessionEnded(session_id=f"{CAR}:1", vehicle_id=CAR), 1)
    (passed,) = played.hear(PassedOn(action_id="now", is_heard=False), 1).of(PassOn)
    assert passed.session_id == f"{CAR}:2"


def test_f58_a_changed_standing_wish_reaches_the_open_session():
    played = in_session().hear(SetWish(action_id="wish", wish=WISH, at=at(1)), 1)
    (passed,) = played.of(PassOn)
    assert (passed.word.act, passed.word.wish) == ("set_wish", WISH)
    assert played.state.wish == WISH


def test_a_word_for_a_car_that_is_not_linked_or_not_enrolled_is_refused():
    assert enrolled().hear(word().model_copy(update={"vehicle_id": CHARGER})).outcome("now").status == "refused"
    assert enrolled().hear(Withdraw(action_id="w")).hear(word()).outcome("now").status == "refused"


def test_f38_a_charger_that_vanished_in_mid_session_is_left_alone():
    played = in_session().hear(DeviceGone(device_id=CHARGER), 1)
    (left,) = played.of(AskForRelease)
    assert (left.device_ids, left.why) == ((CHARGER,), GONE)
    assert not played.wait(2).of(AskForRelease)


def test_a_device_that_vanished_with_no_session_open_is_told_to_nobody():
    assert not enrolled().hear(DeviceGone(device_id=CHARGER)).of(AskForRelease)


def test_words_that_nobody_came_for_are_forgotten():
    played = enrolled()
    for day in range(5):
        played.hear(word(action_id=f"day {day}", hours=24 * day), 24 * day)
    assert list(played.state.tonight) == [f"{CAR}/day 4"]
