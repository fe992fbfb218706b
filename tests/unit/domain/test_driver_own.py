"""A car's own ability is never what a charger lent it, in whatever order the words arrive: S46, S48, `design.md` 3."""

import pytest
from support.factories import CAR, CHARGER, at, make_device, make_driver, make_reading
from support.journeys import Played, placed_charger

from domain.capabilities import DENIED
from domain.devices import Capability, CapabilityKind, Device, PowerDeliveryState, Side
from domain.driver.events import ActionEnded, AskUnlink, ConfirmUnlink, DeviceGone, RequestLink, SessionEnded
from domain.driver.own import LENT_FOR
from domain.driver.seeing import FORMER_LIFE
from domain.journey import Stage
from domain.program import Program
from domain.session.state import ControlMode

STOPPED, UNPLUGGED = PowerDeliveryState.STOPPED, PowerDeliveryState.UNPLUGGED


def car(can: bool, hours: float, state: PowerDeliveryState = UNPLUGGED, **changes) -> Device:
    return make_device(can_control=can, reading=make_reading(hours=hours, state=state, paired_with=None), **changes)


def unlinked(played: Played, hours: float) -> Played:
    """Asked, confirmed and done by the vendor."""
    ask = AskUnlink(action_id="ask", side=Side.CHARGER, vendor="ZAPTEC", at=at(hours))
    token = played.hear(ask, hours).outcome("ask").token
    played.hear(ConfirmUnlink(action_id="confirm", token=token, at=at(hours)), hours)
    return played.hear(ActionEnded(action_id="confirm", is_done=True), hours)


def is_a(played: Played) -> bool:
    return played.journey.stage is Stage.CHARGER_REQUIRED and not played.journey.is_enabled


def test_a_sessions_last_reading_brings_no_lent_ability_back_after_the_charger_left():
    """The car's last known abilities were lent; the session hands back a reading only."""
    delegated = make_driver(program=Program(name="test", mode=ControlMode.DELEGATED))
    played = Played(delegated).see(car(False, -2)).see(placed_charger()).see(car(True, -1)).enroll()
    played.see(car(True, 0, STOPPED)).hear(DeviceGone(device_id=CHARGER), 1)
    last = make_reading(hours=2, state=UNPLUGGED, paired_with=None)
    played.hear(SessionEnded(session_id=f"{CAR}:1", vehicle_id=CAR, readings=(last,)), 2)
    assert is_a(played)
    assert played.state.devices[CAR].reading == last


def test_a_lent_ability_that_is_told_before_the_charger_is_taken_back_once_the_charger_is_told():
    played = Played().see(car(False, -2)).see(car(True, -1)).see(placed_charger(hours=-1))
    assert not played.state.own[CAR].can_start
    assert is_a(played.hear(DeviceGone(device_id=CHARGER), 1))


def test_a_lent_ability_that_is_told_while_the_chargers_page_is_open_is_taken_back_too():
    played = Played().see(car(False, -2))
    played.hear(RequestLink(action_id="link", side=Side.CHARGER, redirect_uri="https://app.example"), -2)
    played.see(car(True, -1.5), -1.5).see(placed_charger(hours=-1), -1)
    assert not played.state.own[CAR].can_start


def test_an_ability_won_long_before_a_charger_came_stays_the_cars_own():
    played = Played().see(car(False, -20)).see(car(True, -10)).see(placed_charger(hours=-1))
    assert played.state.own[CAR].can_start


@pytest.mark.parametrize(
    ("late", "is_lent"), [(LENT_FOR.total_seconds() / 3600, True), (LENT_FOR.total_seconds() / 3600 + 0.1, False)]
)
def test_a_platform_that_lends_on_for_a_while_after_the_charger_left_raises_nothing(late: float, is_lent: bool):
    played = Played().see(car(False, -2)).see(placed_charger()).hear(DeviceGone(device_id=CHARGER, at=at(1)), 1)
    played.see(car(True, 1 + late), 1 + late)
    assert is_a(played) is is_lent


def test_what_a_car_lost_is_believed_at_once_after_the_charger_left():
    played = Played().see(car(True, -2)).see(placed_charger()).hear(DeviceGone(device_id=CHARGER, at=at(1)), 1)
    assert is_a(played.see(car(False, 1.1), 1.1))


def test_a_car_that_came_after_the_charger_and_denies_its_brands_ability_is_incapable():
    """Only by its word is the unlinking told rightly: it disables."""
    played = Played().see(placed_charger()).see(car(False, -1, brand="Kia"))
    assert played.state.own[CAR].evidence == DENIED
    ask = AskUnlink(action_id="ask", side=Side.CHARGER, vendor="ZAPTEC", at=at(0))
    assert played.hear(ask).outcome("ask").implications.words == ("unlink.disables",)
    assert is_a(unlinked(played, 0))


def test_what_a_car_does_not_speak_of_beside_a_charger_is_not_denied():
    only_start = {CapabilityKind.START_CHARGING: Capability(is_capable=False)}
    played = Played().see(placed_charger()).see(make_device(brand="Kia", capabilities=only_start))
    assert played.state.own[CAR].missing == ("start charging",)


def test_a_brand_that_is_told_after_the_car_was_discovered_beside_a_charger_counts():
    played = Played().see(placed_charger()).see(make_device(brand=None, capabilities={})).see(car(True, -1))
    assert played.state.own[CAR].missing == ("stop charging",)


# The life before


def test_a_late_picture_of_an_unlinked_charger_does_not_bring_it_back():
    played = unlinked(Played().see(car(False, -2)).see(placed_charger()), 1)
    minutes = FORMER_LIFE.total_seconds() / 3600
    assert is_a(played.see(placed_charger(hours=1 + minutes), 1 + minutes))


@pytest.mark.parametrize("how", ["discovered", "linked again", "seen later"])
def test_an_unlinked_charger_that_is_linked_again_is_welcome(how: str):
    played = unlinked(Played().see(car(False, -2)).see(placed_charger()), 1)
    if how == "linked again":
        played.hear(RequestLink(action_id="link", side=Side.CHARGER, redirect_uri="https://app.example"), 1)
    hours, changes = (2, {}) if how == "seen later" else (1.05, {})
    if how == "discovered":
        changes = {"reading": {"observed_at": None}}
    assert played.see(placed_charger(hours=hours, **changes), hours).journey.charger_ids == (CHARGER,)
    assert played.state.unlinked == {}
