"""When a session asks for a plan: at plug-in, and again only when something that matters has changed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.commands import CommandResult
from domain.fusion import Picture
from domain.memo import remembered
from domain.session.effects import Plan, PlanRequest, SessionEffect
from domain.session.looking import is_off, plan_ended_at
from domain.session.state import Night, OverrideKind, SessionState
from domain.session.switches import SWITCHES_PER_NIGHT, switches
from domain.session.trust import route_record
from domain.session.wants import can_pause, is_reached, must_start_at, power_kw, reachable_soc_pct

CORRIDOR_PCT = 4.0
"""A level further off the plan than this asks for a new plan [%]: whole percents and a telemetry period stay within."""

REPLAN_AFTER = timedelta(minutes=15)
"""A plan is not replaced for its level or power before it is this old: plans must not chatter (F57)."""

FROZEN_FOR = timedelta(minutes=30)
"""A new plan leaves what was switched this recently as it is: relays and cars dislike less (F57)."""

HOUR = timedelta(hours=1)


def make_a_plan(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """A plan at plug-in, and again only when something that matters has changed."""
    night = state.night
    if night is None or night.is_closing or night.plan_requested_at is not None or now >= night.departs_at:
        return
    if picture.is_plugged is False or picture.is_away:
        return  # what is changed meanwhile is planned once the car is back
    why = _why_plan(state, night, picture, now)
    if why:
        yield Plan(request=plan_request(state, night, picture, now), reason=why)


def _why_plan(state: SessionState, night: Night, picture: Picture, now: datetime) -> str:
    if night.plan is None:
        asked = night.reads >= min(len(state.boxes) + 1, state.budgets.reads)
        level_known = picture.soc_pct is not None or asked
        return "first plan of the night" if level_known and night.plan_failures == 0 else ""
    if night.wants_replan.startswith("the driver"):
        return night.wants_replan
    if night.plan_revision >= state.budgets.plans or state.open_commands():
        return ""  # what is under way changes the level and the flow: planned once it is known
    if night.wants_replan:
        return night.wants_replan
    if now < may_replan_at(night):
        return ""
    return off_plan(state, night, picture)


@remembered
def off_plan(state: SessionState, night: Night, picture: Picture) -> str:
    """What is no longer as the plan took it to be; empty: nothing."""
    off_pct = level_off_plan_pct(state, night, picture)
    if abs(off_pct) > CORRIDOR_PCT:
        return f"level is {off_pct:+.0f} % off the plan"
    has_settled = state.measured_kw is not None or not picture.is_flowing
    if has_settled and night.plan_power_kw is not None and is_off(power_kw(state), night.plan_power_kw):
        return f"{power_kw(state):.1f} kW are measured where {night.plan_power_kw:.1f} were planned"
    ended_at = plan_ended_at(night, picture.soc_at) if picture.soc_at is not None else None
    if ended_at is not None and picture.is_flowing and not is_reached(state, night, picture):
        return "the plan is over, the target is not reached"
    reachable = reachable_soc_pct(state, night, picture)
    if night.plan_target_pct is not None and abs(reachable - night.plan_target_pct) >= 1:
        return f"the car's own limit allows {reachable:.0f} % now"
    return ""


def may_replan_at(night: Night) -> datetime:
    """When the plan in hand is old enough to be replaced for its level or power."""
    return (night.plan_from_at or night.opened_at) + REPLAN_AFTER


def level_off_plan_pct(state: SessionState, night: Night, picture: Picture) -> float:
    """How far the newest level is above (+) or below (-) what the plan expected at that instant [%]; 0 if unknown."""
    plan, start, soc_pct, at = night.plan, night.plan_from_at, picture.soc_pct, picture.soc_at
    if plan is None or start is None or night.plan_soc_pct is None or soc_pct is None or at is None or at <= start:
        return 0.0
    drawn_kwh = plan.energy_until_kwh(at) - plan.energy_until_kwh(start)
    delay = timedelta(seconds=state.spread_seconds) / HOUR * power_kw(state)  # a switch may be this late
    per_kwh = 100 * state.car.efficiency / state.car.battery_capacity_kwh
    expected_pct = min(night.plan_soc_pct + drawn_kwh * per_kwh, 100.0)
    off_pct = soc_pct - expected_pct
    slack = min(abs(off_pct), delay * per_kwh if drawn_kwh > 0 else 0.0)
    return off_pct - slack if off_pct > 0 else off_pct + slack


def plan_request(state: SessionState, night: Night, picture: Picture, now: datetime) -> PlanRequest:
    """What the planner must know; the level is the cautious bound."""
    soc_pct = picture.soc_expected_pct if picture.soc_expected_pct is not None else (night.soc_start_pct or 0.0)
    return PlanRequest(
        revision=night.plan_revision + 1,
        starts_at=now,
        departs_at=night.departs_at,
        tariff=state.tariff,
        battery_capacity_kwh=state.car.battery_capacity_kwh,
        soc_pct=soc_pct,
        target_soc_pct=reachable_soc_pct(state, night, picture),
        min_soc_pct=night.min_soc_pct,
        max_power_kw=power_kw(state),
        efficiency=state.car.efficiency,
        control=state.car.control,
        is_on=bool(picture.is_flowing),
        frozen_until=_frozen_until(state, night, picture, now),
        spread_seconds=state.spread_seconds,
        one_block=not can_pause(state),
        most_switches=max(0, SWITCHES_PER_NIGHT - switches(night)),
        route=route_record(state),
        taper_from_pct=state.car.taper_from_pct,
        taper_end_power_kw=state.car.taper_end_power_kw,
    )


def _frozen_until(state: SessionState, night: Night, picture: Picture, now: datetime) -> datetime | None:
    """Until when a new plan leaves the car as it is: the driver's pause, or what was switched just before."""
    override = state.override
    if override is not None and override.kind is OverrideKind.PAUSE_UNTIL and override.until is not None:
        return min(override.until, night.departs_at) if override.until > now and not picture.is_flowing else None
    if night.plan is None or picture.is_flowing is None:
        return None
    switched = [c.outcome.ended_at for c in night.commands if c.outcome is not None and _has_switched(c.outcome.result)]
    until = max(switched) + FROZEN_FOR if switched else now
    if until <= now or (not picture.is_flowing and until >= must_start_at(state, night, picture)):
        return None
    return min(until, night.departs_at)


def _has_switched(result: CommandResult) -> bool:
    return result is CommandResult.PROVEN
