"""The program a driver belongs to: validated, versioned data, and what it asks of a driver with a given vehicle.

Operators write it as YAML (docs/rollout.md); the table of programs keeps every version; drivers carry the part of it
that concerns them.
"""

from string import Formatter
from typing import Self

from pydantic import Field, field_validator, model_validator

from domain.budgets import Budgets
from domain.capabilities import SHIPPED_BRANDS, BrandRow, BrandTable, OwnCapability, own_from_brand
from domain.departure import Wish
from domain.model import Request
from domain.requirement import Record, Requirement, Rules, Verdict, requirement_of, why_incapable, why_not_eligible
from domain.resets import ResetRules
from domain.rollout.standing import TARGETED_DRIVERS, Phase, Standing, Target
from domain.session.state import ControlMode
from domain.tariff import Tariff
from domain.wording import LANGUAGES, catalogue


class Limits(Request):
    """How carefully the rollout goes on."""

    shares: tuple[float, ...] = (0.05, 0.25, 1.0)  # of a brand's drivers, step by step
    soak_nights: int = Field(default=5, ge=1)  # evidence gathered before a step is judged
    longest_soak_nights: int = Field(default=14, ge=1)  # then an operator must look
    least_drivers: int = Field(default=10, ge=2)  # with a night to tell of; fewer prove nothing
    pass_mark: float = Field(default=0.9, gt=0, lt=1)  # commands proven (0-1) the use case needs
    page_size: int = Field(default=100, ge=1, le=500)  # drivers told by one step
    window: int = Field(default=8, ge=1, le=50)  # pages under way at once
    goes_alone: bool = False  # False: an operator says "go" after the dry run

    @field_validator("shares")
    @classmethod
    def _rising(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not shares or shares[-1] != 1.0 or not all(a < b for a, b in zip((0.0, *shares), shares, strict=False)):
            raise ValueError("shares rise from above 0 to 1, e.g. [0.05, 0.25, 1]")
        return shares

    @model_validator(mode="after")
    def _patient(self) -> Self:
        if self.longest_soak_nights < self.soak_nights:
            raise ValueError("longest_soak_nights is not shorter than soak_nights")
        return self


class Program(Request):
    """The rules of the program a driver belongs to."""

    name: str = Field(min_length=1, max_length=100)
    mode: ControlMode = ControlMode.OWN
    tariff: Tariff = Tariff()
    wish: Wish = Wish()  # until the driver says otherwise
    spread_seconds: int = Field(default=600, ge=0, le=1800)  # ceiling of the random delay of planned switches
    brands: BrandTable = SHIPPED_BRANDS
    rules: Rules = Rules()
    resets: ResetRules = ResetRules()

    version: int = Field(default=0, ge=0)  # rises with every change; 0: never stored
    regions: tuple[str, ...] = ()  # none: one region without a name
    tariffs: dict[str, Tariff] = Field(default_factory=dict)  # by region; else `tariff`
    enabled_brands: frozenset[str] | None = None  # brands that may be linked here; None: all
    limits: Limits = Limits()
    budgets: Budgets = Budgets()  # of a session; one under way keeps those it began with
    texts: dict[str, dict[str, str]] = Field(default_factory=dict)  # language -> key -> own wording
    standing: Standing = Standing()

    region: str | None = None  # of the driver who carries it
    target: Target | None = None  # of the driver who carries it

    @model_validator(mode="after")
    def _regions_known(self) -> Self:
        unknown = sorted({*self.tariffs, *([self.region] if self.region else [])} - set(self.regions))
        if unknown:
            raise ValueError(f"unknown region(s) {', '.join(unknown)}: regions are {', '.join(self.regions) or 'none'}")
        return self

    @field_validator("texts")
    @classmethod
    def _texts_known(cls, texts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for language, own in texts.items():
            if language not in LANGUAGES:
                raise ValueError(f"texts: no catalogue for {language!r}, there are {', '.join(LANGUAGES)}")
            for key, text in own.items():
                if key not in catalogue(language):
                    raise ValueError(f"texts.{language}: no text {key!r} in the catalogue")
                unfilled = _placeholders(text) - _placeholders(catalogue(language)[key])
                if unfilled:
                    raise ValueError(f"texts.{language}.{key}: nothing fills {{{', '.join(sorted(unfilled))}}}")
        return texts

    def say(self, key: str, language: str, **values: object) -> str:
        """The text of `key` in this program's words, else in the catalogue's."""
        base = language.split("-")[0].lower()
        return self.texts.get(base, {}).get(key, catalogue(language)[key]).format_map(values)

    def for_driver(self, region: str | None = None, target: Target | None = None) -> "Program":
        """The part of it that a driver carries: without texts and limits, and of the region's tariffs its own.

        As long as the region is not known, all of them: the driver's workflow knows it and takes its part.
        """
        lean = self.model_copy(update={"texts": {}, "limits": Limits(), "target": target})
        if region is None or region not in self.regions:
            return lean
        tariff = self.tariffs.get(region, self.tariff)
        return lean.model_copy(update={"region": region, "regions": (region,), "tariff": tariff, "tariffs": {}})

    def may_link(self, brand: str | None) -> bool:
        """Whether a brand is enabled for linking here (S40)."""
        return self.enabled_brands is None or (brand or "").casefold() in {b.casefold() for b in self.enabled_brands}

    def ask(self, driver_id: str, brand: str | None, own: OwnCapability, record: Record) -> Verdict:
        """What is asked of a driver with this vehicle, in the present phase."""
        phase = self.standing.phase
        if phase is Phase.LAUNCH:
            return requirement_of(own, self.brands.row(brand), self.rules, record, brand)
        if own.missing:
            return self._ask_incapable(driver_id, brand, own)
        if phase is Phase.VEHICLE_ONLY:
            reason = "the product is vehicle-only: no charger is asked for"
            return Verdict(requirement=Requirement.NOT_ASKED, reason=reason, why="why.charger_helps")
        reason = self._demanded(driver_id, brand)
        if reason:
            return Verdict(requirement=Requirement.MANDATORY, reason=reason, why="why.vehicle_unreliable")
        reason = f"optional for all who linked a vehicle ({own.evidence})"
        return Verdict(requirement=Requirement.RECOMMENDED, reason=reason, why="why.charger_helps")

    def announce(self, driver_id: str, brand: str | None, model: str | None, record: Record) -> Verdict:
        """What will be asked of a driver, told before a vehicle of this brand and model is linked (S12)."""
        return self.ask(driver_id, brand, own_from_brand(brand, self.brands, model), record)

    def _ask_incapable(self, driver_id: str, brand: str | None, own: OwnCapability) -> Verdict:
        missing = f"the vehicle cannot {' or '.join(own.missing)} by itself ({own.evidence})"
        share = self.standing.admission_of(brand, driver_id) if self.standing.phase is Phase.EXTENDED else None
        if share is None or not self.may_link(brand):
            reason = f"{missing}; {brand or 'its brand'} is not admitted yet"
            return Verdict(requirement=Requirement.NOT_ELIGIBLE, reason=reason, why=why_not_eligible(own))
        reason = f"{missing}; admitted together with a charger"
        return Verdict(requirement=Requirement.MANDATORY, reason=reason, why=why_incapable(own))

    def _demanded(self, driver_id: str, brand: str | None) -> str:
        if self.standing.phase not in (Phase.TARGETED, Phase.EXTENDED):
            return ""
        share = self.standing.demand_of(brand, driver_id)
        if share is not None:
            return f"{share.brand}: {share.reason}" if share.reason else f"a charger is demanded of {share.brand}"
        if self.target is not None and self.standing.demand_of(TARGETED_DRIVERS, driver_id) is not None:
            return self.target.reason
        return ""


def overridden(shipped: BrandTable, own: tuple[BrandRow, ...], version: str) -> BrandTable:
    """The shipped table with a program's own rows in place of those of the same brand, and its further ones."""
    mine = {_key(row): row for row in own}
    kept = [mine.pop(_key(row), row) for row in shipped.rows]
    return BrandTable(version=version, rows=(*kept, *mine.values()))


def _key(row: BrandRow) -> tuple[str, str]:
    return row.brand.casefold(), (row.model or "").casefold()


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
