"""What the driver is told: at risk, then act now, once per kind and cause a night, with what to do; and what is over.

"At risk" may be withdrawn. "Act now" comes while the driver can still act: the last safe start leaves time for that.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from domain.commands import CommandResult, Goal
from domain.fusion import Picture
from domain.routing import route
from domain.session.control import is_late, is_stopped_by_driver, may_be_stopped
from domain.session.effects import Tell
from domain.session.ladder import LADDER_REST, climb_time, failed_sides, next_rung, pulse_rung
from domain.session.looking import is_level_checked, plan_falls_short, waits_for_match
from domain.session.picture import own_limit_pct
from domain.session.rivals import SHORT_RUN, aborts, is_conceded
from domain.session.state import Night, OverrideKind, SessionState
from domain.session.wants import (
    SHORT_BY_PCT,
    is_reached,
    is_short,
    is_stuck_slow,
    last_safe_start,
    shortfall_pct,
    wanted,
)

Kind = Literal["at_risk", "act_now", "cost", "question", "withdrawn", "notice"]

TRIED_FOR = timedelta(minutes=12)
"""A command's time: energy that ceased may be back by then."""

MATCH_ASKED_AFTER = timedelta(minutes=15)
"""After a plug-in: how long nobody may know which charger holds the car before the driver is asked."""

LEVEL_AWAITED = timedelta(hours=1)
"""How long after the plug-in a level is waited for before the driver hears that there is none."""

LEVEL_SETTLES = timedelta(hours=8, minutes=30)
"""How long after the plug-in a car may go on telling the level of before its trip (F8)."""

TO_DO = {
    "aborts": "check_charger",
    "fault": "check_plug",
    "foreign_control": "choose_controller",
    "level_frozen": "check_level",
    "level_unknown": "check_level",
    "login_dead": "link_again",
    "no_route": "start_at_charger",
    "own_limit": "raise_limit",
    "refused": "check_charger_mode",
    "start_failed": "start_at_charger",
    "stop_failed": "nothing",
    "stopped_by_driver": "say_charge_now",
    "too_late": "leave_later",
    "late": "nothing",
    "which_charger": "say_which_charger",
}
"""What the driver can do about each cause; words are in the catalogues."""

LASTING = frozenset({"own_limit", "level_frozen"})
"""Causes that energy flowing does not end."""

WITHDRAWN_AT_MOST = 2
"""How often a cause is withdrawn in a night; what comes and goes more often stays told [count]."""


class Cause(NamedTuple):
    """Why the car may not be ready, and what was seen of it."""

    name: str
    reason: str


def tell_the_driver(state: SessionState, picture: Picture, now: datetime) -> Iterator[Tell]:
    """Everything that is to be told now and was not told tonight."""
    night = state.night
    if night is None or night.is_closing or picture.is_away:
        return
    if picture.is_plugged is False:
        return
    for tell in _due(state, night, picture, now):
        if tell.kind == "withdrawn" or f"{tell.kind}:{tell.cause}" not in state.told:
            yield tell
            return  # the next one is decided on what is told then


