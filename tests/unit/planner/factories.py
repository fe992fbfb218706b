"""Small problems with round numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.plan import ControlKind, PlanProblem

START = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)


def make_problem(prices: Sequence[float], *, minutes: Sequence[float] | float = 60, **changes: Any) -> PlanProblem:
    """A car of 10 kW without losses, empty, wanting 10 kWh of a 100 kWh battery; hours unless told otherwise."""
    lengths = [minutes] * len(prices) if isinstance(minutes, int | float) else list(minutes)
    edges = [START]
    for length in lengths:
        edges.append(edges[-1] + timedelta(minutes=length))
    values: dict[str, Any] = {
        "edges": tuple(edges),
        "price_per_kwh": tuple(prices),
        "battery_capacity_kwh": 100.0,
        "soc_dc_kwh": 0.0,
        "target_dc_kwh": 10.0,
        "max_power_kw": 10.0,
        "efficiency": 1.0,
        "control": ControlKind.ONOFF,
    }
    return PlanProblem(**(values | changes))


def at(minutes: float) -> datetime:
    """The instant so many minutes after the start."""
    return START + timedelta(minutes=minutes)


def drawn(energies: Sequence[float]) -> list[float]:
    """Energies rounded to the Wh [kWh]."""
    return [round(kwh, 3) for kwh in energies]
