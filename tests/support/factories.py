"""Values with sensible defaults: one winter night, one car, one charger."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from domain.commands import CommandOrder, CommandOutcome, CommandResult
from domain.departure import Wish
from domain.devices import Capability, CapabilityKind, Device, PowerDeliveryState, Reading, Side
from domain.driver.state import DriverState, Program
from domain.plan import ChargingPlan, PlanStatus, SlotReason
from domain.session.state import Box, Car, SessionState

EVENING = datetime(2022, 12, 12, 18, 0, tzinfo=UTC)
"""Plug-in: 19:00 in Amsterdam."""

MORNING = datetime(2022, 12, 13, 6, 0, tzinfo=UTC)
"""Departure: 07:00 in Amsterdam."""

CAR, CHARGER, DRIVER = "car-1", "charger-1", "driver-1"

POWER_BY_STATE = {PowerDeliveryState.CHARGING: 11.0}


def at(hours: float) -> datetime:
    """The instant `hours` after the plug-in."""
    return EVENING + timedelta(hours=hours)


def make_reading(side: Side = Side.VEHICLE, *, hours: float = 0.0, **changes: Any) -> Reading:
    """A fresh reading of a plugged, paired, idle device."""
    state = changes.pop("state", PowerDeliveryState.STOPPED)
    is_car = side is Side.VEHICLE
    values: dict[str, Any] = {
        "side": side,
        "device_id": CAR if is_car else CHARGER,
        "observed_at": at(hours),
        "received_at": at(hours),
        "is_reachable": True,
        "is_plugged_in": state is not PowerDeliveryState.UNPLUGGED,
        "state": state,
        "charge_rate_kw": POWER_BY_STATE.get(state),
        "soc_pct": 40.0 if is_car else None,
        "battery_capacity_kwh": 60.0 if is_car else None,
        "paired_with": CHARGER if is_car else CAR,
    }
    return Reading(**{**values, **changes})


def make_session(*readings: Reading, with_charger: bool = True, **changes: Any) -> SessionState:
    """A session at plug-in."""
    values: dict[str, Any] = {
        "session_id": f"{CAR}:1",
        "driver_id": DRIVER,
        "program": "test",
        "car": Car(device_id=CAR, vendor="TESLA", brand="Tesla"),
        "boxes": (Box(device_id=CHARGER, vendor="ZAPTEC"),) if with_charger else (),
        "wish": Wish(target_soc_pct=80, ready_by=time(7, 0), zone="Europe/Amsterdam"),
        "plugged_in_at": EVENING,
        "seen_kw": 11.0,
        "readings": {reading.device_id: reading for reading in readings},
    }
    return SessionState(**{**values, **changes})


def make_plan(on_hours: tuple[float, float] = (6.0, 9.0), *, until: float = 12.0) -> ChargingPlan:
    """Hourly slots from the plug-in to `until`; charging at 11 kW between the two hours."""
    n = int(until)
    on = [on_hours[0] <= t < on_hours[1] for t in range(n)]
    return ChargingPlan(
        status=PlanStatus.OPTIMAL,
        edges=tuple(at(t) for t in range(n + 1)),
        energy_ac_kwh=tuple(11.0 if is_on else 0.0 for is_on in on),
        price_per_kwh=tuple(0.2 if is_on else 0.4 for is_on in on),
        reasons=tuple(SlotReason.CHEAPEST if is_on else SlotReason.WAIT_CHEAPER for is_on in on),
        cost=6.6,
        energy_cost=6.6,
        lower_bound=6.6,
        shortfall_ac_kwh=0.0,
        solver="by hand",
        solve_ms=0.0,
    )


def outcome_of(
    order: CommandOrder, result: CommandResult, *, hours: float, evidence: tuple[Reading, ...] = ()
) -> CommandOutcome:
    """What became of an order."""
    was_sent = result not in (CommandResult.ALREADY_SO, CommandResult.REFUSED)
    return CommandOutcome(
        number=order.number,
        key=order.key,
        goal=order.goal,
        side=order.side,
        result=result,
        sent_at=at(hours) if was_sent else None,
        ended_at=at(hours),
        evidence=evidence,
    )


def make_device(side: Side = Side.VEHICLE, *, can_control: bool = True, **changes: Any) -> Device:
    """A linked device, unplugged, with all its abilities or none of control and place."""
    able = Capability(is_capable=can_control)
    reading = changes.pop("reading", None) or make_reading(
        side, state=PowerDeliveryState.UNPLUGGED, paired_with=None, hours=-2
    )
    values: dict[str, Any] = {
        "id": reading.device_id,
        "side": side,
        "driver_id": DRIVER,
        "vendor": "JEEP" if side is Side.VEHICLE else "ZAPTEC",
        "brand": "Jeep" if side is Side.VEHICLE else "Zaptec",
        "capabilities": {
            CapabilityKind.START_CHARGING: able,
            CapabilityKind.STOP_CHARGING: able,
            CapabilityKind.LOCATION: able,
        },
        "reading": reading,
    }
    return Device(**{**values, **changes})


def make_driver(*devices: Device, **changes: Any) -> DriverState:
    """A driver with linked devices, own capabilities still to be learnt through events."""
    program = Program(name="test")
    values: dict[str, Any] = {
        "driver_id": DRIVER,
        "program": program,
        "wish": program.wish,
        "devices": {device.id: device for device in devices},
    }
    return DriverState(**{**values, **changes})
