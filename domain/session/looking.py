"""When a session asks the devices itself: something is unknown, contradictory, or too old to act on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.commands import Goal
from domain.devices import Side
from domain.fusion import Picture
from domain.memo import remembered
from domain.session.effects import Read, SessionEffect
from domain.session.hearing import SETTLED_AFTER
from domain.session.ladder import next_rung, unsure_sides
from domain.session.plug import is_car_alone
from domain.session.spread import run_at
from domain.session.state import Night, SessionState
from domain.session.wants import (
    is_over,
    is_reached,
    is_short,
    max_power_kw,
    may_be_heating,
    power_kw,
    reachable_soc_pct,
    shortfall_pct,
    wanted,
)

LOOK_AGAIN_AFTER = timedelta(minutes=60)
"""A running charge is looked at when nothing relevant was heard for this long."""

LOOK_TICK = timedelta(minutes=30)
"""Such looks are taken at the nearest tick, so that every word heard meanwhile does not move the timer."""

READ_AGAIN_AFTER = timedelta(minutes=15)
"""An unknown is not asked for more often than this."""

MATCH_WAIT = timedelta(minutes=5)
"""After a plug-in: how long to wait for the word which charger holds the car, before it is taken for none of ours.
Vendors compare plug times and power edges of both ends first; acting at once would leave the charger out (S43)."""

FULL_GRACE = timedelta(minutes=15)
"""By the meter the target is reached, the car has not said so for this long: it is looked at (F6)."""

UNPLUG_CONFIRMED_AFTER = timedelta(minutes=1)
"""An unplug that the car alone tells is asked for once more after this long (F10)."""

LEVEL_FRESH = timedelta(minutes=20)
"""A running charge's level by the car's own word is news for this long."""

POWER_OFF_FRACTION = 0.2
"""Measured power further off the plan than this matters (0-1)."""


PLAN_SHORT_BY_PCT = 0.4
"""A plan that misses the target by more than this is told [%]."""


AT_THE_END = timedelta(hours=1)
"""So near the departure what is charged by then is known better than what a plan leaves out."""


class Doubt(NamedTuple):
    """What is not known well enough to act on, and who can tell."""

    why: str
    ask: tuple[str, ...]
    since: datetime | None = None  # asked although something was heard before this instant; None: only what is old


@remembered
def witness_ids(state: SessionState) -> dict[Side, str]:
    """The devices whose readings can prove something: the car, and the charger that surely holds it. Of two that
    contradict each other, the one that was not disproved."""
    ids = {Side.VEHICLE: state.car.device_id}
    if state.box is None or state.box.device_id in state.lying or Side.CHARGER in unsure_sides(state):
        return ids
    if state.car.device_id in state.lying:
        return {Side.CHARGER: state.box.device_id}
    return {Side.CHARGER: state.box.device_id, **ids}


@remembered
def waits_for_match(state: SessionState, now: datetime) -> bool:
    """Whether the car may still turn out to be in one of the driver's own chargers."""
    night = state.night
    return (
        night is not None
        and night.number == 1
        and bool(state.boxes)
        and state.box is None
        and state.named_charger is None
        and now < night.opened_at + MATCH_WAIT
    )


