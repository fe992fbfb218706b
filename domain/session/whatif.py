"""What an action of the driver's would cost and risk, reckoned from the plan in hand without a solver.

The energy to the target is laid into the plan's remaining slots: at once, from an instant on, or cheapest first. That
is at most the price of a few switches below what the planner would find; the driver needs an answer now.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from domain.departure import next_departure
from domain.fusion import Picture
from domain.plan import ChargingPlan
from domain.session.events import DriverActed
from domain.session.picture import own_limit_pct, picture_of
from domain.session.preview import Preview
from domain.session.state import Night, OverrideKind, SessionState
from domain.session.wants import power_kw

CENT = Decimal("0.01")
HOUR = timedelta(hours=1)


class _Slot(NamedTuple):
    starts_at: datetime
    ends_at: datetime
    price_per_kwh: float | None
    planned_kwh: float

    @property
    def hours(self) -> float:
        return (self.ends_at - self.starts_at) / HOUR


class _Way(NamedTuple):
    """Energy per slot, in order of time [kWh, meter]."""

    cost: Decimal | None
    energy_kwh: float
    ready_at: datetime | None


def preview_of(state: SessionState, action: DriverActed, now: datetime) -> Preview:
    """What `action` would cost and risk from `now` on, beside what is planned."""
    night = state.night
    currency = state.tariff.currency
    if night is None:
        return Preview(act=action.act, at=now, currency=currency)
    picture = picture_of(state, now)
    wish = action.wish if action.act == "set_wish" and action.wish is not None else None
    departs_at = next_departure(wish, now) if wish else night.departs_at
    target = wish.target_soc_pct if wish else night.target_soc_pct
    soc_pct = picture.soc_expected_pct
    needed = _needed_kwh(state, picture, target)
    way = _lay(_slots(night, now, departs_at), needed, power_kw(state), action, now)
    planned = _as_planned(state, night, _slots(night, now, night.departs_at), picture, now)
    gained = 100 * way.energy_kwh * state.car.efficiency / state.car.battery_capacity_kwh
    return Preview(
        act=action.act,
        at=now,
        cost=way.cost,
        cost_as_planned=planned,
        currency=currency,
        departs_at=departs_at,
        soc_at_departure_pct=None if soc_pct is None else round(min(100.0, soc_pct + gained), 1),
        ready_at=way.ready_at,
        is_at_risk=way.ready_at is None or way.ready_at > departs_at or _is_beyond_limit(state, picture, target),
    )


def _needed_kwh(state: SessionState, picture: Picture, target_pct: float) -> float:
    """Energy at the meter to the target, or to the car's own limit [kWh]."""
    limit = own_limit_pct(state, picture)
    reachable = target_pct if limit is None else min(target_pct, limit)
    missing = max(0.0, reachable - (picture.soc_expected_pct or 0.0)) / 100
    return missing * state.car.battery_capacity_kwh / state.car.efficiency


def _is_beyond_limit(state: SessionState, picture: Picture, target_pct: float) -> bool:
    limit = own_limit_pct(state, picture)
    return limit is not None and limit < target_pct


def _slots(night: Night, now: datetime, departs_at: datetime) -> list[_Slot]:
    """The plan's slots from `now` to the departure; beyond the plan one without a price."""
    plan = night.plan
    slots = [] if plan is None else [s for s in _planned(plan, now, departs_at) if s.starts_at < s.ends_at]
    known_until = slots[-1].ends_at if slots else now
    if known_until < departs_at:
        slots.append(_Slot(known_until, departs_at, None, 0.0))
    return slots


def _planned(plan: ChargingPlan, now: datetime, departs_at: datetime) -> list[_Slot]:
    found = []
    for t, price in enumerate(plan.price_per_kwh):
        start, end = max(plan.edges[t], now), min(plan.edges[t + 1], departs_at)
        found.append(_Slot(start, max(start, end), price, plan.power_kw(t) * max(0.0, (end - start) / HOUR)))
    return found


def _lay(slots: list[_Slot], needed_kwh: float, power: float, action: DriverActed, now: datetime) -> _Way:
    """Lay the energy the way the action would have it."""
    match action.act:
        case "stay_stopped":
            return _Way(Decimal(0), 0.0, now if needed_kwh <= 0 else None)
        case "charge_now" | "skip_night":
            return _fill(slots, slots, needed_kwh, power, now)
        case "pause_until" if action.until is not None:
            until = action.until
            later = [s._replace(starts_at=max(s.starts_at, until)) for s in slots if s.ends_at > until]
            return _fill(later, _cheapest_first(later), needed_kwh, power, now)
        case _:
            return _fill(slots, _cheapest_first(slots), needed_kwh, power, now)


def _cheapest_first(slots: list[_Slot]) -> list[_Slot]:
    prices = [s.price_per_kwh for s in slots if s.price_per_kwh is not None]
    mean = sum(prices) / len(prices) if prices else 0.0
    return sorted(slots, key=lambda s: (mean if s.price_per_kwh is None else s.price_per_kwh, s.starts_at))


def _fill(slots: list[_Slot], in_turn: list[_Slot], needed_kwh: float, power: float, now: datetime) -> _Way:
    """Full power in the slots of `in_turn` until the energy is there; unpriced slots cost the mean of the others."""
    prices = [s.price_per_kwh for s in slots if s.price_per_kwh is not None]
    left, cost, ready_at = needed_kwh, 0.0, now
    for slot in in_turn:
        if left <= 1e-9:
            break
        drawn = min(left, power * slot.hours)
        left -= drawn
        price = slot.price_per_kwh if slot.price_per_kwh is not None else (sum(prices) / len(prices) if prices else 0.0)
        cost += drawn * price
        ready_at = max(ready_at, slot.starts_at + drawn / power * HOUR)
    is_there = left <= 1e-9
    return _Way(_money(cost) if prices or needed_kwh <= 0 else None, needed_kwh - left, ready_at if is_there else None)


def _as_planned(
    state: SessionState, night: Night, slots: list[_Slot], picture: Picture, now: datetime
) -> Decimal | None:
    """What the night as it stands still costs: the plan, or the driver's word that is in force."""
    if night.plan is None:
        return None
    override = state.override
    if override is None or (override.until is not None and now >= override.until):
        return _money(sum(s.planned_kwh * (s.price_per_kwh or 0.0) for s in slots))
    if override.kind is OverrideKind.PAUSE_UNTIL:
        return _money(
            sum(s.planned_kwh * (s.price_per_kwh or 0.0) for s in slots if s.ends_at > (override.until or now))
        )
    if override.kind is OverrideKind.STAY_STOPPED:
        return Decimal(0)
    needed = _needed_kwh(state, picture, night.target_soc_pct)
    return _fill(slots, slots, needed, power_kw(state), now).cost


def _money(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 6))).quantize(CENT)
