"""`apply(state, event) -> state`: what a driver's workflow learns."""

from datetime import datetime

from domain.capabilities import evidence_of
from domain.devices import Device, Side
from domain.driver import unlinking
from domain.driver.effects import (
    LEFT_THE_PROGRAM,
    AskForRelease,
    BeginSession,
    DriverEffect,
    LabelDriver,
    ListDevices,
    SetPlace,
    StartLink,
    Unlink,
)
from domain.driver.events import (
    Act,
    ActionEnded,
    AskUnlink,
    ConfirmUnlink,
    DeviceGone,
    DeviceSeen,
    DismissPrompt,
    DriverEvent,
    Enroll,
    HoldsReleased,
    LinkReturned,
    NightReported,
    PlaceCharger,
    ProgramChanged,
    RequestLink,
    SessionEnded,
    SetWish,
    Withdraw,
)
from domain.driver.program_change import reprogrammed
from domain.driver.state import (
    OUTCOMES_REMEMBERED,
    ActionOutcome,
    DriverState,
    Enrolment,
    NightSummary,
    OpenSession,
    Todo,
)
from domain.journey import Stage, journey_of
from domain.requirement import Record

NIGHTS_REMEMBERED = 7
"""Past nights the workflow itself can tell of; all of them are in storage."""


def apply(state: DriverState, event: DriverEvent) -> DriverState:
    """The state after hearing `event`."""
    if isinstance(event, Act):
        return state if event.action_id in state.outcomes else _act(state, event)
    match event:
        case DeviceSeen():
            return _see(state, event.device)
        case DeviceGone():
            return _lose(state, event.device_id)
        case ActionEnded():
            return _end_action(state, event)
        case NightReported():
            return _note_night(state, event)
        case SessionEnded():
            return unlinking.released(_end_session(state, event), event.session_id)
        case HoldsReleased():
            return unlinking.released(state, event.session_id)
        case ProgramChanged():
            return reprogrammed(state, event)
        case _:  # TimeReached changes nothing by itself
            return state


def begun(state: DriverState, effect: DriverEffect, at: datetime) -> DriverState:
    """The state once `effect` is under way."""
    match effect:
        case StartLink() | ListDevices() | SetPlace():
            left = tuple(todo for todo in state.todo if todo.action_id != effect.action_id)
            return state.model_copy(update={"todo": left})
        case BeginSession():
            return _open_session(state, effect, at)
        case AskForRelease() | Unlink():
            return _go_on_unlinking(state, effect)
        case LabelDriver():
            return state.model_copy(update={"labels": effect.labels})
        case _:
            return state


def _act(state: DriverState, action: Act) -> DriverState:
    match action:
        case RequestLink():
            todo = Todo(
                action_id=action.action_id,
                act="link",
                side=action.side,
                redirect_uri=action.redirect_uri,
                language=action.language,
            )
            return _accept(state, todo)
        case LinkReturned():
            return _accept(state, Todo(action_id=action.action_id, act="list_devices", side=action.side))
        case PlaceCharger():
            return _place(state, action)
        case DismissPrompt():
            return _dismiss(state, action)
        case Enroll():
            return _enroll(state, action)
        case AskUnlink():
            return unlinking.ask(state, action)
        case ConfirmUnlink():
            return unlinking.confirm(state, action)
        case Withdraw():
            return _done(state.model_copy(update={"enrolment": None}), action, "withdrawn")
        case SetWish():
            return _done(state.model_copy(update={"wish": action.wish}), action, "noted for every night to come")
    return state


def _outcome(state: DriverState, outcome: ActionOutcome) -> DriverState:
    outcomes = {**state.outcomes, outcome.action_id: outcome}
    if len(outcomes) > OUTCOMES_REMEMBERED:
        outcomes = dict(list(outcomes.items())[-OUTCOMES_REMEMBERED:])
    return state.model_copy(update={"outcomes": outcomes})


def _accept(state: DriverState, todo: Todo) -> DriverState:
    state = state.model_copy(update={"todo": (*state.todo, todo)})
    return _outcome(state, ActionOutcome(action_id=todo.action_id, status="pending"))


def _done(state: DriverState, action: Act, detail: str) -> DriverState:
    return _outcome(state, ActionOutcome(action_id=action.action_id, status="done", detail=detail))


def _refuse(state: DriverState, action: Act, why: str) -> DriverState:
    return _outcome(state, ActionOutcome(action_id=action.action_id, status="refused", detail=why))


def _place(state: DriverState, action: PlaceCharger) -> DriverState:
    charger = state.devices.get(action.charger_id)
    if charger is None or charger.side is not Side.CHARGER:
        return _refuse(state, action, "no such charger is linked")
    todo = Todo(action_id=action.action_id, act="place_charger", charger_id=action.charger_id, place_id=action.place_id)
    return _accept(state, todo)


