"""`apply(state, event) -> state`: what a session learns. Total, pure, tolerant of repeats and of late results."""

from datetime import datetime

from domain.commands import CommandOutcome, CommandResult, Goal
from domain.departure import next_departure
from domain.devices import Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, Hold, measured_power_kw
from domain.fusion import fuse, paired_charger_id
from domain.session.effects import (
    CloseNight,
    CloseSession,
    Label,
    Listen,
    OpenNight,
    Plan,
    Read,
    Report,
    ReportReleased,
    Send,
    SessionEffect,
    Tell,
)
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
from domain.session.state import Command, Night, Override, OverrideKind, SessionState

ACTIONS_REMEMBERED = 50
"""Actions of one plug-in whose repeats are recognised."""


def apply(state: SessionState, event: SessionEvent) -> SessionState:
    """The state after hearing `event`."""
    match event:
        case ReadingArrived():
            return _hear_reading(state, event.reading)
        case ReadFailed():
            return state.model_copy(update={"reads_open": state.reads_open - {event.device_id}})
        case PlanReady():
            return _take_plan(state, event)
        case PlanFailed():
            return _count_failed_plan(state, event)
        case CommandEnded():
            return _end_command(state, event.outcome)
        case PricesChanged():
            return _hear_of_prices(state, event)
        case DriverActed():
            return _obey(state, event)
        case DevicesLeaving():
            leaving = frozenset(event.device_ids) & set(state.device_ids)
            return state.model_copy(update={"leaving": state.leaving | leaving, "leaving_why": event.why})
        case NightAccounted():
            return _close_night(state, event)
        case _:  # TimeReached changes nothing by itself
            return state


def _hear_of_prices(state: SessionState, event: PricesChanged) -> SessionState:
    """Prices of the driver's own area, heard of for the first time, are worth a new plan."""
    is_repeated = bool(event.publication) and event.publication == state.publication
    if is_repeated or event.area != state.tariff.area:
        return state
    state = state.model_copy(update={"publication": event.publication})
    return _with_night(state, wants_replan="new prices are out")


def begun(state: SessionState, effect: SessionEffect, at: datetime) -> SessionState:
    """The state once `effect` is under way, so that nothing is decided twice."""
    match effect:
        case OpenNight():
            return state.model_copy(update={"night": _new_night(state, effect, at)})
        case Plan():
            return _with_night(
                state,
                plan_requested_at=at,
                plan_revision=effect.request.revision,
                plan_soc_pct=effect.request.soc_pct,
                plan_from_at=effect.request.starts_at,
                wants_replan="",
            )
        case Send():
            return _open_command(state, effect, at)
        case Read():
            reads = state.night.reads + 1 if state.night else 0
            asked_at = {**state.asked_at, effect.device_id: at}
            state = state.model_copy(update={"reads_open": state.reads_open | {effect.device_id}, "asked_at": asked_at})
            return _with_night(state, reads=reads)
        case Listen():
            return state.model_copy(update={"watch": effect.watch})
        case ReportReleased():
            return _without_devices(state, frozenset(effect.device_ids))
        case Report():
            return state.model_copy(update={"to_report": None})
        case Tell():
            return state.model_copy(update={"told": (*state.told, f"{effect.kind}:{effect.cause}")})
        case Label():
            return state.model_copy(update={"labels": effect.labels})
        case CloseNight():
            return _with_night(state, is_closing=True, closed_at=at)
        case CloseSession():
            return state.model_copy(update={"is_closed": True})
        case _:
            return state


def _without_devices(state: SessionState, device_ids: frozenset[str]) -> SessionState:
    """Silence toward what has left. The session goes on through the car, if the car can be controlled by itself."""
    gone = {box.device_id for box in state.boxes if box.device_id in device_ids}
    ends_because = state.ends_because
    if state.car.device_id in device_ids:
        ends_because = f"the car was {state.leaving_why}" if state.leaving_why == "unlinked" else state.leaving_why
    elif gone and not (state.car.can_start and state.car.can_stop):
        ends_because = "without its charger this car cannot be controlled"
    return state.model_copy(
        update={
            "boxes": tuple(box for box in state.boxes if box.device_id not in gone),
            "readings": {key: reading for key, reading in state.readings.items() if key not in gone},
            "holds": tuple(h for h in state.holds if not (gone and h.side is Side.CHARGER)),
            "leaving": frozenset(),
            "ends_because": ends_because,
        }
    )


