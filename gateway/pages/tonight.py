"""Tonight, as its driver sees it: what goes on, the plan as a picture and in words, and what can be done."""

from dataclasses import dataclass
from datetime import datetime

from domain.devices import Reading
from domain.explanation import Explanation
from domain.plan import ChargingPlan
from domain.plan_words import plan_in_words
from domain.session.events import DriverActed
from domain.session.picture import picture_of
from domain.session.state import Night, OverrideKind, SessionState
from domain.session.telling import TO_DO
from domain.session.whatif import preview_of
from gateway.pages import charts
from gateway.pages.words import Speaker

CENT = 100.0

NEAR_PCT = 0.5
"""A level this near to the target counts as reached, for the words [%]."""


@dataclass(frozen=True)
class Told:
    """One thing the driver was told tonight."""

    kind: str
    words: str
    todo: str


@dataclass(frozen=True)
class Tonight:
    """One session under way, ready to be shown."""

    session_id: str
    say: Speaker  # of this car
    headline: str
    detail: str
    state: str  # "charging", "waiting", "ready", "stopped" or "planning": the colour of it
    level_pct: float | None
    target_pct: float
    by: str
    cost: str | None
    saving: str | None
    chart: charts.Spec | None
    chart_words: str
    summary: tuple[str, ...]  # the plan in words, the short of it
    story: tuple[str, ...]  # and stretch by stretch
    told: tuple[Told, ...]
    asks_charger: tuple[tuple[str, str], ...]  # id and name of chargers the car may be in
    is_overridden: bool
    ready_by: str  # wall clock, for the form
    acts: tuple[str, ...]


def tonight_of(
    state: SessionState, readings: list[Reading], names: dict[str, str], now: datetime, say: Speaker
) -> Tonight | None:
    """What to show of a session; None while it has no night.

    Args:
        readings: of car and charger since the plug-in.
        names: of the driver's chargers, by id.
    """
    night = state.night
    if night is None:
        return None
    level = picture_of(state, now).soc_expected_pct
    headline, detail, kind = _headline(state, night, level, now, say)
    plan = None if _is_overridden(state, now) else night.plan  # what is not in force is not shown
    words = _words(night, plan, say) if plan else ()
    return Tonight(
        session_id=state.session_id,
        say=say,
        headline=headline,
        detail=detail,
        state=kind,
        level_pct=round(level) if level is not None else None,
        target_pct=round(night.target_soc_pct),
        by=say.clock(night.departs_at),
        cost=say.money(plan.energy_cost) if plan else None,
        saving=_saving(state, now, say),
        chart=_chart(state, night, plan, readings, level, now, say) if plan else None,
        chart_words=_chart_words(plan, say) if plan else "",
        summary=words[:2],
        story=words[2:],
        told=tuple(_told(state, say)),
        asks_charger=_asked_chargers(state, names),
        is_overridden=_is_overridden(state, now),
        ready_by=say.clock(night.departs_at),
        acts=_acts(state, level, now),
    )


def _is_overridden(state: SessionState, now: datetime) -> bool:
    override = state.override
    return override is not None and (override.until is None or now < override.until)


def _acts(state: SessionState, level: float | None, now: datetime) -> tuple[str, ...]:
    if _is_overridden(state, now):
        return ("follow_plan",)
    return () if _is_ready(state.night, level) else ("charge_now", "pause_until", "skip_night")


def _is_ready(night: Night | None, level: float | None) -> bool:
    if night is None or night.ready_at is not None:
        return night is not None
    return level is not None and level >= night.target_soc_pct - NEAR_PCT


