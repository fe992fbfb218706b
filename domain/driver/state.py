"""Everything a driver's workflow knows. Small, versioned, nothing personal: ids are opaque, places are vendor ids."""

from typing import Literal

from pydantic import Field

from domain.capabilities import OwnCapability
from domain.departure import Wish
from domain.devices import Device, Side
from domain.model import Instant, Model
from domain.program import Program as Program  # found here too: stored histories and backends know it by this name
from domain.requirement import Record
from domain.rollout.standing import Change

OUTCOMES_REMEMBERED = 500
"""Action outcomes kept, so that a repeated action returns its first answer."""


class Enrolment(Model):
    """The driver's consent to managed charging."""

    at: Instant
    text_version: str
    language: str


class Implications(Model):
    """What unlinking would mean."""

    device_ids: tuple[str, ...]  # all that would go
    disables_smart_charging: bool
    words: tuple[str, ...]  # keys into the catalogues


class Unlinking(Model):
    """An unlinking that was asked about, and perhaps confirmed."""

    token: str
    side: Side
    vendor: str
    device_ids: tuple[str, ...]
    expires_at: Instant
    action_id: str | None = None  # of the confirmation; None: only asked
    waits_for: frozenset[str] = frozenset()  # sessions that still hold something of ours on what leaves
    told: frozenset[str] = frozenset()  # sessions that were asked to release
    go_on_at: Instant | None = None  # when it goes on without them
    is_under_way: bool = False


class ActionOutcome(Model):
    """What became of an action, returned again when the action is repeated."""

    action_id: str
    status: Literal["pending", "done", "refused"]
    detail: str = ""
    url: str | None = None  # of a link session
    token: str | None = None  # confirms an unlinking
    expires_at: Instant | None = None  # of the token
    implications: Implications | None = None


class OpenSession(Model):
    """The session under way for a vehicle."""

    session_id: str
    vehicle_id: str
    opened_at: Instant


class NightSummary(Model):
    """A past night, as a session reported it."""

    session_id: str
    number: int
    is_ready: bool
    saving: str  # Decimal as text [currency]
    why: str


class DriverLabels(Model):
    """What operators filter by in the Temporal UI."""

    stage: str = "link_vehicle"
    brand: str = "none"


class DriverState(Model):
    """One driver."""

    version: int = 1
    driver_id: str
    program: Program
    wish: Wish
    devices: dict[str, Device] = Field(default_factory=dict)
    own: dict[str, OwnCapability] = Field(default_factory=dict)  # per vehicle id
    places: dict[str, str] = Field(default_factory=dict)  # charger id -> vendor place id
    dismissed: frozenset[str] = frozenset()  # prompts the driver closed
    enrolment: Enrolment | None = None
    sessions: dict[str, OpenSession] = Field(default_factory=dict)  # per vehicle id
    next_seq: dict[str, int] = Field(default_factory=dict)  # per vehicle id
    nights: tuple[NightSummary, ...] = ()  # the last seven
    record: Record = Record()
    outcomes: dict[str, ActionOutcome] = Field(default_factory=dict)  # in order of arrival
    todo: tuple["Todo", ...] = ()  # accepted actions whose effect is still to begin
    unlinking: Unlinking | None = None
    let_go: frozenset[str] = frozenset()  # sessions told that the driver withdrew
    labels: DriverLabels = DriverLabels()
    change: Change | None = None  # the last change of the program, with its reason

    def of_side(self, side: Side) -> list[Device]:
        return [device for device in self.devices.values() if device.side is side]


class Todo(Model):
    """An accepted action that needs an effect."""

    action_id: str
    act: Literal["link", "list_devices", "place_charger"]
    side: Side | None = None
    redirect_uri: str | None = None
    language: str | None = None
    charger_id: str | None = None
    place_id: str | None = None