def _with_night(state: SessionState, **changes: object) -> SessionState:
    if state.night is None:
        return state
    return state.model_copy(update={"night": state.night.model_copy(update=changes)})


def _new_night(state: SessionState, effect: OpenNight, at: datetime) -> Night:
    return Night(
        number=effect.number,
        opened_at=at,
        departs_at=effect.departs_at,
        target_soc_pct=state.wish.target_soc_pct,
        min_soc_pct=state.wish.min_soc_pct,
        soc_start_pct=fuse(state.car.device_id, state.readings).soc_pct,
        charger_id=paired_charger_id(state.car.device_id, state.readings),
    )


def _hear_reading(state: SessionState, reading: Reading) -> SessionState:
    if reading.device_id not in state.device_ids:
        return state
    state = state.model_copy(update={"reads_open": state.reads_open - {reading.device_id}})
    if _is_older(reading, state.readings.get(reading.device_id)):
        return state
    state = state.model_copy(update={"readings": {**state.readings, reading.device_id: reading}})
    state = state.model_copy(
        update={
            "unplug_said_at": _unplug_said_at(state, reading),
            "holds": tuple(hold for hold in state.holds if not _flow_disproves(hold, reading)),
        }
    )
    return _note_level(_note_charger(state), reading)


def _note_charger(state: SessionState) -> SessionState:
    charger_id = paired_charger_id(state.car.device_id, state.readings)
    is_linked = any(box.device_id == charger_id for box in state.boxes)
    return _with_night(state, charger_id=charger_id) if is_linked else state


def _is_older(reading: Reading, known: Reading | None) -> bool:
    """Order is by observation, never by arrival."""
    if known is None or known.observed_at is None:
        return False
    return reading.observed_at is None or reading.observed_at < known.observed_at


def _unplug_said_at(state: SessionState, reading: Reading) -> datetime | None:
    if fuse(state.car.device_id, state.readings).is_plugged is not False:
        return None
    return state.unplug_said_at or reading.received_at  # not since observed: the next word may lie right behind it


def _flow_disproves(hold: Hold, reading: Reading) -> bool:
    """Energy that flows after a certain hold was set shows that it is gone. A possible one may still take effect."""
    power = measured_power_kw(reading)
    flows = power is not None and power > FLOW_THRESHOLD_KW
    return hold.is_certain and flows and reading.observed_at is not None and reading.observed_at > hold.since


def _note_level(state: SessionState, reading: Reading) -> SessionState:
    night = state.night
    if night is None or reading.side is not Side.VEHICLE or reading.soc_pct is None:
        return state
    if night.soc_start_pct is None:
        state = _with_night(state, soc_start_pct=reading.soc_pct)
    if night.ready_at is None and reading.soc_pct >= night.target_soc_pct:
        state = _with_night(state, ready_at=reading.observed_at or reading.received_at)
    return state


def _take_plan(state: SessionState, event: PlanReady) -> SessionState:
    if state.night is None or event.revision != state.night.plan_revision:
        return state  # an answer to a question that was asked anew meanwhile
    return _with_night(
        state,
        plan=event.plan,
        plan_requested_at=None,
        plan_failures=0,
        prices_known_until=event.prices_known_until,
    )


def _count_failed_plan(state: SessionState, event: PlanFailed) -> SessionState:
    if state.night is None or event.revision != state.night.plan_revision:
        return state
    return _with_night(state, plan_requested_at=None, plan_failures=state.night.plan_failures + 1)


