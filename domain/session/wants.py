"""Whether energy should flow now: the driver first, then readiness, then the plan."""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.commands import Goal
from domain.fusion import Picture
from domain.routing import box_in_use
from domain.session.state import Night, OverrideKind, SessionState

SAFETY_MARGIN = timedelta(minutes=30)
"""Time kept between last safe start and the latest start that could still do: a ladder of two rungs and a read-back."""

CAUTIOUS_FRACTION = 0.9
"""Share of nominal power counted on before it is measured."""


class Want(NamedTuple):
    """`on` None: leave the car as it is."""

    on: bool | None
    why: str


def wanted(state: SessionState, picture: Picture, now: datetime) -> Want:
    """Whether energy should flow at `now`."""
    night = state.night
    if night is None or night.is_closing or now >= night.departs_at:
        return Want(None, "no night is open")
    if state.override is not None:
        return _override_wants(state, picture)
    if picture.soc_pct is not None and picture.soc_pct >= reachable_soc_pct(night, picture):
        return Want(False, f"target reached: {picture.soc_pct:.0f} % of {reachable_soc_pct(night, picture):.0f} %")
    if now >= last_safe_start(state, night, picture):
        return Want(True, "last safe start has passed: price no longer counts")
    if night.plan is None:
        return Want(True, "no plan could be made: charge at once") if night.plan_failures else Want(None, "no plan yet")
    return _plan_wants(night, now)


def _override_wants(state: SessionState, picture: Picture) -> Want:
    assert state.override is not None
    match state.override.kind:
        case OverrideKind.CHARGE_NOW:
            return Want(None if picture.is_full else True, "the driver said: charge now")
        case OverrideKind.STAY_STOPPED:
            return Want(False, "the driver said: stay stopped")
        case OverrideKind.SKIP_NIGHT:
            may_hold = bool(state.holds) or any(c.order.goal is Goal.STOP for c in state.open_commands())
            return Want(True if may_hold else None, "the driver skips this night: nothing of ours may hold the car")


def _plan_wants(night: Night, now: datetime) -> Want:
    assert night.plan is not None
    t = night.plan.slot_at(now)
    if t is None:
        return Want(None, "the plan does not cover this instant")
    price = night.plan.price_per_kwh[t]
    reason = night.plan.reasons[t].value.replace("_", " ")
    if night.plan.is_on(t):
        return Want(True, f"plan: charge at {price:.3f} per kWh ({reason})")
    return Want(False, f"plan: wait at {price:.3f} per kWh ({reason})")


def reachable_soc_pct(night: Night, picture: Picture) -> float:
    """The target, or the car's own limit if that is lower [%] (F32): beyond it no command makes energy flow."""
    return min(night.target_soc_pct, picture.charge_limit_pct or 100.0)


def energy_needed_ac_kwh(state: SessionState, night: Night, picture: Picture) -> float:
    """Energy to the target at the meter [kWh]; an unknown level counts as the one at plug-in, else as empty."""
    soc_pct = picture.soc_pct if picture.soc_pct is not None else (night.soc_start_pct or 0.0)
    missing = max(0.0, reachable_soc_pct(night, picture) - soc_pct) / 100
    return missing * state.car.battery_capacity_kwh / state.car.efficiency


def max_power_kw(state: SessionState) -> float:
    """What car and charger together allow [kW]."""
    box = box_in_use(state)
    return min(state.car.max_power_kw, box.max_power_kw) if box else state.car.max_power_kw


def last_safe_start(state: SessionState, night: Night, picture: Picture) -> datetime:
    """Departure minus the energy still needed at cautious power minus a margin. From then on price no longer counts."""
    needed = energy_needed_ac_kwh(state, night, picture)
    if needed <= 0:
        return night.departs_at
    power = max_power_kw(state) * CAUTIOUS_FRACTION
    if picture.flow_kw is not None and picture.is_flowing:
        power = min(power, picture.flow_kw)
    return night.departs_at - timedelta(hours=needed / power) - SAFETY_MARGIN
