"""Whether the car is gone: believed only on evidence, and never inside our own commands (F10, F11, F26)."""

from datetime import datetime, timedelta

from domain.commands import Goal
from domain.devices import Reading, Side
from domain.fusion import Picture
from domain.session.state import SessionState

REPLUG_WITHIN = timedelta(minutes=5)
"""An unplug ends the night after this long: blips, power cuts and a quick replug leave the plan alone (F11, F59)."""

OWN_COMMAND = timedelta(minutes=10)
"""Cars that say "unplugged" whenever no power flows do so within this time of our stop (F10)."""

DOUBTED_FOR = timedelta(hours=3)
"""How long such a word is not believed at least, and to the departure, if no charger can contradict it (F14)."""


def note_plug(state: SessionState, picture: Picture, reading: Reading) -> SessionState:
    """The state once the picture says that the car is unplugged, or no longer does."""
    if picture.is_plugged is not False:
        if state.unplug_said_at is None:
            return state
        return state.model_copy(update={"unplug_said_at": None, "is_unplug_doubted": False})
    if state.unplug_said_at is not None:
        is_doubted = state.is_unplug_doubted and (reading.side is Side.VEHICLE or is_car_alone(state))
        return state.model_copy(update={"is_unplug_doubted": is_doubted})
    # Not since observed: the next word may lie right behind it.
    said_at = reading.received_at
    is_doubted = reading.side is Side.VEHICLE and is_car_alone(state) and _is_our_doing(state, said_at)
    return state.model_copy(update={"unplug_said_at": said_at, "is_unplug_doubted": is_doubted})


def is_car_alone(state: SessionState) -> bool:
    """Whether no charger can say how it is: none holds the car, and the one that did has not told that it let go."""
    last_id = state.last_charger_id if state.night is None else state.night.charger_id
    last = None if last_id is None else state.readings.get(last_id)
    return state.charger_id is None and (last is None or last.is_plugged_in is not False)


def _is_our_doing(state: SessionState, at: datetime) -> bool:
    """Whether we stopped the car just before, and it may mean nothing but that."""
    for command in state.night.commands if state.night else ():
        if command.order.goal is not Goal.STOP:
            continue
        ended_at = command.outcome.ended_at if command.outcome is not None else at
        if command.begun_at <= at <= ended_at + OWN_COMMAND:
            return True
    return False


def gone_at(state: SessionState) -> datetime | None:
    """When the unplug is believed; None: none was said."""
    if state.unplug_said_at is None:
        return None
    if not state.is_unplug_doubted:
        # After a departure that is accounted for nothing is lost by believing it at once.
        is_between_nights = state.night is None and state.nights_closed > 0
        return state.unplug_said_at if is_between_nights else state.unplug_said_at + REPLUG_WITHIN
    doubted_until = state.unplug_said_at + DOUBTED_FOR
    return doubted_until if state.night is None else max(doubted_until, state.night.departs_at)


def is_gone(state: SessionState, now: datetime) -> bool:
    """Unplugged by the word of all witnesses, long enough to be no blip."""
    at = gone_at(state)
    return at is not None and now >= at
