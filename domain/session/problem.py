"""From a session's plan request and the known prices to the planner's problem."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil

from domain.forecast import market_prices
from domain.plan import ControlKind, PlanProblem
from domain.prices import PriceSeries
from domain.reliability import Reliability
from domain.session.effects import PlanRequest
from domain.tariff import Tariff

SLOT = timedelta(minutes=5)
"""Grid of the plan where prices do not set a finer one. An on/off car draws whole slots in the plan, while a session
stops at the target: with quarter hours the plan would pay for up to 2.75 kWh that are never drawn, or top up at a dear
hour to avoid them."""

MIN_RUN = timedelta(minutes=30)
"""Shortest run and shortest pause of an on/off car: relays and cars dislike less."""


def problem_for(request: PlanRequest, prices: PriceSeries) -> PlanProblem:
    """The planning problem of the rest of the night. Where no market price is out yet, a forecast stands, marked.

    Commands over a route that fails more often cost more, and slots near departure carry the risk of a start that must
    be tried again (`domain.reliability`). Switches that come later by chance are planned earlier by the mean of it, and
    the plan ends early enough for the latest. A car that might not resume gets a pause that lasts to departure, so one
    block.
    """
    tariff = request.tariff
    delay = timedelta(seconds=min(request.spread_seconds, _longest_spread(request)) / 2)
    edges = _edges(request.starts_at + delay, request.departs_at - delay, prices, tariff)
    market, is_forecast = market_prices(prices, edges[:-1])
    trust = Reliability.of_route(request.route)
    is_onoff = request.control is ControlKind.ONOFF
    capacity = request.battery_capacity_kwh
    return PlanProblem(
        edges=tuple(edge - delay for edge in edges),
        price_per_kwh=_driver_prices(tariff, edges[:-1], market),
        is_forecast=is_forecast if tariff.needs_market else (),
        battery_capacity_kwh=capacity,
        soc_dc_kwh=capacity * request.soc_pct / 100,
        target_dc_kwh=capacity * max(request.target_soc_pct, request.soc_pct) / 100,
        min_dc_kwh=capacity * request.min_soc_pct / 100,
        max_power_kw=request.max_power_kw,
        efficiency=request.efficiency,
        control=request.control,
        min_on=MIN_RUN if is_onoff else timedelta(0),
        min_off=_shortest_pause(request) if is_onoff else timedelta(0),
        most_switches=request.most_switches if is_onoff else None,
        switch_cost=trust.command_cost if is_onoff else 0.0,
        risk_premium=trust.premium(edges),
        is_on_at_start=request.is_on,
        frozen_until=request.frozen_until,
        **_taper(request),
    )


def _shortest_pause(request: PlanRequest) -> timedelta:
    return max(MIN_RUN, request.departs_at - request.starts_at) if request.one_block else MIN_RUN


def _longest_spread(request: PlanRequest) -> float:
    """A spread that would leave less than a slot of the night is cut [s]."""
    return max(0.0, (request.departs_at - request.starts_at - SLOT).total_seconds())


def _taper(request: PlanRequest) -> dict[str, float]:
    """The falling power of a full battery, where it can be planned: only a car whose power is set freely (8.9)."""
    if request.control is not ControlKind.MODULATED or request.taper_from_pct is None or request.taper_from_pct >= 100:
        return {}
    return {
        "taper_from_dc_kwh": request.battery_capacity_kwh * request.taper_from_pct / 100,
        "taper_end_power_kw": min(request.taper_end_power_kw, request.max_power_kw),
    }


def _edges(starts_at: datetime, departs_at: datetime, prices: PriceSeries, tariff: Tariff) -> list[datetime]:
    """Slot boundaries: now, the grid, every change of the market's price and of the tariff's, the departure."""
    hour = starts_at.replace(minute=0, second=0, microsecond=0)
    tick = hour + ((starts_at - hour) // SLOT + 1) * SLOT
    ticks = [tick + k * SLOT for k in range(ceil((departs_at - tick) / SLOT))]
    first = bisect_right(prices.slots, starts_at, key=lambda slot: slot.ends_at)  # most are of the days before
    market = (at for slot in prices.slots[first:] for at in (slot.starts_at, slot.ends_at))
    market_changes = [at for at in market if starts_at < at < departs_at]
    # Each part is in order already, which makes sorting cheaper than a set of instants.
    edges = sorted([starts_at, *ticks, departs_at, *market_changes, *tariff.changes(starts_at, departs_at)])
    return [edge for edge, _ in groupby(edges)]


def _driver_prices(tariff: Tariff, instants: Sequence[datetime], market: Sequence[float]) -> tuple[float, ...]:
    """What a kWh costs the driver at each instant. A market's price holds for many slots, and is worked out once."""
    if not tariff.needs_market:
        return tuple(float(tariff.price_at(at)) for at in instants)
    known = {price: float(tariff.all_in(price)) for price in set(market)}
    return tuple(known[price] for price in market)
