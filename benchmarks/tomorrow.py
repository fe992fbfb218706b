"""Plugged in before tomorrow's prices are out: `python -m benchmarks.tomorrow` writes tomorrow.md.

A car is plugged in between 06 and 13 o'clock and leaves at 07 the next day. Prices reach to midnight; the rest is
`domain.forecast`. At 13 o'clock tomorrow's prices are out and the rest is planned anew, or, for comparison, is not.
Regret: all-in cost over that of a plan that knew everything at plug-in.
"""

import csv
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.forecast import market_prices
from domain.plan import ControlKind, PlanProblem
from domain.prices import PriceSeries, PriceSlot
from planner import plan

PRICES = Path(__file__).with_name("data") / "nl-day-ahead-2019-2022.csv"
ZONE = ZoneInfo("Europe/Amsterdam")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST_DAY, LAST_DAY = date(2019, 1, 10), date(2022, 12, 30)
PLUG_IN_HOURS = (6, 9, 12)  # on every day
HISTORY = 9 * DAY  # what a session has of the past
DRAWS = 1_000
TAXES_EUR_PER_KWH = 0.15
POWERS_KW = {3.7: 10, 7.4: 25, 11.0: 55, 22.0: 10}  # chargers and how common they are
PERIODS = {  # the forecast's span and share were chosen on the first two years
    "2019": (2019,),
    "2020": (2020,),
    "2021": (2021,),
    "2022": (2022,),
    "2019 and 2020: the forecast was chosen on them": (2019, 2020),
    "2021 and 2022: it had not seen them": (2021, 2022),
    "all": (2019, 2020, 2021, 2022),
}


Day = list[tuple[float, float, float]]
"""What the cases of a day cost: with perfect knowledge, with a new plan at publication, without one [EUR]."""


class Case(NamedTuple):
    """A car on a day: edges by the hour, and what it can and must take [at the meter]."""

    edges: tuple[datetime, ...]
    known_until: datetime
    published_at: datetime
    power_kw: float
    need_kwh: float


class Prices:
    """The real prices, and what was known of them at an instant."""

    def __init__(self) -> None:
        with PRICES.open(encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        slots = []
        for row in rows:
            midnight = datetime.fromisoformat(row[0]).replace(tzinfo=UTC)
            for t, price in enumerate(row[1:]):
                start = midnight + HOUR * t
                slots.append(PriceSlot(starts_at=start, ends_at=start + HOUR, price_per_kwh=float(price) / 1000))
        self.series = PriceSeries(area="NL", source=PRICES.name, slots=tuple(slots))

    def known(self, begin: datetime, end: datetime) -> PriceSeries:
        """Prices up to `end`, with the history before `begin`."""
        first = self.series.slots[0].starts_at
        kept = self.series.slots[max(0, (begin - HISTORY - first) // HOUR) : (end - first) // HOUR]
        return self.series.model_copy(update={"slots": kept})


def make_case(day: date, hour: int, dice: random.Random) -> Case:
    midnight = datetime.combine(day, time(), ZONE)
    tomorrow = midnight + DAY
    begin, leave = midnight.replace(hour=hour).astimezone(UTC), tomorrow.replace(hour=7).astimezone(UTC)
    edges = tuple(begin + HOUR * t for t in range((leave - begin) // HOUR + 1))
    (power,) = dice.choices(list(POWERS_KW), list(POWERS_KW.values()))
    publication = midnight.replace(hour=13).astimezone(UTC)
    return Case(edges, tomorrow.astimezone(UTC), publication, power, dice.uniform(5.0, 45.0))


def make_problem(case: Case, first: int, prices: tuple[float, ...], need_kwh: float) -> PlanProblem:
    """The rest of the case from slot `first` on, at market prices of these slots [EUR/kWh]."""
    return PlanProblem(
        edges=case.edges[first:],
        price_per_kwh=tuple(price + TAXES_EUR_PER_KWH for price in prices),
        battery_capacity_kwh=100.0,
        soc_dc_kwh=0.0,
        target_dc_kwh=need_kwh,
        max_power_kw=case.power_kw,
        efficiency=1.0,
        control=ControlKind.MODULATED,
    )


def costs(case: Case, prices: Prices) -> tuple[float, float, float]:
    """Cost with perfect knowledge, with a new plan at publication, without one [EUR]."""
    instants, begin = case.edges[:-1], case.edges[0]
    real, _ = market_prices(prices.known(begin, case.edges[-1]), instants)
    perfect = plan(make_problem(case, 0, real, case.need_kwh)).cost
    guessed, _ = market_prices(prices.known(begin, case.known_until), instants)
    first = plan(make_problem(case, 0, guessed, case.need_kwh))
    paid = [(price + TAXES_EUR_PER_KWH) * kwh for price, kwh in zip(real, first.energy_ac_kwh, strict=True)]
    cut = sum(1 for instant in instants if instant < case.published_at)
    rest = case.need_kwh - sum(first.energy_ac_kwh[:cut])
    again = plan(make_problem(case, cut, real[cut:], max(0.0, rest)))
    return perfect, sum(paid[:cut]) + again.cost, sum(paid)


def main() -> None:
    prices, dice = Prices(), random.Random(2022)
    calendar = [FIRST_DAY + DAY * number for number in range((LAST_DAY - FIRST_DAY) // DAY + 1)]
    days = [[costs(make_case(day, hour, dice), prices) for hour in PLUG_IN_HOURS] for day in calendar]
    lines = []
    for name, years in PERIODS.items():
        chosen = [cases for day, cases in zip(calendar, days, strict=True) if day.year in years]
        reach = "<= 0.2 %" if name == "all" else ""
        cases = len(chosen) * len(PLUG_IN_HOURS)
        lines.append(f"| {name} | {cases:,} | {_interval(chosen, 1)} | {_interval(chosen, 2)} | {reach} |")
    powers = " / ".join(f"{power:g}" for power in POWERS_KW)
    text = (
        "# Plugged in before tomorrow's prices are out\n\n"
        f"Every day of Dutch prices from {FIRST_DAY} to {LAST_DAY}, plugged in at {', '.join(map(str, PLUG_IN_HOURS))} "
        f"o'clock until 7 the next day, {powers} kW by {' / '.join(map(str, POWERS_KW.values()))} %, 5..45 kWh, "
        f"all-in (market + {TAXES_EUR_PER_KWH} EUR/kWh); `python -m benchmarks.tomorrow`.\n"
        "Regret: cost over that of perfect knowledge; in brackets the 95 % interval when days are drawn anew.\n\n"
        "| years | cases | planned anew at publication | planned once | reach |\n|---|---|---|---|---|\n"
        + "\n".join(lines)
        + "\n"
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
