"""Instance files in, plan files out: the shape and the costing are in benchmarks/README.md."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from domain.errors import CallerError
from domain.plan import ChargingPlan, ControlKind, PlanProblem

SLOT_DECIMALS = 9  # of a kWh in written plans


class BadFile(CallerError):
    """The instance file cannot be read as instances."""


Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Energy = Annotated[float, Field(ge=0, allow_inf_nan=False)]


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
    min_on: Annotated[int, Field(ge=0)] = 0
    min_off: Annotated[int, Field(ge=0)] = 0
    switch_cost: Energy = 0.0


class NightRow(CarRow):
    """One car, one night; departure is the end of the last slot."""

    id: str
    start: AwareDatetime
    slot_min: Positive
    adder: Number = 0.0
    price: Annotated[tuple[Number, ...], Field(min_length=1)]


def read_instances(path: Path) -> dict[str, Any]:
    """The file's content, a mapping with lists under `nights`, `sites`, `fleets`. Raises BadFile."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFile(f"{path.name}: {error.strerror or error}") from error
    except ValueError as error:
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


def car_problem(row: CarRow, *, edges: tuple[datetime, ...], price: tuple[float, ...], slot: timedelta) -> PlanProblem:
    """The problem of a car between `edges` at all-in prices [EUR/kWh]. Free power has no minimum in these files."""
    return PlanProblem(
        edges=edges,
        price_per_kwh=price,
        battery_capacity_kwh=row.cap,
        soc_dc_kwh=row.soc0,
        target_dc_kwh=row.target,
        min_dc_kwh=row.min_soc,
        max_power_kw=row.p_max,
        min_power_kw=row.p_min,
        efficiency=row.eta,
        control=row.control,
        min_on=slot * row.min_on,
        min_off=slot * row.min_off,
        switch_cost=row.switch_cost,
    )


def _complaint(row: Any, place: str, error: ValidationError) -> str:
    """The first thing wrong, with the row's id and the field."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    name = row.get("id", "?") if isinstance(row, dict) else "?"
    return f"{place} {name!r}: {field + ': ' if field else ''}{first['msg']}"


def night_answer(row_id: str, plan: ChargingPlan, control: ControlKind, *, energy: bool = True) -> dict[str, Any]:
    """A night's plan as the file has it. On/off nights pay nothing for a need out of reach (benchmarks/README.md)."""
    unpaid = plan.missing_cost if control is ControlKind.ONOFF else 0.0
    answer: dict[str, Any] = {
        "id": row_id,
        "status": plan.status.value,
        "cost_eur": plan.cost - unpaid,
        "energy_cost_eur": plan.energy_cost,
        "lower_bound_eur": plan.lower_bound - unpaid,
        "shortfall_kwh": plan.shortfall_ac_kwh,
        "solver": plan.solver,
        "solve_ms": round(plan.solve_ms, 4),
    }
    if energy:
        answer["energy_kwh"] = [round(kwh, SLOT_DECIMALS) for kwh in plan.energy_ac_kwh]
    return answer
