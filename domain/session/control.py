"""When a session commands: only if what is measured differs from what is wanted, one open command per device."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.commands import CommandOrder, Goal, Proof
from domain.fusion import Picture
from domain.proof import LEVEL_RISE_PCT
from domain.routing import device_at
from domain.session.effects import ReportReleased, Send, SessionEffect, Tell
from domain.session.ladder import Rung, failed_sides, next_rung, proof_limit, pulse_rung, toggles, unsure_sides
from domain.session.looking import waits_for_match, witness_ids
from domain.session.picture import picture_of
from domain.session.rivals import RESTORED_AT_MOST, rests_until, starts_of_theirs
from domain.session.state import Night, OverrideKind, SessionState
from domain.session.switches import may_stop_again, may_stop_at_the_target
from domain.session.wants import Want, is_reached, is_stuck_slow, measure_at, must_start_at, wanted

PROOF_LASTS = timedelta(minutes=10)
"""A proof counts this long against older words; vendors that tell changes only never tell a newer one."""

LAST_ACT_WITHIN = timedelta(minutes=13)
LAST_ACT_AFTERWARDS = timedelta(minutes=1)
"""What leaves our hands is asked to let go, and looked at no longer than this; a second side, after a first that took
its time, but briefly. All ends before unlinking or erasing, a quarter of an hour after it was asked for, goes on
without us (F38, F39)."""

FLOW_FORGOTTEN = timedelta(hours=3)
"""Energy measured longer ago than this is not known to flow any more: looks every hour have failed meanwhile."""


def release_what_leaves(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """Devices that leave our hands: the last permitted act is to release our hold; then silence (F38). A hold that the
    driver asked for is his, and stays."""
    if not state.leaving:
        return
    if is_stopped_by_driver(state, now):
        yield ReportReleased(device_ids=tuple(sorted(state.leaving)), reason="the driver wants the car to stay stopped")
        return
    for side in sorted({state.side_of(device_id) for device_id in state.leaving}):
        open_command = state.open_command_on(side)
        if open_command is not None and open_command.order.goal is Goal.START:
            if now < open_command.begun_at + LAST_ACT_WITHIN:
                return
            continue  # it was asked, and is not waited for any longer
        may_hold = state.hold_on(side) is not None or open_command is not None
        if not may_hold or picture.is_plugged is False or side in failed_sides(state, Goal.START, now):
            continue
        if state.night is None or state.night.is_closing:
            return
        proof = Proof.FLOW if len(state.holds) <= 1 else Proof.RELEASED
        rung = Rung(side, proof, f"our hold on the {side.value} is released first")
        yield _send(state, Goal.START, rung, Want(True, f"the {side.value} leaves our hands: {state.leaving_why}"), now)
        return
    is_held = any(state.hold_on(state.side_of(device_id)) for device_id in state.leaving)
    if _must_call(state, picture):
        reason = "it has left our hands with our hold on it"
        yield Tell(kind="act_now", cause="start_failed", what_to_do="start_at_charger", reason=reason)
    reason = "our hold could not be released in time" if is_held else "nothing of ours holds what leaves"
    yield ReportReleased(device_ids=tuple(sorted(state.leaving)), reason=reason)


def control_the_flow(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """Command only if what is measured differs from what is wanted, one open command per device."""
    want = wanted(state, picture, now)
    if want.on is None or picture.is_plugged is False or state.night is None or state.leaving:
        return
    if waits_for_match(state, now) or (picture.is_plugged is None and state.reads_open):
        return  # who holds the car, or whether it is plugged at all, is being found out
    goal = Goal.START if want.on else Goal.STOP
    open_commands = state.open_commands()
    if any(command.order.goal is goal or command.order.is_pulse for command in open_commands):
        return
    if open_commands and goal is Goal.STOP and state.override is None and picture.is_flowing is False:
        return  # a start under way has not worked yet: should it, there is time to stop then
    if open_commands:  # the opposite is under way: a newer intent supersedes it at the same device
        side = open_commands[-1].order.side
        if goal is Goal.STOP and side in unsure_sides(state):
            return
        yield _send(
            state, goal, Rung(side, _proof_of(goal), "a newer intent supersedes the command under way"), want, now
        )
        return
    is_pressing = is_late(state, picture, now) or _charge_now(state)
    must_know = bool(state.holds) or is_pressing or now >= measure_at(state, state.night, picture)
    if _is_as_wanted(picture, goal, now, must_know=must_know):
        return
    if _is_proven_since(state, goal, picture, now):
        return
    if goal is Goal.STOP and not may_be_stopped(state, state.night, picture):
        return
    if goal is Goal.START and now < rests_until(state.night, now):
        return  # something breaks every start off: trying on only wears (F27)
    if (next_step := next_rung(state, goal, now, is_pressing=is_pressing)) is not None:
        is_restart = goal is Goal.STOP and is_stuck_slow(state, state.night, picture)
        yield _send(state, goal, next_step, want, now, is_restart=is_restart)
    elif goal is Goal.START and (pulse := pulse_rung(state, picture, now, is_pressing=is_pressing)) is not None:
        yield _send(state, Goal.STOP, pulse, want, now, is_pulse=True)


def _last_act_limit(state: SessionState, now: datetime) -> timedelta:
    """How long a command is looked at; while devices leave, no longer than they are ours."""
    if not state.leaving:
        return timedelta.max
    commands = state.night.commands if state.night is not None else ()
    has_waited = any(c.order.goal is Goal.START and now < c.begun_at + 2 * LAST_ACT_WITHIN for c in commands)
    return LAST_ACT_AFTERWARDS if has_waited else LAST_ACT_WITHIN


def _must_call(state: SessionState, picture: Picture) -> bool:
    """Whether a hold of ours stays on a device that leaves, and nobody but the driver can start the car any more."""
    holds = (state.hold_on(state.side_of(device_id)) for device_id in state.leaving)
    is_stuck = any(hold is not None and hold.is_certain for hold in holds) and not picture.is_flowing
    is_there = state.night is not None and is_reached(state, state.night, picture)
    return is_stuck and not is_there and "act_now:start_failed" not in state.told


def is_stopped_by_driver(state: SessionState, now: datetime) -> bool:
    """Whether the driver's word that nothing shall charge is in force."""
    override = state.override
    if override is None or override.kind not in (OverrideKind.STAY_STOPPED, OverrideKind.PAUSE_UNTIL):
        return False
    return override.until is None or now < override.until


