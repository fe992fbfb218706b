"""The world of one night, from its drawn values."""

import random
from datetime import timedelta

from domain.devices import Side
from nights.world.spec import BoxSpec, CarSpec, NightSpec, VendorSpec
from nights.world.vendor import LeanDevice, LeanVendor
from simulator.physics import Box, Car
from simulator.timeline import Timeline
from simulator.world import World

LEAD = timedelta(minutes=10)
"""The world begins this long before the plug-in."""


class NightWorld:
    """One car, its charger, their vendors, and what goes wrong."""

    def __init__(self, spec: NightSpec, timeline: Timeline | None = None) -> None:
        self.spec = spec
        self.timeline = timeline or Timeline(spec.plug_in_at - LEAD)
        self.truth = World(self.timeline)
        self.vendor = LeanVendor(self.timeline, self.truth, spec.noise)
        self.random = random.Random(spec.noise + 1)
        self.car = _car(spec.car, f"car-{spec.k}")
        self.box = _box(spec.box, f"box-{spec.k}")
        self.truth.add(self.car)
        self.truth.add(self.box)
        self.car_device = _device(self.car, spec.car, spec.car_vendor)
        self.vendor.add(self.car_device)
        self.box_device: LeanDevice | None = None
        if spec.box is not None and spec.box.is_linked:
            self.box_device = _device(self.box, spec.box, spec.box_vendor)
            self.vendor.add(self.box_device)
        self.guest: Car | None = None
        self.second_box: Box | None = None
        self.is_away = False  # plugged in somewhere else
        self.timeline.at(spec.plug_in_at, self.plug_in)
        self.timeline.at(spec.unplugs_at, lambda: self.pull("driver"))

    @property
    def devices(self) -> tuple[LeanDevice, ...]:
        return (self.car_device,) if self.box_device is None else (self.car_device, self.box_device)

    def device_of(self, side: str) -> LeanDevice:
        """The device at this side; the car's where no charger of ours stands."""
        return self.box_device if side == "charger" and self.box_device is not None else self.car_device

    def plug_in(self) -> None:
        """The cable goes in; the vendor finds out later who holds whom."""
        if self.is_away:
            self.truth.plug(self.car, Box(id="elsewhere", max_kw=11.0, auto_start=True), "driver")
            return
        self.truth.plug(self.car, self.box, "driver")
        if self.box_device is not None:
            self.timeline.after_seconds(self.spec.box_vendor.pairing_seconds, self.pair)

    def add_second(self) -> tuple[Car, Box]:
        """Another car that is not ours to charge, and a second charger at home that is linked."""
        spec, k = self.spec.box, self.spec.k
        assert spec is not None
        self.second_box = Box(id=f"box-{k}-2", max_kw=spec.max_kw, auto_start=True)
        self.guest = _car(self.spec.car.model_copy(update={"soc_pct": 20.0, "auto_start": True}), f"guest-{k}")
        self.truth.add(self.second_box)
        self.truth.add(self.guest)
        self.vendor.add(_device(self.second_box, spec, self.spec.box_vendor))
        self.timeline.at(self.spec.unplugs_at, lambda: self._send_home(self.guest))
        return self.guest, self.second_box

    def _send_home(self, car: Car | None) -> None:
        if car is not None:
            self.truth.unplug(car, "guest")

    def pull(self, cause: str) -> None:
        """The cable comes out; the vendor notices that nobody holds anybody any more."""
        self.truth.unplug(self.car, cause)
        self.part()

    def pair(self) -> None:
        """The vendor's word which charger holds the car."""
        box = self.box_device
        if box is None or not box.is_linked or self.car.box is not self.box:
            return
        self.car_device.paired_with, box.paired_with = box.id, self.car.id
        for device in self.devices:
            self.vendor.observe_soon(device, 1.0)

    def part(self) -> None:
        """The vendor no longer knows which charger holds the car."""
        for device in self.devices:
            device.paired_with = None
            self.vendor.observe_soon(device, device.timing.observe_seconds)


def _car(spec: CarSpec, car_id: str) -> Car:
    return Car(
        id=car_id,
        max_kw=spec.max_kw,
        auto_start=spec.auto_start,
        capacity_kwh=spec.capacity_kwh,
        stored_kwh=spec.capacity_kwh * spec.soc_pct / 100,
        limit_pct=spec.limit_pct,
        efficiency=spec.efficiency,
        taper_from_pct=spec.taper_from_pct,
        min_kw=spec.min_kw,
        ramp=timedelta(seconds=spec.ramp_seconds),
    )


def _box(spec: BoxSpec | None, box_id: str) -> Box:
    if spec is None:
        return Box(id=box_id, max_kw=3.7, auto_start=True, phases=1)
    return Box(id=box_id, max_kw=spec.max_kw, auto_start=spec.auto_start)


def _device(body: Car | Box, spec: CarSpec | BoxSpec, timing: VendorSpec) -> LeanDevice:
    capacity = None
    if isinstance(spec, CarSpec):
        capacity = spec.told_capacity_kwh or spec.capacity_kwh
    return LeanDevice(
        side=Side.VEHICLE if isinstance(body, Car) else Side.CHARGER,
        body=body,
        vendor=spec.vendor,
        brand=spec.brand if isinstance(spec, CarSpec) else None,
        timing=timing,
        can_start=spec.can_start,
        can_stop=spec.can_stop,
        capacity_kwh=capacity,
    )
