"""Faults by which cars and boxes react to what happens to them: sleeping, sulking, restarting, breaking off."""

from datetime import timedelta
from typing import Literal, TypeVar

from simulator.cloud import Cloud
from simulator.control import COMMAND
from simulator.faults import Abort, Asleep, DeafAfterHold, FaultBase, SelfRestart, StopEndsSession
from simulator.physics import Body, Box, Car
from simulator.registry import Device
from simulator.timeline import Act, Appointment

F = TypeVar("F", bound=FaultBase)


class Reactions:
    """Watches the truth and books each reaction; what no longer applies when it is due, does not happen."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self._booked: dict[tuple[str, str], Appointment] = {}
        self._aborts: dict[tuple[str, str], int] = {}
        cloud.world.watchers.append(self._on_change)

    def on_press(self, device: Device, kind: Literal["START", "STOP"]) -> bool:
        """A command reached the device. True if it is swallowed."""
        body = device.body
        if isinstance(body, Car):
            if kind == "START":
                self._world.set_block(body, "deaf", False, "car start")
            return self._is_waking(body, device)
        if kind == "STOP" and self._cloud.faults.find(StopEndsSession, device) is not None:
            self._world.set_block(body, "finishing", True, "stop ends session")
        return False

    def _is_waking(self, car: Car, device: Device) -> bool:
        """A sleeping car loses the command that wakes it."""
        if "asleep" not in car.blocks:
            return False
        fault = self._cloud.faults.find(Asleep, device)
        seconds = 0.0 if fault is None else fault.wake_seconds
        never_p = 0.0 if fault is None else fault.never_p
        if never_p == 0.0 or not self._cloud.faults.chance(never_p):
            wake = timedelta(seconds=seconds)
            self._cloud.timeline.after(wake, lambda: self._world.set_block(car, "asleep", False, "woken"))
        return True

    # -- watching ---------------------------------------------------------------------------------------------------

    def _on_change(self, body: Body) -> None:
        if not self._cloud.faults.faults:
            return
        if isinstance(body, Car):
            self._watch_car(body)
        if isinstance(body, Car | Box):
            self._watch_hold(body)

    def _watch_car(self, car: Car) -> None:
        is_idle = car.box is not None and car.power_kw == 0.0
        sleep = self._find(Asleep, car)
        sleep_minutes = None if sleep is None else sleep.after_minutes
        self._when(is_idle, "asleep", car, sleep_minutes, lambda: self._block(car, "asleep"))
        box = car.box
        is_held = is_idle and box is not None and box.hold is not None
        deaf = self._find(DeafAfterHold, car)
        self._when(is_held, "deaf", car, None if deaf is None else deaf.minutes, lambda: self._block(car, "deaf"))
        abort = self._find(Abort, car) or (self._find(Abort, box) if box is not None else None)
        if abort is not None and box is not None:
            minutes = abort.after_seconds / 60
            self._when(car.power_kw > 0, "abort", car, minutes, lambda: self._break_off(abort, box))

    def _watch_hold(self, body: Car | Box) -> None:
        restart = self._find(SelfRestart, body)
        minutes = None if restart is None else restart.minutes
        self._when(body.hold == COMMAND, "restart", body, minutes, lambda: self._restart(body))

    def _when(self, is_so: bool, what: str, body: Body, minutes: float | None, act: Act) -> None:
        """Books `act` once the condition holds, and forgets it when the condition ends before."""
        key = (what, body.id)
        if not is_so or minutes is None:
            if (booked := self._booked.pop(key, None)) is not None:
                booked.cancel()
            return
        if key in self._booked:
            return

        def due() -> None:
            self._booked.pop(key, None)
            act()

        self._booked[key] = self._cloud.timeline.after(timedelta(minutes=minutes), due)

    # -- reacting ---------------------------------------------------------------------------------------------------

    def _block(self, car: Car, reason: str) -> None:
        self._world.set_block(car, reason, True, reason)

    def _restart(self, body: Car | Box) -> None:
        self._world.set_hold(body, None, "self_restart")

    def _break_off(self, fault: Abort, box: Box) -> None:
        key = (fault.id, box.id)
        self._aborts[key] = count = self._aborts.get(key, 0) + 1
        if count <= fault.times:
            self._world.set_hold(box, "abort", fault.kind)

    def _find(self, kind: type[F], body: Body) -> F | None:
        found = (self._cloud.faults.find_for_body(kind, prepared) for prepared in self._cloud.prepared_of(body))
        return next((fault for fault in found if fault is not None), None)
