"""A vendor platform over the truth: what it observes, tells, carries out. Production meets it as `DeviceProvider`."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from domain.devices import (
    ActionState,
    Capability,
    CapabilityKind,
    Device,
    Intervention,
    LinkedVendor,
    LinkSession,
    Place,
    PowerDeliveryState,
    Reading,
    ReadingSource,
    Side,
    VendorAction,
)
from domain.errors import MissingCapability, UnknownDevice, VendorUnavailable
from nights.world.spec import VendorSpec
from simulator.physics import REST, Box, Car
from simulator.reported import state_of
from simulator.timeline import Appointment, Timeline
from simulator.world import World

Kind = Literal["START", "STOP"]
COMMAND = "command"
"""Hold put on by a command of ours; a start on the same side ends it."""

DRIVER_ID = "driver"
PLACE_ID = "home"

_BLANK = Reading(side=Side.VEHICLE, device_id="", received_at=datetime.min.replace(tzinfo=UTC))
"""What is rendered is a changed copy of it: valid by construction, without the cost of a check."""

STATES = {
    "UNKNOWN": PowerDeliveryState.UNKNOWN,
    "UNPLUGGED": PowerDeliveryState.UNPLUGGED,
    "PLUGGED_IN:INITIALIZING": PowerDeliveryState.INITIALIZING,
    "PLUGGED_IN:CHARGING": PowerDeliveryState.CHARGING,
    "PLUGGED_IN:COMPLETE": PowerDeliveryState.COMPLETE,
    "PLUGGED_IN:STOPPED": PowerDeliveryState.STOPPED,
    "PLUGGED_IN:NO_POWER": PowerDeliveryState.NO_POWER,
    "PLUGGED_IN:FAULT": PowerDeliveryState.FAULT,
}
_SETTLED = {
    "START": frozenset({PowerDeliveryState.CHARGING}),
    "STOP": frozenset({PowerDeliveryState.STOPPED, PowerDeliveryState.COMPLETE}),
}
"""States in which a platform calls a command needless."""


@dataclass(kw_only=True, eq=False)
class LeanDevice:
    """A device as its vendor keeps it."""

    side: Side
    body: Car | Box
    vendor: str
    brand: str | None
    timing: VendorSpec
    can_start: bool
    can_stop: bool
    capacity_kwh: float | None = None
    is_linked: bool = True
    is_reachable: bool = True
    paired_with: str | None = None
    reading: Reading | None = None
    booked: Appointment | None = None  # the observation of a change
    regular: Appointment | None = None
    action: "LeanAction | None" = None
    pressed_at: datetime | None = None
    count: int = 0  # of commands received
    base: Device | None = None

    @property
    def id(self) -> str:
        return self.body.id

    @property
    def other(self) -> Car | Box | None:
        return self.body.box if isinstance(self.body, Car) else self.body.car


@dataclass(kw_only=True, eq=False)
class LeanAction:
    """A command under way at the vendor."""

    id: str
    kind: Kind
    is_over: bool = False


@dataclass(kw_only=True)
class Fate:
    """What a fault makes of one command."""

    what: Literal["ignore", "refuse", "error_after", "error_before"] | None = None
    delay_seconds: float | None = None
    reason: str = ""
    error: Exception | None = None
    flips: bool = False  # finds its wish fulfilled and does the opposite


Distort = Callable[[LeanDevice, dict[str, Any]], dict[str, Any] | None]
Gate = Callable[[LeanDevice, str], None]
Judge = Callable[[LeanDevice, Kind], Fate | None]
Swallow = Callable[[LeanDevice, Kind], bool]
Route = Callable[[LeanDevice, Reading, float], list[float]]


@dataclass
class Hooks:
    """Where faults take hold."""

    distort: list[Distort] = field(default_factory=list)  # what is observed; None: nothing is
    gates: list[Gate] = field(default_factory=list)  # raise what a request ("read", "refresh", "command") is met with
    fates: list[Judge] = field(default_factory=list)  # what becomes of a command
    swallow: list[Swallow] = field(default_factory=list)  # a press that does nothing
    pressed: list[Swallow] = field(default_factory=list)  # hears of a press that did something
    routes: list[Route] = field(default_factory=list)  # delays [s] at which an event reaches us; none: lost


class LeanVendor:
    """Devices of one driver at one platform."""

    def __init__(self, timeline: Timeline, world: World, noise: int) -> None:
        self.timeline, self.world, self.hooks = timeline, world, Hooks()
        self.random = random.Random(noise)
        self.devices: dict[str, LeanDevice] = {}
        self.on_event: Callable[[Device], None] | None = None
        self.requests = 0
        world.watchers.append(self._on_change)

    # -- devices ----------------------------------------------------------------------------------------------------

    def add(self, device: LeanDevice) -> None:
        self.devices[device.id] = device
        self.observe(device, is_silent=True)

    def known(self) -> list[Device]:
        """The linked devices as the platform lists them."""
        return [self._picture(device) for device in self.devices.values() if device.is_linked]

    def forget(self, device: LeanDevice) -> None:
        """The device's picture is made anew: its abilities changed."""
        device.base = None

    # -- observing --------------------------------------------------------------------------------------------------

    def observe_soon(self, device: LeanDevice, seconds: float) -> None:
        """Book an observation, unless an earlier one is booked."""
        at = self.timeline.now + timedelta(seconds=seconds)
        if device.booked is not None:
            if device.booked.at <= at:
                return
            device.booked.cancel()
        device.booked = self.timeline.at(at, lambda: self._observe_booked(device))

    def observe(self, device: LeanDevice, *, is_silent: bool = False) -> None:
        """Take what the device tells now, through its faults."""
        reading = self._render(device)
        if reading is None:
            self._book_regular(device)
            return
        changed = device.reading is None or _content(device.reading) != _content(reading)
        device.reading = reading
        self._book_regular(device)
        if changed and not is_silent and device.is_linked:
            self.send(device, reading)

    def _observe_booked(self, device: LeanDevice) -> None:
        device.booked = None
        self.observe(device)

    def _book_regular(self, device: LeanDevice) -> None:
        """While energy flows the level moves: look again when it may have."""
        if device.regular is not None:
            device.regular.cancel()
            device.regular = None
        if isinstance(device.body, Car) and device.body.power_kw > 0:
            device.regular = self.timeline.after_seconds(device.timing.charging_seconds, lambda: self.observe(device))

    def _render(self, device: LeanDevice) -> Reading | None:
        body, now = device.body, self.timeline.now
        car = body if isinstance(body, Car) else body.car
        if car is not None:
            self.world.settle(car)
        fields: dict[str, Any] = {
            "side": device.side,
            "device_id": device.id,
            "observed_at": now,
            "received_at": now,
            "source": ReadingSource.WEBHOOK,
            "is_reachable": True,
            "is_plugged_in": device.other is not None,
            "state": STATES[state_of(body)],
            "charge_rate_kw": round(car.power_kw, 2) if car is not None and car.power_kw > 0 else None,
            "soc_pct": None,
            "charge_limit_pct": None,
            "battery_capacity_kwh": None,
            "paired_with": device.paired_with,
            "location_id": PLACE_ID,
        }
        if isinstance(body, Car):
            fields["soc_pct"] = float(int(body.soc_pct + 1e-6))
            fields["charge_limit_pct"] = body.limit_pct
            fields["battery_capacity_kwh"] = device.capacity_kwh
        for distort in self.hooks.distort:
            told = distort(device, fields)
            if told is None:
                return None
            fields = told
        return _BLANK.model_copy(update=fields)

    def send(self, device: LeanDevice, reading: Reading) -> None:
        """On its way to us, by whatever routes faults leave open."""
        delays = [device.timing.webhook_seconds]
        for route in self.hooks.routes:
            delays = [late for delay in delays for late in route(device, reading, delay)]
        for delay in delays:
            self.timeline.after_seconds(delay, lambda: self.deliver(device, reading))

    def deliver(self, device: LeanDevice, reading: Reading) -> None:
        """An event reaches our door."""
        if self.on_event is not None and device.is_linked:
            arrived = reading.model_copy(update={"received_at": self.timeline.now})
            self.on_event(self._picture(device, arrived))

    def _on_change(self, body: Any) -> None:
        device = self.devices.get(body.id)
        if device is None:
            return
        if device.reading is not None and _truth(device) == _said(device.reading):
            return
        self.observe_soon(device, device.timing.observe_seconds)

    def _picture(self, device: LeanDevice, reading: Reading | None = None) -> Device:
        if device.base is None:
            device.base = Device(
                id=device.id,
                side=device.side,
                driver_id=DRIVER_ID,
                vendor=device.vendor,
                brand=device.brand,
                capabilities={
                    CapabilityKind.START_CHARGING: Capability(is_capable=device.can_start),
                    CapabilityKind.STOP_CHARGING: Capability(is_capable=device.can_stop),
                    CapabilityKind.LOCATION: Capability(is_capable=True),
                },
                reading=device.reading or Reading(side=device.side, device_id=device.id, received_at=self.timeline.now),
            )
        shown = reading or device.reading
        return device.base if shown is None else device.base.model_copy(update={"reading": shown})

    # -- what production asks ---------------------------------------------------------------------------------------

    async def list_devices(self, driver_id: str, side: Side) -> list[Device]:
        return [device for device in self.known() if device.side is side]

    async def read(self, side: Side, device_id: str) -> Device:
        device = self._find(device_id)
        self._pass(device, "read")
        self.poll(device)
        reading = device.reading
        if reading is not None:
            reading = reading.model_copy(
                update={
                    "received_at": self.timeline.now,
                    "source": ReadingSource.READ,
                    "is_reachable": device.is_reachable,
                }
            )
        return self._picture(device, reading)

    async def start(self, side: Side, device_id: str) -> VendorAction:
        return self.command(device_id, "START")

    async def stop(self, side: Side, device_id: str) -> VendorAction:
        return self.command(device_id, "STOP")

    async def request_refresh(self, side: Side, device_id: str) -> None:
        device = self._find(device_id)
        self._pass(device, "refresh")
        self.observe_soon(device, device.timing.refresh_seconds)

    async def linked_vendors(self, driver_id: str) -> list[LinkedVendor]:
        return [LinkedVendor(vendor=d.vendor, side=d.side, is_valid=True) for d in self.devices.values()]

    async def places(self, driver_id: str) -> list[Place]:
        return []

    async def interventions(self, language: str) -> list[Intervention]:
        return []

    # Linking, placing and erasing are no part of a night.

    async def action(self, side: Side, action_id: str) -> VendorAction:
        raise NotImplementedError

    async def start_link(self, driver_id: str, side: Side, *, redirect_uri: str, language: str) -> LinkSession:
        raise NotImplementedError

    async def relink(self, device_id: str, *, redirect_uri: str, language: str) -> LinkSession:
        raise NotImplementedError

    async def unlink(self, driver_id: str, vendor: str, side: Side) -> None:
        raise NotImplementedError

    async def forget_driver(self, driver_id: str) -> None:
        raise NotImplementedError

    async def create_place(self, driver_id: str, name: str, latitude: float, longitude: float, zone: str) -> Place:
        raise NotImplementedError

    async def set_charger_place(self, charger_id: str, place_id: str | None) -> Device:
        raise NotImplementedError

    # -- commands ---------------------------------------------------------------------------------------------------

    def command(self, device_id: str, kind: Kind) -> VendorAction:
        """Take a command in; what it does comes later, if it does."""
        device = self._find(device_id)
        device.count += 1
        self.world.note("command", device.id, device.side.value, None, kind, "client")
        self._pass(device, "command")
        if not (device.can_start if kind == "START" else device.can_stop):
            raise MissingCapability
        fate = self._fate(device, kind)
        if fate.what == "refuse":
            return self._answer(device, None, ActionState.REFUSED, fate.reason)
        if fate.what == "error_before":
            raise fate.error or VendorUnavailable(fate.reason)
        if (unmet := self._unmet(device, kind)) and not fate.flips:
            return self._answer(device, None, ActionState.REFUSED, unmet)
        action = LeanAction(id=f"{device.id}/{device.count}", kind=kind)
        if device.action is not None and not fate.flips:  # a toggle takes every request for a press
            device.action.is_over = True
        device.action = action
        if fate.what != "ignore":
            delay = self.random.uniform(*device.timing.command_seconds)
            delay = delay if fate.delay_seconds is None else fate.delay_seconds
            self.timeline.after_seconds(delay, lambda: self._attempt(device, action, fate))
        if fate.what == "error_after":
            raise fate.error or VendorUnavailable("internal error")
        return self._answer(device, action.id, ActionState.PENDING, None)

    def press(self, device: LeanDevice, kind: Kind, cause: str) -> None:
        """The command reaches the device: the relay of this side moves, and of this side alone."""
        device.pressed_at = self.timeline.now
        if any(swallow(device, kind) for swallow in self.hooks.swallow):
            return
        body = device.body
        self.world.set_hold(body, COMMAND if kind == "STOP" else None, cause)
        # A car at rest takes a fresh offer; one that was told to stop does not.
        if kind == "START" and isinstance(body, Box) and body.car is not None and body.car.hold == REST:
            self.world.set_hold(body.car, None, cause)
        for hear in self.hooks.pressed:
            hear(device, kind)

    def _attempt(self, device: LeanDevice, action: LeanAction, fate: Fate) -> None:
        if action.is_over or device.other is None:
            return
        action.is_over = True
        kind = action.kind
        if fate.flips and (device.body.hold is not None) == (kind == "STOP"):
            kind = "START" if kind == "STOP" else "STOP"
        self.press(device, kind, f"client:{kind}:{action.id}")
        self.observe_soon(device, device.timing.observe_seconds)

    def _fate(self, device: LeanDevice, kind: Kind) -> Fate:
        for fates in self.hooks.fates:
            fate = fates(device, kind)
            if fate is not None:
                return fate
        return Fate()

    def _unmet(self, device: LeanDevice, kind: Kind) -> str:
        if not device.timing.refuses_needless or device.reading is None:
            return ""
        if device.reading.state is PowerDeliveryState.UNPLUGGED:
            return "FAILED_PRECONDITION"
        return "UNNECESSARY" if device.reading.state in _SETTLED[kind] else ""

    def _answer(self, device: LeanDevice, action_id: str | None, state: ActionState, why: str | None) -> VendorAction:
        return VendorAction(id=action_id, side=device.side, device_id=device.id, state=state, reason=why)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _find(self, device_id: str) -> LeanDevice:
        self.requests += 1
        device = self.devices.get(device_id)
        if device is None or not device.is_linked:
            raise UnknownDevice
        return device

    def _pass(self, device: LeanDevice, what: str) -> None:
        for gate in self.hooks.gates:
            gate(device, what)

    def poll(self, device: LeanDevice) -> None:
        """The platform looks at its devices by itself; only the newest look matters to a reader."""
        if device.booked is not None or device.reading is None or device.reading.observed_at is None:
            return
        flows = device.reading.state is PowerDeliveryState.CHARGING
        period = device.timing.charging_seconds if flows else device.timing.idle_seconds
        looks = (self.timeline.now - device.reading.observed_at).total_seconds() // period
        if looks >= 1:
            reading = self._render(device)
            if reading is not None:  # nothing but the level has changed since: a change would have booked a look
                at = device.reading.observed_at + timedelta(seconds=looks * period)
                device.reading = reading.model_copy(update={"observed_at": at})


def _content(reading: Reading) -> tuple[object, ...]:
    return (
        reading.is_plugged_in,
        reading.state,
        reading.charge_rate_kw,
        reading.soc_pct,
        reading.charge_limit_pct,
        reading.paired_with,
        reading.is_reachable,
    )


def _truth(device: LeanDevice) -> tuple[object, ...]:
    car = device.body if isinstance(device.body, Car) else device.body.car
    kw = round(car.power_kw, 2) if car is not None and car.power_kw > 0 else None
    return STATES[state_of(device.body)], kw, device.paired_with


def _said(reading: Reading) -> tuple[object, ...]:
    return reading.state, reading.charge_rate_kw, reading.paired_with
