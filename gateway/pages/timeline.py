"""A night's log as a timeline: what was heard, decided with which reason, sent, proven, told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.nightlog import LogEntry, LogKind
from domain.plan import ChargingPlan
from gateway.pages.charts import Spec, seconds


@dataclass(frozen=True)
class Step:
    """One line of the timeline."""

    at: datetime
    kind: str  # "reading", "command", "proof", "failed", "plan", "tell", "driver-said", "night"
    title: str
    why: str = ""


GOOD_ENDS = ("proven", "already_so")


def steps_of(log: Iterable[LogEntry], currency: str = "") -> list[Step]:
    """All steps worth a line, in order."""
    found: list[Step] = []
    for entry in log:
        if entry.kind is LogKind.DECISION:
            found += [step for effect in entry.data["effects"] if (step := _effect(entry.at, effect))]
        elif step := _event(entry.at, entry.name, entry.data, currency):
            found.append(step)
    return found


def was_told_by(log: Iterable[LogEntry], departs_at: datetime) -> bool:
    """Whether the driver was told, before the departure, that the car may not be ready."""
    return any(
        effect["type"] == "tell" and effect["kind"] in ("at_risk", "act_now") and entry.at < departs_at
        for entry in log
        if entry.kind is LogKind.DECISION
        for effect in entry.data["effects"]
    )


def plans_of(log: Iterable[LogEntry]) -> list[ChargingPlan]:
    """Every plan of the night, in order."""
    return [ChargingPlan.model_validate(entry.data["plan"]) for entry in log if entry.name == "plan_ready"]


def marks_of(log: Sequence[LogEntry]) -> list[Spec]:
    """The commands, for the chart: when each was sent, and whether it was proven (None: not known)."""
    results = {e.data["outcome"]["number"]: e.data["outcome"]["result"] for e in log if e.name == "command_ended"}
    found = []
    for entry in log:
        for effect in entry.data.get("effects", ()):
            if effect["type"] == "send":
                order = effect["order"]
                result = results.get(order["number"])
                good = None if result in (None, "superseded") else result in GOOD_ENDS
                found.append({"at": seconds(entry.at), "goal": order["goal"], "good": good})
    return found


def _effect(at: datetime, effect: dict[str, Any]) -> Step | None:
    match effect["type"]:
        case "send":
            order = effect["order"]
            return Step(at, "command", f"{order['goal'].title()} the {order['side']}", effect["reason"])
        case "plan":
            return Step(at, "plan", "A plan is asked for", effect["reason"])
        case "open_night" | "close_night" | "close_session":
            name = effect["type"].replace("_", " ").capitalize()
            return Step(at, "night", name, effect["reason"])
        case "tell":
            words = f"The driver is told: {effect['kind'].replace('_', ' ')}, {effect['cause'].replace('_', ' ')}"
            return Step(at, "tell", words, f"{effect['reason']}; to do: {effect['what_to_do'].replace('_', ' ')}")
        case "read":
            return Step(at, "reading", f"The {effect['side']} is read", effect["reason"])
        case _:
            return None


def _event(at: datetime, name: str, data: dict[str, Any], currency: str) -> Step | None:
    match name:
        case "plan_ready":
            plan = data["plan"]
            energy, cost = sum(plan["energy_ac_kwh"]), plan["energy_cost"]
            price = f"{cost:.2f} {currency}".rstrip()
            words = f"Plan {data['revision']}: {energy:.1f} kWh for {price}, {plan['status'].replace('_', ' ')}"
            proof = f"with switching {plan['cost']:.2f}, proven that nothing is below {plan['lower_bound']:.2f}"
            return Step(at, "plan", words, f"{proof}; {plan['solver']}")
        case "plan_failed":
            return Step(at, "failed", "No plan", data["why"])
        case "command_ended":
            outcome = data["outcome"]
            is_good = outcome["result"] in GOOD_ENDS
            title = f"{outcome['goal'].title()} {outcome['side']}: {outcome['result'].replace('_', ' ')}"
            return Step(at, "proof" if is_good else "failed", title, _evidence(outcome))
        case "reading_arrived":
            return Step(at, "reading", _reading(data["reading"]))
        case "driver_acted":
            return Step(at, "driver-said", f"The driver: {data['act'].replace('_', ' ')}")
        case "prices_changed":
            return Step(at, "plan", "New prices are out", data.get("area", ""))
        case "night_accounted":
            ready = "ready" if data["is_ready"] else "not ready"
            return Step(at, "night", f"Accounted: {ready}, saved {data['saving']} {currency}".rstrip(), data["why"])
        case "devices_leaving":
            return Step(at, "driver-said", "Devices leave", data.get("why", ""))
        case _:
            return None


def _evidence(outcome: dict[str, Any]) -> str:
    """Why it ended so, and the readings that show it."""
    shown = [_reading(reading) for reading in outcome.get("evidence", ())]
    return "; ".join(part for part in (outcome["reason"], *shown) if part)


def _reading(reading: dict[str, Any]) -> str:
    told = [str(reading["state"]).replace("_", " ")]
    if reading.get("charge_rate_kw") is not None:
        told.append(f"{reading['charge_rate_kw']:.1f} kW")
    if reading.get("soc_pct") is not None:
        told.append(f"{reading['soc_pct']:.0f} %")
    if reading.get("is_reachable") is False:
        told.append("out of reach")
    return f"{reading['side']}: {', '.join(told)} ({reading['source']})"
