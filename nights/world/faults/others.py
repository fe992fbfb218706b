"""E. Somebody else is in control."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from nights.world.faults.registry import injects, look
from nights.world.night import NightWorld
from nights.world.vendor import COMMAND, Fate, LeanDevice
from simulator.physics import Body, Box
from simulator.timeline import Appointment


@injects("F28")
def car_timer(world: NightWorld, starts: str, ends: str, way: str) -> None:
    """The car's own timer blocks within its daily window, or (way "only") outside of it."""
    zone = ZoneInfo(world.spec.wish.zone)
    first, last = time.fromisoformat(starts), time.fromisoformat(ends)

    def turn() -> None:
        wall = world.timeline.now.astimezone(zone).time()
        is_within = first <= wall < last if first <= last else wall >= first or wall < last
        world.truth.set_block(world.car, "timer", is_within is (way == "blocks"), "car timer")
        if world.timeline.now < world.spec.unplugs_at:
            world.timeline.after(timedelta(minutes=15), turn)

    start = world.spec.plug_in_at.replace(minute=0, second=0, microsecond=0)
    world.timeline.at(start, turn)


@injects("F29")
def restarts(world: NightWorld, side: str, minutes: float, times: int) -> None:
    """The device ends a stop by itself."""
    device, left = world.device_of(side), {"times": times}
    booked: list[Appointment] = []

    def watch(body: Body) -> None:
        if body is not device.body:
            return
        if body.hold == COMMAND and not booked and left["times"] > 0:
            booked.append(world.timeline.after_seconds(60 * minutes, restart))
        elif body.hold is None and booked:
            booked.pop().cancel()

    def restart() -> None:
        booked.clear()
        left["times"] -= 1
        world.truth.set_hold(device.body, None, "self restart")

    world.truth.watchers.append(watch)


@injects("F31")
def rival(world: NightWorld, side: str, from_minutes: float, every_minutes: float, times: int) -> None:
    """Another app flips this side on a timer."""
    body = world.device_of(side).body

    def flip(left: int) -> None:
        if body.hold in (None, COMMAND, "rival") and (body.box if body is world.car else world.box.car) is not None:
            world.truth.set_hold(body, "rival" if body.hold is None else None, "rival")
        if left > 1:
            world.timeline.after_seconds(60 * every_minutes, lambda: flip(left - 1))

    world.timeline.at(world.spec.plug_in_at + timedelta(minutes=from_minutes), lambda: flip(times))


@injects("F33")
def mode_blocks(world: NightWorld, only: str | None, for_minutes: float) -> None:
    """A charger mode (eco, solar, lock) refuses commands and keeps the car waiting until it is over."""
    until = world.spec.plug_in_at + timedelta(minutes=for_minutes)

    def fate(device: LeanDevice, kind: str) -> Fate | None:
        is_meant = isinstance(device.body, Box) and only in (None, kind) and world.timeline.now < until
        return Fate(what="refuse", reason="Charger is in eco mode") if is_meant else None

    world.vendor.hooks.fates.append(fate)


@injects("F34")
def function_withdrawn(world: NightWorld, side: str, what: str, at_minutes: float) -> None:
    """The vendor withdraws a function."""
    device = world.device_of(side)

    def withdraw() -> None:
        device.can_start = device.can_start and what == "stop"
        device.can_stop = device.can_stop and what == "start"
        world.vendor.forget(device)
        look(world, device)

    world.timeline.at(world.spec.plug_in_at + timedelta(minutes=at_minutes), withdraw)


@injects("F60")
def by_hand(world: NightWorld, side: str, what: str, at_minutes: float) -> None:
    """The driver starts or stops at the car or at the box."""
    body = world.device_of(side).body

    def act() -> None:
        if world.car.box is not None and what in ("start", "stop"):
            world.truth.set_hold(body, "driver" if what == "stop" else None, "driver by hand")

    world.timeline.at(world.spec.plug_in_at + timedelta(minutes=at_minutes), act)
