"""The law of energy flow, and the holds that stop it.

Energy flows only if the car is plugged AND the charger offers AND the car accepts AND the level is below its limit.
"""

from enum import StrEnum

from domain.devices import PowerDeliveryState, Reading, Side
from domain.model import Instant, Model

FLOW_THRESHOLD_KW = 0.3
"""Below this a reading is no charging [kW]: control electronics and preheating draw less, no car charges at less."""

_NOT_CHARGING = frozenset(
    {
        PowerDeliveryState.UNPLUGGED,
        PowerDeliveryState.STOPPED,
        PowerDeliveryState.COMPLETE,
        PowerDeliveryState.NO_POWER,
        PowerDeliveryState.FAULT,
    }
)


class HoldOwner(StrEnum):
    """Who keeps the car from charging."""

    US = "us"
    DRIVER = "driver"
    OTHER = "other"
    DEVICE = "device"


class Hold(Model):
    """Something that keeps the car from charging, and where it lies."""

    side: Side
    owner: HoldOwner = HoldOwner.US
    since: Instant
    is_certain: bool = True  # False: we asked for it, but it was never measured; it may still take effect


def measured_power_kw(reading: Reading | None) -> float | None:
    """Power in a reading [kW]; None if it says nothing about power. A null rate beside a resting state is a zero; a
    rate beside a resting state contradicts it, and a contradiction is unknown (F12, F13)."""
    if reading is None or reading.is_reachable is False:
        return None
    rests = reading.state in _NOT_CHARGING
    if reading.charge_rate_kw is None:
        return 0.0 if rests else None
    return None if rests and reading.charge_rate_kw > FLOW_THRESHOLD_KW else reading.charge_rate_kw


def charger_offers(reading: Reading | None) -> bool | None:
    """Whether the charger lets energy through; None if its reading does not tell."""
    if reading is None or reading.is_reachable is False:
        return None
    match reading.state:
        case PowerDeliveryState.CHARGING | PowerDeliveryState.NO_POWER | PowerDeliveryState.INITIALIZING:
            return True  # NO_POWER on a charger: the car refuses what is offered
        case PowerDeliveryState.STOPPED | PowerDeliveryState.FAULT:
            return False
        case _:
            return None


def side_releases(side: Side, reading: Reading | None) -> bool | None:
    """Whether this side no longer holds; None if its reading does not tell.

    A car shows STOPPED both when it holds and when the charger does, so only flow or readiness clears it.
    """
    if side is Side.CHARGER:
        return charger_offers(reading)
    if reading is None or reading.is_reachable is False:
        return None
    return reading.state in (PowerDeliveryState.CHARGING, PowerDeliveryState.INITIALIZING) or None
