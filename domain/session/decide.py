"""`decide(state, now) -> Decision`: what a session does next, and why. Rules are found by their name."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.commands import CommandOrder, Goal, Proof
from domain.departure import next_departure
from domain.devices import Side
from domain.fusion import Picture, fuse
from domain.relevance import Watch
from domain.routing import box_in_use, device_at, route
from domain.session.apply import begun
from domain.session.effects import (
    CloseNight,
    CloseSession,
    Decision,
    Label,
    Listen,
    OpenNight,
    Plan,
    PlanRequest,
    Read,
    Renew,
    Report,
    Send,
    SessionEffect,
    Tell,
    Vitals,
    WakeAt,
)
from domain.session.ladder import Rung, climbs_again_at, next_rung
from domain.session.state import Labels, Night, SessionState
from domain.session.wants import Want, last_safe_start, max_power_kw, wanted

MAX_CHAIN = 10
"""Every chain of decisions comes to rest within this many steps; a property test holds it."""

UNPLUG_DEBOUNCE = timedelta(seconds=60)
"""An unplug is believed once it has been said for this long (F10, F11)."""

NEXT_NIGHT_AFTER = timedelta(hours=1)
"""A car still plugged this long after departure gets its next night."""

PROOF_LIMIT = timedelta(minutes=10)
"""How long a command may take to be measured before the other side is tried."""

LOOK_AGAIN_AFTER = timedelta(minutes=60)
"""A running charge is looked at when nothing relevant was heard for this long."""

READ_AGAIN_AFTER = timedelta(minutes=15)
"""An unknown is not asked for more often than this."""

READS_PER_NIGHT = 24
"""Budget of reads of our own [count] (F5)."""

CORRIDOR_PCT = 4.0
"""A level further off the plan than this asks for a new plan [%]: whole percents and a telemetry period stay within."""

REPLAN_AFTER = timedelta(minutes=15)
"""A plan is not replaced for its level before it is this old: plans must not chatter (F57)."""

PLANS_PER_NIGHT = 12
"""Budget of plans [count]."""

RENEW_AT_EVENTS = 5_000
"""History events at which a session continues as new (F74)."""


def decide(
    state: SessionState, now: datetime, seen: int = 0, vitals: Vitals | None = None, attempt: int = 0
) -> Decision:
    """All that is to be done at `now`, to rest, ending with the next instant of interest."""
    effects: list[SessionEffect] = []
    for _ in range(MAX_CHAIN):
        step = list(_rules(state, now))
        if not step:
            break
        for effect in step:
            effects.append(effect)
            state = begun(state, effect, now)
    if not state.is_closed:
        effects.extend(_renew(state, vitals or Vitals()) or _wake(state, now))
    return Decision(at=now, seen=seen, attempt=attempt, effects=tuple(effects))


def _rules(state: SessionState, now: datetime) -> Iterator[SessionEffect]:
    """Every rule once, in order of precedence. Nothing comes after the end."""
    if state.is_closed:
        return
    picture = fuse(state.car.device_id, state.readings)
    yield from report_to_the_driver(state)
    yield from listen_to_devices(state)
    yield from close_when_unplugged(state, now)
    yield from close_at_departure(state, now)
    yield from open_the_night(state, picture, now)
    yield from look_when_unsure(state, picture, now)
    yield from make_a_plan(state, picture, now)
    yield from control_the_flow(state, picture, now)
    yield from label_for_operators(state, picture)


def report_to_the_driver(state: SessionState) -> Iterator[SessionEffect]:
    """The account is in storage first; the report is best effort."""
    if state.to_report is not None:
        yield Report(night=state.to_report, reason=f"night {state.to_report.number} is accounted for")


def listen_to_devices(state: SessionState) -> Iterator[SessionEffect]:
    """Only what this night needs to know reaches the session."""
    mark = state.night.target_soc_pct if state.night else state.wish.target_soc_pct
    watch = Watch(
        session_id=state.session_id, driver_id=state.driver_id, device_ids=state.device_ids, soc_above_pct=mark
    )
    if watch != state.watch and not is_busy(state):
        yield Listen(watch=watch, reason=f"hear plug, flow, faults, and the level reaching {mark:.0f} %")


def is_unplugged(state: SessionState, now: datetime) -> bool:
    """Unplugged by the word of all witnesses, long enough to be no blip."""
    return state.unplug_said_at is not None and now - state.unplug_said_at >= UNPLUG_DEBOUNCE


def close_when_unplugged(state: SessionState, now: datetime) -> Iterator[SessionEffect]:
    """A sure unplug ends the night, then the session."""
    if not is_unplugged(state, now):
        return
    if state.night is None:
        yield CloseSession(reason="unplugged, and every night is accounted for")
    elif not state.night.is_closing:
        yield CloseNight(number=state.night.number, reason="unplugged")


def close_at_departure(state: SessionState, now: datetime) -> Iterator[SessionEffect]:
    """The night runs to its departure and ends with its account."""
    night = state.night
    if night is not None and not night.is_closing and now >= night.departs_at and not is_unplugged(state, now):
        yield CloseNight(number=night.number, reason="departure")


def open_the_night(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """The first night opens at plug-in; the next one if the car stays after departure."""
    if state.night is not None or state.unplug_said_at is not None or picture.is_plugged is False:
        return
    if state.last_departure_at is not None and now < state.last_departure_at + NEXT_NIGHT_AFTER:
        return
    departs_at = next_departure(state.wish, now)
    reason = "the car is plugged in" if state.last_departure_at is None else "the car stayed after departure"
    yield OpenNight(number=state.nights_closed + 1, departs_at=departs_at, reason=reason)


def look_when_unsure(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """Ask the devices when plug, level or flow is unknown, contradictory or too old to act on."""
    night = state.night
    if night is None or night.is_closing or night.reads >= READS_PER_NIGHT:
        return
    doubt = _doubt(state, night, picture, now)
    if doubt is None:
        return
    for device_id in doubt.ask:
        if device_id not in state.reads_open and now >= _may_ask_at(state, device_id, now):
            yield Read(side=state.side_of(device_id), device_id=device_id, reason=doubt.why)


class Doubt(NamedTuple):
    """What is not known well enough to act on, and who can tell."""

    why: str
    ask: tuple[str, ...]


def _may_ask_at(state: SessionState, device_id: str, now: datetime) -> datetime:
    """The instant from which this device may be asked again."""
    heard = state.readings[device_id].received_at if device_id in state.readings else None
    last = max((at for at in (heard, state.asked_at.get(device_id)) if at is not None), default=None)
    return now if last is None else last + READ_AGAIN_AFTER


def _doubt(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    witnesses = _witness_ids(state)
    everyone = tuple(witnesses.values())
    meter = everyone[:1]  # the charger's, if the car is surely in one
    if picture.is_plugged is None:
        return Doubt("plug state unknown or contradictory", everyone)
    if picture.soc_pct is None and night.plan is None:
        return Doubt("level unknown", (state.car.device_id,))
    if picture.flow_kw is None:
        return Doubt("power unknown", everyone)
    is_active = picture.is_flowing or wanted(state, picture, now).on
    if is_active and picture.flow_at is not None and now - picture.flow_at >= LOOK_AGAIN_AFTER:
        return Doubt("power last measured an hour ago", meter)
    return None


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
    if night.plan_revision >= PLANS_PER_NIGHT or now < night.plan.edges[0] + REPLAN_AFTER:
        return ""
    off_pct = level_off_plan_pct(state, night, picture)
    return f"level is {off_pct:+.0f} % off the plan" if abs(off_pct) > CORRIDOR_PCT else ""


def level_off_plan_pct(state: SessionState, night: Night, picture: Picture) -> float:
    """How far the newest level is above (+) or below (-) what the plan expected at that instant [%]; 0 if unknown."""
    plan, soc_pct, at = night.plan, picture.soc_pct, picture.soc_at
    if plan is None or soc_pct is None or at is None or night.plan_soc_pct is None or at <= plan.edges[0]:
        return 0.0
    drawn_kwh = sum(
        plan.energy_ac_kwh[t] * min(1.0, (at - plan.edges[t]) / (plan.edges[t + 1] - plan.edges[t]))
        for t in range(len(plan.energy_ac_kwh))
        if plan.edges[t] < at
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
        target_soc_pct=min(night.target_soc_pct, picture.charge_limit_pct or 100.0),
        min_soc_pct=night.min_soc_pct,
        max_power_kw=max_power_kw(state),
        efficiency=state.car.efficiency,
        control=state.car.control,
        is_on=bool(picture.is_flowing),
    )


def control_the_flow(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """Command only if what is measured differs from what is wanted, one open command per device."""
    want = wanted(state, picture, now)
    if want.on is None or picture.is_plugged is False or state.night is None:
        return
    goal = Goal.START if want.on else Goal.STOP
    open_commands = state.open_commands()
    if any(command.order.goal is goal for command in open_commands):
        return
    if open_commands:  # the opposite is under way: a newer intent supersedes it at the same device
        side = open_commands[-1].order.side
        yield _send(
            state, goal, Rung(side, _proof_of(goal), "a newer intent supersedes the command under way"), want, now
        )
        return
    if _is_as_wanted(picture, goal):
        return
    if (next_step := next_rung(state, goal, now)) is not None:
        yield _send(state, goal, next_step, want, now)
    else:
        yield from tell_when_exhausted(state, goal, is_late=now >= last_safe_start(state, state.night, picture))


def _is_as_wanted(picture: Picture, goal: Goal) -> bool:
    """Nothing to send: measured as wanted, or not known well enough. A car that seems to charge may be stopped."""
    if goal is Goal.STOP:
        return not (picture.is_flowing or picture.seems_flowing)
    return picture.is_flowing is not False or picture.is_full


def _proof_of(goal: Goal) -> Proof:
    return Proof.FLOW if goal is Goal.START else Proof.NO_FLOW


def _send(state: SessionState, goal: Goal, rung: Rung, want: Want, now: datetime) -> Send:
    device = device_at(state, rung.side) or state.car
    assert state.night is not None
    order = CommandOrder(
        key=f"{state.session_id}/{state.night.number}/{state.next_command}",
        number=state.next_command,
        goal=goal,
        side=state.side_of(device.device_id),
        device_id=device.device_id,
        driver_id=state.driver_id,
        proof=rung.proof,
        prove_by=now + PROOF_LIMIT,
        witness_ids=_witness_ids(state),
        toggles=device.toggles,
    )
    return Send(order=order, reason=f"{want.why}; {rung.why}")


def _witness_ids(state: SessionState) -> dict[Side, str]:
    """The devices whose readings can prove something: the car, and the charger that surely holds it."""
    box = box_in_use(state)
    ids = {Side.VEHICLE: state.car.device_id}
    return ids if box is None else {Side.CHARGER: box.device_id, **ids}


def tell_when_exhausted(state: SessionState, goal: Goal, *, is_late: bool = False) -> Iterator[SessionEffect]:
    """Every rung failed: the driver hears of it, with what to do; from the last safe start on it is "act now"."""
    if goal is Goal.START:
        tell = Tell(
            kind="act_now" if is_late else "at_risk",
            cause="start_failed" if route(state, goal) else "no_route",
            what_to_do="start_at_charger",
            reason="no side could be brought to charge",
        )
    else:
        tell = Tell(
            kind="cost",
            cause="stop_failed",
            what_to_do="nothing",
            reason="the car charges although the plan waits; it will be ready, at a higher price",
        )
    if f"{tell.kind}:{tell.cause}" not in state.told:
        yield tell


def label_for_operators(state: SessionState, picture: Picture) -> Iterator[SessionEffect]:
    """Search attributes follow the few things people filter by."""
    labels = Labels(
        stage=_stage(state),
        route=_route_taken(state),
        departs_at=state.night.departs_at if state.night else state.last_departure_at,
        is_ready=state.night is not None and state.night.ready_at is not None,
    )
    if labels != state.labels and state.night is not None:
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
    picture = fuse(state.car.device_id, state.readings)
    later = [(at, why) for at, why in _instants(state, picture, now) if at > now]
    if not later:
        return []
    at, why = min(later)
    return [WakeAt(at=at, reason=why)]


def _instants(state: SessionState, picture: Picture, now: datetime) -> Iterator[tuple[datetime, str]]:
    if state.unplug_said_at is not None:
        yield state.unplug_said_at + UNPLUG_DEBOUNCE, "believe the unplug"
    night = state.night
    if night is None:
        if state.last_departure_at is not None:
            yield state.last_departure_at + NEXT_NIGHT_AFTER, "open the next night if the car stays"
        return
    yield night.departs_at, "departure"
    if night.is_closing:
        return
    yield last_safe_start(state, night, picture), "last safe start"
    if night.plan is not None:
        if (switch := night.plan.next_switch_after(now)) is not None:
            yield switch, "the plan switches"
        if abs(level_off_plan_pct(state, night, picture)) > CORRIDOR_PCT:
            yield night.plan.edges[0] + REPLAN_AFTER, "plan again: the level is off the plan"
    if night.reads < READS_PER_NIGHT:
        yield from _when_to_look(state, night, picture, now)
    want = wanted(state, picture, now)
    if want.on is not None and want.on is not picture.is_flowing:
        again = climbs_again_at(state, Goal.START if want.on else Goal.STOP, now)
        if again is not None:
            yield again, "climb the ladder again"


def _when_to_look(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[tuple[datetime, str]]:
    doubt = _doubt(state, night, picture, now)
    if doubt is not None:
        for device_id in doubt.ask:
            if device_id not in state.reads_open:
                yield _may_ask_at(state, device_id, now), "ask the device again"
    elif picture.flow_at is not None and (picture.is_flowing or wanted(state, picture, now).on):
        yield picture.flow_at + LOOK_AGAIN_AFTER, "look whether energy still flows"
