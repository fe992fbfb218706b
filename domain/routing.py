"""Which side to command: the charger when the car is surely in a linked one that can, else the car, else nothing."""

from domain.commands import Goal
from domain.devices import Side
from domain.memo import remembered
from domain.session.state import Box, Car, ControlMode, SessionState


@remembered
def route(state: SessionState, goal: Goal) -> tuple[Side, ...]:
    """The sides that can bring about `goal`, best first. Empty: nothing can be commanded, and that must be said.

    In delegated control the vendor coordinates charger and car, so only the vehicle is ever commanded (S49-S51).
    """
    if state.mode is ControlMode.DELEGATED:
        return (Side.VEHICLE,)
    return tuple(side for side in (Side.CHARGER, Side.VEHICLE) if _can(state, side, goal))


def _can(state: SessionState, side: Side, goal: Goal) -> bool:
    device = device_at(state, side)
    if device is None or state.is_unable(side, goal):
        return False
    return device.can_start if goal is Goal.START else device.can_stop


def device_at(state: SessionState, side: Side) -> Car | Box | None:
    """The device to command at this side."""
    return state.car if side is Side.VEHICLE else state.box
