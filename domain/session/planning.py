"""When a session asks for a plan: at plug-in, and again only when something that matters has changed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.commands import Goal
from domain.fusion import Picture
from domain.reliability import RouteRecord, added, routes_of
from domain.routing import route
from domain.session.effects import Plan, PlanRequest, SessionEffect
from domain.session.state import Night, SessionState
from domain.session.wants import max_power_kw, reachable_soc_pct

CORRIDOR_PCT = 4.0
"""A level further off the plan than this asks for a new plan [%]: whole percents and a telemetry period stay within."""

REPLAN_AFTER = timedelta(minutes=15)
"""A plan is not replaced for its level before it is this old: plans must not chatter (F57)."""

HOUR = timedelta(hours=1)

PLANS_PER_NIGHT = 12
"""Budget of plans [count]."""


def make_a_plan(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """A plan at plug-in, and again only when something that matters has changed."""
    night = state.night
    if night is None or night.is_closing or night.plan_requested_at is not None or now >= night.departs_at:
        return
    why = _why_plan(state, night, picture, now)
    if why:
        yield Plan(request=_plan_request(state, night, picture, now), reason=why)


def _why_plan(state: SessionState, night: Night, picture: Picture, now: datetime) -> str:
    if night.plan is None:
        level_known = picture.soc_pct is not None or night.reads > len(state.boxes)
        return "first plan of the night" if level_known and night.plan_failures == 0 else ""
    if night.wants_replan:
        return night.wants_replan
    if night.plan_revision >= PLANS_PER_NIGHT or now < may_replan_at(night):
        return ""
    off_pct = level_off_plan_pct(state, night, picture)
    return f"level is {off_pct:+.0f} % off the plan" if abs(off_pct) > CORRIDOR_PCT else ""


def may_replan_at(night: Night) -> datetime:
    """When the plan in hand is old enough to be replaced for its level."""
    return (night.plan_from_at or night.opened_at) + REPLAN_AFTER


def level_off_plan_pct(state: SessionState, night: Night, picture: Picture) -> float:
    """How far the newest level is above (+) or below (-) what the plan expected at that instant [%]; 0 if unknown."""
    plan, start, soc_pct, at = night.plan, night.plan_from_at, picture.soc_pct, picture.soc_at
    if plan is None or start is None or night.plan_soc_pct is None or soc_pct is None or at is None or at <= start:
        return 0.0
    drawn_kwh = sum(
        plan.power_kw(t) * (max(timedelta(0), min(at, plan.edges[t + 1]) - max(start, plan.edges[t])) / HOUR)
        for t in range(len(plan.energy_ac_kwh))
    )
    expected_pct = night.plan_soc_pct + 100 * drawn_kwh * state.car.efficiency / state.car.battery_capacity_kwh
    return soc_pct - min(expected_pct, 100.0)


def _plan_request(state: SessionState, night: Night, picture: Picture, now: datetime) -> PlanRequest:
    soc_pct = picture.soc_pct if picture.soc_pct is not None else (night.soc_start_pct or 0.0)
    return PlanRequest(
        revision=night.plan_revision + 1,
        starts_at=now,
        departs_at=night.departs_at,
        tariff=state.tariff,
        battery_capacity_kwh=state.car.battery_capacity_kwh,
        soc_pct=soc_pct,
        target_soc_pct=reachable_soc_pct(night, picture),
        min_soc_pct=night.min_soc_pct,
        max_power_kw=max_power_kw(state),
        efficiency=state.car.efficiency,
        control=state.car.control,
        is_on=bool(picture.is_flowing),
        frozen_until=_frozen_until(night, picture, now),
        route=_route_record(state, night),
    )


def _frozen_until(night: Night, picture: Picture, now: datetime) -> datetime | None:
    """The end of the running slot, if the car does in it what the plan says: a new plan does not break it off."""
    plan = night.plan
    t = None if plan is None else plan.slot_at(now)
    if plan is None or t is None or picture.is_flowing is not plan.is_on(t):
        return None
    return plan.edges[t + 1]


def _route_record(state: SessionState, night: Night) -> RouteRecord:
    """Of the side that a start would be sent to: this driver's nights before, and tonight."""
    sides = route(state, Goal.START)
    if not sides:
        return RouteRecord()
    tonight = routes_of(command.outcome for command in night.commands if command.outcome is not None)
    return added(state.record.routes, tonight).get(sides[0], RouteRecord())
