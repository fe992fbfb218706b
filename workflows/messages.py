"""Inputs of the workflows, and the names of what can be sent to them."""

from domain.clock import Clock
from domain.driver.events import HoldsReleased, NightReported, SessionEnded
from domain.driver.state import DriverState
from domain.model import Model
from domain.nightlog import LogEntry
from domain.session.events import DevicesLeaving
from domain.session.state import SessionState

DRIVER_WORKFLOW = "Driver"
SESSION_WORKFLOW = "ChargingSession"


class DriverStart(Model):
    """A driver's whole state: at the first start, and carried over continue-as-new."""

    state: DriverState
    clock: Clock = Clock()
    heard: int = 0
    operator_url: str = ""  # of the operator's page, for the way back from the Temporal UI; empty: none


SHELL = 1
"""The present way of a session's shell: it listens within its workflow tasks, tells its last night with its end, and
waits there for what it has begun to tell. Before (0) each was a step of its own, and the end let go of all."""


class SessionStart(Model):
    """A session's whole state: at plug-in, and carried over continue-as-new."""

    state: SessionState
    clock: Clock = Clock()
    heard: int = 0
    log: tuple[LogEntry, ...] = ()
    operator_url: str = ""
    shell: int = 0  # the way the shell goes; a new session gives SHELL, recorded ones keep to theirs


def cancelled(start: SessionStart) -> DevicesLeaving:
    """What a session hears when it is cancelled: let go of everything first."""
    return DevicesLeaving(device_ids=start.state.device_ids, why="cancelled by an operator")


class SessionReport(Model):
    """What a session tells its driver. Best effort: accounts are in storage first."""

    night: NightReported | None = None
    released: HoldsReleased | None = None
    ended: SessionEnded | None = None
