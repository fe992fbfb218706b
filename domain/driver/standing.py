"""Resets: what a charger unlocked is taken back on grounds, and given again once they are gone (S26)."""

from collections.abc import Iterator
from datetime import datetime

from domain.devices import Side
from domain.driver.effects import ResetCharger, RestoreCharger, TellOfLogin
from domain.driver.state import DriverState
from domain.journey import CHECK_PROMPT
from domain.resets import ChargerRecord, Reset, grounds, unreachable_at
from domain.session.state import ControlMode


def judge_chargers(state: DriverState, now: datetime) -> Iterator[ResetCharger | RestoreCharger]:
    """In own control we judge by our own evidence; in delegated control the platform does."""
    if state.program.mode is ControlMode.DELEGATED:
        return
    for charger in state.of_side(Side.CHARGER):
        record = state.chargers.get(charger.id, ChargerRecord())
        dead = state.dead_logins.get(charger.vendor)
        found = grounds(record, state.program.resets, now, dead.at if dead else None)
        if found is not None and (record.reset is None or record.reset.cause is not found[0]):
            yield ResetCharger(charger_id=charger.id, cause=found[0], reason=found[1])
        if found is None and record.reset is not None:
            yield RestoreCharger(charger_id=charger.id, reason=f"no longer {record.reset.cause.value}")


def judged(state: DriverState, effect: ResetCharger | RestoreCharger, at: datetime) -> DriverState:
    record = state.chargers.get(effect.charger_id, ChargerRecord())
    reset = Reset(cause=effect.cause, at=at, reason=effect.reason) if isinstance(effect, ResetCharger) else None
    chargers = {**state.chargers, effect.charger_id: record.model_copy(update={"reset": reset})}
    return state.model_copy(update={"chargers": chargers, "dismissed": state.dismissed - {CHECK_PROMPT}})


def next_judgement(state: DriverState) -> datetime | None:
    """When a charger will have been out of reach for too long."""
    if state.program.mode is ControlMode.DELEGATED:
        return None
    waiting = [
        record for charger_id, record in state.chargers.items() if charger_id in state.devices and record.reset is None
    ]
    return min(filter(None, (unreachable_at(record, state.program.resets) for record in waiting)), default=None)


def tell_of_dead_logins(state: DriverState) -> Iterator[TellOfLogin]:
    """Once per login: only the driver can renew it."""
    for dead in state.dead_logins.values():
        if not dead.is_told:
            yield TellOfLogin(vendor=dead.vendor, reason=f"the login at {dead.vendor} has ended")


def told_of_login(state: DriverState, effect: TellOfLogin) -> DriverState:
    dead = state.dead_logins.get(effect.vendor)
    if dead is None:
        return state
    told = dead.model_copy(update={"is_told": True})
    return state.model_copy(update={"dead_logins": {**state.dead_logins, effect.vendor: told}})
