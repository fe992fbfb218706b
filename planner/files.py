"""Instance files in, plan files out: the shape and the costing are in benchmarks/README.md."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.errors import CallerError
from domain.plan import ChargingPlan, ControlKind, PlanProblem
from domain.site import SitePlan, SiteProblem
from planner.night import plan
from planner.site import plan_site

UNITS = {
    **dict.fromkeys(("cap", "soc0", "target", "min_soc", "taper_from"), "kWh"),
    **dict.fromkeys(("p_max", "p_min", "limit", "taper_end"), "kW"),
    **dict.fromkeys(("price", "adder"), "EUR/kWh"),
    **dict.fromkeys(("min_on", "min_off", "arr", "dep"), "slots"),
    "switch_cost": "EUR",
    "slot_min": "minutes",
    "start": "instant with offset",
    "eta": "battery kWh per meter kWh",
}
NAMES = {  # of the problem's fields in the file
    "battery_capacity_kwh": "cap",
    "soc_dc_kwh": "soc0",
    "target_dc_kwh": "target",
    "min_dc_kwh": "min_soc",
    "max_power_kw": "p_max",
    "min_power_kw": "p_min",
    "efficiency": "eta",
    "price_per_kwh": "price",
    "taper_from_dc_kwh": "taper_from",
    "taper_end_power_kw": "taper_end",
    "limit_kw": "limit",
}
WEEK_MINUTES = 7 * 24 * 60
MOST_SLOTS_APART = 100_000  # of shortest runs and pauses: more is longer than any night
YEARS = range(1970, 2201)  # instants far outside cannot be added to
SLOT_DECIMALS = 9  # of a kWh in written plans


class BadFile(CallerError):
    """The instance file cannot be read as instances."""


Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Energy = Annotated[float, Field(ge=0, allow_inf_nan=False)]
SlotMinutes = Annotated[float, Field(gt=0, le=WEEK_MINUTES)]


def _in_our_time(start: datetime) -> datetime:
    if start.year not in YEARS:
        raise ValueError(f"must lie between {YEARS.start} and {YEARS.stop - 1}")
    return start


Start = Annotated[AwareDatetime, AfterValidator(_in_our_time)]


class _Row(BaseModel):
    """A row as it stands in the file; keys that are not named here are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CarRow(_Row):
    """What a night and a site's car have in common: kWh in the battery, kW at the meter, slots."""

    cap: Positive
    soc0: Energy
    target: Energy
    min_soc: Energy = 0.0
    p_max: Positive
    p_min: Energy = 0.0
    eta: Annotated[float, Field(gt=0, le=1)]
    control: ControlKind
    min_on: Annotated[int, Field(ge=0, le=MOST_SLOTS_APART)] = 0
    min_off: Annotated[int, Field(ge=0, le=MOST_SLOTS_APART)] = 0
    switch_cost: Energy = 0.0
    taper_from: Energy | None = None
    taper_end: Energy = 0.0


class NightRow(CarRow):
    """One car, one night; departure is the end of the last slot."""

    id: str
    start: Start
    slot_min: SlotMinutes
    adder: Number = 0.0
    price: Annotated[tuple[Number, ...], Field(min_length=1)]


class SiteCarRow(CarRow):
    """A car at a site: plugged in from slot `arr` to slot `dep` (half open)."""

    arr: Annotated[int, Field(ge=0)]
    dep: int


class SiteRow(_Row):
    """Cars behind one limit [kW]."""

    id: str
    start: Start
    slot_min: SlotMinutes
    adder: Number = 0.0
    price: Annotated[tuple[Number, ...], Field(min_length=1)]
    limit: tuple[Energy, ...]
    cars: tuple[SiteCarRow, ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.limit) != len(self.price):
            raise ValueError(f"limit [kW]: {len(self.limit)} values for {len(self.price)} prices")
        for j, car in enumerate(self.cars):
            if not car.arr < car.dep <= len(self.price):
                raise ValueError(f"cars.{j}.dep [slot]: {car.arr}..{car.dep} is no stay within {len(self.price)} slots")
        return self


def read_instances(path: Path) -> dict[str, Any]:
    """The file's content, a mapping with lists under `nights`, `sites`, `fleets`. Raises BadFile."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFile(f"{path.name}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path.name}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise BadFile(f"{path.name}: an object with nights and sites is needed")
    for key in ("nights", "sites", "fleets"):
        if not isinstance(content.get(key, []), list):
            raise BadFile(f"{path.name}: {key} must be a list")
    return content


def night_problem(row: Any, place: str = "night") -> PlanProblem:
    """The planning problem of a night's row. Raises BadFile, naming row, field and unit."""
    try:
        return _problem(NightRow.model_validate(row))
    except ValidationError as error:
        raise BadFile(_complaint(row, place, error)) from error


def _problem(row: NightRow) -> PlanProblem:
    slot = timedelta(minutes=row.slot_min)
    return car_problem(
        row,
        edges=tuple(row.start + slot * t for t in range(len(row.price) + 1)),
        price=tuple(price + row.adder for price in row.price),
        slot=slot,
    )


