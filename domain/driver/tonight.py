"""The driver's word for one night, and a changed standing wish: to the open session, else kept for the next plug-in."""

from collections.abc import Iterator
from datetime import datetime

from domain.departure import next_departure
from domain.devices import Side
from domain.driver.effects import BeginSession, PassOn
from domain.driver.events import ActTonight, PassedOn, SetWish
from domain.driver.outcomes import done, refuse
from domain.driver.state import DriverState, Tonight
from domain.session.apply import apply as apply_to_session
from domain.session.events import DriverActed
from domain.session.state import SessionState


def say(state: DriverState, action: ActTonight) -> DriverState:
    """Keep the word until a session has heard it, at most until the departure it was meant for."""
    device = state.devices.get(action.vehicle_id)
    if device is None or device.side is not Side.VEHICLE:
        return refuse(state, action, "no such vehicle is linked")
    if state.enrolment is None:
        return refuse(state, action, "not enrolled: nothing of ours controls the car")
    word = DriverActed(
        action_id=action.action_id,
        at=action.at,
        act=action.act,
        wish=action.wish,
        until=action.until,
        charger_id=action.charger_id,
    )
    is_open = action.vehicle_id in state.sessions
    return done(
        _kept(state, action.vehicle_id, word),
        action,
        "passed on to the session" if is_open else "kept until the car is plugged in, at most until the next departure",
    )


def wish_changed(state: DriverState, action: SetWish) -> DriverState:
    """A standing wish counts for tonight as well, wherever a session is open (F58)."""
    state = state.model_copy(update={"wish": action.wish})
    if action.at is None:
        return state
    for vehicle_id in state.sessions:
        word = DriverActed(action_id=action.action_id, at=action.at, act="set_wish", wish=action.wish)
        state = _kept(state, vehicle_id, word)
    return state


def _kept(state: DriverState, vehicle_id: str, word: DriverActed) -> DriverState:
    kept = Tonight(vehicle_id=vehicle_id, word=word, expires_at=next_departure(state.wish, word.at))
    still = {key: other for key, other in state.tonight.items() if other.is_under_way or other.expires_at > word.at}
    return state.model_copy(update={"tonight": {**still, _key(kept): kept}})


def _key(kept: Tonight) -> str:
    return f"{kept.vehicle_id}/{kept.word.action_id}"


def pass_on(state: DriverState, now: datetime) -> Iterator[PassOn]:
    """Every word whose session is open, in the order in which they were said."""
    for kept in state.tonight.values():
        session = state.sessions.get(kept.vehicle_id)
        if session is not None and not kept.is_under_way and now < kept.expires_at:
            yield PassOn(
                session_id=session.session_id,
                word=kept.word,
                reason=f"the driver said: {kept.word.act.replace('_', ' ')}",
            )


def begun(state: DriverState, effect: PassOn) -> DriverState:
    tonight = {
        key: kept.model_copy(update={"is_under_way": True}) if kept.word == effect.word else kept
        for key, kept in state.tonight.items()
    }
    return state.model_copy(update={"tonight": tonight})


def passed_on(state: DriverState, event: PassedOn) -> DriverState:
    """Heard words are forgotten; one that found no session is kept for the next."""
    tonight = {}
    for key, kept in state.tonight.items():
        if kept.word.action_id != event.action_id:
            tonight[key] = kept
        elif not event.is_heard:
            tonight[key] = kept.model_copy(update={"is_under_way": False})
    return state.model_copy(update={"tonight": tonight})


def with_kept_words(state: DriverState, session: SessionState, now: datetime) -> SessionState:
    """The session as it begins, after what the driver said before the plug-in."""
    for kept in state.tonight.values():
        if kept.vehicle_id == session.car.device_id and not kept.is_under_way and now < kept.expires_at:
            session = apply_to_session(session, kept.word)
    return session


def taken_along(state: DriverState, effect: BeginSession) -> DriverState:
    """The session knows what was kept for it; what has expired is forgotten with it."""
    vehicle_id = effect.session.car.device_id
    tonight = {key: kept for key, kept in state.tonight.items() if kept.vehicle_id != vehicle_id or kept.is_under_way}
    return state.model_copy(update={"tonight": tonight})
