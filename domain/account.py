"""The account of one night, as it is stored and never revised.

Energies are rounded to 0.0001 kWh, prices and money to 0.000001; half goes to the even digit. Cumulated energy is
rounded, not the slots, so that the slots add up to the total exactly.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from pydantic import Field

from domain.commands import CommandOutcome, CommandResult
from domain.devices import PowerDeliveryState, Reading
from domain.metering import Plug, Stretch, power_profile, soc_points
from domain.model import Instant, Model
from domain.night_costs import Money, money_of, settled_slots
from domain.night_costs import SlotAccount as SlotAccount  # part of the account, found here too
from domain.prices import PriceSeries
from domain.reliability import Routes, routes_of
from domain.tariff import Tariff

ATTAINMENT_STEP = Decimal("0.0001")

_HOUR = timedelta(hours=1)


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
    best_cost: Decimal | None = None  # the same energy with perfect foresight; None: an account of an earlier release
    attainment: Decimal | None = None  # part of the saving that foresight would have brought; None: none was to be had
    routes: Routes = Field(default_factory=dict)  # commands by side of the cable, as far as they tell of it

    @property
    def command_success(self) -> float | None:
        """Proven among the commands sent (0-1); None: none was sent."""
        return self.commands_proven / self.commands_sent if self.commands_sent else None


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
    slots, unpriced = settled_slots(plug, profile, prices, tariff, night.departs_at)
    money = money_of(slots, night.max_power_kw, night.departs_at)
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
        cost=money.cost,
        baseline_cost=money.baseline_cost,
        saving=money.baseline_cost - money.cost,
        commands_sent=sum(outcome.sent_at is not None for outcome in unique),
        commands_proven=len(proven),
        slots=slots,
        best_cost=money.best_cost,
        attainment=_attainment(money),
        routes=routes_of(unique),
    )


def _attainment(money: Money) -> Decimal | None:
    """The part of the possible saving that was reached; below 0 if the night cost more than charging at once."""
    possible = money.baseline_cost - money.best_cost
    if possible <= 0:
        return None
    return ((money.baseline_cost - money.cost) / possible).quantize(ATTAINMENT_STEP)


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
