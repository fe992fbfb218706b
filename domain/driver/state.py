"""Everything a driver's workflow knows. Small, versioned, nothing personal: ids are opaque, places are vendor ids."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from domain.capabilities import OwnCapability
from domain.departure import Wish
from domain.devices import Device, Side
from domain.interventions import VehicleIntervention
from domain.model import Instant, Model
from domain.program import Program as Program  # found here too: stored histories and backends know it by this name
from domain.requirement import Record
from domain.resets import ChargerRecord, Reset
from domain.rollout.standing import Change
from domain.session.events import DriverActed

OUTCOMES_REMEMBERED = 500
"""Action outcomes kept, so that a repeated action returns its first answer."""


class Enrolment(Model):
    """The driver's consent to managed charging, and how it ended."""

    at: Instant
    text_version: str
    language: str
    ended_at: Instant | None = None
    ended_why: str = ""


class LinkStatus(StrEnum):
    """What became of a vendor page on which devices are linked."""

    OPENING = "opening"
    OPEN = "open"
    LINKED = "linked"
    LEFT = "left"  # the driver came back early
    FAILED = "failed"  # the vendor opened no page
    EXPIRED = "expired"  # nobody came back


class OwnBefore(Model):
    """What a vehicle could do before its ability rose."""

    own: OwnCapability
    at: Instant  # arrival of the word that raised it


class LinkAttempt(Model):
    """The last vendor page opened for one kind of device."""

    action_id: str
    side: Side
    token: str  # travels in the redirect as `state`
    renews: str | None = None  # the vendor whose login is renewed
    status: LinkStatus = LinkStatus.OPENING
    detail: str = ""
    expires_at: Instant | None = None  # None: not open yet
    is_last_look: bool = False  # it has expired; once more it is looked whether devices came

    @property
    def is_open(self) -> bool:
        """Whether it may still bring devices."""
        return self.status in (LinkStatus.OPENING, LinkStatus.OPEN)


class DeadLogin(Model):
    """A login at a vendor that ended."""

    vendor: str
    at: Instant
    is_told: bool = False


class Erasing(Model):
    """An erasure, step by step; every step may be repeated."""

    action_id: str
    at: Instant  # when it was asked for
    device_ids: tuple[str, ...]
    step: Literal["release", "vendor", "records", "close"] = "release"
    is_under_way: bool = False
    told: frozenset[str] = frozenset()  # sessions that were asked to release
    go_on_at: Instant  # not before then without the sessions' word; after a failure, when it is tried again


class Meaning(Model):
    """One thing that unlinking would mean, and for which car."""

    key: str  # into the catalogues
    vehicle_id: str | None = None  # None: for none in particular
    brand: str | None = None


class Implications(Model):
    """What unlinking would mean."""

    device_ids: tuple[str, ...]  # all that would go
    disables_smart_charging: bool
    words: tuple[str, ...]  # keys into the catalogues
    meanings: tuple[Meaning, ...] = ()  # the same car by car, the worst first


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
    begun_at: Instant | None = None  # when the vendor was asked


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


class Tonight(Model):
    """A word for one night, on its way to a session or kept for the next."""

    vehicle_id: str
    word: DriverActed
    expires_at: Instant  # the departure it was meant for
    is_under_way: bool = False


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
    own_before: dict[str, OwnBefore] = Field(default_factory=dict)  # per vehicle id, until a charger came
    charger_left_at: Instant | None = None  # the last that did
    unlinked: dict[str, Instant] = Field(default_factory=dict)  # device id -> when; until something is linked again
    places: dict[str, str] = Field(default_factory=dict)  # charger id -> vendor place id
    links: dict[Side, LinkAttempt] = Field(default_factory=dict)  # the last of each kind
    dead_logins: dict[str, DeadLogin] = Field(default_factory=dict)  # per vendor
    chargers: dict[str, ChargerRecord] = Field(default_factory=dict)  # per charger id
    vendor_resets: dict[str, Reset] = Field(default_factory=dict)  # per vehicle id, delegated control only
    interventions: dict[str, VehicleIntervention] = Field(default_factory=dict)
    dismissed: frozenset[str] = frozenset()  # prompts the driver closed
    enrolment: Enrolment | None = None
    past_enrolments: tuple[Enrolment, ...] = ()
    sessions: dict[str, OpenSession] = Field(default_factory=dict)  # per vehicle id
    next_seq: dict[str, int] = Field(default_factory=dict)  # per vehicle id
    tonight: dict[str, Tonight] = Field(default_factory=dict)  # per action id
    vanished: tuple[str, ...] = ()  # devices gone at the vendor that open sessions do not know of yet
    nights: tuple[NightSummary, ...] = ()  # the last seven
    record: Record = Record()
    outcomes: dict[str, ActionOutcome] = Field(default_factory=dict)  # in order of arrival
    todo: tuple["Todo", ...] = ()  # accepted actions whose effect is still to begin
    unlinking: Unlinking | None = None
    let_go: frozenset[str] = frozenset()  # sessions told that the driver withdrew
    erasing: Erasing | None = None
    labels: DriverLabels = DriverLabels()
    change: Change | None = None  # the last change of the program, with its reason
    last_nights: dict[str, int] = Field(default_factory=dict)  # session that ends after its night -> nights it had told

    def of_side(self, side: Side) -> list[Device]:
        return [device for device in self.devices.values() if device.side is side]


class Todo(Model):
    """An accepted action that needs an effect."""

    action_id: str
    act: Literal["link", "list_devices", "place_charger"]
    side: Side | None = None
    redirect_uri: str | None = None
    language: str | None = None
    relink_device_id: str | None = None
    charger_id: str | None = None
    place_id: str | None = None
