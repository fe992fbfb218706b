"""What is learnt from seeing a device: place and reach, a vehicle's own ability, what a person must do (S23-S27)."""

from datetime import datetime, timedelta

from domain.capabilities import evidence_of, own_from_vendor
from domain.devices import Device, Side
from domain.driver import linking
from domain.driver.linked import is_login_dead, standing_chargers
from domain.driver.state import DriverState
from domain.interventions import heard_of
from domain.resets import ChargerRecord, Reset, ResetCause
from domain.session.state import ControlMode

PICTURE_IN_FLIGHT = timedelta(minutes=2)
"""A picture of a charger may be this old when it arrives."""


def see(state: DriverState, device: Device) -> DriverState:
    """The state after a device was seen. A picture older than the known one changes nothing."""
    known = state.devices.get(device.id)
    if state.erasing is not None or (known is not None and _is_stale(device, known)):
        return state
    if linking.is_alive_again(state, device):
        state = linking.login_lives(state, device.vendor)
    state = linking.seen(state, device, known)
    state = state.model_copy(update={"devices": {**state.devices, device.id: device}})
    if device.side is Side.CHARGER:
        return _learn_plug(_learn_reach(_learn_place(state, device), device), device)
    return _learn_match(_learn_ability(state, device, known), device)


def _is_stale(device: Device, known: Device) -> bool:
    """Order is by observation. A device that never reported (just discovered) yields to nothing it replaces."""
    before, after = known.reading.observed_at, device.reading.observed_at
    return before is not None and (after is None or after < before)


def _learn_place(state: DriverState, charger: Device) -> DriverState:
    placed_at = state.chargers.get(charger.id, ChargerRecord()).placed_at
    if placed_at is not None and charger.reading.received_at <= placed_at + PICTURE_IN_FLIGHT:
        return state
    return placed(state, charger.id, charger.reading.location_id)


def placed_by_driver(state: DriverState, charger_id: str, place_id: str | None, at: datetime | None) -> DriverState:
    """The driver set the place; pictures taken before it was known at the vendor say nothing against it."""
    record = state.chargers.get(charger_id, ChargerRecord())
    state = _with_record(state, charger_id, record.model_copy(update={"placed_at": at}))
    return placed(state, charger_id, place_id)


def placed(state: DriverState, charger_id: str, place_id: str | None) -> DriverState:
    """The charger stands at this place of the vendor; None: it has none any more."""
    places = {key: value for key, value in state.places.items() if key != charger_id}
    if place_id is not None:
        places[charger_id] = place_id
    return state.model_copy(update={"places": places})


def _learn_reach(state: DriverState, charger: Device) -> DriverState:
    """Out of reach counts from when it was first told."""
    record, reading = state.chargers.get(charger.id, ChargerRecord()), charger.reading
    if reading.is_reachable is None:
        return state
    since: datetime | None = None
    if not reading.is_reachable:
        since = record.unreachable_since or reading.observed_at or reading.received_at
    return _with_record(state, charger.id, record.model_copy(update={"unreachable_since": since}))


def _learn_plug(state: DriverState, charger: Device) -> DriverState:
    """A plug-in counts from the first word of it."""
    record, reading = state.chargers.get(charger.id, ChargerRecord()), charger.reading
    if reading.is_plugged_in is None:
        return state
    since = (record.plugged_since or reading.observed_at) if reading.is_plugged_in else None
    return _with_record(state, charger.id, record.model_copy(update={"plugged_since": since}))


def _learn_ability(state: DriverState, vehicle: Device, known: Device | None) -> DriverState:
    has_charger = bool(state.of_side(Side.CHARGER))
    if is_login_dead(state, vehicle):  # what a platform says without a login is no evidence of the car
        return state
    own = evidence_of(
        vehicle, any_charger_linked=has_charger, known=state.own.get(vehicle.id), table=state.program.brands
    )
    state = state.model_copy(update={"own": {**state.own, vehicle.id: own}})
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


def matched(state: DriverState, charger_id: str) -> DriverState:
    record = state.chargers.get(charger_id, ChargerRecord())
    if charger_id not in state.devices or record.unmatched_nights == 0:
        return state
    return _with_record(state, charger_id, record.model_copy(update={"unmatched_nights": 0}))


def not_matched(state: DriverState) -> DriverState:
    """A night in which none of the driver's chargers held the car."""
    for charger in state.of_side(Side.CHARGER):
        record = state.chargers.get(charger.id, ChargerRecord())
        state = _with_record(
            state, charger.id, record.model_copy(update={"unmatched_nights": record.unmatched_nights + 1})
        )
    return state


def _with_record(state: DriverState, charger_id: str, record: ChargerRecord) -> DriverState:
    return state.model_copy(update={"chargers": {**state.chargers, charger_id: record}})
