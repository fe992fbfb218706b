"""Unlinking in two steps: S16-S22 and F38 by the machines alone."""

from datetime import timedelta

import pytest
from support.factories import at, make_device, make_driver, make_reading

from domain.devices import PowerDeliveryState, Side
from domain.driver.apply import apply, begun
from domain.driver.decide import decide
from domain.driver.effects import AskForRelease, BeginSession, Unlink
from domain.driver.events import (
    ActionEnded,
    AskUnlink,
    ConfirmUnlink,
    CredentialsDied,
    DeviceGone,
    DeviceSeen,
    DismissPrompt,
    Enroll,
    HoldsReleased,
    SessionEnded,
)
from domain.driver.state import DriverState
from domain.driver.unlinking import RELEASE_LIMIT, TOKEN_LIVES
from domain.journey import Stage, journey_of
from domain.program import Program
from domain.rollout.standing import Phase, Standing
from domain.wording import LANGUAGES, say

ASKED, CONFIRMED = at(1), at(1.1)


def placed_charger(**changes):
    reading = make_reading(
        Side.CHARGER, hours=-1, state=PowerDeliveryState.UNPLUGGED, paired_with=None, location_id="h"
    )
    return make_device(Side.CHARGER, reading=reading, **changes)


def enrolled(*, can_control: bool, extra=()) -> DriverState:
    state = make_driver()
    for device in (make_device(can_control=can_control), placed_charger(), *extra):
        state = apply(state, DeviceSeen(device=device))
    return apply(state, Enroll(action_id="enroll", at=at(0), text_version="1"))


def plugged_in(state: DriverState) -> DriverState:
    car = make_device(
        can_control=journey_of(state).vehicles[0].own.can_control,
        reading=make_reading(hours=0.5, state=PowerDeliveryState.STOPPED),
    )
    return play(apply(state, DeviceSeen(device=car)), 0.6)


def play(state: DriverState, hours: float) -> DriverState:
    for effect in decide(state, at(hours)).effects:
        state = begun(state, effect, at(hours))
    return state


def ask(state: DriverState, side: Side = Side.CHARGER, vendor: str = "ZAPTEC", action_id: str = "ask"):
    state = apply(state, AskUnlink(action_id=action_id, side=side, vendor=vendor, at=ASKED))
    return state, state.outcomes[action_id]


def confirm(state: DriverState, token: str, *, later: timedelta = timedelta(minutes=1)) -> DriverState:
    return apply(state, ConfirmUnlink(action_id="confirm", token=token, at=ASKED + later))


def unlinked(state: DriverState) -> DriverState:
    """Asked, confirmed, released and done by the vendor."""
    state, outcome = ask(state)
    state = play(confirm(state, outcome.token), 1.2)
    return apply(state, ActionEnded(action_id="confirm", is_done=True))


def test_s16_s22_a_linked_charger_can_be_unlinked_from_settings_and_linked_again_afterwards():
    state = enrolled(can_control=True)
    assert "unlink_charger" in journey_of(state).settings
    after = unlinked(state)
    assert "unlink_charger" not in journey_of(after).settings
    assert "link_charger" in journey_of(after).settings


def test_s17_asking_tells_exactly_what_goes_and_changes_nothing_else():
    second = placed_charger(id="charger-2")
    state = enrolled(can_control=True, extra=(second,))
    asked, outcome = ask(state)
    assert outcome.implications.device_ids == ("charger-1", "charger-2")
    assert "unlink.all_of_vendor" in outcome.implications.words
    assert journey_of(asked) == journey_of(state)
    assert decide(asked, at(1)).effects == decide(state, at(1)).effects


@pytest.mark.parametrize(("token", "later"), [("wrong", timedelta(0)), (None, TOKEN_LIVES + timedelta(seconds=1))])
def test_s17_without_the_token_or_too_late_nothing_is_unlinked(token, later):
    state, outcome = ask(enrolled(can_control=True))
    after = confirm(state, token or outcome.token, later=later)
    assert after.outcomes["confirm"].status == "refused"
    assert not [e for e in decide(after, at(2)).effects if isinstance(e, Unlink)]
    assert after.devices == state.devices


def test_s17_a_question_about_other_devices_must_be_asked_again():
    state, outcome = ask(enrolled(can_control=True))
    state = apply(state, DeviceSeen(device=placed_charger(id="charger-2")))
    assert confirm(state, outcome.token).outcomes["confirm"].status == "refused"


