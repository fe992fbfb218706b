"""A session in a few words: what a sweep must know to repair it, cheap to ask for."""

from domain.model import Instant, Model
from domain.session.state import SessionState


class Pulse(Model):
    """Whether a session lives, and what it waits for."""

    session_id: str
    driver_id: str
    vehicle_id: str
    device_ids: tuple[str, ...]  # whose readings it must hear
    is_closed: bool
    night: int | None  # number of the open night
    departs_at: Instant | None
    heard: int  # events so far
    wakes_at: Instant | None  # its kept timer
    last_reading_at: Instant | None  # of any device: old means that hooks are lost
    holds: int  # of ours
    open_commands: int


def pulse_of(state: SessionState, *, heard: int, wakes_at: Instant | None) -> Pulse:
    """The pulse of a session that heard so many events and sleeps until `wakes_at`."""
    return Pulse(
        session_id=state.session_id,
        driver_id=state.driver_id,
        vehicle_id=state.car.device_id,
        device_ids=state.device_ids,
        is_closed=state.is_closed,
        night=state.night.number if state.night is not None else None,
        departs_at=state.night.departs_at if state.night is not None else None,
        heard=heard,
        wakes_at=wakes_at,
        last_reading_at=max((r.received_at for r in state.readings.values()), default=None),
        holds=len(state.holds),
        open_commands=len(state.open_commands()),
    )
