"""A planning problem, and the plan that answers it.

Columns, not rows: slot `t` of `n` spans `[edges[t], edges[t + 1])`; every column has `n` entries. Energies carry their
side: `_ac_` at the meter, `_dc_` in the battery. The model behind it is in docs/planner.md.
"""

from bisect import bisect_right
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import Annotated, Self

from pydantic import Field, model_validator

from domain.model import Instant, Model, Request


class ControlKind(StrEnum):
    """How a car's power can be set."""

    MODULATED = "modulated"  # anything from 0 to the maximum
    SEMICONTINUOUS = "semicontinuous"  # 0, or anything from the minimum to the maximum
    ONOFF = "onoff"  # the maximum or nothing


MOST_SLOTS = 3_000  # a month of quarter hours
LARGEST_PRICE = 1e6  # [currency/kWh], of any currency
LARGEST_ENERGY_KWH = 10_000.0
DRAWING_KWH = 1e-6  # a slot with less draws nothing
ROUND_OFF = 1 + 1e-9  # a level computed as percent times capacity may exceed the capacity by this

Energy = Annotated[float, Field(ge=0, le=LARGEST_ENERGY_KWH, allow_inf_nan=False)]


class PlanProblem(Request):
    """One car, one night: everything the planner may know. Validation errors name the field and its unit."""

    edges: tuple[Instant, ...]  # n + 1 slot boundaries, strictly rising; the last one is the departure
    price_per_kwh: tuple[float, ...]  # all-in price per slot [currency/kWh], may be negative
    is_forecast: tuple[bool, ...] = ()  # per slot: price is ours, not the market's; empty: none is
    battery_capacity_kwh: Energy = Field(gt=0)  # usable [kWh, battery side]
    soc_dc_kwh: Energy  # energy in the battery at edges[0] [kWh]; at or above the capacity it is full
    target_dc_kwh: Energy  # wanted at departure [kWh]
    min_dc_kwh: Energy = 0.0  # reached at once, whatever the price [kWh]
    max_power_kw: float = Field(gt=1e-3, le=1_000)  # at the meter [kW]
    min_power_kw: float = Field(default=0.0, ge=0)  # at the meter, for SEMICONTINUOUS [kW]
    efficiency: float = Field(default=0.9, ge=0.01, le=1)  # battery kWh per meter kWh
    control: ControlKind = ControlKind.ONOFF
    min_on: timedelta = Field(default=timedelta(0), ge=timedelta(0))  # ONOFF: shortest run
    min_off: timedelta = Field(default=timedelta(0), ge=timedelta(0))  # ONOFF: shortest pause between runs
    switch_cost: float = 0.0  # per start or stop [currency]
    most_switches: int | None = Field(default=None, ge=0)  # ONOFF: starts and stops; the target comes first
    is_on_at_start: bool = False
    frozen_until: Instant | None = None  # slots that start before this instant keep the state of the start
    missing_cost_per_kwh: float = Field(default=10.0, gt=0, le=LARGEST_PRICE)  # per kWh (meter) missing at departure
    risk_premium: tuple[float, ...] = ()  # per slot at full power [currency]: what leaving it this late risks
    carbon_g_per_kwh: tuple[float, ...] = ()  # per slot [g/kWh]
    carbon_cost_per_kg: float = Field(default=0.0, ge=0, le=LARGEST_PRICE)  # weight of carbon [currency/kg]
    taper_from_dc_kwh: Energy | None = None  # MODULATED: level at which power begins to fall [kWh]; None: never
    taper_end_power_kw: float = Field(default=0.0, ge=0)  # what is left of it at the full battery [kW, meter]

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        n = len(self.edges) - 1
        if n < 1:
            raise ValueError("edges [instants]: at least two are needed")
        if n > MOST_SLOTS:
            raise ValueError(f"edges [instants]: {n} slots, at most {MOST_SLOTS} can be planned")
        if any(b <= a for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges [instants]: must rise strictly")
        if len(self.price_per_kwh) != n:
            raise ValueError(f"price_per_kwh [currency/kWh]: {len(self.price_per_kwh)} values for {n} slots")
        if not all(isfinite(price) and abs(price) <= LARGEST_PRICE for price in self.price_per_kwh):
            raise ValueError(f"price_per_kwh [currency/kWh]: must be finite and within {LARGEST_PRICE:g} of zero")
        if self.is_forecast and len(self.is_forecast) != n:
            raise ValueError(f"is_forecast: {len(self.is_forecast)} values for {n} slots")
        for name, unit in (("risk_premium", "currency"), ("carbon_g_per_kwh", "g/kWh")):
            column = getattr(self, name)
            if column and len(column) != n:
                raise ValueError(f"{name} [{unit}]: {len(column)} values for {n} slots")
            if not all(isfinite(value) and abs(value) <= LARGEST_PRICE for value in column):
                raise ValueError(f"{name} [{unit}]: must be finite and within {LARGEST_PRICE:g} of zero")
        return self

    @model_validator(mode="after")
    def _wishes_fit(self) -> Self:
        for name in ("target_dc_kwh", "min_dc_kwh"):
            if getattr(self, name) > self.battery_capacity_kwh * ROUND_OFF:
                raise ValueError(f"{name} [kWh]: {getattr(self, name):g} exceeds battery_capacity_kwh")
        if not 0 <= self.switch_cost <= LARGEST_PRICE:
            raise ValueError(f"switch_cost [currency]: {self.switch_cost:g} is not within 0 and {LARGEST_PRICE:g}")
        if self.min_power_kw > self.max_power_kw:
            raise ValueError(f"min_power_kw [kW]: {self.min_power_kw:g} exceeds max_power_kw {self.max_power_kw:g}")
        return self

    @model_validator(mode="after")
    def _taper_fits(self) -> Self:
        if self.taper_from_dc_kwh is None:
            if self.taper_end_power_kw > 0:
                raise ValueError("taper_end_power_kw [kW]: needs taper_from_dc_kwh")
            return self
        if self.control is not ControlKind.MODULATED:
            raise ValueError(f"taper_from_dc_kwh [kWh]: only a modulated car can taper, not {self.control.value}")
        if self.taper_from_dc_kwh >= self.battery_capacity_kwh:
            raise ValueError(f"taper_from_dc_kwh [kWh]: {self.taper_from_dc_kwh:g} is not below battery_capacity_kwh")
        if self.taper_end_power_kw > self.max_power_kw:
            raise ValueError(f"taper_end_power_kw [kW]: {self.taper_end_power_kw:g} exceeds max_power_kw")
        return self

    @property
    def departs_at(self) -> datetime:
        return self.edges[-1]


class PlanStatus(StrEnum):
    OPTIMAL = "optimal"  # target met, proven cheapest
    BEST_EFFORT = "best_effort"  # target cannot be met: as much as possible, as cheap as possible
    INCUMBENT = "incumbent"  # time ran out: best found, gap stated
    CLOSED_FORM = "closed_form"  # time ran out or the solver failed: the named fallback


class SlotReason(StrEnum):
    """Why a slot charges, or does not. Wording lives in the message catalogues."""

    MINIMUM_FIRST = "minimum_first"  # below the minimum level: charge now, whatever the price
    CHEAPEST = "cheapest"  # among the cheapest that reach the target
    PAID_TO_CHARGE = "paid_to_charge"  # price below zero
    NEEDED_FOR_TARGET = "needed_for_target"  # dear, but the target needs it
    BRIDGE = "bridge"  # kept on: a stop would cost more than it saves
    FROZEN = "frozen"  # the running slot is not changed
    WAIT_CHEAPER = "wait_cheaper"  # a cheaper slot serves
    FULL = "full"  # nothing left to charge
    TOO_SHORT = "too_short"  # cheap, but a separate run here costs more than it saves
    NO_POWER_LEFT = "no_power_left"  # cheap, but a shared limit leaves nothing
    TOO_LATE = "too_late"  # cheap, but kept free for trying again what may fail


class ChargingPlan(Model):
    """What to draw in each slot, what it costs, and how far from the best it can be."""

    status: PlanStatus
    edges: tuple[Instant, ...]
    energy_ac_kwh: tuple[float, ...]  # per slot, at the meter [kWh]
    price_per_kwh: tuple[float, ...]
    is_forecast: tuple[bool, ...] = ()
    reasons: tuple[SlotReason, ...]
    cost: float  # objective: energy + switching + missing energy + steering [currency]
    energy_cost: float  # energy alone [currency]
    missing_cost: float = 0.0  # missing energy alone [currency]
    steering_cost: float = 0.0  # risk premium and carbon weight: in the objective, on no bill [currency]
    lower_bound: float  # proven: no plan costs less [currency]
    shortfall_ac_kwh: float  # energy missing at departure [kWh, meter]
    target_price_per_kwh: float | None = None  # shadow price of the target [currency/kWh, meter] (docs/planner.md, 2.5)
    departure_price_per_hour: float | None = None  # shadow price of departure: what less time costs [currency/h] (2.8)
    solver: str
    solve_ms: float

    @property
    def departs_at(self) -> datetime:
        return self.edges[-1]

    def slot_at(self, instant: datetime) -> int | None:
        """Index of the slot that contains `instant`, or None outside the plan."""
        t = bisect_right(self.edges, instant) - 1
        return t if 0 <= t < len(self.energy_ac_kwh) else None

    def is_on(self, t: int) -> bool:
        """Whether slot `t` draws energy."""
        return self.energy_ac_kwh[t] > DRAWING_KWH

    @property
    def gap(self) -> float:
        """How far the cost may be above the best one, as a part of the cost (0: proven best)."""
        return max(0.0, self.cost - self.lower_bound) / max(abs(self.cost), 1e-9)

    def power_kw(self, t: int) -> float:
        """Mean power of slot `t` at the meter [kW]."""
        hours = (self.edges[t + 1] - self.edges[t]) / timedelta(hours=1)
        return self.energy_ac_kwh[t] / hours

    def energy_until_kwh(self, instant: datetime) -> float:
        """Energy drawn from the beginning of the plan until `instant`, at the meter [kWh]."""
        t = bisect_right(self.edges, instant) - 1
        if t < 0:
            return 0.0
        drawn = sum(self.energy_ac_kwh[:t])
        if t >= len(self.energy_ac_kwh):
            return drawn
        return drawn + self.energy_ac_kwh[t] * ((instant - self.edges[t]) / (self.edges[t + 1] - self.edges[t]))

    def next_switch_after(self, instant: datetime) -> datetime | None:
        """The first slot boundary after `instant` at which the plan starts or stops drawing; None if none is left."""
        t = self.slot_at(instant)
        if t is None:
            return None
        for later in range(t + 1, len(self.energy_ac_kwh)):
            if self.is_on(later) != self.is_on(t):
                return self.edges[later]
        return None
