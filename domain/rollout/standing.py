"""How far a rollout has come, as every driver of a program carries it (S29-S41).

Who is in a brand's subset follows from the driver's id alone, so that the subset is the same wherever it is asked for,
a wider share contains every narrower one, and a driver who joins later falls on the same side.
"""

import hashlib
from enum import StrEnum

from pydantic import Field

from domain.model import Model, Request

SHARES = 1 << 32
"""Steps of a share: four bytes of a digest."""


class Phase(StrEnum):
    """What a program asks of its drivers. Each phase builds on the one before; a new launch needs none of them."""

    LAUNCH = "launch"  # both flows from day one (S28): the default
    VEHICLE_ONLY = "vehicle_only"  # a live product before phase 1: nobody is asked
    OPTIONAL = "optional"  # phase 1: recommended to all who linked a vehicle
    TARGETED = "targeted"  # phase 2: mandatory for drivers in trouble and unreliable brands
    EXTENDED = "extended"  # phase 3: incapable vehicles together with a charger

    @property
    def admits_by_brand(self) -> bool:
        """Whether an incapable vehicle takes part only once its brand was admitted."""
        return self is not Phase.LAUNCH


class Share(Request):
    """The part of a brand's drivers a step has reached."""

    brand: str  # TARGETED_DRIVERS: drivers in trouble, of whatever brand
    fraction: float = Field(ge=0, le=1)
    seed: str = ""  # another seed, another subset
    reason: str = ""  # the evidence, in words

    def has(self, driver_id: str) -> bool:
        """Whether this driver is in the subset."""
        return place_of(driver_id, f"{self.seed}/{self.brand.casefold()}") < self.fraction


TARGETED_DRIVERS = "*"
"""Instead of a brand: drivers whose own nights go wrong."""

ALL = "all"
"""Instead of a brand, in phase 1: all who linked a vehicle."""


class Target(Request):
    """Why one driver is asked although the brand is not: trouble in this driver's own nights (S34)."""

    reason: str


class Standing(Request):
    """How far the rollout has come."""

    phase: Phase = Phase.LAUNCH
    demands: tuple[Share, ...] = ()  # phase 2: brands of which a charger is demanded
    admitted: tuple[Share, ...] = ()  # phase 3: brands whose incapable vehicles may take part with one

    def demand_of(self, brand: str | None, driver_id: str) -> Share | None:
        return _found(self.demands, brand, driver_id)

    def admission_of(self, brand: str | None, driver_id: str) -> Share | None:
        return _found(self.admitted, brand, driver_id)


class Change(Model):
    """One change of the program as a driver was told of it."""

    version: int
    reason: str


def place_of(driver_id: str, seed: str) -> float:
    """A number in [0, 1) that only driver and seed decide, evenly spread."""
    digest = hashlib.sha256(f"{seed}/{driver_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / SHARES


def _found(shares: tuple[Share, ...], brand: str | None, driver_id: str) -> Share | None:
    wanted = (brand or "").casefold()
    mine = (share for share in shares if share.brand.casefold() == wanted and share.has(driver_id))
    return next(mine, None)
