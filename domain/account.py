"""The account of one night, as it is stored and never revised.

Energies are rounded to 0.0001 kWh, prices and money to 0.000001; half goes to the even digit. Cumulated energy is
rounded, not the slots, so that the slots add up to the total exactly. The baseline draws the very same energy, so the
saving is that of time alone.
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from domain.commands import CommandOutcome, CommandResult
from domain.devices import PowerDeliveryState, Reading
from domain.metering import Meter, Plug, Stretch, power_profile, soc_points
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


class NightAccount(Model):
    """What a night brought: energy by meter, money under the tariff, readiness with its reason."""

    session_id: str
    number: int  # night within the session, from 1
    driver_id: str
    vehicle_id: str
    charger_id: str | None
    route: str  # side that carried the night's last proven command: "charger", "vehicle" or "none"
    plugged_in_at: Instant
    departs_at: Instant
    closed_at: Instant
    ready_at: Instant | None  # when the target was reached, by reading; None: it was not
    is_ready: bool
    why: str  # why ready or not, for the record
    soc_start_pct: float | None
    soc_end_pct: float | None
    target_soc_pct: float
    currency: str
    energy_ac_kwh: Decimal
    cost: Decimal
    baseline_cost: Decimal  # charging at once at plug-in, same energy, same tariff
    saving: Decimal  # baseline_cost - cost
    commands_sent: int
    commands_proven: int
    slots: tuple[SlotAccount, ...] = ()


class NightFacts(Model):
    """What the account needs to know of a night beside readings, outcomes and prices."""

    session_id: str
    number: int
    driver_id: str
    vehicle_id: str
    charger_id: str | None
    plugged_in_at: Instant
    begins_at: Instant | None = None  # None: at plug-in; later nights begin where the one before was closed
    departs_at: Instant
    closed_at: Instant
    target_soc_pct: float
    soc_start_pct: float | None = None  # at the beginning, if known; else the first reading tells
    max_power_kw: float  # at the meter [kW]; what the baseline draws
    battery_capacity_kwh: float | None = None  # usable [kWh]; None: gaps cannot be filled from the state of charge
    efficiency: float = 0.9  # battery kWh per meter kWh

    @property
    def starts_at(self) -> datetime:
        return self.begins_at or self.plugged_in_at

    @property
    def ends_at(self) -> datetime:
        return max(self.starts_at, self.closed_at)

    @property
    def span(self) -> timedelta:
        return self.ends_at - self.starts_at

    def plug(self) -> Plug:
        """What is to be metered."""
        capacity = self.battery_capacity_kwh
        return Plug(
            vehicle_id=self.vehicle_id,
            charger_id=self.charger_id,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            max_power_kw=self.max_power_kw,
            ac_kwh_per_pct=capacity / 100 / self.efficiency if capacity else None,
            soc_start_pct=self.soc_start_pct,
        )


def settle_night(
    night: NightFacts,
    readings: Sequence[Reading],
    outcomes: Sequence[CommandOutcome],
    prices: PriceSeries,
    tariff: Tariff,
) -> NightAccount:
    """The account of a night by its raw readings.

    Order and repetition of readings and outcomes do not matter. Slots without a market price carry the mean of those
    with one (none at all: fees alone), and `why` says so. Ready means that a reading at or before the departure showed
    the target.
    """
    plug = night.plug()
    profile = power_profile(plug, readings)
    slots, unpriced = _slots(plug, profile, prices, tariff)
    cost, baseline_cost = (_money(total) for total in _costs(slots))
    socs = soc_points(plug, readings)
    ready_at = next((at for at, soc_pct in socs if soc_pct >= night.target_soc_pct), None)
    unique = {outcome.key: outcome for outcome in sorted(outcomes, key=lambda o: (o.ended_at, o.number))}.values()
    proven = [outcome for outcome in unique if outcome.result is CommandResult.PROVEN]
    return NightAccount(
        session_id=night.session_id,
        number=night.number,
        driver_id=night.driver_id,
        vehicle_id=night.vehicle_id,
        charger_id=night.charger_id,
        route=max(proven, key=lambda o: (o.ended_at, o.number)).side.value if proven else "none",
        plugged_in_at=night.plugged_in_at,
        departs_at=night.departs_at,
        closed_at=night.closed_at,
        ready_at=ready_at,
        is_ready=ready_at is not None and ready_at <= night.departs_at,
        why="; ".join(_reasons(night, readings, socs, ready_at, unpriced, profile)),
        soc_start_pct=socs[0][1] if socs else None,
        soc_end_pct=socs[-1][1] if socs else None,
        target_soc_pct=night.target_soc_pct,
        currency=tariff.currency,
        energy_ac_kwh=sum((slot.energy_ac_kwh for slot in slots), Decimal(0)),
        cost=cost,
        baseline_cost=baseline_cost,
        saving=baseline_cost - cost,
        commands_sent=sum(outcome.sent_at is not None for outcome in unique),
        commands_proven=len(proven),
        slots=slots,
    )


class _Priced(NamedTuple):
    """A stretch of the night with one market price; None: unknown."""

    starts_at: datetime
    ends_at: datetime
    market_per_kwh: float | None


def _slots(
    plug: Plug, profile: list[Stretch], prices: PriceSeries, tariff: Tariff
) -> tuple[tuple[SlotAccount, ...], timedelta]:
    """Energy, baseline and price of every slot of the night; and how long no price was known."""
    grid = _grid(plug.starts_at, plug.ends_at, prices)
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
            price_per_kwh=tariff.all_in(mean if p.market_per_kwh is None else p.market_per_kwh),
            energy_ac_kwh=energy,
            baseline_ac_kwh=baseline,
        )
        for p, energy, baseline in zip(grid, _rounded(drawn), _rounded(at_once), strict=True)
    )
    return slots, plug.ends_at - plug.starts_at - known_span


def _grid(starts_at: datetime, ends_at: datetime, prices: PriceSeries) -> list[_Priced]:
    """The night cut at price changes, gaps of the prices included."""
    grid: list[_Priced] = []
    now = starts_at
    for slot in prices.slots:
        start, end = max(slot.starts_at, now), min(slot.ends_at, ends_at)
        if start < end:
            if now < start:
                grid.append(_Priced(now, start, None))
            grid.append(_Priced(start, end, slot.price_per_kwh))
            now = end
    if now < ends_at:
        grid.append(_Priced(now, ends_at, None))
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


def _costs(slots: Iterable[SlotAccount]) -> tuple[Decimal, Decimal]:
    cost = baseline = Decimal(0)
    for slot in slots:
        cost += slot.energy_ac_kwh * slot.price_per_kwh
        baseline += slot.baseline_ac_kwh * slot.price_per_kwh
    return cost, baseline


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(MONEY_STEP)


def _reasons(
    night: NightFacts,
    readings: Iterable[Reading],
    socs: list[tuple[datetime, float]],
    ready_at: datetime | None,
    unpriced: timedelta,
    profile: list[Stretch],
) -> list[str]:
    """Why ready or not; then what the figures rest on, where it is less than a measurement."""
    reasons = [_readiness(night, readings, socs, ready_at)]
    if unpriced > timedelta(0):
        instead = "taken as the mean of the others" if unpriced < night.span else "fees alone counted"
        reasons.append(f"no market price for {unpriced / _HOUR:.2f} h, {instead}")
    guessed = [s for s in profile if not s.is_measured]
    if guessed:
        hours = sum((s.ends_at - s.starts_at for s in guessed), timedelta(0)) / _HOUR
        energy_kwh = sum(s.energy_kwh for s in guessed)
        there = f"{energy_kwh:.2f} kWh there by the state of charge" if energy_kwh > 0 else "nothing counted there"
        reasons.append(f"no measurement for {hours:.2f} h, {there}")
    return reasons


def _readiness(
    night: NightFacts, readings: Iterable[Reading], socs: list[tuple[datetime, float]], ready_at: datetime | None
) -> str:
    target = f"target {night.target_soc_pct:g} %"
    if ready_at is not None:
        late = " after the departure" if ready_at > night.departs_at else ""
        return f"{target} reached at {ready_at:%Y-%m-%d %H:%M}Z{late}"
    if not socs:
        return f"no level was read, {target}"
    limit_pct = _own_limit_pct(night, readings)
    if limit_pct is not None and limit_pct < night.target_soc_pct:
        return f"the car's own limit of {limit_pct:g} % is below the {target}"
    return f"{socs[-1][1]:g} % by the last reading, {target}"


def _own_limit_pct(night: NightFacts, readings: Iterable[Reading]) -> float | None:
    """The limit at which the car itself ended the charge; None if it did not."""
    ended = [
        (reading.observed_at, reading.charge_limit_pct)
        for reading in readings
        if reading.device_id == night.vehicle_id
        and reading.state is PowerDeliveryState.COMPLETE
        and reading.observed_at is not None
        and night.starts_at <= reading.observed_at <= night.ends_at
        and reading.charge_limit_pct is not None
    ]
    return max(ended)[1] if ended else None
