"""Which linked devices count: one per physical device, with a live login and, for chargers, a record that holds."""

from domain.capabilities import Effective, OwnCapability, effective, own_from_vendor
from domain.devices import CapabilityKind, Device, Side
from domain.driver.state import DriverState
from domain.session.state import ControlMode

NOTHING = OwnCapability(can_start=False, can_stop=False, can_locate=False, evidence="the login at its maker has ended")


def physical(state: DriverState, side: Side) -> list[Device]:
    """One linked device per physical one (F65): the one in use, else one that counts, else the first linked."""
    chosen: dict[str, Device] = {}
    for device in state.of_side(side):
        key = device.identity_digest or device.id
        if key not in chosen or _rank(state, device) < _rank(state, chosen[key]):
            chosen[key] = device
    return list(chosen.values())


def _rank(state: DriverState, device: Device) -> tuple[bool, ...]:
    """Smaller is better. Of two accounts of a charger that both count, the one that a vendor says holds a car."""
    named = {vehicle.reading.paired_with for vehicle in state.of_side(Side.VEHICLE)}
    return (
        device.id not in state.sessions,
        is_login_dead(state, device),
        device.side is Side.CHARGER and (is_reset(state, device) or is_helpless(device)),
        device.id not in named,
    )


def twins(state: DriverState, device_id: str) -> list[Device]:
    """The device, and the same physical one as other vendors know it."""
    device = state.devices.get(device_id)
    if device is None:
        return []
    digest = device.identity_digest
    return [d for d in state.of_side(device.side) if d.id == device_id or (digest and d.identity_digest == digest)]


def is_login_dead(state: DriverState, device: Device) -> bool:
    return device.vendor in state.dead_logins


def standing_chargers(state: DriverState) -> list[Device]:
    """Chargers that unlock something now. In delegated control that is the platform's judgement."""
    chargers = physical(state, Side.CHARGER)
    if state.program.mode is ControlMode.DELEGATED:
        return chargers
    return [charger for charger in chargers if not (is_reset(state, charger) or is_helpless(charger))]


def is_reset(state: DriverState, charger: Device) -> bool:
    record = state.chargers.get(charger.id)
    return record is not None and record.reset is not None


def is_helpless(charger: Device) -> bool:
    """Whether the charger says that it cannot be started or stopped; one that does not say is taken at its best."""
    told = (charger.capabilities.get(kind) for kind in (CapabilityKind.START_CHARGING, CapabilityKind.STOP_CHARGING))
    return any(capability is not None and not capability.is_capable for capability in told)


def is_placed(state: DriverState, charger: Device) -> bool:
    """Whether its place is known, through whichever vendor it was told."""
    return any(twin.id in state.places for twin in twins(state, charger.id))


def effective_of(state: DriverState, vehicle: Device) -> Effective:
    """What can be done with a vehicle now: its own abilities, and what standing chargers unlock."""
    own = NOTHING if is_login_dead(state, vehicle) else state.own.get(vehicle.id, OwnCapability())
    chargers = standing_chargers(state)
    if state.program.mode is ControlMode.DELEGATED and chargers:
        return _by_vendors_word(vehicle, own)
    has_place = any(is_placed(state, charger) for charger in chargers)
    return effective(own, has_charger=bool(chargers), is_charger_placed=has_place)


def _by_vendors_word(vehicle: Device, own: OwnCapability) -> Effective:
    """Delegated control: the platform coordinates, so what it says of the vehicle is what holds."""
    word = NOTHING if own == NOTHING else own_from_vendor(vehicle.capabilities)
    return Effective(
        can_start=own.can_start or word.can_start,
        can_stop=own.can_stop or word.can_stop,
        can_locate=own.can_locate or word.can_locate,
    )
