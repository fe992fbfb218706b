"""Whether energy should flow now: the driver first, then readiness, then the plan."""

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.commands import Goal
from domain.devices import Side
from domain.fusion import Picture
from domain.memo import remembered
from domain.plan import ChargingPlan
from domain.routing import device_at, route
from domain.session.ladder import climb_time
from domain.session.picture import own_limit_pct, says_done
from domain.session.rivals import is_conceded
from domain.session.spread import delay_of, is_on_at, run_at
from domain.session.state import Night, OverrideKind, SessionState
from domain.traits import traits_of

SAFETY_MARGIN = timedelta(minutes=15)
"""Time the driver gets to act between the last safe start and the latest start that could still do."""

CAUTIOUS_FRACTION = 0.9
"""Share of the power counted on for readiness."""

PAUSE_AT_LEAST = timedelta(minutes=45)
"""A running charge is not paused for less than this before the last safe start: the level is known no better."""

SLOW_FRACTION = 0.5
"""A car that charges at less than this share of what it did tonight is stuck at its lowest current (0-1)."""

TAPER_FROM_PCT = 90.0
"""Level from which cars charge slower, if nothing better is known of this one [%] (F54)."""

TAPER_FACTOR = 2.0
"""How much longer energy takes from there on: power that falls in a line to a fifth takes ln(5) / (1 - 1/5) times as
long."""

SHORT_BY_PCT = 1.0
"""A target missed by less than this is reached for all that anybody notices [%]."""

HEATING_BELOW_KW = 2.0
HEATS_FOR = timedelta(minutes=95)
"""A car that begins below this power heats its battery first, for an hour or two when it is very cold (F54)."""

SLOWEST_KW = 3.0
"""The slowest socket [kW]: one phase at 13 A. A car whose power was never measured is started when that slow a one
would have to be; within a minute it shows what it draws, and waits on for its cheap hours."""

TOP_HYSTERESIS_PCT = 3.0
"""A car that was ready is not started again for less than this [%]: near the top that only wears (F54)."""


class Want(NamedTuple):
    """`on` None: leave the car as it is."""

    on: bool | None
    why: str
    spread_seconds: float = 0.0  # of the delay that this switch has had


@remembered
def wanted(state: SessionState, picture: Picture, now: datetime) -> Want:
    """Whether energy should flow at `now`."""
    night = state.night
    if night is None or night.is_closing or now >= night.departs_at:
        return Want(None, "no night is open")
    if picture.is_away:
        return Want(None, "the car is plugged in elsewhere")
    if (override := _override_wants(state, picture, now)) is not None:
        return override
    if is_reached(state, night, picture):
        return Want(
            False, f"target reached: {picture.soc_pct:.0f} % of {reachable_soc_pct(state, night, picture):.0f} %"
        )
    if is_stuck_slow(state, night, picture):
        return Want(False, _why_anew(state, picture))
    if now >= must_start_at(state, night, picture):
        return Want(True, "last safe start has passed: price no longer counts")
    if night.catches_up:
        return Want(True, "the last departure was missed: on to the target")
    if picture.soc_pct is not None and picture.soc_pct < night.min_soc_pct:
        return Want(True, f"below the minimum level of {night.min_soc_pct:.0f} %: price does not count")
    if now >= measure_at(state, night, picture):
        return Want(True, "its power was never measured: a short charge shows how late it may start")
    if is_conceded(night):
        return Want(None, "somebody else controls this car: left to them until the last safe start")
    if night.plan is None:
        return Want(True, "no plan could be made: charge at once") if night.plan_failures else Want(None, "no plan yet")
    return _plan_wants(state, night, picture, now)


def _why_anew(state: SessionState, picture: Picture) -> str:
    """The stop may still be under way when nobody knows any more what flows."""
    if picture.flow_kw is None or state.seen_kw is None:
        return "too little flowed: stopped, to start anew"
    return f"{picture.flow_kw:.1f} kW flow where {state.seen_kw:.1f} did before: stopped, to start anew"


def _override_wants(state: SessionState, picture: Picture, now: datetime) -> Want | None:
    override = state.override
    if override is None or (override.until is not None and now >= override.until):
        return None
    match override.kind:
        case OverrideKind.CHARGE_NOW:
            return Want(None if picture.is_full else True, "the driver said: charge now")
        case OverrideKind.STAY_STOPPED:
            return Want(False, "the driver said: stay stopped")
        case OverrideKind.PAUSE_UNTIL:
            return Want(False, f"the driver said: pause until {override.until:%H:%M}Z")
        case OverrideKind.SKIP_NIGHT:
            may_hold = bool(state.holds) or any(c.order.goal is Goal.STOP for c in state.open_commands())
            return Want(True if may_hold else None, "the driver skips this night: nothing of ours may hold the car")