def site_problem(row: Any, place: str = "site") -> SiteProblem:
    """The planning problem of a site's row. Raises BadFile, naming row, field and unit."""
    try:
        site = SiteRow.model_validate(row)
        slot = timedelta(minutes=site.slot_min)
        edges = tuple(site.start + slot * t for t in range(len(site.price) + 1))
        price = tuple(price + site.adder for price in site.price)
    except ValidationError as error:
        raise BadFile(_complaint(row, place, error)) from error
    cars = []
    for j, car in enumerate(site.cars):
        stay, prices = edges[car.arr : car.dep + 1], price[car.arr : car.dep]
        try:
            cars.append(car_problem(car, edges=stay, price=prices, slot=slot))
        except ValidationError as error:
            raise BadFile(_complaint(row, place, error, f"cars.{j}.")) from error
    try:
        return SiteProblem(edges=edges, limit_kw=site.limit, cars=tuple(cars))
    except ValidationError as error:
        raise BadFile(_complaint(row, place, error)) from error


def car_problem(row: CarRow, *, edges: tuple[datetime, ...], price: tuple[float, ...], slot: timedelta) -> PlanProblem:
    """The problem of a car between `edges` at all-in prices [EUR/kWh]."""
    return PlanProblem(
        edges=edges,
        price_per_kwh=price,
        battery_capacity_kwh=row.cap,
        soc_dc_kwh=row.soc0,
        target_dc_kwh=row.target,
        min_dc_kwh=row.min_soc,
        max_power_kw=row.p_max,
        min_power_kw=row.p_min if row.control is ControlKind.SEMICONTINUOUS else 0.0,  # the others ignore it
        efficiency=row.eta,
        control=row.control,
        min_on=slot * row.min_on,
        min_off=slot * row.min_off,
        switch_cost=row.switch_cost,
        taper_from_dc_kwh=row.taper_from,
        taper_end_power_kw=row.taper_end,
    )


def _complaint(row: Any, place: str, error: ValidationError, prefix: str = "") -> str:
    """The first thing wrong, with the row's id and the field, by the names and units of the file."""
    first = error.errors()[0]
    parts = [NAMES.get(part, part) if isinstance(part, str) else part for part in first["loc"]]
    field = prefix + ".".join(map(str, parts))
    field += "".join(f" [{UNITS[part]}]" for part in parts if part in UNITS)
    message = first["msg"].removeprefix("Value error, ")
    for ours, theirs in NAMES.items():
        message = message.replace(ours, theirs)
    name = row.get("id", "?") if isinstance(row, dict) else "?"
    return f"{place} {name!r}: {field + ': ' if parts else field}{message}"


def night_answer(row_id: str, found: ChargingPlan, control: ControlKind, *, energy: bool = True) -> dict[str, Any]:
    """A night's plan as the file has it. On/off nights pay nothing for a need out of reach (benchmarks/README.md)."""
    unpaid = found.missing_cost if control is ControlKind.ONOFF else 0.0
    answer: dict[str, Any] = {
        "id": row_id,
        "status": found.status.value,
        "cost_eur": found.cost - unpaid,
        "energy_cost_eur": found.energy_cost,
        "lower_bound_eur": found.lower_bound - unpaid,
        "shortfall_kwh": found.shortfall_ac_kwh,
        "solver": found.solver,
        "solve_ms": round(found.solve_ms, 4),
    }
    if energy:
        answer["energy_kwh"] = [round(kwh, SLOT_DECIMALS) for kwh in found.energy_ac_kwh]
    return answer


def site_answer(row_id: str, found: SitePlan, problem: SiteProblem, *, energy: bool = True) -> dict[str, Any]:
    """A site's plan as the file has it: per car one value per slot of the site, 0 outside its stay."""
    answer: dict[str, Any] = {
        "id": row_id,
        "status": found.status.value,
        "cost_eur": found.cost,
        "energy_cost_eur": found.energy_cost,
        "lower_bound_eur": found.lower_bound,
        "shortfall_kwh": found.shortfall_ac_kwh,
        "solver": found.solver,
        "solve_ms": round(found.solve_ms, 4),
    }
    if energy:
        slots = len(problem.limit_kw)
        answer["energy_kwh"] = []
        for j, car in enumerate(found.plans):
            first = problem.first_slot(j)
            row = [0.0] * slots
            row[first : first + len(car.energy_ac_kwh)] = [round(kwh, SLOT_DECIMALS) for kwh in car.energy_ac_kwh]
            answer["energy_kwh"].append(row)
    return answer


def answers(instances: dict[str, Any], *, energy: bool = True) -> dict[str, Any]:
    """Plans for everything in the file, in its order. All rows are read before the first is planned."""
    nights = [night_problem(row, f"nights[{k}]") for k, row in enumerate(instances.get("nights", []))]
    sites = [site_problem(row, f"sites[{k}]") for k, row in enumerate(instances.get("sites", []))]
    return {
        "nights": [
            night_answer(row["id"], plan(problem), problem.control, energy=energy)
            for row, problem in zip(instances.get("nights", []), nights, strict=True)
        ],
        "sites": [
            site_answer(row["id"], plan_site(problem), problem, energy=energy)
            for row, problem in zip(instances.get("sites", []), sites, strict=True)
        ],
        "fleets": [],
    }
