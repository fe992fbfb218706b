"""One drawn night: everything about it that chance decided, as plain values."""

from typing import Any, Literal

from domain.model import Instant, Model


class CarSpec(Model):
    """A car as it is, and the little of it that its vendor tells."""

    brand: str
    vendor: str
    capacity_kwh: float
    soc_pct: float  # at plug-in [%]
    max_kw: float
    efficiency: float
    taper_from_pct: float | None
    limit_pct: float = 100.0  # the car's own cut-off
    auto_start: bool = True
    can_start: bool = True
    can_stop: bool = True
    ramp_seconds: float = 10.0
    min_kw: float = 0.0
    told_capacity_kwh: float | None = None  # None: as it is


class BoxSpec(Model):
    """A charger at home."""

    vendor: str
    max_kw: float
    is_linked: bool = True
    auto_start: bool = True
    can_start: bool = True
    can_stop: bool = True


class VendorSpec(Model):
    """How fast a vendor acts and tells [s, world time]."""

    command_seconds: tuple[float, float]
    observe_seconds: float  # from a change to its observation
    webhook_seconds: float  # from an observation to our door
    refresh_seconds: float  # from a request to refresh to an observation
    charging_seconds: float  # between regular observations
    idle_seconds: float
    pairing_seconds: float  # from a plug-in to the word which charger holds the car
    refuses_needless: bool  # answers "already so" with a refusal


class WishSpec(Model):
    """What the driver wants."""

    target_pct: float
    min_pct: float
    ready_by: str  # wall clock, HH:MM
    zone: str


class ActSpec(Model):
    """Something the driver says to us."""

    at: Instant
    act: Literal["charge_now", "stay_stopped", "skip_night", "follow_plan", "set_wish"]
    wish: WishSpec | None = None


class FaultSpec(Model):
    """One failure of the catalogue with its drawn parameters."""

    f: str  # e.g. "F16"
    params: dict[str, Any]


class NightSpec(Model):
    """Night `k` of a seed."""

    k: int
    plug_in_at: Instant
    departs_at: Instant  # when the driver means to leave
    unplugs_at: Instant  # when the driver does
    wish: WishSpec
    car: CarSpec
    box: BoxSpec | None  # None: a plain socket that we do not know
    car_vendor: VendorSpec
    box_vendor: VendorSpec
    fees_per_kwh: str
    spread_seconds: int = 600  # ceiling of the random delay of every planned switch
    acts: tuple[ActSpec, ...] = ()
    faults: tuple[FaultSpec, ...] = ()
    noise: int = 0  # seed of what chance decides while the night runs

    @property
    def is_healthy(self) -> bool:
        return not self.faults
