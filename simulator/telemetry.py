"""How the platform comes to know: observations at intervals, after changes, and on request. Never the truth itself."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from zlib import crc32

from simulator.cloud import Cloud
from simulator.faultbook import FaultBook
from simulator.faults import (
    BadCredentials,
    DropFields,
    FalseUnplug,
    FrozenSoc,
    NullChargeRate,
    Offline,
    SlowReading,
    StaleReading,
    WrongSoc,
)
from simulator.physics import Body, Box, Car
from simulator.registry import Device, Json
from simulator.reported import CHARGING, COMPLETE, STOPPED, UNKNOWN, UNPLUGGED, state_of
from simulator.scenario import VehicleSpec
from simulator.timeline import Appointment

OnObserved = Callable[[Device], None]


class Telemetry:
    """Books and makes observations. Listeners hear of each one before it is published."""

    def __init__(self, cloud: Cloud) -> None:
        self.listeners: list[OnObserved] = []
        self._cloud = cloud
        self._timeline = cloud.timeline
        self._regular: dict[str, Appointment] = {}
        self._soon: dict[str, Appointment] = {}
        self._frozen_soc: dict[tuple[str, str], int] = {}
        self._random = random.Random("fields")
        cloud.world.watchers.append(self._on_change)

    def start(self, device: Device, *, first_after: timedelta | None) -> None:
        """Begins the regular round. `first_after` None: the first reading is made at once and silently."""
        if first_after is None:
            self.observe(device, is_silent=True)
            # Devices do not report in step: each has a phase of its own, drawn from its id.
            phase = crc32(device.id.encode()) % int(self._cloud.settings.refresh_idle_seconds)
            self._book_regular(device, timedelta(seconds=phase))
        else:
            self._timeline.after(first_after, lambda: self.observe(device))

    def stop(self, device: Device) -> None:
        for book in (self._regular, self._soon):
            if (appointment := book.pop(device.id, None)) is not None:
                appointment.cancel()

    def observe_soon(self, device: Device, seconds: float | None = None) -> None:
        """Books an observation after the vendor's delay, unless an earlier one is booked."""
        delay = self._cloud.settings.observe_seconds if seconds is None else seconds
        at = self._timeline.now + timedelta(seconds=delay)
        booked = self._soon.get(device.id)
        if booked is not None and not booked.is_cancelled and booked.at <= at:
            return
        if booked is not None:
            booked.cancel()
        self._soon[device.id] = self._timeline.at(at, lambda: self._observe_booked(device))

    def observe(self, device: Device, *, is_silent: bool = False) -> None:
        """Makes one observation: what the device would tell now, through its faults."""
        if device.id not in self._cloud.devices:
            return
        self._book_regular(device)
        if self.is_dark(device):
            device.is_reachable = False
            self._cloud.publish(device)
            return
        state = self.read(device)
        late = self._cloud.faults.strike(SlowReading, device)
        at = self._timeline.now
        if late is not None:
            self._timeline.after(timedelta(minutes=late.minutes), lambda: self._store(device, state, at))
            return
        self._store(device, state, at, is_silent=is_silent)

    def is_dark(self, device: Device) -> bool:
        """Whether nothing can be learned of the device now."""
        faults = self._cloud.faults
        is_out = faults.find(Offline, device) is not None or "mains" in device.body.blocks
        return is_out or not device.account.is_valid or faults.find(BadCredentials, device) is not None

    def read(self, device: Device) -> Json:
        """The charge state the device tells now."""
        body = device.body
        car = body if isinstance(body, Car) else body.car
        if car is not None:
            self._cloud.world.settle(car)
        state = _car_state(body, device) if isinstance(body, Car) else _box_state(body)
        return self._distorted(device, state)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _observe_booked(self, device: Device) -> None:
        self._soon.pop(device.id, None)
        self.observe(device)

    def _on_change(self, body: Body) -> None:
        for device in self._cloud.devices_showing(body):
            self.observe_soon(device)

    def _book_regular(self, device: Device, span: timedelta | None = None) -> None:
        if (booked := self._regular.get(device.id)) is not None:
            booked.cancel()
        settings = self._cloud.settings
        is_charging = device.state == CHARGING
        seconds = settings.refresh_charging_seconds if is_charging else settings.refresh_idle_seconds
        due = timedelta(seconds=seconds) if span is None else span
        self._regular[device.id] = self._timeline.after(due, lambda: self.observe(device))

    def _store(self, device: Device, state: Json, observed_at: datetime, *, is_silent: bool = False) -> None:
        if device.id not in self._cloud.devices:
            return
        was_charging = device.state == CHARGING
        device.is_reachable = True
        device.last_seen_at = self._timeline.now
        if device.observed_at is None or self._cloud.faults.find(StaleReading, device) is None:
            device.charge_state = state
        device.observed_at = observed_at
        body = device.body
        if isinstance(body, Car):
            device.odometer_km = body.odometer_km
            device.position = body.place
        if was_charging != (device.state == CHARGING):
            self._book_regular(device)
        for listener in self.listeners:
            listener(device)
        if not is_silent:
            self._cloud.publish(device)

    def _distorted(self, device: Device, state: Json) -> Json:
        faults = self._cloud.faults
        if faults.find(NullChargeRate, device) is not None:
            state["chargeRate"] = None
        _fill_rate(device, state)
        if (unplug := faults.find(FalseUnplug, device)) is not None and self._is_unplug_time(unplug, device, state):
            _mark(state, UNPLUGGED)
        if isinstance(device.body, Car):
            self._distort_soc(device, state, faults)
        if (drop := faults.find(DropFields, device)) is not None:
            for name in state:
                if self._random.random() < drop.share:
                    state[name] = UNKNOWN if name == "powerDeliveryState" else None
        return state

    def _is_unplug_time(self, fault: FalseUnplug, device: Device, state: Json) -> bool:
        if fault.when == "after_command":
            return self._is_just_pressed(fault, device)
        told: str = state["powerDeliveryState"]
        return {
            "always": True,
            "stopped": told == STOPPED,
            "full": told == COMPLETE,
            "not_charging": told != CHARGING,
        }[fault.when]

    def _is_just_pressed(self, fault: FalseUnplug, device: Device) -> bool:
        """Whether a command reached the device moments ago; if so, it is looked at again when they are over."""
        if device.pressed_at is None:
            return False
        ends_at = device.pressed_at + timedelta(seconds=fault.seconds)
        if self._timeline.now >= ends_at:
            return False
        self._timeline.at(ends_at, lambda: self.observe(device))
        return True

    def _distort_soc(self, device: Device, state: Json, faults: FaultBook) -> None:
        if (wrong := faults.find(WrongSoc, device)) is not None:
            state["batteryLevel"] = int(min(100, max(0, state["batteryLevel"] + wrong.by_pct)))
        if (frozen := faults.find(FrozenSoc, device)) is not None:
            key = (frozen.id, device.id)
            state["batteryLevel"] = self._frozen_soc.setdefault(key, state["batteryLevel"])


