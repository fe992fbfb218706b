"""A night in one picture: price, plan, measured power, level, commands."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from domain.account import NightAccount
from domain.devices import Reading, Side
from domain.energy_flow import measured_power_kw
from domain.nightlog import LogEntry
from domain.plan import ChargingPlan

matplotlib.use("agg")

PRICE, PLAN, POWER, LEVEL = "#8a8f98", "#b9d3f0", "#1f5fa8", "#2e8b57"
HEADROOM_KW = 18.0
"""Top of the power axis: above the bars there is room for the words on commands [kW]."""

RESULT_COLOURS = {"proven": "#2e8b57", "already_so": "#2e8b57", "unproven": "#c0392b"}


def draw_night(
    path: Path, title: str, account: NightAccount, log: Sequence[LogEntry], readings: Sequence[Reading], zone: str
) -> None:
    """Write the picture as SVG or PNG, by the ending of `path`."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.6))
    tz = ZoneInfo(zone)
    _draw_prices(top, account, tz)
    _draw_plan(bottom, log, tz)
    _draw_power(bottom, account, readings, tz)
    _draw_commands(bottom, log, tz)
    level = bottom.twinx()
    _draw_level(level, account, readings, tz)
    bottom.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=tz))  # type: ignore[no-untyped-call]
    bottom.set_xlim(*_days([account.plugged_in_at, account.departs_at], tz))
    bottom.legend(loc="upper right", frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path)


def _days(instants: Sequence[datetime], tz: ZoneInfo) -> list[float]:
    """Matplotlib's own figure for instants: days since its epoch."""
    return [float(dates.date2num(instant.astimezone(tz))) for instant in instants]  # type: ignore[no-untyped-call]


def _draw_prices(axes: Axes, account: NightAccount, tz: ZoneInfo) -> None:
    shown = [slot for slot in account.slots if slot.starts_at < account.departs_at]
    prices = [float(slot.price_per_kwh) for slot in shown]
    if shown:
        edges = [slot.starts_at for slot in shown] + [shown[-1].ends_at]
        axes.stairs(prices, _days(edges, tz), color=PRICE, linewidth=1.5)
    axes.set_ylabel(f"price [{account.currency}/kWh]")
    axes.set_ylim(bottom=min(0.0, *prices) if prices else 0.0)
    axes.grid(axis="y", alpha=0.3)


def last_plan(log: Sequence[LogEntry]) -> ChargingPlan | None:
    """The plan in force at the end of the night."""
    plans = [entry.data["plan"] for entry in log if entry.name == "plan_ready"]
    return ChargingPlan.model_validate(plans[-1]) if plans else None


def _draw_plan(axes: Axes, log: Sequence[LogEntry], tz: ZoneInfo) -> None:
    plan = last_plan(log)
    if plan is None:
        return
    power = [plan.power_kw(t) for t in range(len(plan.energy_ac_kwh))]
    axes.stairs(power, _days(plan.edges, tz), fill=True, color=PLAN, label="plan")


def _draw_power(axes: Axes, account: NightAccount, readings: Sequence[Reading], tz: ZoneInfo) -> None:
    """The charger's meter where there is one, else the car's."""
    side = Side.CHARGER if account.charger_id else Side.VEHICLE
    points: list[tuple[datetime, float]] = []
    for reading in readings:
        power = measured_power_kw(reading)
        if reading.side is side and reading.observed_at is not None and power is not None:
            points.append((reading.observed_at.astimezone(tz), power))
    if points:
        times, powers = zip(*points, strict=True)
        axes.step(times, powers, where="post", color=POWER, linewidth=1.5, label=f"measured at the {side.value}")
    axes.set_ylabel("power [kW]")
    axes.set_ylim(0, HEADROOM_KW)


def _draw_level(axes: Axes, account: NightAccount, readings: Sequence[Reading], tz: ZoneInfo) -> None:
    points = [
        (reading.observed_at.astimezone(tz), reading.soc_pct)
        for reading in readings
        if reading.soc_pct is not None and reading.observed_at is not None
    ]
    if points:
        times, levels = zip(*points, strict=True)
        axes.plot(times, levels, color=LEVEL, linewidth=1.5)
    axes.axhline(account.target_soc_pct, color=LEVEL, linestyle="--", linewidth=0.8)
    axes.set_ylabel("level [%]", color=LEVEL)
    axes.set_ylim(0, 100)


def _draw_commands(axes: Axes, log: Sequence[LogEntry], tz: ZoneInfo) -> None:
    """A mark where each command was decided, green if proven, red if not."""
    results = {e.data["outcome"]["number"]: e.data["outcome"] for e in log if e.name == "command_ended"}
    for entry in log:
        for effect in entry.data.get("effects", ()):
            if effect["type"] != "send":
                continue
            order = effect["order"]
            result = results.get(order["number"], {}).get("result", "unproven")
            colour = RESULT_COLOURS.get(result, "#8a8f98")
            (at,) = _days([entry.at], tz)
            axes.axvline(at, color=colour, linewidth=1)
            words = f" {order['goal']} {order['side']}: {result.replace('_', ' ')}"
            axes.text(at, HEADROOM_KW - 0.2, words, rotation=90, va="top", ha="right", fontsize=8, color=colour)
