"""K. Power, networks, vendors."""

from typing import Any

from domain.errors import CommandRejected, DeviceUnreachable, LinkRevoked, NightchargeError, VendorUnavailable
from nights.world.faults.registry import Window, injects, look
from nights.world.night import NightWorld
from nights.world.vendor import Fate, LeanDevice


@injects("F67")
def power_cut(world: NightWorld, from_minutes: float, for_minutes: float, returns: str) -> None:
    """No mains at the box; it comes back offering, or holding for ever, until it is told."""
    box = world.box

    def back() -> None:
        world.truth.set_block(box, "mains", False, "power cut")
        if returns != "as_before" and box.car is not None:
            world.truth.set_hold(box, None if returns == "offering" else "reboot", "power cut")

    Window(world, from_minutes, for_minutes).at_edges(
        lambda: world.truth.set_block(box, "mains", True, "power cut"), back
    )


@injects("F68")
def box_offline(world: NightWorld, from_minutes: float, for_minutes: float) -> None:
    """The box is off the network: it keeps its state, says nothing, hears nothing."""
    device, window = world.device_of("charger"), Window(world, from_minutes, for_minutes)

    def gate(asked: LeanDevice, what: str) -> None:
        if asked is device and what == "refresh" and window.is_open():
            raise DeviceUnreachable

    def fate(asked: LeanDevice, _: str) -> Fate | None:
        return Fate(what="ignore") if asked is device and window.is_open() else None

    def dark(observed: LeanDevice, told: dict[str, Any]) -> dict[str, Any] | None:
        return None if observed is device and window.is_open() else told

    def show(is_reachable: bool) -> None:
        device.is_reachable = is_reachable
        look(world, device)

    world.vendor.hooks.gates.append(gate)
    world.vendor.hooks.fates.append(fate)
    world.vendor.hooks.distort.append(dark)
    window.at_edges(lambda: show(False), lambda: show(True))


def vendor_gone(world: NightWorld, side: str, window: Window, error: type[NightchargeError]) -> None:
    """Every request about this side's vendor is answered with an error, and no event comes from it."""
    device = world.device_of(side)

    def gate(asked: LeanDevice, _: str) -> None:
        if asked is device and window.is_open():
            raise error

    world.vendor.hooks.gates.append(gate)
    world.vendor.hooks.distort.append(lambda seen, told: None if seen is device and window.is_open() else told)
    window.at_edges(lambda: None, lambda: look(world, device))


@injects("F69")
def vendor_dead(world: NightWorld, side: str, from_minutes: float, for_minutes: float) -> None:
    """The vendor's cloud is dead."""
    vendor_gone(world, side, Window(world, from_minutes, for_minutes), VendorUnavailable)


@injects("F70")
def vendor_in_disguise(world: NightWorld, side: str, from_minutes: float, for_minutes: float, how: str) -> None:
    """An outage dressed as refusals."""
    errors: dict[str, type[NightchargeError]] = {
        "400": CommandRejected,
        "403": LinkRevoked,
        "timeout": VendorUnavailable,
    }
    vendor_gone(world, side, Window(world, from_minutes, for_minutes), errors[how])


@injects("F71")
def vendor_slow(world: NightWorld, side: str, from_minutes: float, for_minutes: float) -> None:
    """Slow, not down: observations and effects take a hundred times as long."""
    device, window = world.device_of(side), Window(world, from_minutes, for_minutes)
    usual = device.timing

    def slow() -> None:
        low, high = usual.command_seconds
        device.timing = usual.model_copy(
            update={
                "observe_seconds": min(100 * usual.observe_seconds, 900.0),
                "refresh_seconds": min(100 * usual.refresh_seconds, 900.0),
                "webhook_seconds": min(100 * usual.webhook_seconds, 900.0),
                "command_seconds": (min(100 * low, 600.0), min(100 * high, 1200.0)),
            }
        )

    def usual_again() -> None:
        device.timing = usual

    window.at_edges(slow, usual_again)
