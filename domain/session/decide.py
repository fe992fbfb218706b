"""`decide(state, now) -> Decision`: what a session does next, and why. Rules are found by their name."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.commands import Goal
from domain.departure import next_departure
from domain.fusion import Picture
from domain.machine import to_rest
from domain.relevance import Watch
from domain.session.begin import begun
from domain.session.control import LAST_ACT_WITHIN, control_the_flow, proof_ends_at, release_what_leaves
from domain.session.effects import (
    CloseNight,
    CloseSession,
    Decision,
    Label,
    Listen,
    OpenNight,
    Renew,
    Report,
    SessionEffect,
    Vitals,
    WakeAt,
)
from domain.session.ladder import climbs_again_at
from domain.session.looking import look_when_unsure, when_to_look
from domain.session.picture import picture_of
from domain.session.planning import make_a_plan, may_replan_at, off_plan
from domain.session.plug import gone_at, is_gone
from domain.session.rivals import rests_until
from domain.session.spread import next_switch_after
from domain.session.state import Labels, OverrideKind, SessionState
from domain.session.telling import tell_the_driver, when_to_tell
from domain.session.wants import is_reached, measure_at, must_start_at, wanted

NEXT_NIGHT_AFTER = timedelta(hours=1)
"""A car still plugged this long after departure gets its next night."""

STEP_ENDS_WITHIN = timedelta(minutes=45)
"""Whatever is under way has ended, and was heard, after this long: the longest rung of the ladder and its retries."""

RENEW_AT_EVENTS = 5_000
"""History events at which a session continues as new (F74)."""

AT_START = ("opened", "none", False)
"""Stage, route and readiness that a session is started with, its departure beside them (`Labels`)."""


def decide(
    state: SessionState, now: datetime, seen: int = 0, vitals: Vitals | None = None, attempt: int = 0
) -> Decision:
    """All that is to be done at `now`, to rest, ending with the next instant of interest."""
    state, effects = to_rest(state, now, _rules, begun)
    if not state.is_closed:
        effects.extend(_wake(state, now))  # also beside a renewal, which may have to wait
        effects.extend(_renew(state, vitals or Vitals()))
    return Decision(at=now, seen=seen, attempt=attempt, effects=tuple(effects))


def _rules(state: SessionState, now: datetime) -> Iterator[SessionEffect]:
    """Every rule once, in order of precedence. Nothing comes after the end."""
    if state.is_closed:
        return
    picture = picture_of(state, now)
    yield from report_to_the_driver(state, now)
    yield from listen_to_devices(state)
    yield from close_when_unplugged(state, now)
    if _why_it_ends(state, now):
        return  # nothing is commanded any more
    yield from close_at_departure(state, now)
    yield from open_the_night(state, picture, now)
    yield from look_when_unsure(state, picture, now)
    yield from make_a_plan(state, picture, now)
    yield from release_what_leaves(state, picture, now)
    yield from control_the_flow(state, picture, now)
    yield from tell_the_driver(state, picture, now)
    yield from label_for_operators(state, picture)


def report_to_the_driver(state: SessionState, now: datetime) -> Iterator[SessionEffect]:
    """The account is in storage first; the report is best effort. A car that leaves soon is told of in one message."""
    if state.to_report is None:
        return
    stays_at = None if state.last_departure_at is None else state.last_departure_at + NEXT_NIGHT_AFTER
    may_leave_soon = state.night is None and stays_at is not None and now < stays_at and not _why_it_ends(state, now)
    if not may_leave_soon:
        yield Report(night=state.to_report, reason=f"night {state.to_report.number} is accounted for")


def listen_to_devices(state: SessionState) -> Iterator[SessionEffect]:
    """Only what this night needs to know reaches the session."""
    mark = state.night.target_soc_pct if state.night else state.wish.target_soc_pct
    known, ids, area = state.watch, state.device_ids, state.tariff.area
    if state.ends_because:
        return  # nothing is to be heard any more
    if known is not None and (known.device_ids, known.soc_above_pct, known.area) == (ids, mark, area):
        return
    if not is_busy(state):
        watch = Watch(
            session_id=state.session_id, driver_id=state.driver_id, device_ids=ids, soc_above_pct=mark, area=area
        )
        yield Listen(watch=watch, reason=f"hear plug, flow, faults, and the level reaching {mark:.0f} %")


def _why_it_ends(state: SessionState, now: datetime) -> str:
    return state.ends_because or ("unplugged" if is_gone(state, now) else "")


def close_when_unplugged(state: SessionState, now: datetime) -> Iterator[SessionEffect]:
    """A sure unplug ends the night, then the session. So does a car that has left our hands."""
    why = _why_it_ends(state, now)
    if not why:
        return
    if state.night is None:
        yield CloseSession(reason=f"{why}, and every night is accounted for")
    elif not state.night.is_closing:
        yield CloseNight(number=state.night.number, reason=why)


def close_at_departure(state: SessionState, now: datetime) -> Iterator[SessionEffect]:
    """The night runs to its departure and ends with its account."""
    night = state.night
    if night is not None and not night.is_closing and now >= night.departs_at and not is_gone(state, now):
        yield CloseNight(number=night.number, reason="departure")


def open_the_night(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """The first night opens at plug-in; the next one if the car stays after departure."""
    if state.night is not None or state.unplug_said_at is not None or picture.is_plugged is False or state.ends_because:
        return
    stays_at = None if state.last_departure_at is None else state.last_departure_at + NEXT_NIGHT_AFTER
    catches_up = stays_at is not None and state.is_short and state.override is None
    if stays_at is not None and now < stays_at and not catches_up and not _is_wanted_at_once(state):
        return
    yield OpenNight(
        number=state.nights_closed + 1,
        departs_at=next_departure(state.wish, now),
        catches_up=catches_up,
        reason=_why_a_night(state, catches_up=catches_up),
    )


def _why_a_night(state: SessionState, *, catches_up: bool) -> str:
    if catches_up:
        return "the target was missed and the car stays: go on"
    return "the car is plugged in" if state.last_departure_at is None else "the car stayed after departure"


def _is_wanted_at_once(state: SessionState) -> bool:
    """Commands belong to a night: a hold to be released, or the driver's "charge now", opens one without waiting."""
    kind = state.override.kind if state.override else None
    must_release = bool(state.holds) and (bool(state.leaving) or kind is OverrideKind.SKIP_NIGHT)
    return kind is OverrideKind.CHARGE_NOW or must_release


