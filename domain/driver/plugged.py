"""What is known of a linked car now, from both ends of the cable (S42-S45)."""

from domain.devices import Device, Side
from domain.driver.linked import physical, standing_chargers, twins
from domain.driver.state import DriverState
from domain.model import Instant, Model
from domain.resets import ChargerRecord


class VehicleNow(Model):
    """The last picture of a car. While a session is open it alone is told more; then this one is older."""

    is_plugged_in: bool | None = None
    plugged_in_charger_id: str | None = None  # a charger of the same driver that the vendor says holds the car
    charge_rate_kw: float | None = None  # None: neither end tells it
    charge_rate_from: Side | None = None
    soc_pct: float | None = None
    observed_at: Instant | None = None


def now_of(state: DriverState, vehicle: Device) -> VehicleNow:
    """The car as both ends show it."""
    reading, charger = vehicle.reading, holding(state, vehicle)
    rate, source = reading.charge_rate_kw, Side.VEHICLE
    if rate is None and charger is not None:
        rate, source = charger.reading.charge_rate_kw, Side.CHARGER
    return VehicleNow(
        is_plugged_in=True if is_plugged_in(state, vehicle) else reading.is_plugged_in,
        plugged_in_charger_id=charger.id if charger is not None else None,
        charge_rate_kw=rate,
        charge_rate_from=source if rate is not None else None,
        soc_pct=reading.soc_pct,
        observed_at=reading.observed_at,
    )


def holding(state: DriverState, vehicle: Device) -> Device | None:
    """The driver's charger that the vendor names as holding the car; None unless both are linked (S42, S43)."""
    chargers = physical(state, Side.CHARGER)
    for charger in chargers:
        if vehicle.reading.paired_with in {twin.id for twin in twins(state, charger.id)}:
            return charger
    named_by = [c for c in chargers if c.reading.paired_with == vehicle.id]
    return named_by[0] if len(named_by) == 1 and vehicle.reading.paired_with is None else None


def is_plugged_in(state: DriverState, vehicle: Device) -> bool:
    """Plugged in by the word of either end, the later one (S45).

    A charger that names no car speaks for the driver's only one; should it be a guest's, the session finds out by
    looking at the car, and does nothing before.
    """
    if vehicle.reading.is_plugged_in:
        return True
    is_only_car = len(physical(state, Side.VEHICLE)) == 1
    for charger in standing_chargers(state):
        since = state.chargers.get(charger.id, ChargerRecord()).plugged_since
        is_news = since is not None and (vehicle.reading.observed_at is None or since > vehicle.reading.observed_at)
        paired_with = charger.reading.paired_with
        if is_news and (paired_with == vehicle.id or (paired_with is None and is_only_car)):
            return True
    return False
