"""`apply(state, event) -> state`: what a driver's workflow learns."""

from datetime import datetime

from domain.devices import Side
from domain.driver import enrolling, erasing, linking, sessions, standing, tonight, unlinking
from domain.driver.effects import (
    ERASED,
    GONE,
    LEFT_THE_PROGRAM,
    NOT_ENABLED,
    AskForRelease,
    BeginSession,
    CloseDriver,
    DriverEffect,
    EraseRecords,
    ForgetAtVendor,
    LabelDriver,
    ListDevices,
    PassOn,
    ResetCharger,
    RestoreCharger,
    SetPlace,
    StartLink,
    TellOfLogin,
    Unlink,
)
from domain.driver.events import (
    Act,
    ActionEnded,
    ActTonight,
    AskUnlink,
    ConfirmUnlink,
    CredentialsDied,
    DeviceGone,
    DeviceSeen,
    DismissPrompt,
    DriverEvent,
    Enroll,
    Erase,
    HoldsReleased,
    LinkReturned,
    NightReported,
    PassedOn,
    PlaceCharger,
    ProgramChanged,
    RequestLink,
    SessionEnded,
    SetWish,
    Withdraw,
)
from domain.driver.outcomes import accept, done, is_busy, refuse, with_outcome
from domain.driver.program_change import reprogrammed
from domain.driver.records import placed_by_driver
from domain.driver.seeing import see
from domain.driver.state import ActionOutcome, DriverState, Todo
from domain.journey import journey_of


def apply(state: DriverState, event: DriverEvent) -> DriverState:
    """The state after hearing `event`."""
    if isinstance(event, Act):
        return state if event.action_id in state.outcomes else _act(state, event)
    match event:
        case DeviceSeen():
            return see(state, event.device)
        case DeviceGone():
            return _vanish(state, event)
        case PassedOn():
            return tonight.passed_on(state, event)
        case CredentialsDied():
            return linking.login_died(state, event)
        case ActionEnded():
            return _end_action(state, event)
        case NightReported():
            return sessions.night_reported(state, event)
        case SessionEnded():
            return unlinking.released(sessions.ended(state, event), event.session_id)
        case HoldsReleased():
            return unlinking.released(state, event.session_id)
        case ProgramChanged():
            return reprogrammed(state, event)
        case _:  # TimeReached changes nothing by itself
            return state


def begun(state: DriverState, effect: DriverEffect, at: datetime) -> DriverState:
    """The state once `effect` is under way."""
    match effect:
        case StartLink():
            return linking.page_asked_for(_taken_up(state, effect.action_id), effect, at)
        case ListDevices():
            return linking.last_look_begun(_taken_up(state, effect.action_id), effect)
        case SetPlace():
            return _taken_up(state, effect.action_id)
        case BeginSession():
            return tonight.taken_along(sessions.opened(state, effect, at), effect)
        case PassOn():
            return tonight.begun(state, effect)
        case AskForRelease(why=why) if why == GONE:
            return state.model_copy(update={"vanished": ()})
        case AskForRelease(why=why) if why in (LEFT_THE_PROGRAM, NOT_ENABLED):
            return state.model_copy(update={"let_go": state.let_go | {effect.session_id}})
        case AskForRelease(why=why) if why == ERASED:
            return erasing.begun(state, effect, at)
        case AskForRelease() | Unlink():
            return unlinking.begun(state, effect, at)
        case ForgetAtVendor() | EraseRecords() | CloseDriver():
            return erasing.begun(state, effect, at)
        case ResetCharger() | RestoreCharger():
            return standing.judged(state, effect, at)
        case TellOfLogin():
            return standing.told_of_login(state, effect)
        case LabelDriver():
            return state.model_copy(update={"labels": effect.labels})
        case _:
            return state


def _act(state: DriverState, action: Act) -> DriverState:
    if state.erasing is not None:
        return refuse(state, action, "this account is being erased")
    if isinstance(action, RequestLink | LinkReturned | PlaceCharger) and is_busy(state):
        return refuse(state, action, "too many actions are under way: try again once some are done")
    match action:
        case RequestLink():
            return linking.request(state, action)
        case LinkReturned():
            return linking.returned(state, action)
        case PlaceCharger():
            return _place(state, action)
        case DismissPrompt():
            return _dismiss(state, action)
        case Enroll():
            return enrolling.enroll(state, action)
        case Withdraw():
            return enrolling.withdraw(state, action)
        case AskUnlink():
            return unlinking.ask(state, action)
        case ConfirmUnlink():
            return unlinking.confirm(state, action)
        case Erase():
            return erasing.ask(state, action)
        case ActTonight():
            return tonight.say(state, action)
        case SetWish():
            return done(tonight.wish_changed(state, action), action, "noted for every night to come")
    return state


def _vanish(state: DriverState, event: DeviceGone) -> DriverState:
    """Gone at the vendor: sessions under way must leave it alone."""
    device_id = event.device_id
    vanished = (*state.vanished, device_id) if state.sessions and device_id in state.devices else state.vanished
    return unlinking.without(state, (device_id,), event.at).model_copy(update={"vanished": vanished})


def _place(state: DriverState, action: PlaceCharger) -> DriverState:
    charger = state.devices.get(action.charger_id)
    if charger is None or charger.side is not Side.CHARGER:
        return refuse(state, action, "no such charger is linked")
    todo = Todo(action_id=action.action_id, act="place_charger", charger_id=action.charger_id, place_id=action.place_id)
    return accept(state, todo)


def _dismiss(state: DriverState, action: DismissPrompt) -> DriverState:
    prompt = journey_of(state).prompt
    if prompt is None or prompt.key != action.prompt:
        return refuse(state, action, "this prompt is not shown")
    if prompt.is_blocking:
        return refuse(state, action, "this prompt stays until its action is done")
    return done(state.model_copy(update={"dismissed": state.dismissed | {action.prompt}}), action, "dismissed")


def _taken_up(state: DriverState, action_id: str) -> DriverState:
    left = tuple(todo for todo in state.todo if todo.action_id != action_id)
    return state.model_copy(update={"todo": left})


def _end_action(state: DriverState, event: ActionEnded) -> DriverState:
    """What an action brought, to whoever waits for it; then its outcome, if somebody asked for it."""
    state = linking.logins_listed(state, event)
    for device in event.devices:
        state = see(state, device)
    state = linking.answered(state, event)
    if event.is_done and event.charger_id:
        state = placed_by_driver(state, event.charger_id, event.place_id, event.at)
    state = erasing.answered(unlinking.answered(state, event), event)
    known = state.outcomes.get(event.action_id)
    is_whole = state.erasing is None or state.erasing.action_id != event.action_id
    if known is None or not is_whole:  # nobody asked, or further steps follow
        return state
    status = "done" if event.is_done else "refused"
    outcome = ActionOutcome(action_id=event.action_id, status=status, detail=event.detail, url=event.url)
    return with_outcome(state, outcome)
