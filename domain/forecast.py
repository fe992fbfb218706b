"""Prices that are not out yet: a typical week brought to today's level. Ours, not the market's, and marked as such."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.prices import PriceSeries

DAY = timedelta(days=1)
DAYS = 7
"""A week evens out weekdays and weekends; a longer memory follows the level too slowly."""

LEVEL_SPAN = timedelta(hours=3)
"""The last known hours tell by how much what follows is dearer than the week: the nearest hours tell most."""

LEVEL_SHARE = 0.8
"""So much of it lasts. Span and share are those that came nearest to the Dutch nights of 2019 and 2020; how they do in
the years after is in benchmarks/tomorrow.md."""


class _Known:
    """Known prices, found by instant."""

    def __init__(self, series: PriceSeries) -> None:
        self.slots = series.slots
        self.starts = [slot.starts_at for slot in series.slots]

    def at(self, instant: datetime) -> float | None:
        k = bisect_right(self.starts, instant) - 1
        if k < 0 or instant >= self.slots[k].ends_at:
            return None
        return self.slots[k].price_per_kwh

    def typical_at(self, instant: datetime) -> float | None:
        """Mean of the prices known at this time of day on the seven days before; None: none is."""
        days = [self.at(instant - DAY * k) for k in range(1, DAYS + 1)]
        known = [price for price in days if price is not None]
        return sum(known) / len(known) if known else None

    def level(self) -> float:
        """By how much prices are expected above what is typical: a share of what the last known hours were
        [currency/kWh]."""
        since = self.slots[-1].ends_at - LEVEL_SPAN
        weighted, span = 0.0, timedelta(0)
        for slot in self.slots[bisect_left(self.starts, since) :]:
            typical = self.typical_at(slot.starts_at)
            if typical is not None:
                length = slot.ends_at - slot.starts_at
                weighted += (slot.price_per_kwh - typical) * (length / DAY)
                span += length
        return LEVEL_SHARE * weighted / (span / DAY) if span else 0.0

    def mean(self) -> float:
        """Mean of the last day of known prices [currency/kWh]."""
        recent = self.slots[bisect_left(self.starts, self.slots[-1].ends_at - DAY) :] or self.slots[-1:]
        return sum(slot.price_per_kwh for slot in recent) / len(recent)


def market_prices(series: PriceSeries, instants: Sequence[datetime]) -> tuple[tuple[float, ...], tuple[bool, ...]]:
    """The market price at each instant [currency/kWh], and for each whether it is a forecast.

    An unknown price is the mean of this time of day on the last seven days, moved by most of what the last known
    hours lie above their own seven days before. With less history: the mean of the last known day; with none: 0, which
    leaves the order of slots to the tie-break, the earlier first.
    """
    known = _Known(series)
    prices = [known.at(instant) for instant in instants]
    if None not in prices:
        return tuple(price for price in prices if price is not None), (False,) * len(prices)
    level, fallback = (known.level(), known.mean()) if series.slots else (0.0, 0.0)
    filled = []
    for instant, price in zip(instants, prices, strict=True):
        if price is None:
            typical = known.typical_at(instant)
            price = fallback if typical is None else typical + level
        filled.append(price)
    return tuple(filled), tuple(price is None for price in prices)
