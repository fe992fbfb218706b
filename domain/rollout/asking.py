"""Who is asked what, and why: one driver of the roster held against a version of the program."""

from collections import Counter
from collections.abc import Iterable

from pydantic import Field

from domain.capabilities import OwnCapability
from domain.model import Instant, Model
from domain.program import Program
from domain.requirement import Record, Requirement
from domain.rollout.evidence import Evidence
from domain.rollout.judge import is_in_trouble
from domain.rollout.rates import REPORTED
from domain.rollout.standing import ALL, TARGETED_DRIVERS, Phase, Share, Target

EXAMPLES = 10
"""Drivers named in a dry run, per change."""


class MemberVehicle(Model):
    """One linked vehicle, as storage knows it."""

    vehicle_id: str
    brand: str | None = None
    model: str | None = None
    own: OwnCapability = OwnCapability()


class Member(Model):
    """A driver of the program who is to be asked, and what was asked last."""

    driver_id: str
    region: str | None = None
    stage: str = ""  # as operators see it
    vehicles: tuple[MemberVehicle, ...] = ()
    has_charger: bool = False
    version: int = 0  # of the program as last told; 0: not told by a rollout
    asked: tuple[str, ...] | None = None  # per vehicle, by the version last told; None: not known
    reason: str = ""
    told_at: Instant | None = None

    @property
    def brands(self) -> tuple[str, ...]:
        return tuple(vehicle.brand or "unknown" for vehicle in self.vehicles)


class Asked(Model):
    """What a version of the program asks of a member."""

    requirements: tuple[str, ...]  # per vehicle
    reasons: tuple[str, ...] = ()  # per vehicle
    reason: str  # of the first vehicle of which most is asked
    target: Target | None = None


def asked_of(member: Member, program: Program, evidence: Evidence | None = None) -> Asked:
    """What this version asks of the member, whose own nights may make a target."""
    target = target_of(evidence, program) if program.standing.phase in (Phase.TARGETED, Phase.EXTENDED) else None
    carried = program.for_driver(member.region, target)
    verdicts = [carried.ask(member.driver_id, v.brand, v.own, Record()) for v in member.vehicles]
    most = next((v for v in verdicts if v.requirement is Requirement.MANDATORY), verdicts[0] if verdicts else None)
    return Asked(
        requirements=tuple(verdict.requirement.value for verdict in verdicts),
        reasons=tuple(verdict.reason for verdict in verdicts),
        reason=most.reason if most else "no vehicle is linked yet",
        target=target,
    )


def target_of(evidence: Evidence | None, program: Program) -> Target | None:
    """Why this driver is in trouble, by the bounds of the driver's own record (S34); None: not, or too few."""
    if evidence is None:
        return None
    rules = program.rules
    found = []
    if rules.lowest_success is not None and evidence.commands.at_most(REPORTED) < rules.lowest_success:
        found.append(evidence.commands.in_words("commands proven"))
    if rules.lowest_plan_success is not None and evidence.plans.at_most(REPORTED) < rules.lowest_plan_success:
        found.append(evidence.plans.in_words("nights ready"))
    if rules.most_api_errors is not None and evidence.api_errors.at_least(REPORTED) > rules.most_api_errors:
        found.append(evidence.api_errors.in_words("commands failed at the vendor's interface"))
    if rules.most_tickets is not None and evidence.tickets > rules.most_tickets:
        found.append(f"{evidence.tickets} support tickets, more than {rules.most_tickets}")
    return Target(reason="this driver's own nights: " + "; ".join(found)) if found else None


class Rehearsal(Model):
    """A dry run: what would be asked, of how many, and of whom for example."""

    drivers: int = 0
    without_vehicle: int = 0
    changes: dict[str, int] = Field(default_factory=dict)  # "Jeep: not eligible -> mandatory" -> drivers
    named: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # per change, drivers and why

    def lines(self) -> list[str]:
        told = [f"{drivers} × {change}" for change, drivers in sorted(self.changes.items())]
        head = f"{self.drivers} drivers looked at, {self.without_vehicle} of them without a vehicle"
        return [head, *(told or ["nobody is asked anything else"])]


def rehearse(members: Iterable[tuple[Member, Evidence | None]], now: Program, then: Program) -> Rehearsal:
    """Who would be asked something else under `then`, and why; nothing is told."""
    found = Rehearsal()
    for member, evidence in members:
        why = _changes_of(member, asked_of(member, now, evidence), asked_of(member, then, evidence))
        one = Rehearsal(
            drivers=1,
            without_vehicle=int(not member.vehicles),
            changes=dict.fromkeys(why, 1),
            named={change: (f"{member.driver_id} because {reason}",) for change, reason in why.items()},
        )
        found = added(found, one)
    return found


def _changes_of(member: Member, before: Asked, after: Asked) -> dict[str, str]:
    """What changes for a driver and why; two cars alike are one change."""
    changes: dict[str, str] = {}
    rows = zip(member.vehicles, before.requirements, after.requirements, after.reasons, strict=True)
    for vehicle, old, new, reason in rows:
        if old != new:
            changes.setdefault(f"{vehicle.brand or 'unknown'}: {_words(old)} -> {_words(new)}", reason)
    return changes


def _words(requirement: str) -> str:
    return requirement.replace("_", " ")


def added(one: Rehearsal, two: Rehearsal) -> Rehearsal:
    """The dry run of two pages."""
    kinds = {**one.named, **two.named}
    return Rehearsal(
        drivers=one.drivers + two.drivers,
        without_vehicle=one.without_vehicle + two.without_vehicle,
        changes=dict(Counter(one.changes) + Counter(two.changes)),
        named={kind: (*one.named.get(kind, ()), *two.named.get(kind, ()))[:EXAMPLES] for kind in kinds},
    )


def brands_to_treat(
    program: Program, phase: Phase, by_brand: dict[str, Evidence], *, has_targets: bool
) -> tuple[str, ...]:
    """What a phase treats, one after the other: phase 2 drivers in trouble first, if there are any, then unreliable
    brands, the worst first; phase 3 the brands whose vehicles cannot do all by themselves."""
    rows, standing = program.brands.rows, program.standing
    if phase is Phase.EXTENDED:
        incapable = (r.brand for r in rows if not (r.can_start and r.can_stop and r.can_locate))
        return tuple(brand for brand in dict.fromkeys(incapable) if not _is_whole(standing.admitted, brand))
    if phase is not Phase.TARGETED:
        return (ALL,)
    rules, found = program.rules, dict[str, float]()
    for row in rows:
        lowest = rules.lowest_reliability
        if lowest is not None and row.reliability is not None and row.reliability < lowest:
            found[row.brand] = 1 + row.reliability
    for brand in rules.demanded_brands:
        found[brand] = min(found.get(brand, 1.0), 1.0)
    for brand, evidence in by_brand.items():
        if is_in_trouble(evidence, program.limits):
            found[brand] = evidence.commands.rate or 0.0
    ordered = (*([TARGETED_DRIVERS] if has_targets else []), *sorted(found, key=lambda brand: (found[brand], brand)))
    return tuple(brand for brand in ordered if not _is_whole(standing.demands, brand))


def _is_whole(shares: tuple[Share, ...], brand: str) -> bool:
    """Whether an earlier rollout has reached all of a brand: begun anew, it would let go of most of its drivers."""
    return any(share.brand.casefold() == brand.casefold() and share.fraction >= 1.0 for share in shares)
