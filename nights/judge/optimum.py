"""The least a night could have cost: prices, power and levels known beforehand.

Which hours to use is free, which level a kWh goes into is not: a battery takes less power near its top. Left out is the
order of levels in time, so the figure is a lower bound, and exact for a battery that takes the same power throughout.
"""

from datetime import datetime, timedelta

from nights.judge.truth import HOUR, Priced, Truth


def least_cost(truth: Truth, from_pct: float, to_pct: float, starts_at: datetime, ends_at: datetime) -> float:
    """The least all-in cost [currency] of charging from one level to another within `[starts_at, ends_at)`.

    A minimum level is charged at once, as the driver wants it. What does not fit is left out.
    """
    cost = 0.0
    min_pct = min(truth.wish.min_pct, to_pct)
    if from_pct < min_pct:
        hours = sum(span for span, _ in truth.hours_to(from_pct, min_pct))
        until = min(starts_at + timedelta(hours=hours), ends_at)
        cost += _fill(truth.hours_to(from_pct, min_pct), _cut(truth.prices, starts_at, until))
        from_pct, starts_at = min_pct, until
    return cost + _fill(truth.hours_to(from_pct, to_pct), _cut(truth.prices, starts_at, ends_at))


def _cut(prices: tuple[Priced, ...], starts_at: datetime, ends_at: datetime) -> list[tuple[float, float]]:
    """Price and hours of every slot within the span."""
    return [
        (slot.price, (min(slot.ends_at, ends_at) - max(slot.starts_at, starts_at)) / HOUR)
        for slot in prices
        if slot.starts_at < ends_at and slot.ends_at > starts_at
    ]


def _fill(bands: list[tuple[float, float]], slots: list[tuple[float, float]]) -> float:
    """The cheapest hours, the highest power in the cheapest of them (rearrangement); dear ones pay for low power.

    With a negative price the highest power still belongs to the lowest price.
    """
    waiting = sorted(slots)
    cost = 0.0
    for hours, kw in sorted(bands, key=lambda band: -band[1]):
        while hours > 1e-9 and waiting:
            price, span = waiting[0]
            used = min(hours, span)
            cost += price * kw * used
            hours -= used
            waiting[0] = (price, span - used)
            if span - used <= 1e-9:
                waiting.pop(0)
    return cost
