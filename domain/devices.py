"""What a vendor can tell us of a car or a charger. Unknown is a value: `None` never means 0, full or unplugged."""

from enum import StrEnum

from pydantic import Field

from domain.model import Instant, Model


class Side(StrEnum):
    """The two ends of the cable. Energy flows only if both let it."""

    CHARGER = "charger"
    VEHICLE = "vehicle"

    @property
    def other(self) -> "Side":
        return Side.VEHICLE if self is Side.CHARGER else Side.CHARGER


class PowerDeliveryState(StrEnum):
    """Vendor's word on the flow of power (Enode's vocabulary; a new value is read as UNKNOWN)."""

    UNKNOWN = "unknown"
    UNPLUGGED = "unplugged"
    INITIALIZING = "initializing"
    CHARGING = "charging"
    COMPLETE = "complete"  # vehicle only: target or limit reached
    STOPPED = "stopped"  # deliberately stopped, can resume
    NO_POWER = "no_power"  # on a charger: the car refuses; on a vehicle: nothing is offered
    FAULT = "fault"
    DISCHARGING = "discharging"


class CapabilityKind(StrEnum):
    START_CHARGING = "start_charging"
    STOP_CHARGING = "stop_charging"
    LOCATION = "location"
    SMART_CHARGING = "smart_charging"
    CHARGE_STATE = "charge_state"
    INFORMATION = "information"
    SET_MAX_CURRENT = "set_max_current"
    ODOMETER = "odometer"


class Capability(Model):
    """Whether a device can do something now; `intervention_ids` name what a person must do first."""

    is_capable: bool = False
    intervention_ids: tuple[str, ...] = ()


class ReadingSource(StrEnum):
    """How a reading reached us."""

    WEBHOOK = "webhook"
    READ = "read"  # we asked for it
    SWEEP = "sweep"


class Reading(Model):
    """One device's state at one instant, as the vendor reported it."""

    side: Side
    device_id: str
    observed_at: Instant | None = None  # the device's own time stamp; None: never reported
    received_at: Instant  # world time at which we got it
    source: ReadingSource = ReadingSource.READ
    is_reachable: bool | None = None
    is_plugged_in: bool | None = None
    state: PowerDeliveryState = PowerDeliveryState.UNKNOWN
    charge_rate_kw: float | None = None  # measured power [kW]; None: not told, which is not 0
    soc_pct: float | None = Field(default=None, ge=0, le=100)  # vehicle only [%]
    charge_limit_pct: float | None = None  # vehicle only: the car's own cut-off [%]
    battery_capacity_kwh: float | None = None  # vehicle only: usable energy [kWh]
    paired_with: str | None = None  # vendor's word: id of the device at the other end of the cable
    location_id: str | None = None  # vendor location the device is at


class Device(Model):
    """A linked device: who it is, what it can do, its last reading. Names never identify; ids do."""

    id: str
    side: Side
    driver_id: str
    vendor: str
    brand: str | None = None
    model: str | None = None
    year: int | None = None
    identity_digest: str | None = None  # salted digest of VIN or serial number: one physical device, one digest
    capabilities: dict[CapabilityKind, Capability] = Field(default_factory=dict)
    max_current_a: float | None = None
    reading: Reading


class ActionState(StrEnum):
    """Life of a command at the vendor. CONFIRMED is the vendor's word, not our proof."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"  # answered with an error: no action exists


class VendorAction(Model):
    """What the vendor answered to a start or stop."""

    id: str | None  # None when refused
    side: Side
    device_id: str
    state: ActionState
    reason: str | None = None  # the vendor's failure type, e.g. NO_RESPONSE, UNNECESSARY; or the refusal's title
    detail: str | None = None


class LinkSession(Model):
    """A vendor page on which the driver grants access to one account."""

    url: str
    token: str


class LinkedVendor(Model):
    """A vendor account a driver linked. `is_valid` false: credentials died, link again."""

    vendor: str
    side: Side | None  # None: a kind of device we do not use
    is_valid: bool


class Place(Model):
    """A charging place known to the vendor. Coordinates stay at the vendor and in the request that creates it."""

    id: str
    name: str
    zone: str  # IANA time zone


class Intervention(Model):
    """Something a person must do before a capability returns."""

    id: str
    title: str
    description: str
    vendor: str | None = None
    needs_relink: bool = False
    is_physical: bool = False