def look_when_unsure(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """Ask the devices when plug, level or flow is unknown, contradictory or too old to act on."""
    night = state.night
    if night is None or night.is_closing or night.reads >= state.budgets.reads or picture.is_away:
        return
    doubt = doubt_of(state, night, picture, now)
    if doubt is None:
        return
    for device_id in doubt.ask:
        if device_id not in state.reads_open and now >= _may_ask_at(state, device_id, doubt):
            yield Read(side=state.side_of(device_id), device_id=device_id, reason=doubt.why)


def _may_ask_at(state: SessionState, device_id: str, doubt: Doubt) -> datetime:
    """The instant from which this device may be asked again."""
    asked_at = state.asked_at.get(device_id)
    if doubt.since is not None and (asked_at is None or asked_at < doubt.since):
        return doubt.since
    heard = state.readings[device_id].received_at if device_id in state.readings else None
    last = max((at for at in (heard, asked_at) if at is not None), default=None)
    return state.plugged_in_at if last is None else last + READ_AGAIN_AFTER


@remembered
def doubt_of(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    """The first thing that is not known well enough."""
    return next((doubt for rule in _DOUBTS if (doubt := rule(state, night, picture, now)) is not None), None)


def _plug_unknown(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    everyone = tuple(witness_ids(state).values())
    if picture.is_plugged is not None or state.is_unplug_doubted:
        return None
    return Doubt("plug state unknown or contradictory", everyone, night.opened_at)


def _unplug_by_the_car_alone(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    said_at = state.unplug_said_at
    if said_at is None or not is_car_alone(state) or now < said_at + UNPLUG_CONFIRMED_AFTER:
        return None
    return Doubt("only the car says that it is unplugged", (state.car.device_id,), said_at + UNPLUG_CONFIRMED_AFTER)


def _level_unknown(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    if picture.soc_pct is None and night.plan is None:
        return Doubt("level unknown", (state.car.device_id,))
    if state.level is not None and state.level.is_old:
        return Doubt("the level was told before the plug-in", (state.car.device_id,), night.opened_at)
    return None


def _power_unknown(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    return Doubt("power unknown", tuple(witness_ids(state).values())) if picture.flow_kw is None else None


def _match_unknown(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    if not waits_for_match(state, now):
        return None
    silent = (box.device_id for box in state.boxes if not _spoke_since(state, box.device_id, state.plugged_in_at))
    return Doubt("not known yet which charger holds the car", (state.car.device_id, *silent), night.opened_at)


def _spoke_since(state: SessionState, device_id: str, instant: datetime) -> bool:
    reading = state.readings.get(device_id)
    return reading is not None and reading.observed_at is not None and reading.observed_at >= instant


def _power_off(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    """Power that began far off the plan is looked at once it should have settled (F23)."""
    settled_at = _settles_at(state, night, picture)
    if settled_at is None or now < settled_at:
        return None
    meter = tuple(witness_ids(state).values())[:1]
    return Doubt(f"{picture.flow_kw:.1f} kW flow: look whether that is all", meter, settled_at)


@remembered
def _settles_at(state: SessionState, night: Night, picture: Picture) -> datetime | None:
    """When a power that is off the plan must be measured again; None: it is as planned, or has settled. A plan may
    count on it already: what it shows once settled says whether the target can still be reached at all."""
    flow, kw, measured_at = state.flow, picture.flow_kw, picture.flow_at
    if flow is None or not flow.is_on or kw is None or measured_at is None or night.plan_power_kw is None:
        return None
    settled_at = flow.since + SETTLED_AFTER
    is_strange = is_off(kw, night.plan_power_kw) or (state.measured_kw is None and is_off(kw, max_power_kw(state)))
    return settled_at if picture.is_flowing and is_strange and measured_at < settled_at else None


def _target_overdue(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    due_at = _full_by(state, night, picture)
    if due_at is None or now < due_at:
        return None
    return Doubt(
        "by the meter the target is reached, the car has not said so", tuple(witness_ids(state).values()), due_at
    )


def _short(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    """Before anybody is alarmed by a level that was reckoned, the car is asked."""
    seems_short = is_short(state, night, picture, now) or plan_falls_short(state, night, picture, now)
    if not seems_short or is_level_checked(state, picture, now):
        return None
    return Doubt("the target seems out of reach", (state.car.device_id,), now)


def plan_falls_short(state: SessionState, night: Night, picture: Picture, now: datetime) -> bool:
    """Whether the plan in hand, made with a power that had settled, leaves a shortfall that anybody notices, and the
    level has not made up for it since."""
    plan = night.plan
    if plan is None or state.measured_kw is None or night.wants_replan or night.plan_requested_at is not None:
        return False
    if may_be_heating(state) or is_reached(state, night, picture):
        return False
    if night.plan_power_kw is None or abs(night.plan_power_kw - power_kw(state)) > 0.1:
        return False
    short_pct = 100 * plan.shortfall_ac_kwh * state.car.efficiency / state.car.battery_capacity_kwh
    is_soon = now + AT_THE_END >= night.departs_at
    slack = PLAN_SHORT_BY_PCT if is_soon else 0.0  # levels come in whole percents, plans leave room for a late switch
    return short_pct > PLAN_SHORT_BY_PCT and shortfall_pct(state, night, picture, now) > slack


def is_level_checked(state: SessionState, picture: Picture, now: datetime) -> bool:
    """Whether the level rests on the car's recent word, or the car was asked for it in vain."""
    if state.level is None or not picture.is_flowing or now - state.level.told_at <= LEVEL_FRESH:
        return True
    asked_at = state.asked_at.get(state.car.device_id)
    return asked_at is not None and now - asked_at <= LEVEL_FRESH and state.car.device_id not in state.reads_open


def _plan_over(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    """Energy flows on beyond the plan's last run: only the car can say whether it has enough."""
    ended_at = plan_ended_at(night, now)
    if ended_at is None or not picture.is_flowing or (picture.soc_at is not None and picture.soc_at >= ended_at):
        return None
    return Doubt("the plan's last run is over", (state.car.device_id,), ended_at)


@remembered
def plan_ended_at(night: Night, now: datetime) -> datetime | None:
    """When the plan's last run ended; None: it has not."""
    plan = night.plan
    t = plan.slot_at(now) if plan is not None else None
    if plan is None or t is None or not is_over(plan, t):
        return None
    return plan.edges[run_at(plan, t)[0]]


def _long_unheard(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    due_at = _looks_again_at(state, picture, now)
    if due_at is None or now < due_at:
        return None
    return Doubt("power last measured an hour ago", (_longest_unheard(state),))


@remembered
def _looks_again_at(state: SessionState, picture: Picture, now: datetime) -> datetime | None:
    """When a charge that was not heard of is looked at. A command about to be sent looks by itself."""
    if picture.flow_at is None:
        return None
    is_wanted = wanted(state, picture, now).on
    if picture.is_flowing and is_wanted is False:
        return None
    if not picture.is_flowing:
        is_left_alone = not state.open_commands() and next_rung(state, Goal.START, now) is None
        if not (is_wanted and is_left_alone):
            return None
    at = picture.flow_at + LOOK_AGAIN_AFTER
    since_tick = (at - datetime.min.replace(tzinfo=UTC)) % LOOK_TICK
    return at - since_tick if since_tick < LOOK_TICK / 2 else at - since_tick + LOOK_TICK


def _longest_unheard(state: SessionState) -> str:
    """The witness that spoke, or was asked in vain, longest ago: meter and level are looked at in turn."""
    return min(witness_ids(state).values(), key=lambda device_id: _last_turn(state, device_id))


def _last_turn(state: SessionState, device_id: str) -> datetime:
    heard = state.readings[device_id].received_at if device_id in state.readings else state.plugged_in_at
    return max(heard, state.asked_at.get(device_id, heard))


_DOUBTS = (
    _plug_unknown,
    _unplug_by_the_car_alone,
    _level_unknown,
    _power_unknown,
    _match_unknown,
    _power_off,
    _target_overdue,
    _plan_over,
    _short,
    _long_unheard,
)


def is_off(kw: float, planned_kw: float) -> bool:
    """Whether a measured power is off the plan by more than a fifth."""
    return abs(kw - planned_kw) > POWER_OFF_FRACTION * planned_kw


@remembered
def _full_by(state: SessionState, night: Night, picture: Picture) -> datetime | None:
    """When the car should have said that it reached the target."""
    if state.level is None or not picture.is_flowing or night.ready_at is not None:
        return None
    at = state.level.reaches_at(reachable_soc_pct(state, night, picture))
    return None if at is None else at + FULL_GRACE


def when_to_look(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[tuple[datetime, str]]:
    """Instants at which something may have to be looked at."""
    if waits_for_match(state, now):
        yield night.opened_at + MATCH_WAIT, "no charger of ours seems to hold the car"
    if state.unplug_said_at is not None and state.charger_id is None:
        yield state.unplug_said_at + UNPLUG_CONFIRMED_AFTER, "ask the car once more whether it is unplugged"
    doubt = doubt_of(state, night, picture, now)
    if doubt is not None:
        for device_id in doubt.ask:
            if device_id not in state.reads_open:
                yield _may_ask_at(state, device_id, doubt), "ask the device again"
        return
    if (settled_at := _settles_at(state, night, picture)) is not None:
        yield settled_at, "look whether the power has settled"
    if (due_at := _full_by(state, night, picture)) is not None:
        yield due_at, "look whether the target is reached"
    if (look_at := _looks_again_at(state, picture, now)) is not None:
        yield look_at, "look whether energy still flows"