def _plan_wants(state: SessionState, night: Night, picture: Picture, now: datetime) -> Want:
    plan = night.plan
    assert plan is not None
    t = plan.slot_at(now)
    is_on = is_on_at(state, night, plan, now)
    if t is None or is_on is None:
        return Want(None, "the plan does not cover this instant")
    delay = delay_of(state, night, plan.edges[run_at(plan, t)[0]]).total_seconds()
    if is_on is not plan.is_on(t):
        return Want(
            None, f"plan: the switch is delayed by {delay:.0f} s, at random: until then the car is left as it is"
        )
    price = plan.price_per_kwh[t]
    reason = plan.reasons[t].value.replace("_", " ")
    if is_on:
        return Want(True, f"plan: charge at {price:.3f} per kWh ({reason})", delay)
    if picture.is_flowing and is_over(plan, t):
        return Want(None, "the plan's last run is over, the target is not: it goes on until the level is known")
    if picture.is_flowing and now + PAUSE_AT_LEAST >= must_start_at(state, night, picture):
        return Want(True, "plan: wait, but price stops counting so soon that a pause is not worth its risk")
    if picture.is_flowing and not can_pause(state):
        return Want(None, "plan: wait, but a pause might end this charge for good: it goes on")
    return Want(False, f"plan: wait at {price:.3f} per kWh ({reason})", delay)


def is_over(plan: ChargingPlan, t: int) -> bool:
    """Whether the plan draws nothing from slot `t` on."""
    _, last = run_at(plan, t)
    return last + 1 == len(plan.energy_ac_kwh) and not plan.is_on(t)


@remembered
def is_stuck_slow(state: SessionState, night: Night, picture: Picture) -> bool:
    """Whether the car resumed far slower than it charged before, which a second start may cure, once (F23)."""
    if any(command.order.is_restart for command in state.open_commands()):
        return True  # it is under way
    if (
        night.restarts
        or night.catches_up
        or state.measured_kw is None
        or state.seen_kw is None
        or not picture.is_flowing
    ):
        return False
    has_top = (picture.soc_expected_pct or 0.0) >= TAPER_FROM_PCT - 10
    return state.measured_kw < SLOW_FRACTION * state.seen_kw and not has_top and can_pause(state)


@remembered
def can_pause(state: SessionState) -> bool:
    """Whether a stop now can surely be followed by a start (F22, F25)."""
    sides = route(state, Goal.STOP)[:1]
    return all(side not in state.stuck_sides and _resumes(state, side) for side in sides)


def _resumes(state: SessionState, side: Side) -> bool:
    """A charger's pause leaves the car waiting too, so then both must resume."""
    devices = [(s, device_at(state, s)) for s in {side, Side.VEHICLE}]
    return all(d is None or (d.resumes and traits_of(s, d.vendor).resumes) for s, d in devices)


@remembered
def is_reached(state: SessionState, night: Night, picture: Picture) -> bool:
    """Whether the target is in the battery: by the lower bound, and not given up for a percent or two."""
    if picture.soc_pct is None:
        return False
    if says_done(picture, night.target_soc_pct):
        return True
    slack = TOP_HYSTERESIS_PCT if night.ready_at is not None else 0.0
    return picture.soc_pct >= reachable_soc_pct(state, night, picture) - slack


def reachable_soc_pct(state: SessionState, night: Night, picture: Picture) -> float:
    """The target, or the car's own limit if that is lower [%] (F32): beyond it no command makes energy flow."""
    return _needed(state, night, picture).reachable_pct


class _Needed(NamedTuple):
    """What is still to be charged tonight: asked for by nearly every rule, so worked out in one go."""

    reachable_pct: float
    full_power_kwh: float  # time to the target, as the energy that full power would bring in it [kWh, meter]


@remembered
def _needed(state: SessionState, night: Night, picture: Picture) -> _Needed:
    limit = own_limit_pct(state, picture)
    target = night.target_soc_pct if limit is None else min(night.target_soc_pct, limit)
    level, top = _level_pct(night, picture), top_pct(state)
    fast = _energy_between_kwh(state, level, min(target, top))
    slow = _energy_between_kwh(state, max(level, top), target)
    return _Needed(target, fast + TAPER_FACTOR * slow)


def _level_pct(night: Night, picture: Picture) -> float:
    return picture.soc_expected_pct if picture.soc_expected_pct is not None else (night.soc_start_pct or 0.0)


