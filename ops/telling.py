"""A night's log in words, a line per step."""

from collections.abc import Iterator
from typing import Any

from domain.nightlog import LogEntry, LogKind


def in_words(entry: LogEntry) -> Iterator[str]:
    """The lines worth reading of one entry; none for routine."""
    if entry.kind is LogKind.DECISION:
        for effect in entry.data["effects"]:
            if line := _effect(effect):
                yield line
    elif line := _event(entry.name, entry.data):
        yield line


def _effect(effect: dict[str, Any]) -> str:
    match effect["type"]:
        case "send":
            order = effect["order"]
            return f"{order['goal']} {order['side']}: {effect['reason']}"
        case "plan":
            return f"ask for a plan: {effect['reason']}"
        case "open_night" | "close_night":
            return f"{effect['type'].replace('_', ' ')}: {effect['reason']}"
        case "tell":
            return f"tell the driver, {effect['kind'].replace('_', ' ')}: {effect['reason']}"
        case _:
            return ""


def _event(name: str, data: dict[str, Any]) -> str:
    match name:
        case "plan_ready":
            plan = data["plan"]
            energy = sum(plan["energy_ac_kwh"])
            return f"plan {data['revision']}: {energy:.1f} kWh for {plan['energy_cost']:.2f}, {plan['status']}"
        case "command_ended":
            outcome = data["outcome"]
            return f"{outcome['goal']} {outcome['side']} {outcome['result'].replace('_', ' ')}: {outcome['reason']}"
        case "night_accounted":
            return f"accounted: {data['why']}, saved {data['saving']}"
        case "driver_acted":
            return f"the driver: {data['act'].replace('_', ' ')}"
        case _:
            return ""
