"""What was physically possible: an omniscient controller on the same night, through the same channels.

It knows when the car is plugged in and whether energy flows, never holds, has no budget, and asks again and again on
every side it may command. What it cannot reach nobody can. It charges at plug-in, so it also outruns what strikes hours
later; `possible_after_waiting` lets it take over a night at a later instant instead.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.errors import NightchargeError
from nights.world.faults import install
from nights.world.night import NightWorld
from nights.world.spec import NightSpec
from nights.world.vendor import LeanDevice

ASK_EVERY = timedelta(minutes=2)


class Omniscient:
    """Starts whatever does not charge, on every side in turn; `most_switches`: as long as it moved no more relays."""

    def __init__(self, world: NightWorld, since: datetime, most_switches: int | None = None) -> None:
        self._world, self._turn, self._most = world, 0, most_switches
        world.timeline.at(since, self._look)

    def _look(self) -> None:
        car, now = self._world.car, self._world.timeline.now
        if car.box is not None and car.power_kw == 0.0 and not car.is_full and self._may_switch():
            self._turn += 1
            for device in self._world.devices:
                if device.action is None or device.action.is_over or self._is_lost(device):
                    self._start(device)
        if now < self._world.spec.unplugs_at:
            self._world.timeline.after(ASK_EVERY, self._look)

    def _may_switch(self) -> bool:
        if self._most is None:
            return True
        log = self._world.truth.log
        return sum(entry.kind == "relay" and entry.cause.startswith("client:") for entry in log) < self._most

    def _is_lost(self, device: LeanDevice) -> bool:
        """A command under way for longer than its vendor ever takes."""
        return self._turn % (int(device.timing.command_seconds[1] // ASK_EVERY.total_seconds()) + 2) == 0

    def _start(self, device: LeanDevice) -> None:
        try:
            self._world.vendor.command(device.id, "START")
        except NightchargeError:
            return


def possible_pct(spec: NightSpec, *, most_switches: int | None = None) -> float:
    """The level at departure, or at the unplug if that comes first [%], in an omniscient controller's hands."""
    return possible_after_waiting(spec, (), spec.plug_in_at, most_switches=most_switches)


class Moved(NamedTuple):
    """A relay that a command of ours moved."""

    at: datetime
    device_id: str
    is_open: bool


def possible_after_waiting(
    spec: NightSpec, moved: Sequence[Moved], since: datetime, *, most_switches: int | None = None
) -> float:
    """The same if that controller took the night over at `since`, our relays as we had moved them until then [%]."""
    world = NightWorld(spec.model_copy(update={"noise": spec.noise + 7}))
    install(world)
    for move in moved:
        if move.at < since and move.device_id in world.vendor.devices:
            device, kind = world.vendor.devices[move.device_id], "STOP" if move.is_open else "START"
            world.timeline.at(move.at, lambda device=device, kind=kind: world.vendor.press(device, kind, "ours"))  # type: ignore[misc]
    Omniscient(world, since, most_switches)
    world.timeline.advance(min(spec.departs_at, spec.unplugs_at))
    world.truth.settle(world.car)
    return world.car.soc_pct
