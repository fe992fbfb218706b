"""A. Cars asleep or unreachable."""

from typing import Any

from domain.errors import DeviceUnreachable, VendorUnavailable
from nights.world.faults.registry import Window, injects
from nights.world.night import NightWorld
from nights.world.vendor import Fate, LeanDevice
from simulator.physics import Body, Car
from simulator.timeline import Appointment


class Sleeper:
    """A car that falls asleep without power and then ignores the offer. A command to the car wakes it and is lost;
    taking the offer away and giving it back (a pulse) wakes it too."""

    def __init__(self, world: NightWorld, after_minutes: float, wake_seconds: float, never: bool = False) -> None:
        self._world, self._after, self._wake, self._never = world, after_minutes, wake_seconds, never
        self._booked: Appointment | None = None
        self._was_held = False
        world.truth.watchers.append(self._on_change)
        world.vendor.hooks.swallow.append(self._swallow)

    def _on_change(self, body: Body) -> None:
        car = self._world.car
        if body is not car and body is not self._world.box:
            return
        is_idle = car.box is not None and car.power_kw == 0.0 and not car.is_full
        if is_idle and self._booked is None and "asleep" not in car.blocks:
            self._booked = self._world.timeline.after_seconds(60 * self._after, self._fall_asleep)
        elif not is_idle and self._booked is not None:
            self._booked.cancel()
            self._booked = None

    def _fall_asleep(self) -> None:
        self._booked = None
        self._was_held = False
        self._world.truth.set_block(self._world.car, "asleep", True, "asleep")

    def _swallow(self, device: LeanDevice, kind: str) -> bool:
        if "asleep" not in self._world.car.blocks:
            return False
        if isinstance(device.body, Car):
            self._wake_up()
            return True
        if kind == "START" and self._was_held:
            self._wake_up()
        self._was_held = kind == "STOP"
        return False

    def _wake_up(self) -> None:
        if not self._never:
            car, truth = self._world.car, self._world.truth
            self._world.timeline.after_seconds(self._wake, lambda: truth.set_block(car, "asleep", False, "woken"))


@injects("F1")
def asleep(world: NightWorld, after_minutes: float, wake_seconds: float) -> None:
    """The car sleeps and ignores the charger's offer until woken."""
    Sleeper(world, after_minutes, wake_seconds)


@injects("F4")
def slow_wake(world: NightWorld, after_minutes: float, wake_seconds: float, never: bool) -> None:
    """Waking takes long, or never happens."""
    Sleeper(world, after_minutes, wake_seconds, never)


@injects("F2")
def unreadable(world: NightWorld, side: str, how: str, from_minutes: float) -> None:
    """Reads answer asleep, offline or an error for the rest of the night; no event comes either."""
    device, window = world.device_of(side), Window(world, from_minutes)

    def gate(asked: LeanDevice, what: str) -> None:
        if asked is device and what != "command" and window.is_open():
            raise DeviceUnreachable if how in ("asleep", "offline") else VendorUnavailable(how)

    def dark(observed: LeanDevice, told: dict[str, Any]) -> dict[str, Any] | None:
        return None if observed is device and window.is_open() else told

    world.vendor.hooks.gates.append(gate)
    world.vendor.hooks.distort.append(dark)


@injects("F3")
def commands_offline(world: NightWorld, only: str | None, from_minutes: float, for_minutes: float) -> None:
    """Commands to the car fail as offline or asleep while telemetry keeps flowing."""
    window = Window(world, from_minutes, for_minutes)

    def fate(device: LeanDevice, kind: str) -> Fate | None:
        if device is world.car_device and only in (None, kind) and window.is_open():
            return Fate(what="error_before", error=DeviceUnreachable("offline or asleep"))
        return None

    world.vendor.hooks.fates.append(fate)


@injects("F5")
def drained(world: NightWorld, most: int) -> None:
    """A car woken more than `most` times goes dark for good: it charges, but says and hears nothing."""
    count = 0

    def gate(device: LeanDevice, what: str) -> None:
        nonlocal count
        if device is not world.car_device:
            return
        if what != "read" and world.car.power_kw == 0.0:
            count += 1
        if count > most:
            raise DeviceUnreachable("12 V battery empty")

    def dark(observed: LeanDevice, told: dict[str, Any]) -> dict[str, Any] | None:
        return None if observed is world.car_device and count > most else told

    world.vendor.hooks.gates.append(gate)
    world.vendor.hooks.distort.append(dark)
