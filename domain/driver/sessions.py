"""Sessions under way, and what they report."""

from datetime import datetime

from domain.driver.effects import BeginSession
from domain.driver.events import NightReported, SessionEnded
from domain.driver.records import matched, not_matched
from domain.driver.seeing import see_reading
from domain.driver.state import DriverState, NightSummary, OpenSession
from domain.reliability import added
from domain.requirement import Record

NIGHTS_REMEMBERED = 7
"""Past nights the workflow itself can tell of; all of them are in storage."""


def opened(state: DriverState, effect: BeginSession, at: datetime) -> DriverState:
    vehicle_id = effect.session.car.device_id
    session = OpenSession(session_id=effect.session.session_id, vehicle_id=vehicle_id, opened_at=at)
    seq = state.next_seq.get(vehicle_id, 1)
    return state.model_copy(
        update={
            "sessions": {**state.sessions, vehicle_id: session},
            "next_seq": {**state.next_seq, vehicle_id: seq + 1},
        }
    )


def night_reported(state: DriverState, event: NightReported) -> DriverState:
    """A night's account in short. A repeated report changes nothing."""
    if any((night.session_id, night.number) == (event.session_id, event.number) for night in state.nights):
        return state
    summary = NightSummary(
        session_id=event.session_id,
        number=event.number,
        is_ready=event.is_ready,
        saving=event.saving,
        why=event.why,
    )
    record = Record(
        commands_sent=state.record.commands_sent + event.commands_sent,
        commands_proven=state.record.commands_proven + event.commands_proven,
        routes=added(state.record.routes, event.routes),
    )
    state = state.model_copy(update={"nights": (*state.nights, summary)[-NIGHTS_REMEMBERED:], "record": record})
    if not event.is_match_known:
        return state
    if event.matched_charger_id is None:
        return not_matched(state)
    return matched(state, event.matched_charger_id)


def ended(state: DriverState, event: SessionEnded) -> DriverState:
    """The session is over; what it last saw of the devices counts as seen."""
    opened = state.sessions.get(event.vehicle_id)
    if opened is None or opened.session_id != event.session_id:
        return state
    sessions = {key: value for key, value in state.sessions.items() if key != event.vehicle_id}
    state = state.model_copy(update={"sessions": sessions, "let_go": state.let_go - {event.session_id}})
    for reading in event.readings:
        state = see_reading(state, reading)
    return state
