"""Plugged in before tomorrow's prices are out: `python -m benchmarks.tomorrow` writes tomorrow.md.

A car is plugged in between 06 and 13 o'clock and leaves at 07 the next day. Prices reach to midnight; the rest is
`domain.forecast`. At 13 o'clock tomorrow's prices are out and the rest is planned anew, or, for comparison, is not.
Regret: all-in cost over that of a plan that knew everything at plug-in.
"""

import csv
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.forecast import market_prices
from domain.plan import ControlKind, PlanProblem
from domain.prices import PriceSeries, PriceSlot
from planner import plan

PRICES = Path(__file__).resolve().parents[1] / "providers" / "prices" / "data" / "nl-day-ahead-2022.csv"
ZONE = ZoneInfo("Europe/Amsterdam")
HOUR = timedelta(hours=1)
DAYS = 350  # from 10 January on
PLUG_IN_HOURS = (6, 9, 12)  # on every day
DRAWS = 1_000
TAXES_EUR_PER_KWH = 0.15
POWER_KW = 11.0


Day = list[tuple[float, float, float]]
"""What the cases of a day cost: with perfect knowledge, with a new plan at publication, without one [EUR]."""


class Case(NamedTuple):
    """A car on a day: edges by the hour, real prices, and what it needs [kWh at the meter]."""

    edges: tuple[datetime, ...]
    known_until: datetime
    published_at: datetime
    need_kwh: float


def read_prices() -> PriceSeries:
    with PRICES.open(encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row and row[0][:1].isdigit()]
    slots = []
    for row in rows:
        start = datetime.fromisoformat(row[0])
        start = start if start.tzinfo else start.replace(tzinfo=UTC)
        slots.append(PriceSlot(starts_at=start, ends_at=start + HOUR, price_per_kwh=float(row[1]) / 1000))
    return PriceSeries(area="NL", source=PRICES.name, slots=tuple(slots))


def make_case(number: int, hour: int, need_kwh: float) -> Case:
    day = datetime(2022, 1, 10, tzinfo=ZONE) + timedelta(days=number)
    begin = day.replace(hour=hour).astimezone(UTC)
    leave = (day + timedelta(days=1)).replace(hour=7).astimezone(UTC)
    edges = tuple(begin + HOUR * t for t in range((leave - begin) // HOUR + 1))
    midnight = (day + timedelta(days=1)).replace(hour=0).astimezone(UTC)
    return Case(edges, midnight, day.replace(hour=13).astimezone(UTC), need_kwh)


def make_problem(edges: tuple[datetime, ...], prices: tuple[float, ...], need_kwh: float) -> PlanProblem:
    return PlanProblem(
        edges=edges,
        price_per_kwh=tuple(price + TAXES_EUR_PER_KWH for price in prices),
        battery_capacity_kwh=100.0,
        soc_dc_kwh=0.0,
        target_dc_kwh=need_kwh,
        max_power_kw=POWER_KW,
        efficiency=1.0,
        control=ControlKind.MODULATED,
    )


def costs(case: Case, series: PriceSeries) -> tuple[float, float, float]:
    """Cost with perfect knowledge, with a new plan at publication, without one [EUR]."""
    instants = case.edges[:-1]
    truth = _until(series, case.edges[0], case.edges[-1])
    real, _ = market_prices(truth, instants)
    perfect = plan(make_problem(case.edges, real, case.need_kwh)).cost
    guessed, _ = market_prices(_until(series, case.edges[0], case.known_until), instants)
    first = plan(make_problem(case.edges, guessed, case.need_kwh))
    paid = [(price + TAXES_EUR_PER_KWH) * kwh for price, kwh in zip(real, first.energy_ac_kwh, strict=True)]
    cut = sum(1 for instant in instants if instant < case.published_at)
    rest = case.need_kwh - sum(first.energy_ac_kwh[:cut])
    again = plan(make_problem(case.edges[cut:], real[cut:], max(0.0, rest)))
    return perfect, sum(paid[:cut]) + again.cost, sum(paid)


def _until(series: PriceSeries, begin: datetime, end: datetime) -> PriceSeries:
    """Nine days of prices up to `end`."""
    kept = tuple(slot for slot in series.slots if begin - timedelta(days=9) <= slot.starts_at < end)
    return series.model_copy(update={"slots": kept})


def main() -> None:
    series, dice = read_prices(), random.Random(2022)
    days = [
        [costs(make_case(day, hour, dice.uniform(5.0, 45.0)), series) for hour in PLUG_IN_HOURS] for day in range(DAYS)
    ]
    text = (
        "# Plugged in before tomorrow's prices are out\n\n"
        f"{DAYS * len(PLUG_IN_HOURS):,} cases, every day of Dutch prices of 2022 from 10 January on, plugged in at "
        f"{', '.join(map(str, PLUG_IN_HOURS))} o'clock, {POWER_KW:g} kW, 5..45 kWh, "
        f"all-in (market + {TAXES_EUR_PER_KWH} EUR/kWh); `python -m benchmarks.tomorrow`.\n"
        "In brackets the 95 % interval when days are drawn anew.\n\n"
        "| | regret | reach |\n|---|---|---|\n"
        f"| forecast, planned anew at publication | {_interval(days, 1)} | <= 0.2 % |\n"
        f"| forecast, planned once | {_interval(days, 2)} | |\n"
    )
    print(text)
    Path(__file__).with_name("tomorrow.md").write_text(text, encoding="utf-8")


def _interval(days: Sequence[Day], column: int) -> str:
    """The regret of a column of the costs, and its interval."""
    dice = random.Random(1)
    drawn = sorted(_regret(dice.choices(days, k=len(days)), column) for _ in range(DRAWS))
    return f"{_regret(days, column):+.3%} ({drawn[DRAWS // 40]:+.3%} .. {drawn[-DRAWS // 40]:+.3%})"


def _regret(days: Sequence[Day], column: int) -> float:
    cases = [case for day in days for case in day]
    return sum(case[column] for case in cases) / sum(case[0] for case in cases) - 1


if __name__ == "__main__":
    main()