def _dismiss(state: DriverState, action: DismissPrompt) -> DriverState:
    prompt = journey_of(state).prompt
    if prompt is None or prompt.key != action.prompt:
        return _refuse(state, action, "this prompt is not shown")
    if prompt.is_blocking:
        return _refuse(state, action, "this prompt stays until its action is done")
    return _done(state.model_copy(update={"dismissed": state.dismissed | {action.prompt}}), action, "dismissed")


def _enroll(state: DriverState, action: Enroll) -> DriverState:
    journey = journey_of(state)
    if journey.stage is Stage.ENROLLED:
        return _done(state, action, "already enrolled")
    if journey.stage is not Stage.READY_TO_ENROLL:
        return _refuse(state, action, f"not yet: {journey.stage.value}")
    enrolment = Enrolment(at=action.at, text_version=action.text_version, language=action.language)
    return _done(state.model_copy(update={"enrolment": enrolment}), action, "enrolled")


def _see(state: DriverState, device: Device) -> DriverState:
    known = state.devices.get(device.id)
    if known is not None and _is_stale(device, known):
        return state
    any_charger_linked = bool(state.of_side(Side.CHARGER)) or device.side is Side.CHARGER
    state = state.model_copy(update={"devices": {**state.devices, device.id: device}})
    if device.side is Side.CHARGER:
        return _learn_place(state, device)
    own = evidence_of(
        device,
        any_charger_linked=any_charger_linked,
        known=state.own.get(device.id),
        table=state.program.brands,
    )
    return state.model_copy(update={"own": {**state.own, device.id: own}})


def _is_stale(device: Device, known: Device) -> bool:
    """Order is by observation. A device that never reported (just discovered) yields to nothing it replaces."""
    before, after = known.reading.observed_at, device.reading.observed_at
    return before is not None and (after is None or after < before)


def _learn_place(state: DriverState, charger: Device) -> DriverState:
    place_id = charger.reading.location_id
    places = {key: value for key, value in state.places.items() if key != charger.id}
    if place_id is not None:
        places[charger.id] = place_id
    return state.model_copy(update={"places": places})


def _lose(state: DriverState, device_id: str) -> DriverState:
    return unlinking.without(state, (device_id,))


def _go_on_unlinking(state: DriverState, effect: AskForRelease | Unlink) -> DriverState:
    under_way = state.unlinking
    if isinstance(effect, AskForRelease) and effect.why == LEFT_THE_PROGRAM:
        return state.model_copy(update={"let_go": state.let_go | {effect.session_id}})
    if under_way is None:
        return state
    if isinstance(effect, AskForRelease):
        under_way = under_way.model_copy(update={"told": under_way.told | {effect.session_id}})
    else:
        under_way = under_way.model_copy(update={"is_under_way": True})
    return state.model_copy(update={"unlinking": under_way})


def _end_action(state: DriverState, event: ActionEnded) -> DriverState:
    for device in event.devices:
        state = _see(state, device)
    if event.is_done and event.charger_id and event.place_id:
        state = state.model_copy(update={"places": {**state.places, event.charger_id: event.place_id}})
    if state.unlinking is not None and event.action_id == state.unlinking.action_id:
        state = unlinking.done(state) if event.is_done else unlinking.failed(state)
    status = "done" if event.is_done else "refused"
    return _outcome(state, ActionOutcome(action_id=event.action_id, status=status, detail=event.detail, url=event.url))


def _open_session(state: DriverState, effect: BeginSession, at: datetime) -> DriverState:
    vehicle_id = effect.session.car.device_id
    opened = OpenSession(session_id=effect.session.session_id, vehicle_id=vehicle_id, opened_at=at)
    seq = state.next_seq.get(vehicle_id, 1)
    return state.model_copy(
        update={
            "sessions": {**state.sessions, vehicle_id: opened},
            "next_seq": {**state.next_seq, vehicle_id: seq + 1},
        }
    )


def _note_night(state: DriverState, event: NightReported) -> DriverState:
    summary = NightSummary(
        session_id=event.session_id,
        number=event.number,
        is_ready=event.is_ready,
        saving=event.saving,
        why=event.why,
    )
    if any((night.session_id, night.number) == (event.session_id, event.number) for night in state.nights):
        return state
    record = Record(
        commands_sent=state.record.commands_sent + event.commands_sent,
        commands_proven=state.record.commands_proven + event.commands_proven,
    )
    return state.model_copy(update={"nights": (*state.nights, summary)[-NIGHTS_REMEMBERED:], "record": record})


def _end_session(state: DriverState, event: SessionEnded) -> DriverState:
    opened = state.sessions.get(event.vehicle_id)
    if opened is None or opened.session_id != event.session_id:
        return state
    sessions = {key: value for key, value in state.sessions.items() if key != event.vehicle_id}
    state = state.model_copy(update={"sessions": sessions, "let_go": state.let_go - {event.session_id}})
    for reading in event.readings:
        known = state.devices.get(reading.device_id)
        if known is not None:
            state = _see(state, known.model_copy(update={"reading": reading}))
    return state
