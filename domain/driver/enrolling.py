"""Consent to managed charging: given, withdrawn, and all of it remembered with text version and language."""

from datetime import datetime

from domain.driver.events import Enroll, Withdraw
from domain.driver.outcomes import done, refuse
from domain.driver.state import DriverState, Enrolment
from domain.journey import Stage, journey_of

ENROLMENTS_REMEMBERED = 20
"""Past consents the workflow itself can tell of."""


def enroll(state: DriverState, action: Enroll) -> DriverState:
    """Consent; to a newer text at any time, which ends the consent to the older."""
    given, stage = state.enrolment, journey_of(state).stage
    if given is not None and (given.text_version, given.language) == (action.text_version, action.language):
        return done(state, action, "already enrolled")
    if given is None and stage is not Stage.READY_TO_ENROLL:
        return refuse(state, action, f"not yet: {stage.value}")
    state = ended(state, action.at, f"renewed by consent to text {action.text_version} ({action.language})")
    enrolment = Enrolment(at=action.at, text_version=action.text_version, language=action.language)
    return done(state.model_copy(update={"enrolment": enrolment}), action, "enrolled")


def withdraw(state: DriverState, action: Withdraw) -> DriverState:
    return done(ended(state, action.at, "withdrawn by the driver"), action, "withdrawn")


def ended(state: DriverState, at: datetime | None, why: str) -> DriverState:
    """The consent ends and stays on record."""
    if state.enrolment is None:
        return state
    past = state.enrolment.model_copy(update={"ended_at": at, "ended_why": why})
    history = (*state.past_enrolments, past)[-ENROLMENTS_REMEMBERED:]
    return state.model_copy(update={"enrolment": None, "past_enrolments": history})
