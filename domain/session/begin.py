"""`begun(state, effect, at) -> state`: what is under way, so that nothing is decided twice."""

from datetime import datetime

from domain.commands import CommandOutcome, CommandResult, Goal
from domain.devices import Side
from domain.energy_flow import Hold
from domain.level import told
from domain.pairing import UNTRACED, traced
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
    WakeAt,
)
from domain.session.hearing import in_our_names, note_match, soc_at_opening, with_night
from domain.session.picture import picture_of
from domain.session.rivals import seen
from domain.session.state import Command, Night, SessionState


def begun(state: SessionState, effect: SessionEffect, at: datetime) -> SessionState:
    """The state once `effect` is under way, so that nothing is decided twice."""
    match effect:
        case OpenNight():
            return _open_night(state, effect, at)
        case Plan():
            return with_night(
                state,
                plan_requested_at=at,
                plan_revision=effect.request.revision,
                plan_soc_pct=effect.request.soc_pct,
                plan_target_pct=effect.request.target_soc_pct,
                plan_power_kw=effect.request.max_power_kw,
                plan_from_at=effect.request.starts_at,
                wants_replan="",
            )
        case Send():
            return _open_command(state, effect, at)
        case Read():
            reads = state.night.reads + 1 if state.night else 0
            asked_at = {**state.asked_at, effect.device_id: at}
            state = state.model_copy(update={"reads_open": state.reads_open | {effect.device_id}, "asked_at": asked_at})
            return with_night(state, reads=reads)
        case Listen():
            return state.model_copy(update={"watch": effect.watch})
        case ReportReleased():
            return _without_devices(state, frozenset(effect.device_ids))
        case Report():
            return state.model_copy(update={"to_report": None})
        case Tell():
            return _note_told(state, effect)
        case WakeAt():
            return state.model_copy(update={"wake_at": effect.at})
        case Label():
            return state.model_copy(update={"labels": effect.labels})
        case CloseNight():
            return with_night(state, is_closing=True, closed_at=at)
        case CloseSession():
            return state.model_copy(update={"is_closed": True})
        case _:
            return state


def _open_night(state: SessionState, effect: OpenNight, at: datetime) -> SessionState:
    """A night begins with what is known of the car; what was held against it before is forgotten (F14)."""
    state = _awake(state)
    night = Night(
        number=effect.number,
        opened_at=at,
        departs_at=effect.departs_at,
        target_soc_pct=state.wish.target_soc_pct,
        min_soc_pct=state.wish.min_soc_pct,
        soc_start_pct=soc_at_opening(state),
        catches_up=effect.catches_up,
        undone=state.last_undone if effect.catches_up else (),
    )
    state = state.model_copy(
        update={
            "night": night,
            "told": (),
            "measured_kw": None,
            "unable": frozenset(),
            "lying": frozenset(),
            "stuck_sides": frozenset(),
        }
    )
    return note_match(state)


def _awake(state: SessionState) -> SessionState:
    """A session is born with readings; what they mean is learnt when its first night opens."""
    if state.level is not None or state.traces:
        return state
    readings = {key: in_our_names(state, reading) for key, reading in state.readings.items()}
    state = state.model_copy(update={"readings": readings})
    traces = {key: traced(UNTRACED, reading) for key, reading in readings.items()}
    car = state.readings.get(state.car.device_id)
    level = None
    if car is not None and car.soc_pct is not None and car.observed_at is not None:
        level = told(None, car.observed_at, car.soc_pct, state.plugged_in_at)
    state = note_match(state.model_copy(update={"traces": traces, "level": level}))
    picture = picture_of(state, state.plugged_in_at)
    if level is not None and picture.flow_kw is not None:
        per_kw = 100 * state.car.efficiency / state.car.battery_capacity_kwh
        changes = {"metered_at": picture.flow_at, "power_pct_per_hour": picture.flow_kw * per_kw}
        state = state.model_copy(update={"level": level.model_copy(update=changes)})
    return seen(state, picture)


def _note_told(state: SessionState, effect: Tell) -> SessionState:
    """What is withdrawn may be told anew, should it come again."""
    told = state.told
    if effect.kind == "withdrawn":
        told = tuple(t for t in told if t not in (f"at_risk:{effect.cause}", f"act_now:{effect.cause}"))
    return state.model_copy(update={"told": (*told, f"{effect.kind}:{effect.cause}")})


def _without_devices(state: SessionState, device_ids: frozenset[str]) -> SessionState:
    """Silence toward what has left. The session goes on through the car, if the car can be controlled by itself."""
    gone = {box.device_id for box in state.boxes if box.device_id in device_ids}
    ends_because = state.ends_because
    if state.car.device_id in device_ids:
        ends_because = f"the car was {state.leaving_why}" if state.leaving_why == "unlinked" else state.leaving_why
    elif gone and not (state.car.can_start and state.car.can_stop):
        ends_because = "without its charger this car cannot be controlled"
    is_matched = state.match is not None and state.match.charger_id in gone
    return state.model_copy(
        update={
            "boxes": tuple(box for box in state.boxes if box.device_id not in gone),
            "readings": {key: reading for key, reading in state.readings.items() if key not in gone},
            "holds": tuple(h for h in state.holds if not (gone and h.side is Side.CHARGER)),
            "match": None if is_matched else state.match,
            "leaving": frozenset(),
            "ends_because": ends_because,
        }
    )


def _open_command(state: SessionState, effect: Send, at: datetime) -> SessionState:
    if state.night is None:
        return state
    order = effect.order
    superseded = state.open_command_on(order.side)
    commands = tuple(_superseded(c, at) if c is superseded else c for c in state.night.commands)
    restarts = state.night.restarts + order.is_restart
    state = with_night(state, commands=(*commands, Command(order=order, begun_at=at)), restarts=restarts)
    holds = state.holds
    if superseded is not None and superseded.order.goal is Goal.STOP:
        holds = with_hold(holds, Hold(side=order.side, since=at, is_certain=False))
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


def with_hold(holds: tuple[Hold, ...], hold: Hold) -> tuple[Hold, ...]:
    """The holds with this one at its side."""
    return (*(known for known in holds if known.side is not hold.side), hold)
