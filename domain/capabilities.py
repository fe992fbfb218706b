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
    model: str | None = None  # None: all models of the brand that have no row of their own
    can_start: bool = True
    can_stop: bool = True
    can_locate: bool = True
    reliability: int | None = Field(default=None, ge=1)  # rating, 1 is the worst; None: not rated
    source: str  # where the row comes from


class BrandTable(Request):
    """Capabilities per brand; a program may override rows."""

    version: str
    rows: tuple[BrandRow, ...]

    def row(self, brand: str | None, model: str | None = None) -> BrandRow | None:
        """The row of the model, else of its brand."""
        rows = [row for row in self.rows if row.brand.casefold() == (brand or "").casefold()]
        of_model = (row for row in rows if row.model and row.model.casefold() == (model or "").casefold())
        return next(of_model, None) or next((row for row in rows if row.model is None), None)


ALONE = "reported by the vehicle while no charger was linked"
DENIED = "denied by the vehicle although a charger is linked"

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
        evidence=ALONE,
    )


def own_from_brand(brand: str | None, table: BrandTable, model: str | None = None) -> OwnCapability:
    """Own capability by the brand table; capable if the brand is not listed."""
    row = table.row(brand, model)
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
    device: Device,
    *,
    any_charger_linked: bool,
    known: OwnCapability | None,
    table: BrandTable,
    is_just_alone: bool = False,
) -> OwnCapability:
    """Own capability after a vehicle was seen.

    The vendor's word counts while no charger is linked; from one that has just left, an ability may still be lent. With
    a charger, what the vehicle said alone stands, and the brand table stands until the vehicle denies it.
    """
    has_said = known is not None and known.evidence in (ALONE, DENIED)
    before = known if known is not None and has_said else own_from_brand(device.brand, table, device.model)
    if not device.capabilities:
        return before
    if not any_charger_linked:
        word = own_from_vendor(device.capabilities)
        return _less(before, word) if is_just_alone else word
    if known is not None and known.evidence == ALONE:
        return known
    return _less(before, _not_denied(device.capabilities))


def _not_denied(capabilities: Mapping[CapabilityKind, Capability]) -> OwnCapability:
    """All that the vendor does not deny; what it does not speak of stays open."""
    denied = {kind for kind, told in capabilities.items() if not told.is_capable}
    return OwnCapability(
        can_start=CapabilityKind.START_CHARGING not in denied,
        can_stop=CapabilityKind.STOP_CHARGING not in denied,
        can_locate=CapabilityKind.LOCATION not in denied,
        evidence=DENIED,
    )


def _less(own: OwnCapability, word: OwnCapability) -> OwnCapability:
    """The abilities of both; `own` as it is if the word takes nothing from it."""
    if not set(word.missing) - set(own.missing):
        return own
    return OwnCapability(
        can_start=own.can_start and word.can_start,
        can_stop=own.can_stop and word.can_stop,
        can_locate=own.can_locate and word.can_locate,
        evidence=word.evidence,
    )
