"""Decisions, recorded: `decide` as a local activity, so that policy may change under running workflows."""

from temporalio import activity

from domain import steps
from domain.driver.decide import decide as decide_for_driver
from domain.driver.effects import DriverDecision
from domain.session.decide import decide as decide_for_session
from domain.session.effects import Decision


@activity.defn(name=steps.DECIDE_SESSION)
def decide_session(question: steps.DecideSession) -> Decision:
    """What the session does next, and why."""
    return decide_for_session(question.state, question.now, question.seen, question.vitals, question.attempt)


@activity.defn(name=steps.DECIDE_DRIVER)
def decide_driver(question: steps.DecideDriver) -> DriverDecision:
    """What the driver's workflow does next, and why."""
    return decide_for_driver(question.state, question.now, question.seen, question.vitals, question.attempt)
