"""What the vendor platform keeps: tenants (API clients), users, accounts, devices, places, actions, link sessions."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from simulator.physics import Box, Car
from simulator.scenario import ChargerSpec, Home, VehicleSpec

Json = dict[str, Any]
DeviceKind = Literal["vehicle", "charger"]

_NAMESPACE = UUID("9b6f2a51-64f5-4d0e-9f0c-7c4e8a3d1b20")


class Ids:
    """Repeatable ids: named ones depend on their name alone, counted ones on the seed and their number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._counts: dict[str, int] = {}

    @staticmethod
    def named(*parts: str) -> str:
        return str(uuid5(_NAMESPACE, "/".join(parts)))

    def next(self, kind: str) -> str:
        self._counts[kind] = number = self._counts.get(kind, 0) + 1
        return self.named(str(self._seed), kind, str(number))


@dataclass(kw_only=True, eq=False)
class Webhook:
    id: str
    url: str
    secret: str
    events: list[str]
    created_at: datetime
    api_version: str | None
    authentication: dict[str, str] | None  # headerName, headerValue
    last_success_at: datetime
    is_active: bool = True


@dataclass(kw_only=True, eq=False)
class Location:
    id: str
    user_id: str
    name: str
    latitude: float
    longitude: float
    zone: str
    created_at: datetime


@dataclass(kw_only=True, eq=False)
class Account:
    """A linked vendor account. Kinds not granted stay invisible. `is_valid` false: credentials died."""

    vendor: str
    kinds: set[DeviceKind] = field(default_factory=set)
    scopes: set[str] = field(default_factory=set)
    is_valid: bool = True


@dataclass(kw_only=True, eq=False)
class Tenant:
    """One API client. Nothing is shared between tenants."""

    client_id: str
    secret: str
    users: dict[str, "User"] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    locations: dict[str, Location] = field(default_factory=dict)
    tariffs: dict[str, list[Json]] = field(default_factory=dict)
    location_tariffs: dict[str, Json] = field(default_factory=dict)


@dataclass(kw_only=True, eq=False)
class User:
    id: str
    tenant: Tenant
    created_at: datetime
    accounts: dict[str, Account] = field(default_factory=dict)
    devices: dict[str, "Device"] = field(default_factory=dict)
    is_pairing_reset: bool = False  # delegated control: what the charger unlocked was taken back


@dataclass(kw_only=True, eq=False)
class Prepared:
    """A device that can be linked: whose it is, and its body. Two may share a body: one car, two vendors."""

    id: str
    tenant_id: str
    user_id: str
    kind: DeviceKind
    spec: VehicleSpec | ChargerSpec
    body: Car | Box
    home: Home | None
    generation: int = 0  # how often it was linked anew after its data had been dropped


@dataclass(kw_only=True, eq=False)
class Device:
    """A linked device as the platform knows it: the last observation, never the truth."""

    id: str
    kind: DeviceKind
    user: User
    prepared: Prepared
    created_at: datetime
    scopes: list[str]
    last_seen_at: datetime
    is_reachable: bool = True
    charge_state: Json = field(default_factory=dict)
    observed_at: datetime | None = None
    odometer_km: float | None = None
    position: tuple[float, float] | None = None
    location_id: str | None = None  # charger: set by the client
    location_set_at: datetime | None = None
    paired: "Device | None" = None
    policy: Json = field(default_factory=lambda: {"isEnabled": False, "deadline": None, "minimumChargeLimit": 0})
    override: Json | None = None
    pressed_at: datetime | None = None  # when a command last reached the device
    last_sent: dict[str, Any] | None = None  # flat view of what the last event told

    @property
    def spec(self) -> VehicleSpec | ChargerSpec:
        return self.prepared.spec

    @property
    def body(self) -> Car | Box:
        return self.prepared.body

    @property
    def vendor(self) -> str:
        return self.spec.vendor

    @property
    def account(self) -> Account:
        return self.user.accounts[self.vendor]

    @property
    def state(self) -> str:
        """The last observed power delivery state."""
        return str(self.charge_state["powerDeliveryState"])


@dataclass(kw_only=True, eq=False)
class Action:
    """A command on its way. `kind` is START, STOP or None for a maximum current of `max_current_a`."""

    id: str
    device: Device
    kind: Literal["START", "STOP"] | None
    max_current_a: float | None
    created_at: datetime
    updated_at: datetime
    owner: str = "client"
    state: Literal["PENDING", "CONFIRMED", "FAILED", "CANCELLED"] = "PENDING"
    completed_at: datetime | None = None
    failure: tuple[str, str] | None = None
    attempts: int = 0


@dataclass(kw_only=True, eq=False)
class LinkSession:
    token: str
    user_id: str
    tenant: Tenant
    scopes: list[str]
    language: str
    redirect_uri: str
    vendor: str | None
    vendor_kind: str | None
    expires_at: datetime
    relinks: Device | None = None
    is_used: bool = False
