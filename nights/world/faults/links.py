"""F, G, J. Links that end, events that err, cars in the wrong place."""

from datetime import timedelta
from typing import Any

from domain.devices import Reading
from nights.world.faults.registry import injects, look
from nights.world.night import NightWorld
from nights.world.vendor import LeanDevice


@injects("F40")
def unordered_events(world: NightWorld, repeat: float, shuffle_minutes: float) -> None:
    """Events come twice, late and out of order; one of yesterday comes again."""

    def route(_: LeanDevice, __: Reading, delay: float) -> list[float]:
        late = delay + world.random.uniform(0, 60 * shuffle_minutes) if world.random.random() < 0.5 else delay
        return [late, late + 45] if world.random.random() < repeat else [late]

    def replay() -> None:
        for device in world.devices:
            reading, vendor = device.reading, world.vendor
            if reading is not None and reading.observed_at is not None:
                old = reading.model_copy(update={"observed_at": reading.observed_at - timedelta(days=1)})
                vendor._deliver(device, old)

    world.vendor.hooks.routes.append(route)
    world.timeline.at(world.spec.plug_in_at + timedelta(minutes=90), replay)


@injects("F61")
def paired_wrongly(world: NightWorld, for_minutes: float) -> None:
    """Two cars came at the same time: the vendor takes ours to be in nobody's charger, later to be in the right one."""
    until = world.spec.plug_in_at + timedelta(minutes=for_minutes)

    def distort(device: LeanDevice, told: dict[str, Any]) -> dict[str, Any]:
        if world.timeline.now >= until:
            return told
        return {**told, "paired_with": None if device is world.car_device else "somebody-else"}

    world.vendor.hooks.distort.append(distort)
    for device in world.devices:
        world.timeline.at(until, lambda device=device: look(world, device))  # type: ignore[misc]


@injects("F64")
def blip(world: NightWorld, at_minutes: float) -> None:
    """The word which charger holds the car is gone for seconds."""
    start = world.spec.plug_in_at + timedelta(minutes=at_minutes)
    end = start + timedelta(seconds=3)
    world.vendor.hooks.distort.append(
        lambda _, told: {**told, "paired_with": None} if start <= world.timeline.now < end else told
    )
    for device in world.devices:
        world.timeline.at(start, lambda device=device: world.vendor.observe(device))  # type: ignore[misc]
        world.timeline.at(end, lambda device=device: world.vendor.observe(device))  # type: ignore[misc]


@injects("F38")
def consent_withdrawn(world: NightWorld, side: str, at_minutes: float) -> None:
    """A device vanishes from its account, without a word to us beforehand."""
    device = world.device_of(side)

    def vanish() -> None:
        device.is_linked = False
        world.part()

    world.timeline.at(world.spec.plug_in_at + timedelta(minutes=at_minutes), vanish)