def _due(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[Tell]:
    yield from _when_over(state, night, picture, now)
    yield from _what_is_known_beforehand(state, night, picture, now)
    yield from _what_the_driver_chose(state, night, picture, now)
    yield from _when_a_start_fails(state, night, picture, now)
    yield from _when_a_stop_fails(state, night, picture, now)
    yield from _what_is_asked(state, night, picture, now)


def _tell(kind: Kind, cause: str, reason: str) -> Tell:
    return Tell(kind=kind, cause=cause, what_to_do="nothing" if kind == "withdrawn" else TO_DO[cause], reason=reason)


def _is_skipped(state: SessionState) -> bool:
    return state.override is not None and state.override.kind is OverrideKind.SKIP_NIGHT


def _what_is_known_beforehand(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[Tell]:
    """What no command can change: told as soon as it is known."""
    if _is_skipped(state):
        return
    limit = own_limit_pct(state, picture)
    if limit is not None and limit < night.target_soc_pct - SHORT_BY_PCT:
        yield _tell(
            "at_risk", "own_limit", f"the car itself ends at {limit:.0f} %, wanted are {night.target_soc_pct:.0f} %"
        )
    yield from _what_the_time_allows(state, night, picture, now)
    if state.level is not None and state.level.is_frozen and not is_reached(state, night, picture):
        reason = (
            f"the car says {state.level.told_pct:.0f} % all the time, while {state.level.low_pct:.0f} % were metered"
        )
        yield _tell(_kind_of_frozen(state, night), "level_frozen", reason)
    if picture.has_fault and not picture.is_flowing:
        yield _tell("at_risk", "fault", "car or charger reports a fault")
    if aborts(night) and not picture.is_flowing:
        yield _tell("act_now", "aborts", "charging broke off three times shortly after it began")
    if state.no_login & set(state.device_ids) and not route_with_login(state):
        yield _tell("at_risk", "login_dead", "the login at the maker ended: nothing can be started from here")
    elif state.no_login & set(state.device_ids):
        yield _tell("notice", "login_dead", "a login ended: the other side takes over")


def _kind_of_frozen(state: SessionState, night: Night) -> Kind:
    """A level that stands still is made up for by the meter: news, not a risk. Unless the car leaves before a level
    from before the trip would have been put right (F8): then nobody knows where the meter began."""
    return "at_risk" if night.departs_at < state.plugged_in_at + LEVEL_SETTLES else "notice"


def _what_the_time_allows(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[Tell]:
    if night.catches_up and not is_reached(state, night, picture):
        yield _tell("notice", "late", "the departure was missed: the charge goes on to the target")
    elif picture.soc_pct is None:
        if now >= night.opened_at + LEVEL_AWAITED:
            yield _tell(
                "at_risk", "level_unknown", "the car does not tell its level: it is charged as if it were empty"
            )
    elif night.ready_at is not None or is_reached(state, night, picture):
        return
    elif is_stuck_slow(state, night, picture) or _starts_anew(state, night):
        return  # what is stuck is started anew first (F23)
    elif state.level is not None and state.level.is_old and now < night.opened_at + LEVEL_AWAITED:
        return  # a newer word is being asked for
    elif not is_level_checked(state, picture, now):
        return  # the car is being asked: a level that was reckoned alarms nobody
    elif plan_falls_short(state, night, picture, now):
        yield _tell("at_risk", "too_late", "even the plan that charges at once and all the time misses the target")
    elif is_short(state, night, picture, now):
        yield _tell("at_risk", "too_late", "the time to departure is too short for the target, even at once")


def _starts_anew(state: SessionState, night: Night) -> bool:
    """Whether the start that follows a stop of what was stuck is under way."""
    last = night.commands[-2:]
    return len(last) == 2 and last[0].order.is_restart and last[1].outcome is None


def route_with_login(state: SessionState) -> bool:
    """Whether a start can still be asked for at a side whose login lives."""
    ids = {"charger": state.box.device_id if state.box else "", "vehicle": state.car.device_id}
    return any(ids[side.value] not in state.no_login for side in route(state, Goal.START))


def _what_the_driver_chose(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[Tell]:
    """After a stop the risk to departure is shown (F60), once it is one; nothing is undone."""
    latest = last_safe_start(state, night, picture)
    if _is_skipped(state) and not picture.is_flowing and now >= latest and not is_reached(state, night, picture):
        yield _tell("at_risk", "stopped_by_driver", "the driver skips this night, and nothing charges")
    if not is_stopped_by_driver(state, now) or is_reached(state, night, picture):
        return
    until = state.override.until if state.override is not None else None
    if until is None or until > latest:
        yield _tell("at_risk", "stopped_by_driver", "as the driver wished nothing charges; the target will be missed")
        if now >= latest:
            yield _tell("act_now", "stopped_by_driver", "the last safe start has come and the driver's stop holds")


def _when_a_start_fails(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[Tell]:
    """At risk: ladder exhausted, twice if there is time, or a rung failed with none to spare. Act now: last safe start
    without proof."""
    if picture.is_flowing or picture.is_full or is_stopped_by_driver(state, now) or is_reached(state, night, picture):
        return
    if wanted(state, picture, now).on is not True:
        return
    has_failed = bool(failed_sides(state, Goal.START, now)) or not route(state, Goal.START)
    pressing = is_late(state, picture, now)
    has_nothing_left = (
        not state.open_commands()
        and not waits_for_match(state, now)
        and next_rung(state, Goal.START, now, is_pressing=pressing) is None
        and pulse_rung(state, picture, now, is_pressing=pressing) is None
    )
    cause = _cause(state, night, picture)
    is_exhausted = has_nothing_left and (_has_climbed_twice(state, night) or _has_no_time_to_climb(state, picture, now))
    is_last = now >= last_safe_start(state, night, picture)
    if is_exhausted or (has_failed and is_last):
        yield _tell("at_risk", cause.name, cause.reason)
    is_tried = has_failed or has_nothing_left or bool(state.open_commands())  # else a start is only just being sent
    is_last = is_tried and now >= max(
        last_safe_start(state, night, picture), _tried_until(state, has_failed=has_failed)
    )
    if is_last or (is_exhausted and pressing):
        yield _tell("act_now", cause.name, cause.reason)


def _tried_until(state: SessionState, *, has_failed: bool) -> datetime:
    """Energy that ceased just now gets the time of one command before the driver is called; so does a first start."""
    flow = state.flow
    until = flow.since + TRIED_FOR if flow is not None and not flow.is_on else state.plugged_in_at
    first = next((c for c in state.open_commands() if c.order.goal is Goal.START and not has_failed), None)
    return until if first is None else max(until, first.begun_at + TRIED_FOR)


def _has_no_time_to_climb(state: SessionState, picture: Picture, now: datetime) -> bool:
    """Whether another climb would not end before price no longer counts."""
    return is_late(state, picture, now + LADDER_REST + climb_time(state, Goal.START))


def _has_climbed_twice(state: SessionState, night: Night) -> bool:
    """Whether every side that can start the car has failed twice since it last worked."""
    failures = dict.fromkeys(route(state, Goal.START), 0)
    for command in night.commands:
        outcome = command.outcome
        if outcome is None or command.order.goal is not Goal.START or outcome.result is CommandResult.SUPERSEDED:
            continue
        failures[outcome.side] = 0 if outcome.worked else failures.get(outcome.side, 0) + 1
    return all(count >= 2 for side, count in failures.items() if side in route(state, Goal.START))


def _cause(state: SessionState, night: Night, picture: Picture) -> Cause:
    """Why no start worked, as far as anything shows it."""
    if aborts(night):
        return Cause("aborts", "charging broke off three times shortly after it began")
    if picture.has_fault:
        return Cause("fault", "car or charger reports a fault")
    if not route(state, Goal.START):
        return Cause("no_route", "nothing of this car's can be commanded")
    if not route_with_login(state):
        return Cause("login_dead", "the login at the maker ended: nothing can be started from here")
    starts = [c.outcome for c in night.commands if c.outcome is not None and c.order.goal is Goal.START]
    last = {o.side: o for o in starts if o.result is not CommandResult.SUPERSEDED}
    errors = {o.error for o in last.values()}
    if is_conceded(night) or "ControlledElsewhere" in errors:
        return Cause("foreign_control", "somebody else controls this car")
    if last and all(o.result is CommandResult.REFUSED for o in last.values()):
        return Cause("refused", "every side refused to start: a mode or lock stands against it")
    return Cause("start_failed", "no side could be brought to charge")


def _when_a_stop_fails(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[Tell]:
    """The car charges although the plan waits: it will be ready, at a higher price."""
    if not picture.is_flowing or state.open_commands() or waits_for_match(state, now):
        return
    if is_conceded(night) and not may_be_stopped(state, night, picture) and not is_late(state, picture, now):
        yield _tell("cost", "foreign_control", "somebody else starts this car again and again: it is left to them")
    elif wanted(state, picture, now).on is False and next_rung(state, Goal.STOP, now) is None:
        yield _tell(
            "cost", "stop_failed", "the car charges although the plan waits; it will be ready, at a higher price"
        )


def _what_is_asked(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[Tell]:
    """Questions that only the driver can answer."""
    if is_conceded(night):
        yield _tell("question", "foreign_control", "somebody else controls this car too: the driver must choose")
    may_be_ours = any(
        r.is_plugged_in and r.paired_with in (None, state.car.device_id)
        for r in (state.readings.get(box.device_id) for box in state.boxes)
        if r is not None
    )
    is_open = state.box is None and state.named_charger is None and may_be_ours and picture.is_plugged
    if is_open and now >= night.opened_at + MATCH_ASKED_AFTER:
        yield _tell(
            "question", "which_charger", "a charger of the driver's is plugged in, and nobody knows to which car"
        )


def _when_over(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[Tell]:
    """What was told is withdrawn once energy flows and the target will be reached, or is."""
    open_causes = {
        cause
        for kind, _, cause in (told.partition(":") for told in state.told)
        if kind in ("at_risk", "act_now") and state.told.count(f"withdrawn:{cause}") < WITHDRAWN_AT_MOST
    }
    if not open_causes:
        return
    is_well = is_reached(state, night, picture) and own_limit_pct(state, picture) is None
    is_well = is_well or night.ready_at is not None
    flows_well = bool(picture.is_flowing) and shortfall_pct(state, night, picture, now) <= 0
    if flows_well and now < _lasts_from(state):
        open_causes.discard("aborts")
    for cause in sorted(open_causes):
        if is_well or (flows_well and cause not in LASTING and not is_stopped_by_driver(state, now)):
            yield _tell(
                "withdrawn", cause, "energy flows again, in time for the target" if flows_well else "it is ready"
            )


def _lasts_from(state: SessionState) -> datetime:
    """When a charge that began after others had broken off has outlasted them (F27)."""
    return state.plugged_in_at if state.flow is None else state.flow.since + SHORT_RUN


def when_to_tell(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[tuple[datetime, str]]:
    """Instants at which something may have to be told."""
    if not picture.is_flowing:
        latest = last_safe_start(state, night, picture)
        yield max(latest, _tried_until(state, has_failed=True)), "last safe start: tell the driver if nothing flows"
        if state.override is not None:
            yield latest, "last safe start: tell the driver if the stop holds"
    elif aborts(night):
        yield _lasts_from(state), "look whether the charge lasts this time"
    if state.boxes and state.box is None and state.named_charger is None:
        yield night.opened_at + MATCH_ASKED_AFTER, "ask which charger holds the car"
    if picture.soc_pct is None or (state.level is not None and state.level.is_old):
        yield night.opened_at + LEVEL_AWAITED, "tell that the level is not known"
