"""What a vehicle can do by itself, and what a linked charger adds.

Own capability is the last evidence from a time when no charger of this driver was linked, else the brand table: once a
charger is linked the vendor may report its help as the vehicle's own, which never raises it (docs: S46-S48).
"""

from collections.abc import Mapping

from pydantic import Field

from domain.devices import Capability, CapabilityKind, Device
from domain.model import Model, Request


class OwnCapability(Model):
    """What the vehicle does without a charger's help."""

    can_start: bool = True
    can_stop: bool = True
    can_locate: bool = True
    evidence: str = "no evidence yet: taken as capable"

    @property
    def can_control(self) -> bool:
        return self.can_start and self.can_stop

    @property
    def missing(self) -> tuple[str, ...]:
        named = {
            "start charging": self.can_start,
            "stop charging": self.can_stop,
            "report its location": self.can_locate,
        }
        return tuple(name for name, can in named.items() if not can)


class BrandRow(Request):
    """What is known of a brand before the vehicle says anything itself."""

    brand: str
    can_start: bool = True
    can_stop: bool = True
    can_locate: bool = True
    reliability: int | None = Field(default=None, ge=1)  # rating, 1 is the worst; None: not rated
    source: str  # where the row comes from


class BrandTable(Request):
    """Capabilities per brand; a program may override rows."""

    version: str
    rows: tuple[BrandRow, ...]

    def row(self, brand: str | None) -> BrandRow | None:
        wanted = (brand or "").casefold()
        return next((row for row in self.rows if row.brand.casefold() == wanted), None)


SHIPPED_BRANDS = BrandTable(
    version="2026-11-22",
    rows=(
        BrandRow(
            brand="Jeep",
            can_stop=False,
            source="Enode documentation, EV charger pairing: introduction (older text names Jeep as unable to stop)",
        ),
    ),
)


def own_from_vendor(capabilities: Mapping[CapabilityKind, Capability]) -> OwnCapability:
    """Own capability by the vendor's word, valid only while no charger is linked."""

    def can(kind: CapabilityKind) -> bool:
        return capabilities.get(kind, Capability()).is_capable

    return OwnCapability(
        can_start=can(CapabilityKind.START_CHARGING),
        can_stop=can(CapabilityKind.STOP_CHARGING),
        can_locate=can(CapabilityKind.LOCATION),
        evidence="reported by the vehicle while no charger was linked",
    )


def own_from_brand(brand: str | None, table: BrandTable) -> OwnCapability:
    """Own capability by the brand table; capable if the brand is not listed."""
    row = table.row(brand)
    if row is None:
        return OwnCapability(evidence="brand not listed: taken as capable until the vehicle says otherwise")
    return OwnCapability(
        can_start=row.can_start,
        can_stop=row.can_stop,
        can_locate=row.can_locate,
        evidence=f"brand table {table.version}: {row.source}",
    )


class Effective(Model):
    """Own capability plus what the linked charger unlocks."""

    can_start: bool
    can_stop: bool
    can_locate: bool

    @property
    def can_smart_charge(self) -> bool:
        return self.can_start and self.can_stop and self.can_locate


def effective(own: OwnCapability, *, has_charger: bool, is_charger_placed: bool) -> Effective:
    """Start and stop are unlocked at once by a linked charger, location only once the charger has a place."""
    return Effective(
        can_start=own.can_start or has_charger,
        can_stop=own.can_stop or has_charger,
        can_locate=own.can_locate or (has_charger and is_charger_placed),
    )


def evidence_of(
    device: Device, *, any_charger_linked: bool, known: OwnCapability | None, table: BrandTable
) -> OwnCapability:
    """Own capability after a vehicle was seen: the vendor's word counts only while no charger is linked."""
    has_word = bool(device.capabilities)
    if has_word and not any_charger_linked:
        return own_from_vendor(device.capabilities)
    return known or own_from_brand(device.brand, table)
