"""Linking, one after the other, however it ends and whoever tells of it: S6, S7, F65, ended logins."""

from urllib.parse import parse_qs, urlsplit

import pytest
from support.factories import CAR, CHARGER, at, make_device, make_driver, make_reading
from support.journeys import Played, capable, enrolled, incapable, placed_charger, plugged

from domain.devices import LinkedVendor, PowerDeliveryState, Side
from domain.driver.effects import BeginSession, ListDevices, StartLink, TellOfLogin, WakeAt
from domain.driver.events import (
    ActionEnded,
    CredentialsDied,
    DeviceGone,
    DismissPrompt,
    LinkReturned,
    RequestLink,
)
from domain.driver.linking import PAGE_LIVES
from domain.driver.state import LinkStatus
from domain.journey import Stage

BACK = "https://app.example/back?tab=cars"
DEAD = CredentialsDied(vendor="JEEP", at=at(1))


def ask_for_page(played: Played, side: Side = Side.VEHICLE, action_id: str = "link", **changes) -> Played:
    return played.hear(RequestLink(action_id=action_id, side=side, redirect_uri=BACK, **changes))


def page_opened(played: Played, action_id: str = "link") -> Played:
    return played.hear(ActionEnded(action_id=action_id, is_done=True, url="https://vendor.example/link"))


def token_of(played: Played, side: Side = Side.VEHICLE) -> str:
    return played.state.links[side].token


def status(played: Played, side: Side = Side.VEHICLE) -> LinkStatus:
    return played.state.links[side].status


def test_s6_s7_a_charger_is_not_linked_before_the_vehicle():
    played = ask_for_page(Played(), Side.CHARGER)
    assert played.outcome("link").status == "refused"
    assert "link the vehicle first" in played.outcome("link").detail
    assert not played.of(StartLink)
    assert "link_charger" not in played.journey.settings


def test_s6_each_page_is_for_one_kind_of_device_only():
    (page,) = ask_for_page(Played()).of(StartLink)
    assert page.side is Side.VEHICLE
    (page,) = ask_for_page(capable(), Side.CHARGER).of(StartLink)
    assert page.side is Side.CHARGER


@pytest.mark.parametrize("first", [capable, incapable])
def test_s7_the_charger_is_introduced_only_once_the_vehicle_is_linked(first):
    before = Played().journey.prompt
    assert (before.key, before.actions) == ("prompt.link_vehicle", ("link_vehicle",))
    assert "link_charger" in first().journey.prompt.actions


def test_our_own_token_travels_in_the_redirect_beside_what_was_there():
    played = ask_for_page(Played())
    (page,) = played.of(StartLink)
    assert parse_qs(urlsplit(page.redirect_uri).query) == {"tab": ["cars"], "state": [token_of(played)]}


def test_a_link_is_done_by_the_redirect():
    played = page_opened(ask_for_page(Played()))
    assert status(played) is LinkStatus.OPEN
    (look,) = played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state=token_of(played))).of(ListDevices)
    assert look.action_id == "back"
    played.hear(ActionEnded(action_id="back", is_done=True, devices=(make_device(),)))
    assert status(played) is LinkStatus.LINKED
    assert played.outcome("back").status == "done"


def test_a_link_is_done_by_a_webhook_and_the_redirect_afterwards_changes_nothing():
    played = page_opened(ask_for_page(Played())).see(make_device())
    assert status(played) is LinkStatus.LINKED
    before = played.journey
    played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state=token_of(played)))
    played.hear(ActionEnded(action_id="back", is_done=True, devices=(make_device(),)))
    assert played.journey == before


def test_a_listing_before_the_vendor_knows_the_device_leaves_the_link_open():
    played = page_opened(ask_for_page(Played()))
    played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state=token_of(played)))
    played.hear(ActionEnded(action_id="back", is_done=False, detail="0 vehicle(s) linked"))
    assert status(played) is LinkStatus.OPEN
    assert status(played.see(make_device())) is LinkStatus.LINKED


def test_a_page_left_early_says_so_and_can_be_opened_again():
    played = page_opened(ask_for_page(Played()))
    played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state=token_of(played), error="user_cancelled"))
    assert (status(played), played.state.links[Side.VEHICLE].detail) == (LinkStatus.LEFT, "user_cancelled")
    assert not played.of(ListDevices)
    assert ask_for_page(played, action_id="again").of(StartLink)


def test_a_way_back_that_is_not_ours_is_refused_and_lists_nothing():
    played = page_opened(ask_for_page(Played()))
    played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state="somebody-else's"))
    assert played.outcome("back").status == "refused"
    assert not played.of(ListDevices)
    assert status(played) is LinkStatus.OPEN


