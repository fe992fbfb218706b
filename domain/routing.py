"""Which side to command: the charger when the car is surely in a linked one that can, else the car, else nothing."""

from domain.commands import Goal
from domain.devices import Side
from domain.fusion import paired_charger_id
from domain.session.state import Box, Car, ControlMode, SessionState


def box_in_use(state: SessionState) -> Box | None:
    """The linked charger this car is surely plugged into."""
    charger_id = paired_charger_id(state.car.device_id, state.readings)
    return next((box for box in state.boxes if box.device_id == charger_id), None)


def route(state: SessionState, goal: Goal) -> tuple[Side, ...]:
    """The sides that can bring about `goal`, best first. Empty: nothing can be commanded, and that must be said.

    In delegated control the vendor coordinates charger and car, so only the vehicle is ever commanded.
    """
    if state.mode is ControlMode.DELEGATED:
        return (Side.VEHICLE,)
    sides: list[Side] = []
    box = box_in_use(state)
    if box is not None and (box.can_start if goal is Goal.START else box.can_stop):
        sides.append(Side.CHARGER)
    if state.car.can_start if goal is Goal.START else state.car.can_stop:
        sides.append(Side.VEHICLE)
    return tuple(sides)


def device_at(state: SessionState, side: Side) -> Car | Box | None:
    """The device to command at this side."""
    return state.car if side is Side.VEHICLE else box_in_use(state)
