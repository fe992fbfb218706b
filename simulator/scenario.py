"""What a world starts with, as typed data: users with cars and boxes, habits, occurrences, faults, vendor timing."""

from datetime import UTC
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from domain.clock import Clock
from simulator.faults import Fault

Instant = Annotated[AwareDatetime, AfterValidator(lambda instant: instant.astimezone(UTC))]

VEHICLE_CAPABILITIES = (
    "information",
    "chargeState",
    "location",
    "odometer",
    "setMaxCurrent",
    "startCharging",
    "stopCharging",
    "smartCharging",
)
CHARGER_CAPABILITIES = ("information", "chargeState", "startCharging", "stopCharging", "setMaxCurrent")


WEBHOOK_RETRY_SECONDS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0) + (14400.0,) * 5
"""16 further tries within 26 hours, as the vendor documents; the single steps are ours."""


class Spec(BaseModel):
    """Base of all scenario values: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class CapabilitySpec(Spec):
    """`intervention_ids` name entries of the catalogue that block the capability."""

    is_capable: bool = False
    intervention_ids: list[str] = Field(default_factory=list)


class Home(Spec):
    """A user's home; `is_set` makes it a location the platform knows and sets it on the user's linked chargers."""

    latitude: float = 52.3702
    longitude: float = 4.8952
    zone: str = "Europe/Amsterdam"
    name: str = "Home"
    is_set: bool = True


class Habit(Spec):
    """A daily routine in the home's wall-clock time: plug in, unplug, and drive `trip_km` in between."""

    plug_in: str | None = Field(default=None, pattern=r"^\d\d:\d\d$")
    unplug: str | None = Field(default=None, pattern=r"^\d\d:\d\d$")
    weekdays: list[int] = Field(default_factory=lambda: list(range(7)))  # 0 = Monday
    trip_km: float = 0.0
    charger: str | None = None  # key of a charger of the same user; None: the car's own, else a foreign one


class VehicleSpec(Spec):
    """One car. `plugged_into` is the key of a charger of the same user, at the start of the world."""

    key: str = "car"
    vendor: str = "TESLA"
    brand: str | None = None
    model: str = "Model 3"
    year: int | None = 2023
    battery_capacity_kwh: float = Field(default=60.0, gt=0)
    soc_pct: float = Field(default=40.0, ge=0, le=100)
    charge_limit_pct: float = Field(default=100.0, gt=0, le=100)
    reports_limit: bool = True
    max_kw: float = Field(default=11.0, gt=0, validation_alias=AliasChoices("max_kw", "p_max_kw"))
    min_kw: float = Field(default=0.0, ge=0)
    efficiency: float = Field(default=0.9, gt=0, le=1)
    taper_from_pct: float | None = Field(default=None, ge=0, lt=101)
    ramp_seconds: float = Field(default=0.0, ge=0)  # from an accepted offer to the first power
    kwh_per_100km: float = Field(default=17.0, gt=0)
    odometer_km: float = 12000.0
    auto_start: bool = True
    plugged_into: str | None = None
    same_as: str | None = None  # key of another vehicle spec of the user: the same car, through another vendor
    is_linked: bool = False
    is_at_home: bool = True
    capabilities: dict[str, bool | CapabilitySpec] = Field(default_factory=dict)  # differences from "all true"
    habits: list[Habit] = Field(default_factory=list)


class ChargerSpec(Spec):
    """One box. `auto_start` false: each session waits for a start on the box."""

    key: str = "box"
    vendor: str = "ZAPTEC"
    brand: str | None = None
    model: str = "Go"
    max_kw: float = Field(default=11.0, gt=0, validation_alias=AliasChoices("max_kw", "p_max_kw"))
    phases: Literal[1, 3] = 3
    auto_start: bool = True
    is_linked: bool = False
    capabilities: dict[str, bool | CapabilitySpec] = Field(default_factory=dict)


class UserSpec(Spec):
    """A customer's user and what stands in his drive. What is not linked waits for a link session of its vendor."""

    id: str
    client: str = "sim"
    home: Home | None = Field(default_factory=Home)
    vehicles: list[VehicleSpec] = Field(default_factory=list)
    chargers: list[ChargerSpec] = Field(default_factory=list)
    link_fails: dict[str, str] = Field(default_factory=dict)  # vendor -> error told at the redirect


class Occurrence(Spec):
    """Something that happens once. Cars and boxes are named by id, or `user/key`."""

    at: Instant
    do: Literal["plug", "unplug", "set_soc", "set_limit", "set_hold", "clear_hold", "trip"]
    vehicle_id: str | None = None
    charger_id: str | None = None
    soc_pct: float | None = Field(default=None, ge=0, le=100)
    limit_pct: float | None = Field(default=None, gt=0, le=100)
    km: float | None = Field(default=None, ge=0)


class Settings(Spec):
    """How the vendor platform behaves. All spans are world time, in seconds unless named otherwise."""

    control: Literal["own", "delegated"] = "own"
    refusals: Literal["http", "action"] = "http"  # a known unmet precondition: 400, or a CANCELLED action
    command_seconds: tuple[float, float] = (3.0, 15.0)
    command_seconds_by_vendor: dict[str, tuple[float, float]] = Field(default_factory=dict)
    action_window_seconds: float = Field(default=300.0, gt=0)
    resend_seconds: float = Field(default=90.0, gt=0)
    tries: int = Field(default=3, ge=1)
    observe_seconds: float = Field(default=10.0, ge=0)  # from a change to its observation
    first_reading_seconds: float = Field(default=5.0, ge=0)  # from linking to the first reading
    refresh_charging_seconds: float = Field(default=120.0, gt=0)
    refresh_idle_seconds: float = Field(default=420.0, gt=0)
    hint_seconds: float = Field(default=3.0, ge=0)
    pairing_seconds: float = Field(default=60.0, ge=0)
    link_hours: float = Field(default=24.0, gt=0)
    connection_limit: int | None = None  # users per client
    heartbeat_minutes: float | None = 30.0
    sends_deleted_events: bool = True
    webhook_retry_seconds: list[float] = Field(
        default_factory=lambda: list(WEBHOOK_RETRY_SECONDS)
    )  # one entry per further try; after the last the queue is deleted and the webhook inactive
    webhook_hosts: list[str] = Field(default_factory=list)  # plain-HTTP targets allowed beside the loopback


class Scenario(Spec):
    """All a world starts with. The same scenario gives the same ids and the same course of events."""

    seed: int = 0
    clock: Clock | None = None
    clients: dict[str, str] = Field(default_factory=lambda: {"sim": "sim"})  # id -> secret
    settings: Settings = Field(default_factory=Settings)
    users: list[UserSpec] = Field(default_factory=list)
    events: list[Occurrence] = Field(default_factory=list)
    faults: list[Fault] = Field(default_factory=list)


def seed_users(count: int) -> list[UserSpec]:
    """`sim-user-1..N`: a TESLA and a ZAPTEC, linked, all capabilities, home set, plugged together, 40 %, stopped."""
    return [
        UserSpec(
            id=f"sim-user-{number}",
            vehicles=[VehicleSpec(plugged_into="box", auto_start=False, is_linked=True)],
            chargers=[ChargerSpec(is_linked=True)],
        )
        for number in range(1, count + 1)
    ]


def load_scenario(path: Path) -> Scenario:
    """Reads a scenario from YAML or JSON. Raises pydantic's ValidationError naming each wrong key."""
    return Scenario.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