def test_a_page_the_vendor_does_not_open_failed():
    played = ask_for_page(Played()).hear(ActionEnded(action_id="link", is_done=False, detail="connections limit"))
    assert (status(played), played.outcome("link").detail) == (LinkStatus.FAILED, "connections limit")


@pytest.mark.parametrize(("found", "then"), [((), LinkStatus.EXPIRED), ((make_device(),), LinkStatus.LINKED)])
def test_an_abandoned_page_is_looked_after_once_when_it_expires(found, then):
    played = page_opened(ask_for_page(Played()))
    (wake,) = played.of(WakeAt)
    assert wake.at == at(0) + PAGE_LIVES
    (look,) = played.wait(24).of(ListDevices)
    played.hear(ActionEnded(action_id=look.action_id, is_done=bool(found), devices=found), 24)
    assert status(played) is then
    assert not played.wait(48).of(ListDevices)
    assert look.action_id not in played.state.outcomes


def test_a_second_page_takes_the_place_of_the_first():
    played = page_opened(ask_for_page(Played()))
    old = token_of(played)
    page_opened(ask_for_page(played, action_id="second"), "second")
    played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state=old))
    assert played.outcome("back").status == "refused"
    assert status(played.see(make_device())) is LinkStatus.LINKED


def test_a_device_that_appears_later_under_the_same_account_is_linked_without_a_page():
    played = enrolled().see(placed_charger(id="charger-2"))
    assert played.journey.charger_ids == (CHARGER, "charger-2")


# Two vendors, one device


def twin(**changes):
    return make_device(id="car-2", vendor="AGGREGATOR", identity_digest="vin", **changes)


def test_f65_one_car_through_two_vendors_is_one_car():
    played = Played().see(make_device(identity_digest="vin")).see(twin()).see(placed_charger()).enroll()
    assert [vehicle.vehicle_id for vehicle in played.journey.vehicles] == [CAR]
    reading = make_reading(device_id="car-2", state=PowerDeliveryState.STOPPED)
    played.see(plugged(identity_digest="vin")).see(twin(reading=reading))
    assert list(played.state.sessions) == [CAR]
    assert not played.of(BeginSession)


def test_f65_once_one_of_the_two_is_gone_the_other_takes_over():
    played = Played().see(make_device(identity_digest="vin")).see(twin()).hear(DeviceGone(device_id=CAR))
    assert [vehicle.vehicle_id for vehicle in played.journey.vehicles] == ["car-2"]


def test_f65_the_one_with_a_live_login_counts():
    played = Played().see(make_device(identity_digest="vin")).see(twin()).hear(DEAD)
    assert [vehicle.vehicle_id for vehicle in played.journey.vehicles] == ["car-2"]
    assert played.journey.is_enabled


def test_f63_two_equal_cars_without_identity_stay_two():
    played = capable().see(make_device(id="car-2"))
    assert [vehicle.vehicle_id for vehicle in played.journey.vehicles] == [CAR, "car-2"]


# Logins


def test_an_ended_login_of_the_only_device_disables_and_asks_to_sign_in_again():
    played = enrolled(with_charger=False).hear(DEAD)
    journey = played.journey
    assert (journey.stage, journey.is_enabled, journey.is_enrolled) == (Stage.RECONNECT, False, True)
    assert (journey.prompt.key, journey.prompt.is_blocking, journey.prompt.vendor) == ("prompt.relink", True, "JEEP")


def test_the_driver_is_told_once_of_an_ended_login():
    played = enrolled().hear(DEAD)
    assert [tell.vendor for tell in played.of(TellOfLogin)] == ["JEEP"]
    assert not played.hear(DEAD).of(TellOfLogin)


def test_with_a_charger_the_car_goes_on_while_its_login_is_dead():
    played = enrolled(with_charger=True).hear(DEAD)
    assert played.journey.is_enabled
    assert not played.journey.prompt.is_blocking
    played.hear(DismissPrompt(action_id="later", prompt="prompt.relink"))
    assert played.journey.prompt is None


def test_a_login_is_renewed_for_the_device_that_hangs_on_it():
    played = enrolled(with_charger=False).hear(DEAD)
    (page,) = ask_for_page(played, renews="JEEP").of(StartLink)
    assert page.relink_device_id == CAR
    page_opened(played)
    played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state=token_of(played)))
    still_dead = (LinkedVendor(vendor="JEEP", side=Side.VEHICLE, is_valid=False),)
    played.hear(ActionEnded(action_id="back", is_done=True, devices=(make_device(),), logins=still_dead))
    assert (status(played), played.journey.stage) == (LinkStatus.OPEN, Stage.RECONNECT)
    played.hear(LinkReturned(action_id="again", side=Side.VEHICLE, state=token_of(played)))
    alive = (LinkedVendor(vendor="JEEP", side=Side.VEHICLE, is_valid=True),)
    played.hear(ActionEnded(action_id="again", is_done=True, devices=(make_device(),), logins=alive))
    assert (status(played), played.journey.stage) == (LinkStatus.LINKED, Stage.ENROLLED)