def test_s18_s19_unlinking_a_mandatory_charger_disables_and_leads_back_to_journey_a():
    state = enrolled(can_control=False)
    _, outcome = ask(state)
    assert outcome.implications.disables_smart_charging
    assert outcome.implications.words[0] == "unlink.disables"
    after = journey_of(unlinked(state))
    assert after.stage is Stage.CHARGER_REQUIRED
    assert not after.is_enabled
    assert after.prompt is not None
    assert (after.prompt.key, after.prompt.is_blocking) == ("prompt.charger_required", True)


def test_s20_s21_unlinking_a_recommended_charger_keeps_smart_charging_and_suppresses_the_prompt():
    state = enrolled(can_control=True)
    _, outcome = ask(state)
    assert not outcome.implications.disables_smart_charging
    assert outcome.implications.words[0] == "unlink.less_reliable"
    after = journey_of(unlinked(state))
    assert (after.stage, after.is_enabled, after.prompt) == (Stage.ENROLLED, True, None)


def test_f38_a_session_under_way_releases_first_and_the_vendor_is_asked_only_then():
    state = plugged_in(enrolled(can_control=True))
    (session_id,) = (session.session_id for session in state.sessions.values())
    state, outcome = ask(state)
    assert "unlink.session_open" in outcome.implications.words
    state = confirm(state, outcome.token)
    effects = decide(state, CONFIRMED).effects
    assert [e.session_id for e in effects if isinstance(e, AskForRelease)] == [session_id]
    assert not [e for e in effects if isinstance(e, Unlink)]
    state = play(state, 1.1)
    assert not [e for e in decide(state, at(1.2)).effects if isinstance(e, AskForRelease | Unlink)]
    state = apply(state, HoldsReleased(session_id=session_id))
    assert [e.vendor for e in decide(state, at(1.2)).effects if isinstance(e, Unlink)] == ["ZAPTEC"]


@pytest.mark.parametrize("how", ["ended", "silent"])
def test_f38_a_session_that_ends_or_stays_silent_does_not_hold_the_unlinking_up_for_ever(how):
    state = plugged_in(enrolled(can_control=True))
    (session,) = state.sessions.values()
    state, outcome = ask(state)
    state = play(confirm(state, outcome.token), 1.1)
    if how == "ended":
        state = apply(state, SessionEnded(session_id=session.session_id, vehicle_id=session.vehicle_id))
        now = at(1.2)
    else:
        now = ASKED + timedelta(minutes=1) + RELEASE_LIMIT
        assert decide(state, at(1.2)).effects[-1].at == now
    assert [type(e) for e in decide(state, now).effects if isinstance(e, Unlink | BeginSession)] == [Unlink]


def test_a_vendor_that_does_not_unlink_leaves_everything_as_it_was():
    before = enrolled(can_control=True)
    state, outcome = ask(before)
    state = play(confirm(state, outcome.token), 1.2)
    state = apply(state, ActionEnded(action_id="confirm", is_done=False, detail="VendorUnavailable"))
    assert journey_of(state) == journey_of(before)
    again, second = ask(state, action_id="again")
    assert confirm(again, second.token).unlinking is not None


def test_a_repeated_confirmation_changes_nothing():
    state, outcome = ask(enrolled(can_control=True))
    once = confirm(state, outcome.token)
    assert confirm(once, outcome.token) == once


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("can_control", [True, False])
@pytest.mark.parametrize(("side", "vendor"), [(Side.CHARGER, "ZAPTEC"), (Side.VEHICLE, "JEEP")])
def test_every_implication_can_be_said(language, can_control, side, vendor):
    _, outcome = ask(plugged_in(enrolled(can_control=can_control)), side, vendor)
    for word in outcome.implications.words:
        say(word, language, brand="Jeep")


def test_a_question_in_the_middle_of_an_unlinking_is_refused_and_the_unlinking_goes_on():
    state, outcome = ask(plugged_in(enrolled(can_control=True)))
    state = play(confirm(state, outcome.token), 1.2)
    state, second = ask(state, Side.VEHICLE, "JEEP", "again")
    assert second.status == "refused"
    assert state.unlinking is not None
    assert state.unlinking.action_id == "confirm"


def test_a_dismissed_question_for_the_place_is_asked_of_the_next_charger():
    state = make_driver()
    for device in (make_device(), make_device(Side.CHARGER)):
        state = apply(state, DeviceSeen(device=device))
    state = apply(state, DismissPrompt(action_id="later", prompt="prompt.locate_charger"))
    assert journey_of(state).prompt is None
    state = apply(unlinked(state), DeviceSeen(device=make_device(Side.CHARGER, id="charger-2")))
    assert journey_of(state).prompt.key == "prompt.locate_charger"


# What it means for each car


