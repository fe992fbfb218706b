"""The durable steps: names and payloads on which workflows and activities agree."""

from domain.clock import Clock
from domain.commands import CommandOrder
from domain.devices import Reading, Side
from domain.driver.state import DriverState
from domain.model import Instant, Model
from domain.nightlog import LogEntry
from domain.relevance import Watch
from domain.session.effects import PlanRequest, Vitals
from domain.session.state import Car, Night, SessionState
from domain.tariff import Tariff

DECIDE_SESSION = "decide_session"
DECIDE_DRIVER = "decide_driver"
MAKE_PLAN = "make_plan"
SEND_COMMAND = "send_command"
READ_DEVICE = "read_device"
LISTEN = "listen"
STOP_LISTENING = "stop_listening"
TELL = "tell"
CLOSE_NIGHT = "close_night"
START_LINK = "start_link"
LIST_DEVICES = "list_devices"
SET_PLACE = "set_place"
UNLINK = "unlink"
FORGET_AT_VENDOR = "forget_at_vendor"
ERASE_RECORDS = "erase_records"


class DecideSession(Model):
    """A recorded decision's question. Local: the question itself is not in history, only the answer."""

    state: SessionState
    now: Instant
    seen: int
    attempt: int
    vitals: Vitals


class DecideDriver(Model):
    state: DriverState
    now: Instant
    seen: int
    attempt: int
    vitals: Vitals


class MakePlan(Model):
    request: PlanRequest


class SendCommand(Model):
    session_id: str
    order: CommandOrder
    clock: Clock


class ReadDevice(Model):
    side: Side
    device_id: str
    clock: Clock


class ListenTo(Model):
    watch: Watch


class Heard(Model):
    """The newest readings known of the devices one has begun to listen to."""

    readings: tuple[Reading, ...]


class TellDriver(Model):
    driver_id: str
    session_id: str
    kind: str
    cause: str
    what_to_do: str


class CloseTheNight(Model):
    """All that the account needs beside the raw series."""

    session_id: str
    driver_id: str
    car: Car
    max_power_kw: float  # what car and charger together allow [kW]
    tariff: Tariff
    plugged_in_at: Instant
    begins_at: Instant | None  # None: at plug-in
    night: Night
    closed_at: Instant
    log: tuple[LogEntry, ...]


class StartLinkStep(Model):
    driver_id: str
    action_id: str
    side: Side
    redirect_uri: str
    language: str
    relink_device_id: str | None = None  # renew the login that this device hangs on


class ListDevicesStep(Model):
    driver_id: str
    action_id: str
    side: Side


class SetPlaceStep(Model):
    action_id: str
    charger_id: str
    place_id: str | None = None
    clock: Clock = Clock()


class UnlinkStep(Model):
    driver_id: str
    action_id: str
    side: Side
    vendor: str


class ForgetStep(Model):
    driver_id: str
    action_id: str


class EraseStep(Model):
    """What is observed before `at` leaves no trace any more, however late it arrives."""

    driver_id: str
    action_id: str
    at: Instant
    device_ids: tuple[str, ...]
