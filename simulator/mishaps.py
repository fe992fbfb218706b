"""Faults that do something when they begin and end: to the car or box itself, or to the account."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from simulator.cloud import Cloud
from simulator.faultbook import concerns, concerns_body
from simulator.faults import BadCredentials, Broken, CarTimer, Fault, PowerCut, Rival, SlowPower, WrongPair
from simulator.occurrences import next_wall
from simulator.pairing import Pairing
from simulator.physics import Box, Car
from simulator.registry import Device
from simulator.telemetry import Telemetry

EVERY_DAY = list(range(7))


class Mishaps:
    """Carries out what a fault does to the truth, and lets the platform notice."""

    def __init__(self, cloud: Cloud, telemetry: Telemetry, pairing: Pairing) -> None:
        self._cloud = cloud
        self._telemetry = telemetry
        self._pairing = pairing
        self._timeline = cloud.timeline
        self._acts: dict[type, Callable[[Any, Car | Box, bool], None]] = {
            SlowPower: self._slow_power,
            Broken: self._broken,
            PowerCut: self._power_cut,
            CarTimer: self._car_timer,
            Rival: self._rival,
        }
        cloud.faults.on_change.append(self._on_change)

    def _on_change(self, fault: Fault, is_beginning: bool) -> None:
        self._cloud.world.note("fault", fault.target, fault.side or "", None, fault.kind, _word(is_beginning))
        act = self._acts.get(type(fault))
        if act is not None:
            bodies = {p.body.id: p.body for p in self._cloud.prepared if concerns_body(fault, p)}
            for body in bodies.values():
                act(fault, body, is_beginning)
        concerned = [device for device in self._cloud.devices.values() if concerns(fault, device)]
        if isinstance(fault, BadCredentials):
            self._credentials(concerned, is_beginning)
        for device in concerned:
            if isinstance(fault, WrongPair):
                self._pairing.part(device)
            # What the platform shows by itself (capabilities) changes now, what it observes a little later.
            if device.last_sent is not None:
                self._cloud.publish(device)
            self._telemetry.observe_soon(device)

    # -- one fault each ---------------------------------------------------------------------------------------------

    def _slow_power(self, fault: SlowPower, body: Car | Box, is_beginning: bool) -> None:
        self._cloud.world.set_cap(body, fault.id, fault.kw if is_beginning else None, fault.kind)

    def _broken(self, fault: Broken, body: Car | Box, is_beginning: bool) -> None:
        self._cloud.world.set_block(body, "fault", is_beginning, fault.kind)

    def _power_cut(self, fault: PowerCut, body: Car | Box, is_beginning: bool) -> None:
        if isinstance(body, Car):
            return
        self._cloud.world.set_block(body, "mains", is_beginning, fault.kind)
        if not is_beginning and fault.returns != "as_before" and body.car is not None:
            self._cloud.world.set_hold(body, None if fault.returns == "offering" else "reboot", fault.kind)

    def _car_timer(self, fault: CarTimer, body: Car | Box, is_beginning: bool) -> None:
        if isinstance(body, Box):
            return
        world, zone = self._cloud.world, ZoneInfo(fault.zone)
        starts, ends = time.fromisoformat(fault.starts), time.fromisoformat(fault.ends)
        if not is_beginning:
            world.set_block(body, "timer", False, fault.kind)
            return

        def turn() -> None:
            if not self._is_on(fault):
                return
            world.set_block(body, "timer", _is_between(self._timeline.now, starts, ends, zone), fault.kind)
            now = self._timeline.now
            self._timeline.at(min(next_wall(now, wall, EVERY_DAY, zone) for wall in (starts, ends)), turn)

        turn()

    def _rival(self, fault: Rival, body: Car | Box, is_beginning: bool) -> None:
        if not is_beginning:
            return
        span = timedelta(minutes=fault.minutes)

        def flip() -> None:
            if not self._is_on(fault):
                return
            is_plugged = (body.box if isinstance(body, Car) else body.car) is not None
            if is_plugged:
                self._cloud.world.set_hold(body, "rival" if body.hold is None else None, fault.kind)
            self._timeline.after(span, flip)

        self._timeline.after(span, flip)

    def _credentials(self, devices: list[Device], is_beginning: bool) -> None:
        accounts = {(device.user.id, device.vendor): device for device in devices}
        for device in accounts.values():
            device.account.is_valid = not is_beginning
            if is_beginning:
                self._cloud.emit(device, "user:credentials:invalidated", vendor=device.vendor)

    def _is_on(self, fault: Fault) -> bool:
        is_over = fault.until is not None and fault.until <= self._timeline.now
        return fault.id in self._cloud.faults.faults and not is_over


def _word(is_beginning: bool) -> str:
    return "begins" if is_beginning else "ends"


def _is_between(now: datetime, starts: time, ends: time, zone: ZoneInfo) -> bool:
    """Whether the wall clock lies in `[starts, ends)`, which may run over midnight."""
    wall = now.astimezone(zone).time()
    return starts <= wall < ends if starts <= ends else wall >= starts or wall < ends
