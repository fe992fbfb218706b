"""The slots of a night and their money: measured energy, the baseline, and what perfect foresight would have paid.

All three draw the very same energy under the same tariff, so what they differ by is time alone.
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from domain.metering import Meter, Plug, Stretch
from domain.model import Instant, Model
from domain.prices import PriceSeries
from domain.tariff import Tariff

ENERGY_STEP_KWH = Decimal("0.0001")
MONEY_STEP = Decimal("0.000001")

_HOUR = timedelta(hours=1)


class SlotAccount(Model):
    """Measured energy and money of one tariff slot."""

    starts_at: Instant
    ends_at: Instant
    price_per_kwh: Decimal  # all-in [currency/kWh]
    energy_ac_kwh: Decimal  # by meter
    baseline_ac_kwh: Decimal  # what charging at once at plug-in would have drawn


class Settled(NamedTuple):
    """The slots of a night, and for how long the market told no price that was needed."""

    slots: tuple[SlotAccount, ...]
    unpriced: timedelta


class Money(NamedTuple):
    """What the night cost, and what it would have cost otherwise [currency]."""

    cost: Decimal
    baseline_cost: Decimal
    best_cost: Decimal


class _Priced(NamedTuple):
    """A stretch of the night with one price of the market; None: unknown."""

    starts_at: datetime
    ends_at: datetime
    market_per_kwh: float | None


def settled_slots(
    plug: Plug, profile: Sequence[Stretch], prices: PriceSeries, tariff: Tariff, departs_at: datetime
) -> Settled:
    """Energy, baseline and price of every slot, cut where a price changes and at the departure.

    A slot without a market price carries the mean of those with one; none at all, fees alone.
    """
    grid = _grid(plug.starts_at, plug.ends_at, prices, {departs_at, *tariff.changes(plug.starts_at, plug.ends_at)})
    known = [(p.market_per_kwh, p.ends_at - p.starts_at) for p in grid if p.market_per_kwh is not None]
    known_span = sum((span for _, span in known), timedelta(0))
    mean = sum(price * (span / known_span) for price, span in known)
    meter = Meter(profile)
    drawn = [meter.until(p.ends_at) for p in grid]
    at_once = _at_once(grid, drawn, plug.max_power_kw)
    slots = tuple(
        SlotAccount(
            starts_at=p.starts_at,
            ends_at=p.ends_at,
            price_per_kwh=tariff.price_at(p.starts_at, mean if p.market_per_kwh is None else p.market_per_kwh),
            energy_ac_kwh=energy,
            baseline_ac_kwh=baseline,
        )
        for p, energy, baseline in zip(grid, _rounded(drawn), _rounded(at_once), strict=True)
    )
    unpriced = plug.ends_at - plug.starts_at - known_span if tariff.needs_market else timedelta(0)
    return Settled(slots, unpriced)


def money_of(slots: Sequence[SlotAccount], max_power_kw: float, departs_at: datetime) -> Money:
    """The night's money, rounded to MONEY_STEP, half to even."""
    cost = sum((slot.energy_ac_kwh * slot.price_per_kwh for slot in slots), Decimal(0))
    baseline = sum((slot.baseline_ac_kwh * slot.price_per_kwh for slot in slots), Decimal(0))
    best = _with_foresight(slots, max_power_kw, departs_at)
    return Money(*(amount.quantize(MONEY_STEP) for amount in (cost, baseline, best)))


def _with_foresight(slots: Iterable[SlotAccount], max_power_kw: float, departs_at: datetime) -> Decimal:
    """What was drawn before departure, in the cheapest slots before it at full power; what came after stays as it is.

    A slot holds what full power draws in it, and what it really held if that was more: no real night beats this.
    """
    total = left = Decimal(0)
    open_slots = []
    for slot in slots:
        if slot.starts_at >= departs_at:
            total += slot.energy_ac_kwh * slot.price_per_kwh
        else:
            left += slot.energy_ac_kwh
            open_slots.append(slot)
    for slot in sorted(open_slots, key=lambda slot: (slot.price_per_kwh, slot.starts_at)):
        nominal = Decimal(repr(max_power_kw * ((slot.ends_at - slot.starts_at) / _HOUR))).quantize(ENERGY_STEP_KWH)
        take = min(left, max(nominal, slot.energy_ac_kwh, slot.baseline_ac_kwh))
        total += take * slot.price_per_kwh
        left -= take
    return total


def _grid(starts_at: datetime, ends_at: datetime, prices: PriceSeries, cuts: set[datetime]) -> list[_Priced]:
    """The night cut at price changes, gaps of the prices included, and at `cuts`."""
    edges = {starts_at, ends_at, *cuts}
    for slot in prices.slots:
        edges.update((slot.starts_at, slot.ends_at))
    inside = sorted(edge for edge in edges if starts_at <= edge <= ends_at)
    known = {slot.starts_at: slot for slot in prices.slots}
    grid: list[_Priced] = []
    current = next((slot for slot in prices.slots if slot.starts_at <= starts_at < slot.ends_at), None)
    for start, end in itertools.pairwise(inside):
        current = known.get(start, current)
        is_known = current is not None and start < current.ends_at
        grid.append(_Priced(start, end, current.price_per_kwh if current is not None and is_known else None))
    return grid


def _at_once(grid: list[_Priced], drawn: list[float], max_power_kw: float) -> list[float]:
    """The same energy drawn at full power from the beginning on [kWh, cumulated at slot ends]. If the meter showed more
    power than the maximum, so does the baseline."""
    if not grid:
        return []
    begins_at, total_kwh = grid[0].starts_at, drawn[-1]
    power_kw = max(max_power_kw, total_kwh / ((grid[-1].ends_at - begins_at) / _HOUR))
    return [*(min(total_kwh, power_kw * ((p.ends_at - begins_at) / _HOUR)) for p in grid[:-1]), total_kwh]


def _rounded(cumulated_kwh: list[float]) -> list[Decimal]:
    """Energy per slot in steps of `ENERGY_STEP_KWH`; equal totals stay equal."""
    steps = [Decimal(repr(kwh)).quantize(ENERGY_STEP_KWH) for kwh in (0.0, *cumulated_kwh)]
    return [b - a for a, b in itertools.pairwise(steps)]