def test_a_live_login_is_not_renewed():
    played = ask_for_page(capable(), renews="JEEP")
    assert played.outcome("link").status == "refused"


@pytest.mark.parametrize(("hours", "is_alive"), [(0.5, False), (2, True)])
def test_a_device_reached_after_its_login_ended_shows_that_it_lives(hours, is_alive):
    played = enrolled(with_charger=False).hear(DEAD).see(plugged(hours=hours))
    assert (played.journey.stage is Stage.ENROLLED) is is_alive


def test_what_a_platform_says_without_a_login_is_no_evidence_of_the_car():
    played = capable().hear(DEAD)
    helpless = make_device(can_control=False, reading=make_reading(hours=2, is_reachable=False))
    played.see(helpless)
    assert played.state.own[CAR].can_control


def test_an_ended_login_nobody_has_a_device_of_changes_nothing():
    before = make_driver()
    assert Played(before).hear(CredentialsDied(vendor="TESLA", at=at(0))).state.dead_logins == {}


# Several


def test_two_cars_on_one_charger_have_a_session_each_and_one_charger_between_them():
    second = make_reading(device_id="car-2", state=PowerDeliveryState.STOPPED)
    played = enrolled().see(make_device(id="car-2")).see(plugged())
    assert [effect.session.car.device_id for effect in played.of(BeginSession)] == [CAR]
    played.see(make_device(id="car-2", reading=second))
    (begun,) = played.of(BeginSession)
    assert begun.session.session_id == "car-2:1"
    assert [box.device_id for box in begun.session.boxes] == [CHARGER]


def test_a_replaced_car_keeps_consent_charger_and_wish_and_gets_sessions_of_its_own():
    played = enrolled().hear(DeviceGone(device_id=CAR))
    assert (played.journey.stage, played.journey.is_enrolled) == (Stage.LINK_VEHICLE, True)
    reading = make_reading(device_id="car-2", state=PowerDeliveryState.STOPPED)
    played.see(make_device(id="car-2", brand="Kia", reading=reading))
    (begun,) = played.of(BeginSession)
    assert (played.journey.stage, begun.session.session_id) == (Stage.ENROLLED, "car-2:1")
    assert [box.device_id for box in begun.session.boxes] == [CHARGER]


def test_a_session_of_a_car_whose_login_ended_is_told_to_command_the_charger_alone():
    (begun,) = enrolled().hear(DEAD, 1).see(plugged(hours=0.5), 1).of(BeginSession)
    assert not begun.session.car.can_start
    assert [box.device_id for box in begun.session.boxes] == [CHARGER]


# Out of order


def test_a_device_that_comes_after_the_page_was_given_up_is_linked_all_the_same():
    played = page_opened(ask_for_page(Played()))
    played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state=token_of(played), error="closed"))
    assert status(played.see(make_device())) is LinkStatus.LINKED


def test_a_login_that_a_device_shows_alive_ends_its_page_whatever_the_browser_does():
    played = page_opened(ask_for_page(enrolled(with_charger=False).hear(DEAD), renews="JEEP"))
    played.see(make_device(reading=make_reading(hours=2)), 2)
    assert status(played) is LinkStatus.LINKED
    assert not played.wait(30).of(ListDevices)


def test_another_car_does_not_end_the_page_that_renews_a_login():
    played = page_opened(ask_for_page(enrolled(with_charger=False).hear(DEAD), renews="JEEP"))
    assert status(played.see(make_device(id="car-2", vendor="KIA"), 2)) is LinkStatus.OPEN


def test_a_chargers_login_is_renewed_also_while_no_car_is_linked():
    played = enrolled().hear(CredentialsDied(vendor="ZAPTEC", at=at(1))).hear(DeviceGone(device_id=CAR))
    (page,) = ask_for_page(played, Side.CHARGER, renews="ZAPTEC").of(StartLink)
    assert page.relink_device_id == CHARGER


def test_a_word_of_an_ended_login_that_is_older_than_the_last_contact_changes_nothing():
    played = capable().see(make_device(reading=make_reading(hours=2)), 2).hear(DEAD, 3)
    assert played.journey.is_enabled
    assert not played.of(TellOfLogin)


