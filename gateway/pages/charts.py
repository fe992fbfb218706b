"""What the charts show, as data: panels one above the other on one time axis. static/charts.js draws them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from domain.devices import Reading
from domain.energy_flow import measured_power_kw
from domain.plan import ChargingPlan

Spec = dict[str, Any]
"""JSON of a chart. Instants are Unix seconds."""

MOST_POINTS = 600
"""Points of one line; more would not be seen."""


def chart(
    starts_at: datetime, ends_at: datetime, zone: str, panels: Iterable[Spec], **instants: datetime | None
) -> Spec:
    """Panels between two instants; `instants` (`now`, `ready`) are marked in all of them."""
    marked = {name: seconds(at) for name, at in instants.items() if at is not None}
    return {"from": seconds(starts_at), "to": seconds(ends_at), "zone": zone, "panels": list(panels), **marked}


def price_panel(plans: Sequence[ChargingPlan], title: str, unit: str, scale: float = 1.0) -> Spec:
    """Prices as steps, the ground below them filled where a plan charges. A later plan replaces what it covers."""
    steps: dict[int, float | None] = {}
    fills: list[tuple[int, int]] = []
    for plan in plans:
        begins = seconds(plan.edges[0])
        steps = {at: price for at, price in steps.items() if at < begins}
        fills = [(start, min(end, begins)) for start, end in fills if start < begins]
        prices = [round(scale * price, 3) for price in plan.price_per_kwh]
        steps |= dict(zip(map(seconds, plan.edges), [*prices, prices[-1]], strict=True))
        fills += [(seconds(start), seconds(end)) for start, end in runs(plan)]
    return {
        "kind": "price",
        "title": title,
        "unit": unit,
        "steps": {"x": list(steps), "y": list(steps.values())},
        "fills": fills,
    }


def level_panel(
    title: str,
    measured: Sequence[tuple[datetime, float]],
    planned: Sequence[tuple[datetime, float]],
    target_pct: float,
) -> Spec:
    """The battery's level: measured as a line, planned as a dashed one, with the level wanted."""
    return {
        "kind": "level",
        "title": title,
        "unit": "%",
        "line": _points(measured),
        "dashes": _points(planned),
        "target": target_pct,
    }


def power_panel(
    title: str, measured: Sequence[tuple[datetime, float]], until: datetime, marks: Sequence[Spec] = ()
) -> Spec:
    """Measured power as steps, the last one held until then, with the commands as marks."""
    if measured and measured[-1][0] < until:
        measured = [*measured, (until, measured[-1][1])]
    return {"kind": "power", "title": title, "unit": "kW", "steps": _points(measured), "marks": list(marks)}


def runs(plan: ChargingPlan) -> list[tuple[datetime, datetime]]:
    """The stretches in which the plan charges."""
    found = []
    for is_on, slots in groupby(range(len(plan.energy_ac_kwh)), key=plan.is_on):
        stretch = list(slots)
        if is_on:
            found.append((plan.edges[stretch[0]], plan.edges[stretch[-1] + 1]))
    return found


def planned_levels(
    plan: ChargingPlan, soc_pct: float, from_at: datetime, capacity_kwh: float, efficiency: float
) -> list[tuple[datetime, float]]:
    """The level to come if the plan is followed from `from_at` on [%]."""
    points = [(from_at, soc_pct)]
    for t, energy in enumerate(plan.energy_ac_kwh):
        start, end = plan.edges[t], plan.edges[t + 1]
        if end <= from_at:
            continue
        part = (end - max(start, from_at)) / (end - start)
        soc_pct = min(100.0, soc_pct + 100 * part * energy * efficiency / capacity_kwh)
        points.append((end, soc_pct))
    return points


def measured_levels(readings: Iterable[Reading]) -> list[tuple[datetime, float]]:
    return sorted((r.observed_at, r.soc_pct) for r in readings if r.observed_at is not None and r.soc_pct is not None)


def measured_powers(readings: Iterable[Reading]) -> list[tuple[datetime, float]]:
    found = ((r.observed_at, measured_power_kw(r)) for r in readings)
    return sorted((at, power) for at, power in found if at is not None and power is not None)


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def _points(points: Sequence[tuple[datetime, float]]) -> Spec:
    step = max(1, len(points) // MOST_POINTS)
    kept = [*points[::step], *points[-1:]] if step > 1 else list(points)
    unique = {seconds(at): round(value, 2) for at, value in kept}
    return {"x": list(unique), "y": list(unique.values())}