def _fill_rate(device: Device, state: Json) -> None:
    """The paired charger's rate stands in for a silent vehicle (documented by the vendor)."""
    is_silent = state["isCharging"] and state["chargeRate"] is None
    if device.kind == "vehicle" and is_silent and device.paired is not None:
        state["chargeRate"] = device.paired.charge_state["chargeRate"]


def _mark(state: Json, told: str) -> None:
    state.update(
        powerDeliveryState=told,
        isPluggedIn=told != UNPLUGGED,
        isCharging=told == CHARGING,
        chargeRate=state["chargeRate"] if told == CHARGING else None,
    )
    if "chargeTimeRemaining" in state and told != CHARGING:
        state["chargeTimeRemaining"] = None


def _box_state(box: Box) -> Json:
    rate = round(box.car.power_kw, 2) if box.car is not None and box.car.power_kw > 0 else None
    state: Json = {"chargeRate": rate, "maxCurrent": box.max_current_a}
    _mark(state, state_of(box))
    return state


def _car_state(car: Car, device: Device) -> Json:
    spec = device.spec
    assert isinstance(spec, VehicleSpec)
    state: Json = {
        "batteryLevel": int(car.soc_pct + 1e-6),
        "range": int(car.stored_kwh / spec.kwh_per_100km * 100),
        "isFullyCharged": car.is_full,
        "batteryCapacity": car.capacity_kwh,
        "chargeLimit": car.limit_pct if spec.reports_limit else None,
        "chargeRate": round(car.power_kw, 2) if car.power_kw > 0 else None,
        "chargeTimeRemaining": _minutes_left(car),
        "maxCurrent": car.max_current_a,
    }
    _mark(state, state_of(car))
    return state


def _minutes_left(car: Car) -> int | None:
    if car.power_kw <= 0:
        return None
    return round((car.limit_kwh - car.stored_kwh) / (car.power_kw * car.efficiency) * 60)
