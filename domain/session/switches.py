"""How often commands of ours moved a relay tonight (P8): what was not measured may have moved it all the same."""

from domain.commands import CommandResult, Goal, Proof
from domain.devices import Side
from domain.memo import remembered
from domain.session.state import Command, Night

SWITCHES_PER_NIGHT = 6
"""Starts and stops of ours in a night [count] (P8)."""

PULSES_PER_NIGHT = 2
"""Offers taken away and given back in a night [count]."""


@remembered
def switches(night: Night) -> int:
    """Relays that we moved tonight, or may have [count]."""
    held: dict[Side, bool] = {}
    count = 0
    for command in night.commands:
        if not _may_have_acted(command):
            continue
        side, holds = command.order.side, command.order.goal is Goal.STOP
        count += _is_measured(command) or held.get(side, False) is not holds
        held[side] = holds
    return count


def may_stop_again(night: Night) -> bool:
    """Whether a stop by the plan leaves a start and a stop at the target within the night's switches."""
    return switches(night) <= SWITCHES_PER_NIGHT - 3


def may_stop_at_the_target(night: Night) -> bool:
    return switches(night) < SWITCHES_PER_NIGHT


def may_pulse(night: Night) -> bool:
    """Whether an offer may be taken away and given back, with a stop at the target still left."""
    pulses = sum(command.order.is_pulse for command in night.commands)
    return pulses < PULSES_PER_NIGHT and switches(night) <= SWITCHES_PER_NIGHT - 3


def _may_have_acted(command: Command) -> bool:
    """Whether its request left us, or may yet."""
    return command.outcome is None or (command.outcome.sent_at is not None)


def _is_measured(command: Command) -> bool:
    """Whether it was seen to switch the flow on or off."""
    is_proven = command.outcome is not None and command.outcome.result is CommandResult.PROVEN
    return is_proven and command.order.proof is not Proof.RELEASED
