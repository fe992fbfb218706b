"""Erasing a driver (GDPR, article 17), also in mid-session: release, forget at the vendor, erase records, end (F39).

Every step may be repeated and is, until it is done; whatever stops in between goes on where it was.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.driver.effects import ERASED, AskForRelease, CloseDriver, DriverEffect, EraseRecords, ForgetAtVendor
from domain.driver.enrolling import ended
from domain.driver.events import ActionEnded, Erase
from domain.driver.outcomes import is_pending, refuse, with_outcome
from domain.driver.state import ActionOutcome, DriverState, Erasing
from domain.driver.unlinking import RELEASE_LIMIT

GONE = "the account is being erased"
"""What becomes of actions that were under way."""

TRY_AGAIN_AFTER = timedelta(hours=1)
"""A step that failed is repeated after this time, for as long as it takes."""


def ask(state: DriverState, action: Erase) -> DriverState:
    """Begin to erase; from here on no other action is taken."""
    if state.erasing is not None:
        return refuse(state, action, "this account is being erased")
    erasing = Erasing(
        action_id=action.action_id,
        at=action.at,
        device_ids=tuple(sorted(state.devices)),
        go_on_at=action.at + RELEASE_LIMIT,
    )
    not_begun = [todo.action_id for todo in state.todo]
    if state.unlinking is not None and state.unlinking.action_id and not state.unlinking.is_under_way:
        not_begun.append(state.unlinking.action_id)
    changes = {"erasing": erasing, "unlinking": None, "todo": ()}
    state = ended(state.model_copy(update=changes), action.at, "erased")
    for action_id in not_begun:  # what is under way is waited for
        gone = ActionOutcome(action_id=action_id, status="refused", detail=GONE)
        state = with_outcome(state, gone)
    return with_outcome(state, ActionOutcome(action_id=action.action_id, status="pending"))


def go_on(state: DriverState, now: datetime) -> Iterator[DriverEffect]:
    """The next step that is due."""
    erasing = state.erasing
    if erasing is None or erasing.is_under_way:
        return
    match erasing.step:
        case "release":
            yield from _release(state, erasing, now)
        case "vendor" if now >= erasing.go_on_at:
            yield ForgetAtVendor(action_id=erasing.action_id, reason="the driver asked to be erased")
        case "records" if now >= erasing.go_on_at:
            yield EraseRecords(
                action_id=erasing.action_id,
                at=now,  # what was observed until the vendor forgot may still be on its way
                device_ids=erasing.device_ids,
                reason="forgotten at the vendor",
            )
        case "close":
            yield CloseDriver(reason="nothing is left to be erased")


def _release(state: DriverState, erasing: Erasing, now: datetime) -> Iterator[DriverEffect]:
    """First every hold of ours is let go; sessions end. Not for ever: a session that does not answer is left behind."""
    for session in state.sessions.values():
        if session.session_id not in erasing.told:
            yield AskForRelease(
                session_id=session.session_id,
                device_ids=erasing.device_ids,
                why=ERASED,
                reason="release our holds before the driver is erased",
            )
    is_quiet = not state.sessions and not is_pending(state, besides=erasing.action_id)
    if is_quiet or now >= erasing.go_on_at:
        yield ForgetAtVendor(action_id=erasing.action_id, reason="the driver asked to be erased")


def begun(state: DriverState, effect: DriverEffect, at: datetime) -> DriverState:
    erasing = state.erasing
    if erasing is None:
        return state
    match effect:
        case AskForRelease():
            erasing = erasing.model_copy(update={"told": erasing.told | {effect.session_id}})
        case ForgetAtVendor():
            changes = {"step": "vendor", "is_under_way": True, "go_on_at": at + TRY_AGAIN_AFTER}
            erasing = erasing.model_copy(update=changes)
        case EraseRecords():
            erasing = erasing.model_copy(update={"is_under_way": True, "go_on_at": at + TRY_AGAIN_AFTER})
        case CloseDriver():
            return _nothing_left(state, erasing)
    return state.model_copy(update={"erasing": erasing})


def answered(state: DriverState, event: ActionEnded) -> DriverState:
    """A step was done, or is tried again later."""
    erasing = state.erasing
    if erasing is None or event.action_id != erasing.action_id:
        return state
    changes: dict[str, object] = {"is_under_way": False}
    if event.is_done:
        changes |= {"step": "records" if erasing.step == "vendor" else "close", "go_on_at": erasing.at}
    return state.model_copy(update={"erasing": erasing.model_copy(update=changes)})


def wakes_at(state: DriverState) -> datetime | None:
    erasing = state.erasing
    return erasing.go_on_at if erasing is not None and not erasing.is_under_way else None


def _nothing_left(state: DriverState, erasing: Erasing) -> DriverState:
    """All that stays is that the driver was erased; whoever still waits for an answer is given one."""
    answers = {
        key: ActionOutcome(action_id=key, status="refused", detail=GONE)
        for key, outcome in state.outcomes.items()
        if outcome.status == "pending"
    }
    answer = ActionOutcome(action_id=erasing.action_id, status="done", detail="erased here and at the vendor")
    return DriverState(
        driver_id=state.driver_id,
        program=state.program,
        wish=state.program.wish,
        erasing=erasing.model_copy(update={"device_ids": (), "is_under_way": True}),
        outcomes={**answers, erasing.action_id: answer},
        labels=state.labels,
    )
