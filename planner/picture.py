"""A night's plan as a picture: prices as steps, charging as bars."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw_night(night: dict[str, Any], answer: dict[str, Any], path: Path) -> None:
    """Write the picture; its kind follows the file's ending. Raises ValueError for an ending that is no picture."""
    start, slot = datetime.fromisoformat(night["start"]), timedelta(minutes=night["slot_min"])
    n = len(night["price"])
    edges: list[Any] = [start + slot * t for t in range(n + 1)]
    prices = [100 * (price + night.get("adder", 0.0)) for price in night["price"]]
    power = [kwh / (slot / timedelta(hours=1)) for kwh in answer["energy_kwh"]]
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    bars = figure.add_subplot()
    width: Any = slot
    bars.bar(edges[:-1], power, width=width, align="edge", color="#2a9d8f", label="charging [kW]")
    bars.set_ylabel("power at the meter [kW]")
    bars.set_xlabel("UTC")
    bars.tick_params(axis="x", rotation=30)
    line = bars.twinx()
    line.step(edges, [*prices, prices[-1]], where="post", color="#264653", label="price [ct/kWh]")
    line.set_ylabel("all-in price [ct/kWh]")
    missing = f", {answer['shortfall_kwh']:.1f} kWh missing" if answer["shortfall_kwh"] > 0 else ""
    bars.set_title(f"{answer['id']}: {answer['status']}, {answer['cost_eur']:.2f} EUR{missing}")
    figure.legend(loc="outside upper right", ncols=2)
    figure.savefig(path)