def words_of(*devices) -> tuple[str, ...]:
    state = make_driver()
    for device in devices:
        state = apply(state, DeviceSeen(device=device))
    return ask(state)[1].implications.words


def other_car(**changes):
    return make_device(id="car-2", vendor="KIA", brand="Kia", **changes)


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ((make_device(can_control=False), make_device(Side.CHARGER)), ("unlink.disables",)),
        ((make_device(can_control=False), other_car(), placed_charger()), ("unlink.disables", "unlink.less_reliable")),
        (
            (make_device(can_control=False), placed_charger(), placed_charger(id="charger-2", vendor="EASEE")),
            ("unlink.other_charger",),
        ),
        ((placed_charger(),), ("unlink.unused",)),
    ],
    ids=["not yet placed", "one car needs it, one does not", "another charger stays", "no car"],
)
def test_s17_the_implications_are_those_of_each_car_and_of_what_stays(devices, words):
    assert words_of(*devices) == words


def test_f65_unlinking_one_account_of_a_car_says_that_the_other_stays():
    twin = other_car(identity_digest="vin", can_control=True)
    state = make_driver()
    for device in (make_device(identity_digest="vin"), twin):
        state = apply(state, DeviceSeen(device=device))
    assert ask(state, Side.VEHICLE, "KIA")[1].implications.words == ("unlink.same_car",)


def test_s17_what_it_means_is_told_for_each_car_by_its_brand():
    state = make_driver()
    for device in (other_car(), make_device(can_control=False), placed_charger()):
        state = apply(state, DeviceSeen(device=device))
    told = [(meaning.key, meaning.brand) for meaning in ask(state)[1].implications.meanings]
    assert told == [("unlink.disables", "Jeep"), ("unlink.less_reliable", "Kia")]


def test_s17_a_car_that_is_not_admitted_loses_nothing_with_the_charger():
    waiting = Program(name="live", standing=Standing(phase=Phase.OPTIONAL))
    state = make_driver(program=waiting)
    for device in (make_device(can_control=False), placed_charger()):
        state = apply(state, DeviceSeen(device=device))
    assert ask(state)[1].implications.words == ("unlink.unused",)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_implication_names_what_happens(language):
    for word in ("other_charger", "same_car", "unused", "less_reliable", "disables", "vehicle"):
        say(f"unlink.{word}", language, brand="Jeep")


def test_a_charger_that_appears_after_the_confirmation_goes_with_the_others():
    """The vendor removes all of the driver's chargers, whatever was confirmed."""
    state, outcome = ask(enrolled(can_control=True))
    state = apply(confirm(state, outcome.token), DeviceSeen(device=placed_charger(id="charger-2")))
    state = apply(play(state, 1.2), ActionEnded(action_id="confirm", is_done=True))
    assert journey_of(state).charger_ids == ()


def test_s21_the_prompt_stays_away_also_if_the_cars_login_was_dead_meanwhile():
    state = apply(enrolled(can_control=True), CredentialsDied(vendor="JEEP", at=at(0.5)))
    state = unlinked(state)
    assert journey_of(state).stage is Stage.RECONNECT
    state = apply(state, DeviceSeen(device=make_device(reading=make_reading(hours=2))))
    assert (journey_of(state).stage, journey_of(state).prompt) == (Stage.ENROLLED, None)


def test_s19_an_unlinked_mandatory_charger_suppresses_no_later_recommendation():
    """A stays A; should the car become capable later, journey B begins with its prompt."""
    state = unlinked(enrolled(can_control=False))
    assert state.dismissed == frozenset()


def test_a_vendor_of_both_a_car_and_a_charger_loses_only_what_was_asked_about():
    state = make_driver()
    for device in (make_device(vendor="TESLA"), placed_charger(vendor="TESLA")):
        state = apply(state, DeviceSeen(device=device))
    state, outcome = ask(state, vendor="TESLA")
    assert outcome.implications.device_ids == ("charger-1",)
    state = play(confirm(state, outcome.token), 1.2)
    state = apply(state, ActionEnded(action_id="confirm", is_done=True))
    assert list(state.devices) == ["car-1"]


def test_s21_no_prompt_flashes_up_if_the_vendor_tells_that_the_charger_is_gone_before_it_answers():
    state, outcome = ask(enrolled(can_control=True))
    state = play(confirm(state, outcome.token), 1.2)
    state = apply(state, DeviceGone(device_id="charger-1", at=at(1.2)))
    assert journey_of(state).prompt is None
    state = apply(state, ActionEnded(action_id="confirm", is_done=True))
    assert (journey_of(state).stage, journey_of(state).prompt) == (Stage.ENROLLED, None)
