"""Failures of the catalogue, done to a lean world. One function each, found by its number."""

from nights.world.faults import commands, energy, holds, links, others, outages, sleep, telemetry
from nights.world.faults.registry import INJECTIONS
from nights.world.night import NightWorld

_LOADED = (commands, energy, holds, links, others, outages, sleep, telemetry)


def install(world: NightWorld) -> None:
    """Let everything go wrong that was drawn for this night. What concerns prices or wishes is not the world's."""
    for fault in world.spec.faults:
        injection = INJECTIONS.get(fault.f)
        if injection is not None:
            injection(world, **fault.params)