def test_a_login_that_dies_in_the_middle_of_linking_is_known_from_the_listing():
    """The word that it ended came before any device of it was known, so nobody could place it."""
    played = page_opened(ask_for_page(Played())).hear(DEAD)
    played.hear(LinkReturned(action_id="back", side=Side.VEHICLE, state=token_of(played)))
    ended = (LinkedVendor(vendor="JEEP", side=Side.VEHICLE, is_valid=False),)
    played.hear(ActionEnded(action_id="back", is_done=True, devices=(make_device(),), logins=ended))
    assert (played.journey.stage, played.journey.prompt.vendor) == (Stage.RECONNECT, "JEEP")
    assert played.of(TellOfLogin)


def test_another_login_that_ends_is_asked_for_although_the_first_was_put_off():
    played = enrolled().see(placed_charger(id="charger-2", vendor="EASEE"))
    played.hear(CredentialsDied(vendor="EASEE", at=at(1))).hear(
        DismissPrompt(action_id="later", prompt="prompt.relink")
    )
    assert played.journey.prompt is None
    assert played.hear(DEAD).journey.prompt.key == "prompt.relink"


def test_a_second_charger_is_asked_for_its_place_although_the_first_was_put_off():
    played = capable().see(make_device(Side.CHARGER))
    played.hear(DismissPrompt(action_id="later", prompt="prompt.locate_charger"))
    assert played.journey.prompt is None
    assert played.see(make_device(Side.CHARGER, id="charger-2")).journey.prompt.key == "prompt.locate_charger"


# Two vendors, one charger


def box(account: str = CHARGER, *, vendor: str = "ZAPTEC", **changes):
    return placed_charger(id=account, vendor=vendor, identity_digest="serial", **changes)


def second_account(**changes):
    return box("charger-2", vendor="EASEE", **changes)


def test_f65_the_place_of_a_charger_is_known_whichever_account_it_was_set_at():
    for first, second in ((None, "home"), ("home", None)):
        played = (
            incapable().see(box(reading={"location_id": first})).see(second_account(reading={"location_id": second}))
        )
        assert (played.journey.stage, played.journey.prompt) == (Stage.READY_TO_ENROLL, None)


def test_f65_a_charger_that_one_account_no_longer_reaches_counts_through_the_other():
    played = incapable().see(box()).see(second_account()).see(box(hours=1, reading={"is_reachable": False}), 1)
    assert played.wait(1 + 7 * 24).journey.charger_ids == ("charger-2",)
    assert (played.journey.stage, played.journey.prompt) == (Stage.READY_TO_ENROLL, None)


def test_f65_of_two_accounts_of_a_charger_the_one_the_vendor_names_is_commanded_and_shown():
    played = incapable().see(box()).see(second_account()).enroll()
    reading = make_reading(state=PowerDeliveryState.STOPPED, paired_with="charger-2")
    (begun,) = played.see(make_device(can_control=False, reading=reading)).of(BeginSession)
    assert [each.device_id for each in begun.session.boxes] == ["charger-2"]
    assert played.journey.vehicles[0].now.plugged_in_charger_id == "charger-2"


# A charger that cannot be controlled


def helpless(**changes):
    return make_device(Side.CHARGER, can_control=False, reading=placed_charger().reading, **changes)


def test_a_charger_that_cannot_be_started_and_stopped_unlocks_nothing_and_the_driver_is_told_why():
    played = incapable().see(helpless())
    prompt = played.journey.prompt
    assert (played.journey.is_enabled, prompt.is_blocking, prompt.why) == (False, True, "why.charger_helpless")
    assert played.see(placed_charger(hours=0)).journey.stage is Stage.READY_TO_ENROLL


def test_a_capable_car_goes_on_alone_beside_a_charger_that_cannot_be_controlled():
    played = capable().see(helpless()).enroll()
    assert not played.journey.prompt.is_blocking
    (begun,) = played.see(plugged()).of(BeginSession)
    assert begun.session.boxes == ()


def test_f65_a_session_knows_the_other_accounts_of_its_car_and_its_charger():
    played = Played().see(make_device(identity_digest="vin")).see(twin()).see(placed_charger(identity_digest="serial"))
    other = make_device(Side.CHARGER, id="charger-2", identity_digest="serial", vendor="WALLBOX")
    played.see(other).enroll().see(plugged(identity_digest="vin"))
    (begin,) = [effect for effect in played.effects if isinstance(effect, BeginSession)]
    assert begin.session.car.aliases == ("car-2",)
    (known,) = begin.session.boxes
    assert {known.device_id, *known.aliases} == {CHARGER, "charger-2"}
