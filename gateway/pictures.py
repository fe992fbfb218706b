"""A plan as a picture: prices as steps, charging as bars, the level to come as a line. SVG, light or dark."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from domain.plan import ChargingPlan
from domain.session.state import SessionState

_DRAWING = ThreadPoolExecutor(1, thread_name_prefix="picture")
"""Matplotlib draws one at a time; its caches are not made for several threads."""


class Theme(StrEnum):
    LIGHT = "light"
    DARK = "dark"


_COLOURS = {
    Theme.LIGHT: {"ink": "#1c2530", "price": "#5b6472", "bar": "#1f6fb5", "level": "#1d7a46", "grid": "#c9ced6"},
    Theme.DARK: {"ink": "#e6e9ee", "price": "#a9b2bf", "bar": "#6fb1f0", "level": "#66c48f", "grid": "#3a424e"},
}

_LABELS = {
    "en": {"price": "price [{currency}/kWh]", "power": "charging [kW]", "level": "level [%]", "now": "now"},
    "de": {"price": "Preis [{currency}/kWh]", "power": "Laden [kW]", "level": "Ladestand [%]", "now": "jetzt"},
}


async def draw_plan(plan: ChargingPlan, state: SessionState, *, now: datetime, theme: Theme, language: str) -> bytes:
    """The picture as SVG. Drawn on a thread of its own."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_DRAWING, _draw, plan, state, now, theme, language)


def _draw(plan: ChargingPlan, state: SessionState, now: datetime, theme: Theme, language: str) -> bytes:
    # Half of the gateway's start would be Matplotlib's.
    import matplotlib
    from matplotlib import dates
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    colours, labels = _COLOURS[theme], _LABELS.get(language.split("-")[0].lower(), _LABELS["en"])
    tz = ZoneInfo(state.wish.zone)
    edges: list[Any] = [float(dates.date2num(edge.astimezone(tz))) for edge in plan.edges]  # type: ignore[no-untyped-call]
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "nightcharge", "font.size": 9}):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        bars = figure.add_subplot()
        bars.patch.set_alpha(0)
        power = [plan.power_kw(t) for t in range(len(plan.energy_ac_kwh))]
        bars.stairs(power, edges, fill=True, color=colours["bar"], label=labels["power"])
        bars.set_ylabel(labels["power"], color=colours["bar"])
        bars.set_ylim(0, max([*power, 1.0]) * 1.25)
        prices = bars.twinx()
        prices.stairs(
            plan.price_per_kwh,
            edges,
            color=colours["price"],
            linewidth=1.5,
            baseline=None,
            label=labels["price"].format(currency=state.tariff.currency),
        )
        prices.set_ylabel(labels["price"].format(currency=state.tariff.currency), color=colours["price"])
        if plan.edges[0] <= now <= plan.edges[-1]:
            bars.axvline(float(dates.date2num(now.astimezone(tz))), color=colours["ink"], linewidth=1)  # type: ignore[no-untyped-call]
        bars.set_xlim(edges[0], edges[-1])
        bars.xaxis.set_major_locator(dates.AutoDateLocator(tz=tz, maxticks=8))  # type: ignore[no-untyped-call]
        bars.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=tz))  # type: ignore[no-untyped-call]
        for axes in (bars, prices):
            axes.tick_params(colors=colours["ink"])
            for spine in axes.spines.values():
                spine.set_color(colours["grid"])
        sink = io.BytesIO()
        figure.savefig(sink, format="svg", metadata={"Date": None, "Title": _title(plan, tz)})
    return sink.getvalue()


def _title(plan: ChargingPlan, tz: ZoneInfo) -> str:
    """The picture in words, for those who do not see it."""
    runs = []
    t, n = 0, len(plan.energy_ac_kwh)
    while t < n:
        if plan.is_on(t):
            start = t
            while t < n and plan.is_on(t):
                t += 1
            runs.append(f"{plan.edges[start].astimezone(tz):%H:%M}-{plan.edges[t].astimezone(tz):%H:%M}")
        else:
            t += 1
    total = sum(plan.energy_ac_kwh)
    span = (plan.edges[-1] - plan.edges[0]) / timedelta(hours=1)
    return f"{total:.1f} kWh in {span:.0f} h: {', '.join(runs) or 'nothing to charge'}"
