"""What is learnt from seeing a device: place and reach, a vehicle's own ability, what a person must do (S23-S27)."""

from datetime import datetime, timedelta

from domain.capabilities import own_from_vendor
from domain.devices import Device, Reading, Side
from domain.driver import linking, own
from domain.driver.linked import is_login_dead, standing_chargers
from domain.driver.records import matched, placed, with_record
from domain.driver.state import DriverState
from domain.interventions import heard_of
from domain.journey import LOCATE_PROMPT, NOT_ELIGIBLE_PROMPT
from domain.pairing import SAME_PLUG
from domain.resets import ChargerRecord, Reset, ResetCause
from domain.session.state import ControlMode

PICTURE_IN_FLIGHT = timedelta(minutes=2)
"""A picture of a charger may be this old when it arrives."""


FORMER_LIFE = timedelta(minutes=10)
"""Pictures taken until so long after a device was unlinked are of its life before."""


def see(state: DriverState, device: Device) -> DriverState:
    """The state after a device was seen. A picture older than the known one changes nothing."""
    known = state.devices.get(device.id)
    if state.erasing is not None or _is_stale(device, known) or _was_unlinked(state, device):
        return state
    state = linking.seen(_came(state, device) if known is None else state, device, known)
    state = _taken_in(state, device)
    return _learn_ability(state, device, known) if device.side is Side.VEHICLE else state


def see_reading(state: DriverState, reading: Reading) -> DriverState:
    """What a session saw last. It says nothing of abilities: those are known from elsewhere, and perhaps newer."""
    known = state.devices.get(reading.device_id)
    if known is None:
        return state
    device = known.model_copy(update={"reading": reading})
    return state if state.erasing is not None or _is_stale(device, known) else _taken_in(state, device)


def _came(state: DriverState, device: Device) -> DriverState:
    """A device that was not known."""
    unlinked = {key: at for key, at in state.unlinked.items() if key != device.id}
    state = state.model_copy(update={"unlinked": unlinked})
    if device.side is Side.VEHICLE:
        return state.model_copy(update={"dismissed": state.dismissed - {NOT_ELIGIBLE_PROMPT}})
    return own.charger_came(state.model_copy(update={"dismissed": state.dismissed - {LOCATE_PROMPT}}), device)


def _taken_in(state: DriverState, device: Device) -> DriverState:
    if linking.is_alive_again(state, device):
        state = linking.login_lives(state, device.vendor)
    state = state.model_copy(update={"devices": {**state.devices, device.id: device}})
    if device.side is Side.CHARGER:
        state = _learn_plug(_learn_reach(_learn_place(state, device), device), device)
    else:
        state = _learn_match(state, device)
    return _learn_plugged_together(state)


def _was_unlinked(state: DriverState, device: Device) -> bool:
    """Whether the picture was taken before the device was unlinked, and is but late."""
    at, observed_at = state.unlinked.get(device.id), device.reading.observed_at
    return at is not None and observed_at is not None and observed_at <= at + FORMER_LIFE


def _is_stale(device: Device, known: Device | None) -> bool:
    """Order is by observation. A device that never reported (just discovered) yields to nothing it replaces."""
    if known is None:
        return False
    before, after = known.reading.observed_at, device.reading.observed_at
    return before is not None and (after is None or after < before)


def _learn_place(state: DriverState, charger: Device) -> DriverState:
    placed_at = state.chargers.get(charger.id, ChargerRecord()).placed_at
    if placed_at is not None and charger.reading.received_at <= placed_at + PICTURE_IN_FLIGHT:
        return state
    return placed(state, charger.id, charger.reading.location_id)


def _learn_reach(state: DriverState, charger: Device) -> DriverState:
    """Out of reach counts from when it was first told."""
    record, reading = state.chargers.get(charger.id, ChargerRecord()), charger.reading
    if reading.is_reachable is None:
        return state
    since: datetime | None = None
    if not reading.is_reachable:
        since = record.unreachable_since or reading.observed_at or reading.received_at
    return with_record(state, charger.id, record.model_copy(update={"unreachable_since": since}))


def _learn_plug(state: DriverState, charger: Device) -> DriverState:
    """A plug-in counts from the first word of it."""
    record, reading = state.chargers.get(charger.id, ChargerRecord()), charger.reading
    if reading.is_plugged_in is None:
        return state
    since = (record.plugged_since or reading.observed_at) if reading.is_plugged_in else None
    return with_record(state, charger.id, record.model_copy(update={"plugged_since": since}))


def _learn_ability(state: DriverState, vehicle: Device, known: Device | None) -> DriverState:
    if is_login_dead(state, vehicle):  # what a platform says without a login is no evidence of the car
        return state
    state = own.learn(state, vehicle)
    state = _learn_vendor_reset(state, vehicle, known)
    is_masked = bool(standing_chargers(state)) and vehicle.id not in state.vendor_resets
    interventions = heard_of(state.interventions, vehicle, is_masked=is_masked)
    return state.model_copy(update={"interventions": interventions})


def _learn_vendor_reset(state: DriverState, vehicle: Device, known: Device | None) -> DriverState:
    """Delegated control: what the platform had unlocked it takes back, or gives again (S26)."""
    resets = {key: value for key, value in state.vendor_resets.items() if key != vehicle.id}
    has_charger = bool(state.of_side(Side.CHARGER))
    if state.program.mode is ControlMode.DELEGATED and has_charger and known is not None and vehicle.capabilities:
        before, after = own_from_vendor(known.capabilities), own_from_vendor(vehicle.capabilities)
        if after.can_control:
            pass
        elif vehicle.id in state.vendor_resets:
            return state
        elif before.can_control:
            at = vehicle.reading.received_at
            reason = "the platform no longer controls it through the charger"
            resets[vehicle.id] = Reset(cause=ResetCause.VENDOR, at=at, reason=reason)
    return state.model_copy(update={"vendor_resets": resets})


def _learn_match(state: DriverState, vehicle: Device) -> DriverState:
    """A charger that surely holds the car is no stranger to it."""
    charger_id = vehicle.reading.paired_with
    return matched(state, charger_id) if charger_id is not None else state


def _learn_plugged_together(state: DriverState) -> DriverState:
    """A charger that had become a stranger is one no more once something was plugged into it as the car was."""
    cars = [vehicle.reading.observed_at for vehicle in state.of_side(Side.VEHICLE) if vehicle.reading.is_plugged_in]
    for charger_id, record in state.chargers.items():
        since = record.plugged_since if record.unmatched_nights else None
        if since is not None and any(at is not None and abs(at - since) <= SAME_PLUG for at in cars):
            state = matched(state, charger_id)
    return state