def _headline(
    state: SessionState, night: Night, level: float | None, now: datetime, say: Speaker
) -> tuple[str, str, str]:
    is_on = state.flow is not None and state.flow.is_on
    by = say.clock(night.departs_at)
    override = state.override if _is_overridden(state, now) else None
    if _is_ready(night, level):
        return say("page.now.ready"), say("page.now.ready_detail"), "ready"
    if override is not None:
        until = say.clock(override.until) if override.until is not None else by
        kind = "charging" if override.kind in (OverrideKind.CHARGE_NOW, OverrideKind.SKIP_NIGHT) else "stopped"
        name = override.kind.value
        return say(f"page.now.{name}"), say(f"page.now.{name}_detail", by=by, at=until), kind
    if night.plan is None:
        return say("page.now.planning"), say("page.now.planning_detail"), "planning"
    coming = [start for start, _ in charts.runs(night.plan) if start > now]
    if is_on:
        t = night.plan.slot_at(now)
        pauses = bool(coming) and t is not None and not night.plan.is_on(t)
        detail = say("page.now.pausing_detail", at=say.clock(coming[0])) if pauses else ""
        return say("page.now.charging"), detail or say("page.now.charging_detail", by=by), "charging"
    if coming:
        return say("page.now.waiting"), say("page.now.waiting_detail", at=say.clock(coming[0])), "waiting"
    return say("page.now.plugged"), say("page.now.plugged_detail", by=by), "waiting"


def _words(night: Night, plan: ChargingPlan, say: Speaker) -> tuple[str, ...]:
    """The plan's words. It ends a little early, to leave time for late switches; what counts is the driver's time."""
    first, *others = plan_in_words(Explanation(plan=plan), say.manner)
    ends, by = say.clock(plan.departs_at), say.clock(night.departs_at)
    return (first.replace(ends, by), *others)


def _saving(state: SessionState, now: datetime, say: Speaker) -> str | None:
    """Against charging at once from now on; None: not worth a word."""
    at_once = preview_of(state, DriverActed(action_id="preview", at=now, act="charge_now"), now)
    extra = at_once.extra_cost
    return say.money(extra) if extra is not None and extra >= 1 / CENT else None


def _chart(
    state: SessionState,
    night: Night,
    plan: ChargingPlan,
    readings: list[Reading],
    level: float | None,
    now: datetime,
    say: Speaker,
) -> charts.Spec:
    starts_at = min(night.opened_at, plan.edges[0])
    unit = "ct/kWh" if say.currency == "EUR" else f"{say.currency}/kWh"
    scale = CENT if say.currency == "EUR" else 1.0
    measured = [point for point in charts.measured_levels(readings) if starts_at <= point[0] <= now]
    planned: list[tuple[datetime, float]] = []
    if level is not None:
        car = state.car
        planned = charts.planned_levels(plan, level, min(now, plan.edges[-1]), car.battery_capacity_kwh, car.efficiency)
        measured = [*measured, (now, level)]
    panels = [
        charts.price_panel([plan], say("page.chart.price"), unit, scale),
        charts.level_panel(say("page.chart.level"), measured, planned, night.target_soc_pct),
    ]
    return charts.chart(starts_at, max(plan.edges[-1], now), say.zone, panels, now=now, ready=night.departs_at)


def _chart_words(plan: ChargingPlan, say: Speaker) -> str:
    """The picture for those who do not see it."""
    found = [f"{say.clock(start)}–{say.clock(end)}" for start, end in charts.runs(plan)]
    return f"{say('page.chart.words')} {', '.join(found) or '–'}"


def _told(state: SessionState, say: Speaker) -> list[Told]:
    """What still holds of what was said: a withdrawn cause is over, and of two kinds the later one counts."""
    latest: dict[str, str] = {}
    for said in state.told:
        kind, _, cause = said.partition(":")
        latest.pop(cause, None)
        latest[cause] = kind
    return [
        Told(kind=kind, words=say(f"tell.{kind}.{cause}"), todo=say(f"todo.{TO_DO[cause]}") if cause in TO_DO else "")
        for cause, kind in latest.items()
        if kind != "withdrawn" and f"tell.{kind}.{cause}" in say.keys
    ]


def _asked_chargers(state: SessionState, names: dict[str, str]) -> tuple[tuple[str, str], ...]:
    is_asked = any(one == "question:which_charger" for one in state.told)
    if not is_asked or state.named_charger is not None or state.charger_id is not None:
        return ()
    return tuple((box.device_id, names.get(box.device_id, box.vendor.title())) for box in state.boxes)
