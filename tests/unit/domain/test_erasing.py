"""Erasing a driver in mid-session, step by step: F38, F39."""

from support.factories import CAR, CHARGER, DRIVER, at
from support.journeys import Played, enrolled, plugged

from domain.devices import Side
from domain.driver.effects import (
    ERASED,
    AskForRelease,
    BeginSession,
    CloseDriver,
    EraseRecords,
    ForgetAtVendor,
    LabelDriver,
    Unlink,
    WakeAt,
)
from domain.driver.erasing import TRY_AGAIN_AFTER
from domain.driver.events import (
    ActionEnded,
    AskUnlink,
    ConfirmUnlink,
    DeviceSeen,
    Erase,
    LinkReturned,
    RequestLink,
    SessionEnded,
    Withdraw,
)
from domain.driver.state import DriverState
from domain.driver.unlinking import RELEASE_LIMIT
from domain.journey import Stage

ERASE = Erase(action_id="erase", at=at(1))
DONE, FAILED = ActionEnded(action_id="erase", is_done=True), ActionEnded(action_id="erase", is_done=False)


def in_session() -> Played:
    played = enrolled().see(plugged())
    assert played.of(BeginSession)
    return played


def ended(played: Played) -> SessionEnded:
    (session,) = played.state.sessions.values()
    return SessionEnded(session_id=session.session_id, vehicle_id=CAR)


def test_f39_holds_are_released_first_then_the_vendor_forgets_then_the_records_go_then_it_ends():
    played = in_session()
    over = ended(played)
    (release,) = played.hear(ERASE, 1).of(AskForRelease)
    assert (release.why, release.device_ids) == (ERASED, (CAR, CHARGER))
    assert not played.of(ForgetAtVendor)
    assert played.hear(over, 1.1).of(ForgetAtVendor)
    assert not played.of(EraseRecords)
    (erase,) = played.hear(DONE, 1.2).of(EraseRecords)
    assert (erase.device_ids, erase.at) == ((CAR, CHARGER), at(1.2)), "all that was observed until the vendor forgot"
    assert played.hear(DONE, 1.3).of(CloseDriver)
    assert played.outcome("erase").status == "done"


def test_nothing_of_the_driver_is_left_in_the_workflow():
    played = enrolled().hear(ERASE, 1).hear(DONE, 1).hear(DONE, 1)
    left = played.state
    assert left == DriverState(
        driver_id=DRIVER,
        program=left.program,
        wish=left.program.wish,
        erasing=left.erasing,
        outcomes=left.outcomes,
        labels=left.labels,
    )
    assert left.erasing is not None
    assert left.erasing.device_ids == ()
    assert (played.journey.stage, played.journey.vehicles) == (Stage.ERASED, ())


def test_f39_a_session_that_does_not_answer_is_not_waited_for_for_ever():
    played = in_session().hear(ERASE, 1)
    (wake,) = played.of(WakeAt)
    assert wake.at == at(1) + RELEASE_LIMIT
    assert not played.wait(1.2).of(ForgetAtVendor)
    assert played.wait(1.25).of(ForgetAtVendor)


def test_f39_a_step_that_fails_is_tried_again_until_it_is_done():
    played = enrolled().hear(ERASE, 1)
    for hours in (1, 2, 3):
        assert played.of(ForgetAtVendor)
        played.hear(FAILED, hours)
        assert played.of(WakeAt)[0].at == at(hours) + TRY_AGAIN_AFTER
        played.wait(hours + 1)
    assert played.hear(DONE, 5).of(EraseRecords)
    assert played.hear(FAILED, 5).of(WakeAt)
    assert played.wait(6).of(EraseRecords)
    assert played.hear(DONE, 6).of(CloseDriver)


def test_from_then_on_nothing_else_is_done_or_learnt():
    played = in_session().hear(ERASE, 1)
    for action in (
        RequestLink(action_id="link", side=Side.VEHICLE, redirect_uri="https://app.example"),
        Withdraw(action_id="withdraw"),
        Erase(action_id="again", at=at(1)),
    ):
        assert played.hear(action, 1).outcome(action.action_id).status == "refused"
    before = played.state.devices
    assert played.hear(DeviceSeen(device=plugged(hours=2)), 2).state.devices == before
    assert not played.of(BeginSession)
    assert not played.of(LabelDriver)


def test_a_repeated_wish_to_be_erased_changes_nothing():
    played = in_session().hear(ERASE, 1)
    before = played.state
    assert played.hear(ERASE, 1).state == before


def test_what_is_under_way_at_the_vendor_is_waited_for():
    """A link page opened after the vendor forgot the driver would make the driver known there again."""
    played = enrolled()
    played.hear(RequestLink(action_id="link", side=Side.VEHICLE, redirect_uri="https://app.example"))
    assert not played.hear(ERASE, 1).of(ForgetAtVendor)
    assert played.hear(ActionEnded(action_id="link", is_done=True, url="u"), 1).of(ForgetAtVendor)


def test_the_consent_ends_with_the_erasure():
    played = enrolled().hear(LinkReturned(action_id="x", side=Side.VEHICLE)).hear(ERASE, 1)
    assert played.state.enrolment is None
    (past,) = played.state.past_enrolments
    assert (past.ended_at, past.ended_why) == (at(1), "erased")


def test_who_still_waits_for_an_answer_when_it_ends_is_given_one():
    """A step that is lost at the vendor must not leave a caller's question open in a workflow that ends."""
    played = enrolled().hear(RequestLink(action_id="link", side=Side.VEHICLE, redirect_uri="https://app.example"))
    played.hear(ERASE, 1).wait(1.25).hear(DONE, 2)
    assert played.hear(DONE, 2).of(CloseDriver)
    assert {key: outcome.status for key, outcome in played.state.outcomes.items()} == {
        "link": "refused",
        "erase": "done",
    }


def test_f39_erased_in_the_middle_of_unlinking_the_confirmation_is_answered_and_the_session_released_once():
    played = in_session()
    token = (
        played.hear(AskUnlink(action_id="ask", side=Side.CHARGER, vendor="ZAPTEC", at=at(1)), 1).outcome("ask").token
    )
    played.hear(ConfirmUnlink(action_id="confirm", token=token, at=at(1)), 1)
    over = ended(played)
    (release,) = played.hear(ERASE, 1).of(AskForRelease)
    assert release.why == ERASED
    assert played.outcome("confirm").status == "refused"
    played.hear(over, 1.1)
    assert not played.of(Unlink)
    assert played.of(ForgetAtVendor)
