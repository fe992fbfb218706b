"""Consent with time, text version and language, also to a newer text; and a memory of actions that stays bounded."""

import pytest
from support.factories import EVENING, at
from support.journeys import Played, capable, enrolled, plugged

from domain.devices import Side
from domain.driver.apply import apply
from domain.driver.effects import LEFT_THE_PROGRAM, AskForRelease, BeginSession
from domain.driver.events import ActionEnded, CredentialsDied, Enroll, RequestLink, SessionEnded, SetWish, Withdraw
from domain.driver.outcomes import UNDER_WAY_AT_MOST
from domain.driver.state import OUTCOMES_REMEMBERED
from domain.journey import Stage


def consent(action_id: str = "newer", *, text: str = "2", language: str = "de", hours: float = 1) -> Enroll:
    return Enroll(action_id=action_id, at=at(hours), text_version=text, language=language)


@pytest.mark.parametrize("changes", [{"text": "2", "language": "en"}, {"text": "1", "language": "de"}])
def test_consent_to_a_newer_text_is_recorded_and_ends_the_older(changes):
    played = enrolled().hear(consent(**changes))
    given = played.state.enrolment
    assert (given.at, given.text_version, given.language) == (at(1), changes["text"], changes["language"])
    (past,) = played.state.past_enrolments
    assert (past.at, past.text_version, past.ended_at) == (EVENING, "1", at(1))
    assert "renewed by consent to text" in past.ended_why


def test_the_same_consent_twice_is_one():
    played = enrolled().hear(consent(text="1", language="en"))
    assert (played.outcome("newer").detail, played.state.past_enrolments) == ("already enrolled", ())
    assert played.state.enrolment.at == EVENING


def test_consent_to_a_newer_text_needs_no_control_at_that_moment():
    played = enrolled(with_charger=False).hear(CredentialsDied(vendor="JEEP", at=at(1)))
    assert played.journey.stage is Stage.RECONNECT
    assert played.hear(consent()).outcome("newer").status == "done"


def test_who_withdraws_in_a_session_and_enrolls_again_gets_a_new_one_once_the_first_has_let_go():
    played = enrolled().see(plugged())
    (session,) = played.state.sessions.values()
    (release,) = played.hear(Withdraw(action_id="w", at=at(1)), 1).of(AskForRelease)
    assert release.why == LEFT_THE_PROGRAM
    played.hear(consent(text="1", language="en", hours=1.1), 1.1)
    assert not played.of(AskForRelease)
    assert not played.of(BeginSession)
    ended = SessionEnded(session_id=session.session_id, vehicle_id=session.vehicle_id)
    (begun,) = played.hear(ended, 1.2).of(BeginSession)
    assert begun.session.session_id != session.session_id
    assert [(past.ended_at, past.ended_why) for past in played.state.past_enrolments] == [
        (at(1), "withdrawn by the driver")
    ]


# Memory of actions


def link(number: int) -> RequestLink:
    return RequestLink(action_id=f"link {number}", side=Side.VEHICLE, redirect_uri="https://app.example")


def test_a_vendor_that_never_answers_does_not_fill_the_memory():
    played = Played()
    for number in range(UNDER_WAY_AT_MOST + 3):
        played.hear(link(number))
    statuses = [outcome.status for outcome in played.state.outcomes.values()]
    assert statuses == ["pending"] * UNDER_WAY_AT_MOST + ["refused"] * 3
    assert played.hear(SetWish(action_id="wish", wish=played.state.wish)).outcome("wish").status == "done"
    played.hear(ActionEnded(action_id="link 0", is_done=True, url="https://vendor.example"))
    assert played.hear(link(99)).outcome("link 99").status == "pending"


def test_an_outcome_that_was_long_in_coming_is_remembered_when_it_comes():
    played = capable().hear(link(0))
    for number in range(OUTCOMES_REMEMBERED):
        played.state = apply(played.state, SetWish(action_id=str(number), wish=played.state.wish))
    assert played.outcome("link 0").status == "pending"
    played.hear(ActionEnded(action_id="link 0", is_done=True, url="https://vendor.example"))
    assert played.outcome("link 0").status == "done"
    assert len(played.state.outcomes) == OUTCOMES_REMEMBERED
