"""One picture from the readings of both ends of the cable. Unknown stays unknown."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from domain.devices import PowerDeliveryState, Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, measured_power_kw
from domain.model import Instant, Model

SAME_MOMENT = timedelta(seconds=30)
"""Two sides' readings this close together speak of the same moment; then the charger's meter is preferred."""


class Picture(Model):
    """What is known of a plug-in right now."""

    is_plugged: bool | None = None
    flow_kw: float | None = None  # measured power at the meter [kW]; None: unknown
    flow_at: Instant | None = None  # when it was measured
    seems_flowing: bool = False  # a device says it charges, but not how fast: no proof, yet reason enough to stop it
    soc_pct: float | None = None
    soc_at: Instant | None = None
    charge_limit_pct: float | None = None
    is_full: bool = False  # the car itself says it is done

    @property
    def is_flowing(self) -> bool | None:
        return None if self.flow_kw is None else self.flow_kw > FLOW_THRESHOLD_KW


def paired_charger_id(car_id: str, readings: Mapping[str, Reading]) -> str | None:
    """The charger that surely holds this car: the vendor's word from either end, never contradicted by the other."""
    car = readings.get(car_id)
    if car is not None and car.paired_with is not None:
        charger = readings.get(car.paired_with)
        is_denied = charger is not None and charger.paired_with not in (None, car_id)
        return None if is_denied else car.paired_with
    claims = [r.device_id for r in readings.values() if r.side is Side.CHARGER and r.paired_with == car_id]
    return claims[0] if len(claims) == 1 else None


def fuse(car_id: str, readings: Mapping[str, Reading]) -> Picture:
    """The picture from the car's reading and that of the charger it is surely plugged into."""
    car = readings.get(car_id)
    charger = readings.get(paired_charger_id(car_id, readings) or "")
    flow_kw, flow_at = _flow(car, charger)
    seems_flowing = not flow_kw and _says_charging_since(flow_at, car, charger)
    if seems_flowing:
        flow_kw = None
    return Picture(
        is_plugged=_plugged(car, charger),
        flow_kw=flow_kw,
        flow_at=flow_at,
        seems_flowing=seems_flowing,
        soc_pct=car.soc_pct if car else None,
        soc_at=car.observed_at if car and car.soc_pct is not None else None,
        charge_limit_pct=car.charge_limit_pct if car else None,
        is_full=car is not None and car.state is PowerDeliveryState.COMPLETE,
    )


def _plugged(car: Reading | None, charger: Reading | None) -> bool | None:
    """Both agree, or the only one that speaks; a contradiction is unknown."""
    words = {r.is_plugged_in for r in (car, charger) if r is not None and r.is_plugged_in is not None}
    return words.pop() if len(words) == 1 else None


def _flow(car: Reading | None, charger: Reading | None) -> tuple[float | None, datetime | None]:
    """The newest measured power; of the same moment the charger's."""
    known = [
        (reading.observed_at, power)
        for reading in (charger, car)
        if reading is not None and reading.observed_at is not None and (power := measured_power_kw(reading)) is not None
    ]
    if not known:
        return None, None
    newest_at = max(at for at, _ in known)
    at, power = next((at, power) for at, power in known if newest_at - at <= SAME_MOMENT)
    return power, at


def _says_charging_since(rest_at: datetime | None, *readings: Reading | None) -> bool:
    """Whether a device says it charges, without a rate, later than the rest that was last measured (F12)."""
    return any(
        reading is not None
        and reading.observed_at is not None
        and reading.state is PowerDeliveryState.CHARGING
        and measured_power_kw(reading) is None
        and reading.is_reachable is not False
        and (rest_at is None or reading.observed_at > rest_at)
        for reading in readings
    )