def label_for_operators(state: SessionState, picture: Picture) -> Iterator[SessionEffect]:
    """Search attributes follow the few things people filter by."""
    night, known = state.night, state.labels
    if night is None:
        return
    stage, route, is_ready = _stage(state), _route_taken(state), night.ready_at is not None
    if (stage, route, is_ready) == (known.stage, known.route, known.is_ready):
        is_at_start = known.departs_at is None and (stage, route, is_ready) == AT_START
        if night.departs_at == known.departs_at or is_at_start:
            return
    if stage == "following plan" and not any(command.outcome is not None for command in night.commands):
        return  # told together with its route, once a command has ended
    labels = Labels(stage=stage, route=route, departs_at=night.departs_at, is_ready=is_ready)
    yield Label(labels=labels, reason=f"stage {labels.stage}, route {labels.route}")


def _stage(state: SessionState) -> str:
    night = state.night
    if night is None:
        return "between nights"
    if night.ready_at is not None:
        return "ready"
    if any(told.startswith(("at_risk", "act_now")) for told in state.told):
        return "at risk"
    if state.override is not None:
        return "overridden"
    return "opened" if night.plan is None else "following plan"


def _route_taken(state: SessionState) -> str:
    """The side of the last command that worked."""
    for command in reversed(state.night.commands if state.night else ()):
        if command.outcome is not None and command.outcome.worked:
            return command.order.side.value
    return state.labels.route


def _renew(state: SessionState, vitals: Vitals) -> list[SessionEffect]:
    is_long = vitals.continue_as_new_suggested or vitals.history_events >= RENEW_AT_EVENTS
    if not is_long or is_busy(state):
        return []
    return [Renew(reason=f"the history has {vitals.history_events} events and nothing is under way")]


def is_busy(state: SessionState) -> bool:
    """Whether anything is under way whose result is still to come."""
    night = state.night
    is_planning = night is not None and (night.plan_requested_at is not None or night.is_closing)
    return bool(is_planning or state.open_commands() or state.reads_open)


def _wake(state: SessionState, now: datetime) -> list[SessionEffect]:
    """One timer, to the earliest instant of interest."""
    picture = picture_of(state, now)
    later = [(at, why) for at, why in _instants(state, picture, now) if at > now]
    if not later:
        return []
    at, why = min(later)
    if at > now + STEP_ENDS_WITHIN and is_busy(state):
        # What is under way ends before that and is heard: the timer is set then, and one that is set stays.
        kept = state.wake_at
        return [WakeAt(at=kept, reason=why)] if kept is not None and kept > now + STEP_ENDS_WITHIN else []
    return [WakeAt(at=at, reason=why)]


def _instants(state: SessionState, picture: Picture, now: datetime) -> Iterator[tuple[datetime, str]]:
    if (at := gone_at(state)) is not None:
        yield at, "believe the unplug"
    night = state.night
    if night is None:
        if state.last_departure_at is not None:
            yield state.last_departure_at + NEXT_NIGHT_AFTER, "open the next night if the car stays"
        return
    yield night.departs_at, "departure"
    if night.is_closing:
        return
    if state.leaving:
        yield from ((c.begun_at + LAST_ACT_WITHIN, "wait no longer for what leaves") for c in state.open_commands())
    if not picture.is_flowing:  # what flows goes on; the plan's next switch is woken for anyway
        yield must_start_at(state, night, picture), "from here price no longer counts"
    if (at := rests_until(night, now)) > now:
        yield at, "try once more what broke off"
    yield measure_at(state, night, picture), "measure how fast the car charges"
    yield from when_to_tell(state, night, picture, now)
    if state.override is not None and state.override.until is not None:
        yield state.override.until, "the driver's pause ends"
    if night.plan is not None:
        is_done = is_reached(state, night, picture)  # then no switch changes anything
        if not is_done and (switch := next_switch_after(state, night, night.plan, now)) is not None:
            yield switch, "the plan switches"
        if why := off_plan(state, night, picture):
            yield may_replan_at(night), f"plan again: {why}"
    if night.reads < state.budgets.reads:
        yield from when_to_look(state, night, picture, now)
    want = wanted(state, picture, now)
    if want.on is not None and want.on is not picture.is_flowing:
        if (at := proof_ends_at(state)) is not None:
            yield at, "look whether the proof still holds"
        again = climbs_again_at(state, Goal.START if want.on else Goal.STOP, now)
        if again is not None:
            yield again, "climb the ladder again"
