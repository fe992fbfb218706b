"""D. Deadlock and flapping."""

from datetime import timedelta
from typing import Any

from nights.world.faults.registry import injects, look
from nights.world.faults.telemetry import unplugged
from nights.world.night import NightWorld
from nights.world.vendor import LeanDevice
from simulator.physics import Body, Car
from simulator.timeline import Appointment


@injects("F24")
def paired_late(world: NightWorld, minutes: float) -> None:
    """Which charger holds the car is found out only after the car was paused by itself."""
    world.vendor.hooks.distort.append(
        lambda _, told: {**told, "paired_with": None} if world.timeline.now < until else told
    )
    until = world.spec.plug_in_at + timedelta(minutes=minutes)
    for device in world.devices:
        world.timeline.at(until, lambda device=device: look(world, device))  # type: ignore[misc]


class Deaf:
    """A car that never resumes after a long pause, until it is started on its own side, pulsed by the charger (the
    offer taken away and given back) or replugged."""

    def __init__(self, world: NightWorld, minutes: float) -> None:
        self._world, self._minutes = world, minutes
        self._booked: Appointment | None = None
        self._is_offer_away = False
        world.truth.watchers.append(self._on_change)
        world.vendor.hooks.swallow.append(self._swallow)

    def _on_change(self, body: Body) -> None:
        world = self._world
        if body is not world.car and body is not world.box:
            return
        is_held = world.car.box is not None and not world.box.lets_through and not world.car.is_full
        if is_held and self._booked is None and "deaf" not in world.car.blocks:
            self._booked = world.timeline.after_seconds(60 * self._minutes, self._turn_deaf)
        elif not is_held and self._booked is not None:
            self._booked.cancel()
            self._booked = None

    def _turn_deaf(self) -> None:
        self._booked = None
        self._is_offer_away = False
        self._world.truth.set_block(self._world.car, "deaf", True, "deaf")

    def _swallow(self, device: LeanDevice, kind: str) -> bool:
        is_car = isinstance(device.body, Car)
        if kind == "START" and (is_car or self._is_offer_away):
            self._world.truth.set_block(self._world.car, "deaf", False, "car start" if is_car else "pulse")
        self._is_offer_away = not is_car and kind == "STOP"
        return False


@injects("F25")
def deaf(world: NightWorld, minutes: float) -> None:
    """The car is deaf after a pause of `minutes`."""
    Deaf(world, minutes)


@injects("F26")
def pulse_reads_as_unplug(world: NightWorld, seconds: float) -> None:
    """Seconds after our own command the device is told to be unplugged."""

    def distort(device: LeanDevice, told: dict[str, Any]) -> dict[str, Any]:
        pressed = device.pressed_at
        is_lie = pressed is not None and world.timeline.now - pressed < timedelta(seconds=seconds)
        return unplugged(told) if is_lie and told["is_plugged_in"] else told

    def pressed(device: LeanDevice, _: str) -> bool:
        world.timeline.after_seconds(1, lambda: world.vendor.observe(device))
        world.timeline.after_seconds(seconds + 1, lambda: world.vendor.observe(device))
        return False

    world.vendor.hooks.distort.append(distort)
    world.vendor.hooks.pressed.append(pressed)


@injects("F27")
def breaks_off(world: NightWorld, after_seconds: float, times: int) -> None:
    """Charging breaks off soon after each start, so many times; the box then waits for the next start."""
    left = {"times": times}
    booked: list[Appointment] = []

    def watch(body: Body) -> None:
        if body is not world.car:
            return
        if world.car.power_kw > 0 and not booked and left["times"] > 0:
            booked.append(world.timeline.after_seconds(after_seconds, break_off))
        elif world.car.power_kw == 0.0 and booked:
            booked.pop().cancel()

    def break_off() -> None:
        booked.clear()
        left["times"] -= 1
        world.truth.set_hold(world.box, "abort", "breaks off")

    world.truth.watchers.append(watch)