def is_late(state: SessionState, picture: Picture, now: datetime) -> bool:
    """Whether price no longer counts."""
    return state.night is not None and now >= must_start_at(state, state.night, picture)


def may_be_stopped(state: SessionState, night: Night, picture: Picture) -> bool:
    """Whether a stop is still ours to send: neither conceded to others (F29) nor beyond the night's switches (P8)."""
    if starts_of_theirs(night) > RESTORED_AT_MOST:
        return False
    if state.override is not None:
        return True
    return may_stop_at_the_target(night) if is_reached(state, night, picture) else may_stop_again(night)


def _charge_now(state: SessionState) -> bool:
    return state.override is not None and state.override.kind is OverrideKind.CHARGE_NOW


def _is_as_wanted(picture: Picture, goal: Goal, now: datetime, *, must_know: bool) -> bool:
    """Whether nothing needs sending. A car that seems to charge may be stopped.

    With a hold of ours, the driver's word or the last safe start, not knowing whether energy flows is no reason to
    wait: a start is read back before it is sent, and fails toward charging.
    """
    if goal is Goal.STOP:
        return not (picture.is_flowing or picture.seems_flowing)
    if picture.is_full:
        return True
    is_fresh = picture.flow_at is not None and now - picture.flow_at < FLOW_FORGOTTEN
    if picture.is_flowing and is_fresh:
        return True
    return picture.is_flowing is not False and not must_know


def _is_proven_since(state: SessionState, goal: Goal, picture: Picture, now: datetime) -> bool:
    """Whether the last command was measured to work, and nothing newer contradicts it: witnesses tell one by one."""
    commands = state.night.commands if state.night is not None else ()
    last = commands[-1] if commands else None
    if last is None or last.outcome is None or last.order.goal is not goal or not last.outcome.worked:
        return False
    if last.order.proof is Proof.RELEASED:
        return False
    ended_at = last.outcome.ended_at
    return now < ended_at + PROOF_LASTS and (picture.flow_at is None or picture.flow_at <= ended_at)


def proof_ends_at(state: SessionState) -> datetime | None:
    """Until when the last proof counts, unless something newer contradicts it."""
    commands = state.night.commands if state.night is not None else ()
    last = commands[-1].outcome if commands else None
    return last.ended_at + PROOF_LASTS if last is not None and last.worked else None


def _proof_of(goal: Goal) -> Proof:
    return Proof.FLOW if goal is Goal.START else Proof.NO_FLOW


def _send(
    state: SessionState,
    goal: Goal,
    rung: Rung,
    want: Want,
    now: datetime,
    *,
    is_restart: bool = False,
    is_pulse: bool = False,
) -> Send:
    device = device_at(state, rung.side) or state.car
    assert state.night is not None
    side = state.side_of(device.device_id)
    order = CommandOrder(
        key=f"{state.session_id}/{state.night.number}/{state.next_command}",
        number=state.next_command,
        goal=goal,
        side=side,
        device_id=device.device_id,
        driver_id=state.driver_id,
        proof=rung.proof,
        prove_by=now + min(proof_limit(state, side), _last_act_limit(state, now)),
        witness_ids=witness_ids(state),
        toggles=toggles(state, side),
        spread_seconds=want.spread_seconds,
        known_at=picture_of(state, now).flow_at if rung.proof is not Proof.RELEASED else None,
        is_level_behind=state.level is not None and state.level.low_pct >= LEVEL_RISE_PCT,
        is_restart=is_restart,
        is_pulse=is_pulse,
    )
    return Send(order=order, reason=f"{want.why}; {rung.why}")
