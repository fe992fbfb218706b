"""When a command has worked: energy flows, or has stopped, in readings younger than the command.

Replies prove nothing.
"""

from collections.abc import Mapping
from datetime import datetime

from domain.commands import CommandOrder, Proof
from domain.devices import Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, measured_power_kw, side_releases

LEVEL_RISE_PCT = 1.0
"""Levels come in whole percents: the smallest rise that energy must have caused [%]."""


def is_proven(
    order: CommandOrder,
    witnesses: Mapping[Side, Reading],
    since: datetime,
    *,
    is_last_look: bool,
    soc_before_pct: float | None = None,
) -> bool:
    """Whether what `order` wants is measured in readings observed after `since`.

    A charger that measures none denies the car's word that energy flows: old values come under new time stamps (F7).
    Where no power is told, a level above `soc_before_pct` proves that energy flows, unless the meter was ahead
    of the car's word: what that makes up for was charged before (F7).

    A stop needs every witness to agree, because a resting state without a meter value is only a word; at the last look
    the ones that spoke suffice, if none saw energy flow.
    """
    fresh = {side: r for side, r in witnesses.items() if r.observed_at is not None and r.observed_at > since}
    if order.proof is Proof.RELEASED:
        return side_releases(order.side, fresh.get(order.side)) is True
    if order.proof is Proof.HELD:
        return side_releases(order.side, fresh.get(order.side)) is False
    powers = [power for reading in fresh.values() if (power := measured_power_kw(reading)) is not None]
    flows = any(power > FLOW_THRESHOLD_KW for power in powers)
    if order.proof is Proof.FLOW:
        meter = measured_power_kw(fresh.get(Side.CHARGER))
        is_denied = meter is not None and meter <= FLOW_THRESHOLD_KW
        may_rise = not powers and not order.is_level_behind
        return (flows and not is_denied) or (may_rise and _has_risen(fresh.get(Side.VEHICLE), soc_before_pct))
    all_spoke = len(powers) == len(order.witness_ids)
    return bool(powers) and not flows and (all_spoke or is_last_look)


def _has_risen(car: Reading | None, soc_before_pct: float | None) -> bool:
    if car is None or car.soc_pct is None or soc_before_pct is None:
        return False
    return car.soc_pct >= soc_before_pct + LEVEL_RISE_PCT
