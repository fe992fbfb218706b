"""`apply(state, event) -> state`: what a session learns. Total, pure, tolerant of repeats and of late results."""

from datetime import datetime, timedelta

from domain.commands import CommandOutcome, CommandResult, Goal
from domain.devices import Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, Hold, measured_power_kw
from domain.session.begin import begun, with_hold
from domain.session.events import (
    CommandEnded,
    DevicesLeaving,
    DriverActed,
    NightAccounted,
    PlanFailed,
    PlanReady,
    PricesChanged,
    ReadFailed,
    ReadingArrived,
    SessionEvent,
)
from domain.session.hearing import hear_reading, with_night
from domain.session.obeying import obey
from domain.session.rivals import LATE_FOR
from domain.session.state import Night, OverrideKind, SessionState
from domain.traits import SLOW

__all__ = ["apply", "begun"]

SLOW_FROM = timedelta(minutes=4)
"""A proven effect later than this is a slow device's: ordinary ones act within half a minute, and show it soon."""

LOGIN_ENDED = "LinkRevoked"
"""Type of the error that says that only the driver can restore access."""

CANNOT = "MissingCapability"
"""Type of the error that says that a device cannot do this any more (F34)."""


def apply(state: SessionState, event: SessionEvent) -> SessionState:
    """The state after hearing `event`."""
    match event:
        case ReadingArrived():
            return hear_reading(state, event.reading)
        case ReadFailed():
            return _note_failed_read(state, event)
        case PlanReady():
            return _take_plan(state, event)
        case PlanFailed():
            return _count_failed_plan(state, event)
        case CommandEnded():
            return _end_command(state, event.outcome)
        case PricesChanged():
            return _hear_of_prices(state, event)
        case DriverActed():
            return obey(state, event)
        case DevicesLeaving():
            leaving = frozenset(event.device_ids) & set(state.device_ids)
            return state.model_copy(update={"leaving": state.leaving | leaving, "leaving_why": event.why})
        case NightAccounted():
            return _close_night(state, event)
        case _:  # TimeReached changes nothing by itself
            return state


def _hear_of_prices(state: SessionState, event: PricesChanged) -> SessionState:
    """Prices of the driver's own area, heard of for the first time, are worth a new plan if they were missing in it."""
    is_repeated = bool(event.publication) and event.publication == state.publication
    if is_repeated or event.area != state.tariff.area:
        return state
    state = state.model_copy(update={"publication": event.publication})
    night = state.night
    if night is None or (night.prices_known_until is not None and night.prices_known_until >= night.departs_at):
        return state  # the plan rests on the market's own prices to its end: nothing can come that changes it
    return with_night(state, wants_replan="new prices are out")


def _note_failed_read(state: SessionState, event: ReadFailed) -> SessionState:
    no_login = state.no_login | {event.device_id} if event.why == LOGIN_ENDED else state.no_login
    return state.model_copy(update={"reads_open": state.reads_open - {event.device_id}, "no_login": no_login})


def _take_plan(state: SessionState, event: PlanReady) -> SessionState:
    if state.night is None or event.revision != state.night.plan_revision:
        return state  # an answer to a question that was asked anew meanwhile
    return with_night(
        state,
        plan=event.plan,
        plan_requested_at=None,
        plan_failures=0,
        prices_known_until=event.prices_known_until,
    )


def _count_failed_plan(state: SessionState, event: PlanFailed) -> SessionState:
    if state.night is None or event.revision != state.night.plan_revision:
        return state
    return with_night(state, plan_requested_at=None, plan_failures=state.night.plan_failures + 1)


def _end_command(state: SessionState, outcome: CommandOutcome) -> SessionState:
    night = state.night
    open_one = next((c for c in night.commands if c.order.number == outcome.number), None) if night else None
    if night is not None and open_one is not None and open_one.outcome is None:
        # Before its evidence is heard: a change that the command caused must be known to be ours.
        ended = open_one.model_copy(update={"outcome": outcome})
        state = with_night(state, commands=tuple(ended if c is open_one else c for c in night.commands))
        state = _note_device(state, open_one.order.device_id, outcome)
        holds = state.holds if _may_yet_hold(state, outcome) else _holds_after(state.holds, outcome)
        state = state.model_copy(update={"holds": holds})
        state = _without_sure_flow(_note_lie(state, outcome), outcome)
    for reading in outcome.evidence:  # of a late result too: it changes nothing but what is seen
        state = hear_reading(state, reading)
    return state


def _without_sure_flow(state: SessionState, outcome: CommandOutcome) -> SessionState:
    """After a stop that left us and was not measured nobody knows that energy flows on: none of it is certain until
    power is told again (F15)."""
    is_open = outcome.goal is Goal.STOP and outcome.result is CommandResult.UNPROVEN and outcome.sent_at is not None
    if not is_open or state.level is None or not state.level.power_pct_per_hour:
        return state
    return state.model_copy(update={"level": state.level.model_copy(update={"power_pct_per_hour": 0.0})})


