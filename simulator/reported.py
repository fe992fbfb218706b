"""What the two sides say of one truth.

| truth, first match wins                        | vehicle says | charger says |
|------------------------------------------------|--------------|--------------|
| not plugged in                                 | UNPLUGGED    | UNPLUGGED    |
| energy flows                                   | CHARGING     | CHARGING     |
| offer accepted, power not yet there (ramp)     | INITIALIZING | INITIALIZING |
| charger broken ("fault")                       | NO_POWER     | FAULT        |
| charger without mains ("mains")                | NO_POWER     | NO_POWER     |
| car broken ("fault")                           | FAULT        | NO_POWER     |
| charger held or blocked otherwise, battery full| COMPLETE     | STOPPED      |
| charger held or blocked otherwise              | STOPPED      | STOPPED      |
| battery full                                   | COMPLETE     | NO_POWER     |
| car plugged in, nobody has started it ("rest") | STOPPED      | STOPPED      |
| car held or blocked (asleep, own timer, deaf)  | STOPPED      | NO_POWER     |
| charger offers less than the car's minimum     | NO_POWER     | NO_POWER     |

NO_POWER on a charger means that the car refuses; on a vehicle, that nothing is offered.
"""

from simulator.physics import REST, Box, Car

UNKNOWN = "UNKNOWN"
UNPLUGGED = "UNPLUGGED"
INITIALIZING = "PLUGGED_IN:INITIALIZING"
CHARGING = "PLUGGED_IN:CHARGING"
COMPLETE = "PLUGGED_IN:COMPLETE"
STOPPED = "PLUGGED_IN:STOPPED"
NO_POWER = "PLUGGED_IN:NO_POWER"
FAULT = "PLUGGED_IN:FAULT"


def states(car: Car, box: Box) -> tuple[str, str]:
    """The power delivery states of vehicle and charger while the car is plugged into the box."""
    if car.power_kw > 0:
        return CHARGING, CHARGING
    if car.ready_at is not None:
        return INITIALIZING, INITIALIZING
    if "fault" in box.blocks:
        return NO_POWER, FAULT
    if "mains" in box.blocks:
        return NO_POWER, NO_POWER
    if "fault" in car.blocks:
        return FAULT, NO_POWER
    if not box.lets_through:
        return (COMPLETE if car.is_full else STOPPED), STOPPED
    if car.is_full:
        return COMPLETE, NO_POWER
    if car.hold == REST:
        return STOPPED, STOPPED
    if not car.lets_through:
        return STOPPED, NO_POWER
    return NO_POWER, NO_POWER


def state_of(body: Car | Box) -> str:
    """The true power delivery state of one side."""
    if isinstance(body, Car):
        return UNPLUGGED if body.box is None else states(body, body.box)[0]
    return UNPLUGGED if body.car is None else states(body.car, body)[1]