def _energy_between_kwh(state: SessionState, from_pct: float, to_pct: float) -> float:
    return max(0.0, to_pct - from_pct) / 100 * state.car.battery_capacity_kwh / state.car.efficiency


def top_pct(state: SessionState) -> float:
    """Level from which this car charges slower [%]."""
    return state.car.taper_from_pct if state.car.taper_from_pct is not None else TAPER_FROM_PCT


def hours_needed(state: SessionState, night: Night, picture: Picture, power: float) -> float:
    """Time to the target at `power` [kW], the slow top of the battery counted."""
    return _needed(state, night, picture).full_power_kwh / power


@remembered
def max_power_kw(state: SessionState) -> float:
    """What car and charger together allow [kW]."""
    return min(state.car.max_power_kw, state.box.max_power_kw) if state.box else state.car.max_power_kw


@remembered
def power_kw(state: SessionState) -> float:
    """What plans count on [kW]: what was measured, best once it had settled, else the nominal power (F23, F56)."""
    known = state.measured_kw or state.seen_kw
    return max_power_kw(state) if known is None else min(max_power_kw(state), known)


def possible_power_kw(state: SessionState) -> float:
    """What may still be possible [kW]: a ramp, a margin or a cold battery alarms nobody."""
    if state.measured_kw is None or may_be_heating(state):
        return max_power_kw(state)
    return min(max_power_kw(state), state.measured_kw)


def may_be_heating(state: SessionState) -> bool:
    """Whether power is lower than any socket's, and not for longer than a cold battery heats (F54)."""
    flow, level = state.flow, state.level
    if flow is None or not flow.is_on or state.measured_kw is None or level is None or level.metered_at is None:
        return False
    return state.measured_kw < HEATING_BELOW_KW and level.metered_at - flow.since < HEATS_FOR


def cautious_power_kw(state: SessionState) -> float:
    """What readiness is counted on [kW]: capacity, efficiency and power are known no better than this."""
    return power_kw(state) * CAUTIOUS_FRACTION


def last_safe_start(state: SessionState, night: Night, picture: Picture) -> datetime:
    """Departure minus the energy still needed at cautious power minus the driver's time to act."""
    hours = hours_needed(state, night, picture, cautious_power_kw(state))
    return night.departs_at if hours <= 0 else night.departs_at - timedelta(hours=hours) - SAFETY_MARGIN


def measure_at(state: SessionState, night: Night, picture: Picture) -> datetime:
    """When a car whose power was never measured must show it; its departure if that is known or not needed."""
    if state.seen_kw is not None or night.plan is None:
        return night.departs_at
    hours = hours_needed(state, night, picture, SLOWEST_KW)
    if hours <= 0:
        return night.departs_at
    return night.departs_at - timedelta(hours=hours) - SAFETY_MARGIN - climb_time(state, Goal.START)


@remembered
def must_start_at(state: SessionState, night: Night, picture: Picture) -> datetime:
    """From here on price no longer counts: the whole ladder, climbed now, still ends before the last safe start."""
    latest = last_safe_start(state, night, picture)
    return latest if latest == night.departs_at else latest - climb_time(state, Goal.START)


@remembered
def shortfall_pct(state: SessionState, night: Night, picture: Picture, now: datetime) -> float:
    """By how much the target is missed at departure if the car charges from now on [%]; 0: it is not."""
    power = possible_power_kw(state)  # nobody is alarmed by a margin, or by a ramp
    factor = TAPER_FACTOR if _is_tapering(state, night, picture) else 1.0  # nor by a slow top that has not shown yet
    hours_left = max(0.0, (night.departs_at - now) / timedelta(hours=1))
    needed_kwh = _energy_between_kwh(state, _level_pct(night, picture), reachable_soc_pct(state, night, picture))
    missing_kwh = needed_kwh - hours_left * power / factor
    return max(0.0, 100 * missing_kwh * state.car.efficiency / state.car.battery_capacity_kwh)


def _is_tapering(state: SessionState, night: Night, picture: Picture) -> bool:
    """Whether the slow top of the battery shows, or is known of this car."""
    if _level_pct(night, picture) < top_pct(state) - 5:
        return False
    has_fallen = state.measured_kw is not None and state.measured_kw < 0.8 * (state.seen_kw or 0.0)
    return has_fallen or state.car.taper_from_pct is not None


def is_short(state: SessionState, night: Night, picture: Picture, now: datetime) -> bool:
    """Whether the target will be missed by more than anybody overlooks."""
    return picture.soc_pct is not None and shortfall_pct(state, night, picture, now) > SHORT_BY_PCT
