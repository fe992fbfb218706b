"""What a driver's workflow wants done. Each effect says why."""

from typing import Annotated, Literal

from pydantic import Field

from domain.devices import Side
from domain.driver.state import DriverLabels
from domain.model import Instant, Model
from domain.session.effects import Renew, Vitals, WakeAt
from domain.session.state import SessionState


class StartLink(Model):
    type: Literal["start_link"] = "start_link"
    action_id: str
    side: Side
    redirect_uri: str
    language: str
    reason: str


class ListDevices(Model):
    type: Literal["list_devices"] = "list_devices"
    action_id: str
    side: Side
    reason: str


class SetPlace(Model):
    type: Literal["set_place"] = "set_place"
    action_id: str
    charger_id: str
    place_id: str
    reason: str


class BeginSession(Model):
    """Open the session of a plug-in."""

    type: Literal["begin_session"] = "begin_session"
    session: SessionState
    reason: str


LEFT_THE_PROGRAM = "left the program"
"""Why devices leave our hands when the driver withdrew."""


class AskForRelease(Model):
    """Ask a session to release our holds on devices that leave."""

    type: Literal["ask_for_release"] = "ask_for_release"
    session_id: str
    device_ids: tuple[str, ...]
    why: str = "unlinked"
    reason: str


class Unlink(Model):
    """Have the vendor remove all devices of one kind."""

    type: Literal["unlink"] = "unlink"
    action_id: str
    side: Side
    vendor: str
    reason: str


class LabelDriver(Model):
    type: Literal["label_driver"] = "label_driver"
    labels: DriverLabels
    reason: str


DriverEffect = Annotated[
    StartLink | ListDevices | SetPlace | BeginSession | AskForRelease | Unlink | LabelDriver | WakeAt | Renew,
    Field(discriminator="type"),
]


class DriverDecision(Model):
    """Effects decided on one state, with what was known."""

    at: Instant
    seen: int
    attempt: int = 0
    effects: tuple[DriverEffect, ...]


__all__ = [
    "LEFT_THE_PROGRAM",
    "AskForRelease",
    "BeginSession",
    "DriverDecision",
    "DriverEffect",
    "LabelDriver",
    "ListDevices",
    "Renew",
    "SetPlace",
    "StartLink",
    "Unlink",
    "Vitals",
    "WakeAt",
]
