"""Where injections are found, and the small things many of them need."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from nights.world.night import NightWorld
from nights.world.vendor import LeanDevice

Injection = Callable[..., None]
INJECTIONS: dict[str, Injection] = {}


def injects(name: str) -> Callable[[Injection], Injection]:
    """Registers a function as the injection of failure `name`."""

    def register(function: Injection) -> Injection:
        INJECTIONS[name] = function
        return function

    return register


class Window:
    """From so many minutes after the plug-in, for so many minutes."""

    def __init__(self, world: NightWorld, from_minutes: float, for_minutes: float | None = None) -> None:
        self._world = world
        self.starts_at = world.spec.plug_in_at + timedelta(minutes=from_minutes)
        self.ends_at = datetime.max.replace(tzinfo=self.starts_at.tzinfo)
        if for_minutes is not None:
            self.ends_at = self.starts_at + timedelta(minutes=for_minutes)

    def is_open(self) -> bool:
        return self.starts_at <= self._world.timeline.now < self.ends_at

    def at_edges(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Do something when it opens, and when it closes."""
        self._world.timeline.at(self.starts_at, begin)
        if self.ends_at < self._world.spec.unplugs_at + timedelta(days=1):
            self._world.timeline.at(self.ends_at, end)


def distorting(
    world: NightWorld, side: str | None, change: Callable[[LeanDevice, dict[str, Any]], dict[str, Any] | None]
) -> None:
    """Change what is observed of one side (None: of both)."""
    devices = world.devices if side is None else (world.device_of(side),)

    def distort(device: LeanDevice, told: dict[str, Any]) -> dict[str, Any] | None:
        return change(device, told) if device in devices else told

    world.vendor.hooks.distort.append(distort)


def look(world: NightWorld, device: LeanDevice, seconds: float = 1.0) -> None:
    """Have the platform look at a device, though nothing changed in truth."""
    world.vendor.observe_soon(device, seconds)
