"""What the platform says a device can do: its own capabilities, and in delegated control what a charger unlocks."""

from typing import Literal

from simulator.faultbook import FaultBook
from simulator.faults import BadCredentials, CapabilityOff
from simulator.interventions import RELINK, intervention_id
from simulator.registry import Device
from simulator.scenario import CHARGER_CAPABILITIES, VEHICLE_CAPABILITIES, CapabilitySpec
from simulator.wire import Capabilities

NEEDED_SCOPE = {
    "startCharging": "control:charging",
    "stopCharging": "control:charging",
    "setMaxCurrent": "control:charging",
    "smartCharging": "control:charging",
    "location": "read:location",
}


def own(device: Device, faults: FaultBook) -> Capabilities:
    """What the device can do by itself, as consented to."""
    names = VEHICLE_CAPABILITIES if device.kind == "vehicle" else CHARGER_CAPABILITIES
    if not device.account.is_valid or faults.find(BadCredentials, device) is not None:
        return {name: (False, [intervention_id(RELINK)]) for name in names}
    off = faults.find(CapabilityOff, device)
    return {name: _own(device, name, off) for name in names}


def _own(device: Device, name: str, off: CapabilityOff | None) -> tuple[bool, list[str]]:
    scope = NEEDED_SCOPE.get(name)
    if (scope is not None and f"{device.kind}:{scope}" not in device.scopes) or (off and name in off.capabilities):
        return False, []
    if name == "setMaxCurrent" and device.kind == "vehicle" and device.vendor != "TESLA":
        return False, []
    spec = device.spec.capabilities.get(name, True)
    if isinstance(spec, CapabilitySpec):
        return spec.is_capable, [intervention_id(key) for key in spec.intervention_ids]
    return spec, []


def effective(
    device: Device, chargers: list[Device], control: Literal["own", "delegated"], faults: FaultBook
) -> Capabilities:
    """Own capabilities; in delegated control those a linked charger unlocks are capable, their interventions hidden."""
    table = own(device, faults)
    if control == "own" or device.kind == "charger" or device.user.is_pairing_reset or not device.account.is_valid:
        return table
    if any(_can_switch(charger, faults) for charger in chargers):
        table["startCharging"] = table["stopCharging"] = (True, [])
        if any(charger.location_id is not None for charger in chargers):
            table["location"] = (True, [])
        if all(table[name][0] for name in ("startCharging", "stopCharging", "location")):
            table["smartCharging"] = (True, [])
    return table


def _can_switch(charger: Device, faults: FaultBook) -> bool:
    table = own(charger, faults)
    return table["startCharging"][0] and table["stopCharging"][0]
