"""C. Commands that do not do what they say."""

from datetime import timedelta

from domain.devices import PowerDeliveryState as State
from nights.world.faults.registry import injects, look
from nights.world.night import NightWorld
from nights.world.vendor import Fate, LeanDevice
from simulator.physics import Box


@injects("F16")
def ignored(world: NightWorld, side: str | None, p: float) -> None:
    """Accepted, no effect."""

    def fate(device: LeanDevice, _: str) -> Fate | None:
        is_meant = side is None or device.side == side
        return Fate(what="ignore") if is_meant and world.random.random() < p else None

    world.vendor.hooks.fates.append(fate)


@injects("F17")
def error_after_apply(world: NightWorld, side: str, p: float) -> None:
    """An error is reported, yet it worked."""
    world.vendor.hooks.fates.append(
        lambda device, _: Fate(what="error_after") if device.side == side and world.random.random() < p else None
    )


@injects("F18")
def toggles(world: NightWorld, side: str) -> None:
    """A command that finds its wish fulfilled flips the state instead."""
    world.vendor.hooks.fates.append(lambda device, _: Fate(flips=True) if device.side == side else None)


@injects("F19")
def refuses(world: NightWorld, side: str, rest_minutes: float) -> None:
    """A state machine that refuses what is already so, and any move too soon after the last one."""

    def fate(device: LeanDevice, kind: str) -> Fate | None:
        if device.side != side or device.reading is None:
            return None
        is_so = device.reading.state is State.CHARGING if kind == "START" else device.reading.state is State.STOPPED
        if is_so:
            return Fate(what="refuse", reason="UNNECESSARY")
        rest = timedelta(minutes=rest_minutes)
        if device.pressed_at is not None and world.timeline.now - device.pressed_at < rest:
            return Fate(what="refuse", reason="FAILED_PRECONDITION")
        return None

    world.vendor.hooks.fates.append(fate)


@injects("F20")
def late_plug(world: NightWorld, minutes: float) -> None:
    """The plug-in is told late."""
    until = world.spec.plug_in_at + timedelta(minutes=minutes)
    world.vendor.hooks.distort.append(lambda _, told: None if world.timeline.now < until else told)
    for device in world.devices:
        world.timeline.at(until, lambda device=device: look(world, device))  # type: ignore[misc]


@injects("F21")
def late_effect(world: NightWorld, side: str | None, longest_minutes: float) -> None:
    """Effects come between seconds and half an hour late, in any order."""

    def fate(device: LeanDevice, _: str) -> Fate | None:
        if side is not None and device.side != side:
            return None
        return Fate(delay_seconds=world.random.uniform(3, 60 * longest_minutes))

    world.vendor.hooks.fates.append(fate)


@injects("F22")
def stop_ends_session(world: NightWorld, lasts: bool) -> None:
    """After a stop the box is finishing: it needs a new start, or (lasts) takes none until the cable was out."""

    def swallow(device: LeanDevice, kind: str) -> bool:
        if not isinstance(device.body, Box):
            return False
        if kind == "STOP":
            world.truth.set_block(device.body, "finishing", True, "stop ends session")
        elif "finishing" in device.body.blocks and not lasts:
            world.truth.set_block(device.body, "finishing", False, "new start")
            return True
        return False

    world.vendor.hooks.swallow.append(swallow)


@injects("F23")
def slow_resume(world: NightWorld, kw: float, times: int) -> None:
    """After a pause it starts, but far too slowly; the next start may do better."""
    left = {"times": times}

    def pressed(device: LeanDevice, kind: str) -> bool:
        if kind == "STOP" or left["times"] <= 0:
            world.truth.set_cap(world.box, "slow resume", None, "slow resume")
        else:
            left["times"] -= 1
            world.truth.set_cap(world.box, "slow resume", kw, "slow resume")
        return False

    world.vendor.hooks.pressed.append(pressed)
