"""What a driver's workflow wants done. Each effect says why."""

from typing import Annotated, Literal

from pydantic import Field

from domain.devices import Side
from domain.driver.state import DriverLabels
from domain.model import Instant, Model
from domain.resets import ResetCause
from domain.session.effects import Renew, Vitals, WakeAt
from domain.session.events import DriverActed
from domain.session.state import SessionState


class StartLink(Model):
    type: Literal["start_link"] = "start_link"
    action_id: str
    side: Side
    redirect_uri: str
    language: str
    relink_device_id: str | None = None  # renew the login that this device hangs on
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
    place_id: str | None  # None: remove it
    reason: str


class BeginSession(Model):
    """Open the session of a plug-in."""

    type: Literal["begin_session"] = "begin_session"
    session: SessionState
    reason: str


LEFT_THE_PROGRAM = "left the program"
"""Why devices leave our hands when the driver withdrew."""

ERASED = "erased"
"""Why devices leave our hands when the driver is erased."""

NOT_ENABLED = "no longer enabled without a charger"
"""Why a session ends after a night that began before the program asked for a charger."""

GONE = "gone from its account"
"""Why devices leave our hands when they vanish at the vendor: silence is all that is left (F38)."""


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


class ForgetAtVendor(Model):
    """Have the vendor delete the driver and all of the driver's data."""

    type: Literal["forget_at_vendor"] = "forget_at_vendor"
    action_id: str
    reason: str


class EraseRecords(Model):
    """Delete what storage knows of the driver; events observed until `at` leave no trace any more."""

    type: Literal["erase_records"] = "erase_records"
    action_id: str
    at: Instant
    device_ids: tuple[str, ...]
    reason: str


class CloseDriver(Model):
    """Nothing is left to be done or known: the workflow ends."""

    type: Literal["close_driver"] = "close_driver"
    reason: str


class PassOn(Model):
    """Tell an open session the driver's word."""

    type: Literal["pass_on"] = "pass_on"
    session_id: str
    word: DriverActed
    reason: str


class ResetCharger(Model):
    """Take back what a charger unlocked (S26)."""

    type: Literal["reset_charger"] = "reset_charger"
    charger_id: str
    cause: ResetCause
    reason: str


class RestoreCharger(Model):
    """The grounds of a reset are gone: what the charger unlocks counts again."""

    type: Literal["restore_charger"] = "restore_charger"
    charger_id: str
    reason: str


class TellOfLogin(Model):
    """Tell the driver, once, that a login ended and must be renewed."""

    type: Literal["tell_of_login"] = "tell_of_login"
    vendor: str
    reason: str


class LabelDriver(Model):
    type: Literal["label_driver"] = "label_driver"
    labels: DriverLabels
    reason: str


DriverEffect = Annotated[
    StartLink
    | ListDevices
    | SetPlace
    | BeginSession
    | AskForRelease
    | Unlink
    | ForgetAtVendor
    | EraseRecords
    | CloseDriver
    | PassOn
    | ResetCharger
    | RestoreCharger
    | TellOfLogin
    | LabelDriver
    | WakeAt
    | Renew,
    Field(discriminator="type"),
]


class DriverDecision(Model):
    """Effects decided on one state, with what was known."""

    at: Instant
    seen: int
    attempt: int = 0
    effects: tuple[DriverEffect, ...]


__all__ = [
    "ERASED",
    "GONE",
    "LEFT_THE_PROGRAM",
    "NOT_ENABLED",
    "AskForRelease",
    "BeginSession",
    "CloseDriver",
    "DriverDecision",
    "DriverEffect",
    "EraseRecords",
    "ForgetAtVendor",
    "LabelDriver",
    "ListDevices",
    "PassOn",
    "Renew",
    "ResetCharger",
    "RestoreCharger",
    "SetPlace",
    "StartLink",
    "TellOfLogin",
    "Unlink",
    "Vitals",
    "WakeAt",
]
