"""Whether a charger is demanded of a driver or recommended, always with the reason (S1-S4, S12).

The question is never whether to ask for the charger, only how. A requirement follows from what the vehicle can do by
itself, from the brand's reliability, from the program's rules, and from this driver's own record; the first that
demands the charger gives the reason.
"""

from enum import StrEnum

from pydantic import Field

from domain.capabilities import BrandRow, BrandTable, OwnCapability, own_from_brand
from domain.model import Model, Request
from domain.reliability import Routes
from domain.rollout.rates import Tally


class Requirement(StrEnum):
    """How the charger is asked for."""

    MANDATORY = "mandatory"  # journey A
    RECOMMENDED = "recommended"  # journey B
    NOT_ASKED = "not_asked"  # a live product before its rollout: through the vehicle alone
    NOT_ELIGIBLE = "not_eligible"  # an incapable vehicle of a brand that is not admitted yet


class Rules(Request):
    """When a program demands a charger although the vehicle can be controlled by itself."""

    lowest_reliability: int | None = Field(default=None, ge=1)  # brands rated below it; None: ratings do not matter
    demanded_brands: frozenset[str] = frozenset()  # brands the program demands it of, by name
    lowest_success: float | None = Field(default=None, ge=0, le=1)  # commands proven (0-1), per driver; None: no rule
    lowest_plan_success: float | None = Field(default=None, ge=0, le=1)  # nights ready, per driver, phases 2 and 3
    most_api_errors: float | None = Field(default=None, ge=0, le=1)  # of calls at the vendor, per driver, likewise
    most_tickets: int | None = Field(default=None, ge=0)  # support tickets of a driver in the last 90 days, likewise

    @property
    def looks_at_drivers(self) -> bool:
        """Whether any rule speaks of one driver's own nights."""
        rules = (self.lowest_success, self.lowest_plan_success, self.most_api_errors, self.most_tickets)
        return any(rule is not None for rule in rules)


class Record(Model):
    """What this driver's nights were like."""

    commands_sent: int = Field(default=0, ge=0)
    commands_proven: int = Field(default=0, ge=0)
    routes: Routes = Field(default_factory=dict)  # the same per side, as far as they tell of it

    @property
    def most_success(self) -> float:
        """The highest rate of proven commands that the record leaves open (0-1, Wilson's bound): few prove little."""
        return Tally.of([(self.commands_proven, self.commands_sent)]).at_most()


class Verdict(Model):
    """Mandatory or recommended, why for the record, and the key of the words for the driver."""

    requirement: Requirement
    reason: str
    why: str  # key into the catalogues


class VehicleAsked(Request):
    """A vehicle of which it is asked, before it is linked, whether it will need a charger."""

    brand: str = Field(min_length=1, max_length=100)
    model: str | None = Field(default=None, max_length=100)


def requirement_of(
    own: OwnCapability, row: BrandRow | None, rules: Rules, record: Record, brand: str | None = None
) -> Verdict:
    """What is asked of a driver with this vehicle. `brand` counts also where the table has no row of it."""
    if own.missing:
        reason = f"the vehicle cannot {' or '.join(own.missing)} by itself ({own.evidence})"
        return Verdict(requirement=Requirement.MANDATORY, reason=reason, why=why_incapable(own))
    reason = _distrust(row, rules, record, brand)
    if reason:
        return Verdict(requirement=Requirement.MANDATORY, reason=reason, why="why.vehicle_unreliable")
    reason = f"the vehicle can be controlled by itself ({own.evidence})"
    return Verdict(requirement=Requirement.RECOMMENDED, reason=reason, why="why.charger_helps")


def why_incapable(own: OwnCapability) -> str:
    """Key of the words for what the vehicle misses."""
    return "why.vehicle_unlocated" if own.can_control else "why.vehicle_incapable"


def why_not_eligible(own: OwnCapability) -> str:
    """Key of the words for what the vehicle misses, where it is not admitted with a charger either."""
    return "why.not_eligible_unlocated" if own.can_control else "why.not_eligible"


def announced(brand: str | None, table: BrandTable, rules: Rules, model: str | None = None) -> Verdict:
    """What will be asked, told before a vehicle of this brand and model is linked (S12)."""
    return requirement_of(own_from_brand(brand, table, model), table.row(brand), rules, Record(), brand)


def _distrust(row: BrandRow | None, rules: Rules, record: Record, brand: str | None) -> str:
    """Why a capable vehicle is not trusted alone; empty: it is."""
    name = row.brand if row is not None else brand or ""
    if name.casefold() in {demanded.casefold() for demanded in rules.demanded_brands}:
        return f"the program demands a charger of every {name}"
    if row is not None:
        lowest = rules.lowest_reliability
        if lowest is not None and row.reliability is not None and row.reliability < lowest:
            return f"{row.brand} is rated {row.reliability}, the program trusts {lowest} and better ({row.source})"
    if rules.lowest_success is not None and record.most_success < rules.lowest_success:
        return (
            f"{record.commands_proven} of {record.commands_sent} commands were proven in this driver's nights, "
            f"surely fewer than {rules.lowest_success:.0%}"
        )
    return ""
