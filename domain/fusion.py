"""One picture from the readings of both ends of the cable. Unknown stays unknown."""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.devices import PowerDeliveryState, Reading
from domain.energy_flow import FLOW_THRESHOLD_KW, measured_power_kw
from domain.level import Level

SAME_MOMENT = timedelta(seconds=30)
"""Two sides' readings this close together speak of the same moment; then the charger's meter is preferred (S44)."""


class Picture(NamedTuple):
    """What is known of a plug-in right now."""

    is_plugged: bool | None = None
    flow_kw: float | None = None  # measured power at the meter [kW]; None: unknown
    flow_at: datetime | None = None  # when it was measured
    seems_flowing: bool = False  # a device says it charges, but not how fast: no proof, yet reason enough to stop it
    soc_pct: float | None = None  # at least this, by the car's word and the meter [%]
    soc_high_pct: float | None = None  # at most this [%]
    soc_at: datetime | None = None  # when the lower bound was last measured
    soc_expected_pct: float | None = None  # at least this, if the power last measured went on until now [%]
    charge_limit_pct: float | None = None
    is_full: bool = False  # the car itself says it is done
    has_fault: bool = False  # a device says that a person must act
    is_away: bool = False  # at a known place that is none of the driver's charging places

    @property
    def is_flowing(self) -> bool | None:
        return None if self.flow_kw is None else self.flow_kw > FLOW_THRESHOLD_KW


def fuse(
    car: Reading | None,
    charger: Reading | None,
    level: Level | None,
    now: datetime,
    *,
    places: frozenset[str] = frozenset(),
) -> Picture:
    """The picture from the car's reading and that of the charger which surely holds it (None: none does).

    `places`: where this driver charges; a car elsewhere, in no charger of the driver's, is away (F66).
    """
    flow_kw, flow_at = _flow(car, charger)
    seems_flowing = not flow_kw and _says_charging_since(flow_at, car, charger)
    if seems_flowing:
        flow_kw = None
    place = car.location_id if car is not None else None
    return Picture(
        is_plugged=_plugged(car, charger),
        flow_kw=flow_kw,
        flow_at=flow_at,
        seems_flowing=seems_flowing,
        soc_pct=level.at_least_pct if level else None,
        soc_high_pct=level.at_most_pct if level else None,
        soc_at=level.known_at if level else None,
        soc_expected_pct=level.expected_pct(now) if level else None,
        charge_limit_pct=car.charge_limit_pct if car else None,
        is_full=car is not None and car.state is PowerDeliveryState.COMPLETE,
        has_fault=_has_fault(car) or _has_fault(charger),
        is_away=charger is None and place is not None and bool(places) and place not in places,
    )


def _plugged(car: Reading | None, charger: Reading | None) -> bool | None:
    """Both agree, or the only one that speaks; a contradiction is unknown."""
    by_car = car.is_plugged_in if car is not None else None
    by_charger = charger.is_plugged_in if charger is not None else None
    if by_car is None or by_charger is None:
        return by_charger if by_car is None else by_car
    return by_car if by_car is by_charger else None


def _has_fault(reading: Reading | None) -> bool:
    return reading is not None and reading.state is PowerDeliveryState.FAULT


def _flow(car: Reading | None, charger: Reading | None) -> tuple[float | None, datetime | None]:
    """The newest measured power; of the same moment the charger's, unless one just began or ceased."""
    known = [
        (reading.observed_at, power)
        for reading in (charger, car)
        if reading is not None and reading.observed_at is not None and (power := measured_power_kw(reading)) is not None
    ]
    if not known:
        return None, None
    if len(known) == 1:
        return known[0][1], known[0][0]
    newest_at, newest = max(known, key=lambda point: point[0])
    is_on = newest > FLOW_THRESHOLD_KW
    at, power = next(
        (at, power) for at, power in known if newest_at - at <= SAME_MOMENT and (power > FLOW_THRESHOLD_KW) is is_on
    )
    return power, at


def _says_charging_since(rest_at: datetime | None, *readings: Reading | None) -> bool:
    """Whether a device says it charges, without a rate, later than the rest that was last measured (F12)."""
    charging = [r for r in readings if r is not None and r.state is PowerDeliveryState.CHARGING]
    return any(
        reading.observed_at is not None
        and measured_power_kw(reading) is None
        and reading.is_reachable is not False
        and (rest_at is None or reading.observed_at > rest_at)
        for reading in charging
    )
