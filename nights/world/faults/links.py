"""F, G, J. Links that end, events that err, cars in the wrong place."""

from datetime import timedelta
from typing import Any

from domain.devices import PowerDeliveryState, Reading
from nights.world.faults.registry import injects, look
from nights.world.night import NightWorld
from nights.world.vendor import LeanDevice
from simulator.physics import Car

UNPLUGGED = {"is_plugged_in": False, "state": PowerDeliveryState.UNPLUGGED, "charge_rate_kw": None}
"""What yesterday's last event said."""


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
                yesterday = {"observed_at": reading.observed_at - timedelta(days=1), **UNPLUGGED}
                vendor.deliver(device, reading.model_copy(update=yesterday))

    world.vendor.hooks.routes.append(route)
    for minutes in (45, 90, 240):
        world.timeline.at(world.spec.plug_in_at + timedelta(minutes=minutes), replay)


def told_pairs(world: NightWorld, pairs: dict[str, str | None], minutes: tuple[float, float]) -> None:
    """Within so many minutes after the plug-in the vendor's word of who holds whom is this one."""
    start, end = (world.spec.plug_in_at + timedelta(minutes=at) for at in minutes)

    def distort(device: LeanDevice, told: dict[str, Any]) -> dict[str, Any]:
        is_wrong = device.id in pairs and start <= world.timeline.now < end
        return {**told, "paired_with": pairs[device.id]} if is_wrong else told

    world.vendor.hooks.distort.append(distort)
    for device in world.vendor.devices.values():
        world.timeline.at(start, lambda device=device: look(world, device))  # type: ignore[misc]
        world.timeline.at(end, lambda device=device: look(world, device))  # type: ignore[misc]


@injects("F61")
def two_at_once(world: NightWorld, apart_seconds: float, swapped: bool, for_minutes: float) -> None:
    """Two cars, two boxes, plugged in within two minutes: for a while the vendor swaps them, or knows nothing."""
    if world.box_device is None:
        return
    guest, second = world.add_second()
    at = world.spec.plug_in_at + timedelta(seconds=apart_seconds)
    world.timeline.at(at, lambda: world.truth.plug(guest, second, "guest"))
    pairs: dict[str, str | None] = {world.car.id: None, world.box.id: None, second.id: None}
    if swapped:
        pairs = {world.car.id: second.id, world.box.id: None, second.id: world.car.id}
    told_pairs(world, pairs, (0.0, for_minutes))


@injects("F62")
def swapped_unseen(world: NightWorld, at_minutes: float, for_minutes: float) -> None:
    """The two cars change boxes within one polling period; the vendor goes on as before for a while."""
    if world.box_device is None:
        return
    guest, second = world.add_second()
    first, mine = world.box, world.box_device
    world.timeline.at(world.spec.plug_in_at, lambda: world.truth.plug(guest, second, "guest"))
    pairs: dict[str, str | None] = {world.car.id: first.id, first.id: world.car.id, second.id: None}

    def swap() -> None:
        if world.car.box is not first:
            return
        world.truth.unplug(world.car, "swap")
        world.truth.unplug(guest, "swap")
        world.truth.plug(world.car, second, "swap")
        world.truth.plug(guest, first, "swap")
        theirs = world.vendor.devices[second.id]
        mine.paired_with, theirs.paired_with, world.car_device.paired_with = None, world.car.id, second.id
        world.box, world.second_box, world.box_device = second, first, theirs

    world.timeline.at(world.spec.plug_in_at + timedelta(minutes=at_minutes), swap)
    told_pairs(world, pairs, (at_minutes, at_minutes + for_minutes))


@injects("F63")
def twins(world: NightWorld) -> None:
    """Two equal cars in one account; the other one is away."""
    spec = world.spec
    twin = Car(id=f"twin-{spec.k}", max_kw=spec.car.max_kw, auto_start=True, capacity_kwh=60.0, stored_kwh=30.0)
    world.truth.add(twin)
    kind = world.car_device
    world.vendor.add(
        LeanDevice(
            side=kind.side,
            body=twin,
            vendor=kind.vendor,
            brand=kind.brand,
            timing=kind.timing,
            can_start=True,
            can_stop=True,
            capacity_kwh=60.0,
        )
    )


@injects("F66")
def elsewhere(world: NightWorld) -> None:
    """Plugged in at the office: a box that is not ours, a place that is not home."""
    world.is_away = True
    world.vendor.hooks.distort.append(
        lambda device, told: {**told, "location_id": "elsewhere"} if device is world.car_device else told
    )


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


TO_LET_GO = timedelta(minutes=20)
"""Between the driver's word that a device shall be unlinked and the unlinking: releasing our hold comes first."""


@injects("F38")
def consent_withdrawn(world: NightWorld, side: str, at_minutes: float, by: str) -> None:
    """A device vanishes from its account: without a word to us, or some minutes after the driver told us."""
    device = world.device_of(side)

    def vanish() -> None:
        device.is_linked = False
        world.part()

    after = timedelta(minutes=at_minutes) + (TO_LET_GO if by == "driver" else timedelta(0))
    world.timeline.at(world.spec.plug_in_at + after, vanish)
