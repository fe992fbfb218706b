"""Which device events a session or a driver needs to hear. Everything else is stored and stays silent."""

from typing import NamedTuple

from domain.devices import Device, PowerDeliveryState, Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, measured_power_kw
from domain.model import Model

_TELLING_STATES = frozenset({PowerDeliveryState.COMPLETE, PowerDeliveryState.FAULT})

POWER_JUMP_FRACTION = 0.2
"""A change of power by more than this matters to a plan (0-1)."""


LEVEL_FALL_PCT = 3.0
"""A level that falls by this much while the car is plugged in shows that the one before was wrong (F8) [%]."""


class Watch(Model):
    """What an open session listens to."""

    session_id: str
    driver_id: str
    device_ids: tuple[str, ...]
    soc_above_pct: float | None = None  # tell when the level reaches this
    area: str = ""  # market area whose prices the session waits for; empty: not told


class Hearing(NamedTuple):
    """Who hears of a device event, and why."""

    to_driver: bool = False
    to_session: bool = False
    is_newer: bool = True  # False: observed before what is known
    why: str = ""


def hearing(before: Device | None, after: Device, watch: Watch | None) -> Hearing:
    """Who must hear that a device went from `before` (None: never seen) to `after`."""
    if before is not None and _is_older(after.reading, before.reading):
        return Hearing(is_newer=False, why="observed earlier than what is known")
    change = _change(before.reading if before else None, after.reading, watch)
    if watch is not None:
        return Hearing(to_session=bool(change), to_driver=_is_news_to_driver(before, after, watch), why=change)
    return Hearing(to_driver=_is_news_to_driver(before, after, watch), why=change)


def _is_older(after: Reading, before: Reading) -> bool:
    if before.observed_at is None:
        return False
    return after.observed_at is None or after.observed_at < before.observed_at


def _is_news_to_driver(before: Device | None, after: Device, watch: Watch | None) -> bool:
    """Discovery, a change of ability or place; and, while no session listens, of plug, pairing or a charger's reach."""
    if before is None or before.capabilities != after.capabilities:
        return True
    if before.reading.observed_at is None or before.reading.location_id != after.reading.location_id:
        return True
    if watch is not None:
        return False
    old, new = before.reading, after.reading
    is_lost_or_found = after.side is Side.CHARGER and old.is_reachable is not new.is_reachable
    is_matched = after.side is Side.VEHICLE and old.paired_with != new.paired_with
    return old.is_plugged_in is not new.is_plugged_in or is_lost_or_found or is_matched


def _change(before: Reading | None, after: Reading, watch: Watch | None) -> str:
    """What in a reading matters to a night; empty: nothing."""
    if before is None:
        return "first reading"
    if before.is_plugged_in is not after.is_plugged_in:
        return "plug state"
    if _flows(before) is not _flows(after):
        return "flow of energy"
    if _power_jumped(before, after):
        return "power"
    if before.paired_with != after.paired_with:
        return "which charger holds the car"
    if before.is_reachable is not after.is_reachable:
        return "reachability"
    if before.state is not after.state and after.state in _TELLING_STATES:
        return f"state {after.state.value}"
    if before.charge_limit_pct != after.charge_limit_pct:
        return "the car's own limit"
    return _level_change(before, after, watch)


def _power_jumped(before: Reading, after: Reading) -> bool:
    """Whether a running charge became faster or slower by more than a fifth: plans count on its power (F23)."""
    old, new = measured_power_kw(before), measured_power_kw(after)
    if old is None or new is None or min(old, new) <= FLOW_THRESHOLD_KW:
        return False
    return abs(new - old) > POWER_JUMP_FRACTION * max(old, new)


def _flows(reading: Reading) -> bool | None:
    power = measured_power_kw(reading)
    return None if power is None else power > FLOW_THRESHOLD_KW


def _level_change(before: Reading, after: Reading, watch: Watch | None) -> str:
    mark = watch.soc_above_pct if watch else None
    if mark is None or after.soc_pct is None:
        return ""
    if before.soc_pct is not None and after.soc_pct <= before.soc_pct - LEVEL_FALL_PCT:
        return f"level fell to {after.soc_pct:.0f} %"
    was_below = before.soc_pct is None or before.soc_pct < mark
    return f"level reached {mark:.0f} %" if was_below and after.soc_pct >= mark else ""
