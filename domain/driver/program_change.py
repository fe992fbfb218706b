"""A changed program, as a driver takes it in: what is asked follows, what runs tonight goes on to the night's end."""

from collections.abc import Iterator

from domain.capabilities import OwnCapability, own_from_brand
from domain.driver.effects import NOT_ENABLED, AskForRelease
from domain.driver.events import ProgramChanged
from domain.driver.state import DriverState
from domain.journey import journey_of
from domain.program import Program
from domain.rollout.standing import Change


def reprogrammed(state: DriverState, event: ProgramChanged) -> DriverState:
    """The state under the newer program. Pages may arrive late or twice: what is older changes nothing."""
    known, new = state.program, event.program
    if known.region and new.region is None:
        new = new.for_driver(known.region, new.target)
    if new.name != known.name or new.version < known.version or new == known:
        return state
    enabled = _enabled_sessions(state)
    wish = new.wish if state.wish == known.wish else state.wish  # the driver's own word stays
    state = state.model_copy(
        update={"program": new, "wish": wish, "change": Change(version=new.version, reason=event.reason)}
    )
    own = {vehicle_id: _own(state, vehicle_id, evidence, known) for vehicle_id, evidence in state.own.items()}
    return _with_last_nights(state.model_copy(update={"own": own}), enabled)


def let_go_after_the_night(state: DriverState) -> Iterator[AskForRelease]:
    """A session that may have one more night under the old program ends once that night is told."""
    if not state.last_nights or state.enrolment is None:
        return
    enabled = _enabled_sessions(state)
    for session in state.sessions.values():
        had = state.last_nights.get(session.session_id)
        if had is None or session.session_id in enabled | state.let_go:
            continue
        if _told(state, session.session_id) > had:
            yield AskForRelease(
                session_id=session.session_id,
                device_ids=tuple(sorted(state.devices)),
                why=NOT_ENABLED,
                reason="the night is over, and a charger is asked for now",
            )


def _own(state: DriverState, vehicle_id: str, evidence: OwnCapability, known: Program) -> OwnCapability:
    """What rested on the brand table follows the table; what the vehicle said itself stays."""
    device = state.devices.get(vehicle_id)
    if device is None or evidence != own_from_brand(device.brand, known.brands, device.model):
        return evidence
    return own_from_brand(device.brand, state.program.brands, device.model)


def _with_last_nights(state: DriverState, enabled: frozenset[str]) -> DriverState:
    """Remember the sessions that just lost their ground; forget those that have it again, or are over."""
    still, open_now = _enabled_sessions(state), {session.session_id for session in state.sessions.values()}
    lost = {session_id: _told(state, session_id) for session_id in enabled - still}
    kept = {session_id: had for session_id, had in state.last_nights.items() if session_id in open_now - still}
    return state.model_copy(update={"last_nights": {**lost, **kept}})


def _enabled_sessions(state: DriverState) -> frozenset[str]:
    vehicles = journey_of(state).vehicles if state.sessions else ()
    return frozenset(vehicle.session_id for vehicle in vehicles if vehicle.is_enabled and vehicle.session_id)


def _told(state: DriverState, session_id: str) -> int:
    """The number of the last night the session has told of."""
    return max((night.number for night in state.nights if night.session_id == session_id), default=0)