def _may_yet_hold(state: SessionState, outcome: CommandOutcome) -> bool:
    """Whether a start found energy flowing although a stop that it superseded is on its way to the same device."""
    commands = state.night.commands if state.night is not None else ()
    stops = [
        c for c in commands if c.order.goal is Goal.STOP and c.order.side is outcome.side and c.outcome is not None
    ]
    if outcome.result is not CommandResult.ALREADY_SO or outcome.goal is not Goal.START or not stops:
        return False
    last = stops[-1]
    was_superseded = last.outcome is not None and last.outcome.result is CommandResult.SUPERSEDED
    return was_superseded and outcome.ended_at - last.begun_at < LATE_FOR


def _holds_after(holds: tuple[Hold, ...], outcome: CommandOutcome) -> tuple[Hold, ...]:
    if outcome.goal is Goal.START:
        return tuple(hold for hold in holds if hold.side is not outcome.side) if outcome.worked else holds
    if outcome.sent_at is None:
        return holds  # nothing left us, so nothing of ours can hold
    is_certain = outcome.result is CommandResult.PROVEN
    return with_hold(holds, Hold(side=outcome.side, since=outcome.ended_at, is_certain=is_certain))


def _note_device(state: SessionState, device_id: str, outcome: CommandOutcome) -> SessionState:
    """What a failure says of the device: no login, a ban, a missing ability, or that it does not resume."""
    changes: dict[str, object] = {}
    if outcome.error == LOGIN_ENDED:
        changes["no_login"] = state.no_login | {device_id}
    if outcome.error == CANNOT:
        changes["unable"] = state.unable | {f"{outcome.side.value}:{outcome.goal.value}"}
    if outcome.result is CommandResult.PROVEN and outcome.sent_at is not None:
        changes |= _slowness(state, outcome, outcome.ended_at - outcome.sent_at)
    if outcome.retry_at is not None:
        changes["banned_until"] = {**state.banned_until, device_id: outcome.retry_at}
    was_sent = outcome.sent_at is not None and outcome.result is not CommandResult.SUPERSEDED
    if outcome.goal is Goal.START and was_sent and not outcome.worked and state.hold_on(outcome.side):
        changes["stuck_sides"] = state.stuck_sides | {outcome.side}
    return state.model_copy(update=changes) if changes else state


def _slowness(state: SessionState, outcome: CommandOutcome, took: timedelta) -> dict[str, object]:
    """A device whose proven effect took nearly an ordinary one's whole time is of the slow kind: once more may take it
    three times as long (F21)."""
    known = state.acted_within_seconds
    if took <= SLOW_FROM or known.get(outcome.side, 0.0) >= SLOW.total_seconds():
        return {}
    return {"acted_within_seconds": {**known, outcome.side: SLOW.total_seconds()}}


def _note_lie(state: SessionState, outcome: CommandOutcome) -> SessionState:
    """A stop after which the car rests while the charger shows power as before: that meter has frozen (F12)."""
    powers = {r.side: measured_power_kw(r) for r in outcome.evidence if _is_after(r, outcome.sent_at)}
    car, box = powers.get(Side.VEHICLE), powers.get(Side.CHARGER)
    if outcome.goal is not Goal.STOP or outcome.worked or car is None or box is None or state.box is None:
        return state
    if car > FLOW_THRESHOLD_KW or box <= FLOW_THRESHOLD_KW:
        return state
    return state.model_copy(update={"lying": state.lying | {state.box.device_id}})


def _is_after(reading: Reading, instant: datetime | None) -> bool:
    return instant is not None and reading.observed_at is not None and reading.observed_at > instant


def _close_night(state: SessionState, event: NightAccounted) -> SessionState:
    if state.night is None or state.night.number != event.number:
        return state
    override = state.override
    if override is not None and override.kind is OverrideKind.SKIP_NIGHT:
        override = None
    return state.model_copy(
        update={
            "night": None,
            "nights_closed": event.number,
            "to_report": event,
            "last_undone": state.night.undone,
            "last_charger_id": state.night.charger_id,
            "is_match_known": state.night.charger_id is not None
            or (bool(state.boxes) and not state.night.is_box_plugged),
            "last_departure_at": _departure_reached(state.night) or state.last_departure_at,
            "last_closed_at": state.night.closed_at,
            "is_short": state.night.ready_at is None and not event.is_ready,
            "override": override,
        }
    )


def _departure_reached(night: Night) -> datetime | None:
    """The night's departure, if it ran that far. A car back in the cable earlier gets its next night at once."""
    return night.departs_at if night.closed_at is not None and night.closed_at >= night.departs_at else None