def _open_command(state: SessionState, effect: Send, at: datetime) -> SessionState:
    if state.night is None:
        return state
    order = effect.order
    superseded = state.open_command_on(order.side)
    commands = tuple(_superseded(c, at) if c is superseded else c for c in state.night.commands)
    state = _with_night(state, commands=(*commands, Command(order=order, begun_at=at)))
    holds = state.holds
    if superseded is not None and superseded.order.goal is Goal.STOP:
        holds = _with_hold(holds, Hold(side=order.side, since=at, is_certain=False))
    return state.model_copy(update={"next_command": order.number + 1, "holds": holds})


def _superseded(command: Command, at: datetime) -> Command:
    outcome = CommandOutcome(
        number=command.order.number,
        key=command.order.key,
        goal=command.order.goal,
        side=command.order.side,
        result=CommandResult.SUPERSEDED,
        sent_at=command.begun_at,
        ended_at=at,
        reason="a newer intent for the same device took its place",
    )
    return command.model_copy(update={"outcome": outcome})


def _end_command(state: SessionState, outcome: CommandOutcome) -> SessionState:
    for reading in outcome.evidence:
        state = _hear_reading(state, reading)
    night = state.night
    if night is None or not any(c.order.number == outcome.number and c.outcome is None for c in night.commands):
        return state  # late result of an old action: it changes nothing
    commands = tuple(
        c.model_copy(update={"outcome": outcome}) if c.order.number == outcome.number else c for c in night.commands
    )
    state = _with_night(state, commands=commands)
    return state.model_copy(update={"holds": _holds_after(state.holds, outcome)})


def _holds_after(holds: tuple[Hold, ...], outcome: CommandOutcome) -> tuple[Hold, ...]:
    if outcome.goal is Goal.START:
        return tuple(hold for hold in holds if hold.side is not outcome.side) if outcome.worked else holds
    if outcome.sent_at is None:
        return holds  # nothing left us, so nothing of ours can hold
    is_certain = outcome.result is CommandResult.PROVEN
    return _with_hold(holds, Hold(side=outcome.side, since=outcome.ended_at, is_certain=is_certain))


def _with_hold(holds: tuple[Hold, ...], hold: Hold) -> tuple[Hold, ...]:
    return (*(known for known in holds if known.side is not hold.side), hold)


def _obey(state: SessionState, event: DriverActed) -> SessionState:
    """The driver wins, at once. A repeat of a remembered action changes nothing."""
    if event.action_id in state.acted:
        return state
    state = state.model_copy(update={"acted": (*state.acted, event.action_id)[-ACTIONS_REMEMBERED:]})
    match event.act:
        case "charge_now" | "stay_stopped" | "skip_night":
            override = Override(kind=OverrideKind(event.act), since=event.at)
            return state.model_copy(update={"override": override})
        case "follow_plan":
            return _with_night(
                state.model_copy(update={"override": None}), wants_replan="the driver follows the plan again"
            )
        case "set_wish":
            return _take_wish(state, event)
    return state


def _take_wish(state: SessionState, event: DriverActed) -> SessionState:
    if event.wish is None:
        return state
    state = state.model_copy(update={"wish": event.wish})
    if state.night is None:
        return state
    picture = fuse(state.car.device_id, state.readings)
    is_there = picture.soc_pct is not None and picture.soc_pct >= event.wish.target_soc_pct
    latest = max([event.at, state.night.opened_at, *(reading.received_at for reading in state.readings.values())])
    return _with_night(
        state,
        departs_at=next_departure(event.wish, latest),
        ready_at=picture.soc_at if is_there else None,
        target_soc_pct=event.wish.target_soc_pct,
        min_soc_pct=event.wish.min_soc_pct,
        wants_replan="the driver changed target or departure",
    )


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
            "last_departure_at": _departure_reached(state.night) or state.last_departure_at,
            "last_closed_at": state.night.closed_at,
            "override": override,
        }
    )


def _departure_reached(night: Night) -> datetime | None:
    """The night's departure, if it ran that far. A car back in the cable earlier gets its next night at once."""
    return night.departs_at if night.closed_at is not None and night.closed_at >= night.departs_at else None
