"""When a command has worked: energy flows, or has stopped, in readings younger than the command.

Replies prove nothing.
"""

from collections.abc import Mapping
from datetime import datetime

from domain.commands import CommandOrder, Proof
from domain.devices import Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, measured_power_kw, side_releases


def is_proven(order: CommandOrder, witnesses: Mapping[Side, Reading], since: datetime, *, is_last_look: bool) -> bool:
    """Whether what `order` wants is measured in readings observed after `since`.

    A stop needs every witness to agree, because a resting state without a meter value is only a word; at the last look
    the ones that spoke suffice, if none saw energy flow.
    """
    fresh = {side: r for side, r in witnesses.items() if r.observed_at is not None and r.observed_at > since}
    if order.proof is Proof.RELEASED:
        return side_releases(order.side, fresh.get(order.side)) is True
    powers = [power for reading in fresh.values() if (power := measured_power_kw(reading)) is not None]
    flows = any(power > FLOW_THRESHOLD_KW for power in powers)
    if order.proof is Proof.FLOW:
        return flows
    all_spoke = len(powers) == len(order.witness_ids)
    return bool(powers) and not flows and (all_spoke or is_last_look)
