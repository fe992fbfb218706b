"""Several cars behind one fuse: the planning problem, and the plan that answers it."""

from bisect import bisect_left
from typing import Annotated, Self

from pydantic import Field, model_validator

from domain.model import Instant, Model
from domain.plan import ChargingPlan, PlanProblem, PlanStatus

MOST_CARS = 50
LARGEST_KW = 1e6

Power = Annotated[float, Field(ge=0, le=LARGEST_KW, allow_inf_nan=False)]


class SiteProblem(Model):
    """Cars that share a limit. A car's edges are consecutive edges of the site, from its arrival to its departure."""

    edges: tuple[Instant, ...]  # n + 1 slot boundaries, strictly rising
    limit_kw: tuple[Power, ...]  # per slot, for everything behind the fuse [kW]
    base_load_kw: tuple[Power, ...] = ()  # per slot, drawn by the rest of the house [kW]; empty: none
    cars: tuple[PlanProblem, ...] = Field(max_length=MOST_CARS)

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        n = len(self.edges) - 1
        if n < 1 or any(b <= a for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges [instants]: at least two, strictly rising")
        if len(self.limit_kw) != n:
            raise ValueError(f"limit_kw [kW]: {len(self.limit_kw)} values for {n} slots")
        if self.base_load_kw and len(self.base_load_kw) != n:
            raise ValueError(f"base_load_kw [kW]: {len(self.base_load_kw)} values for {n} slots")
        index = {edge: t for t, edge in enumerate(self.edges)}
        for j, car in enumerate(self.cars):
            first = index.get(car.edges[0], -1)
            if first < 0 or self.edges[first : first + len(car.edges)] != car.edges:
                raise ValueError(f"cars[{j}].edges [instants]: must be consecutive edges of the site")
            if car.taper_from_dc_kwh is not None:
                raise ValueError(f"cars[{j}].taper_from_dc_kwh [kWh]: a car behind a shared limit is planned without")
        return self

    def first_slot(self, j: int) -> int:
        """The site's slot at which car `j` begins."""
        return bisect_left(self.edges, self.cars[j].edges[0])

    def room_kwh(self) -> list[float]:
        """What the cars may draw together in each slot [kWh]."""
        base = self.base_load_kw or (0.0,) * len(self.limit_kw)
        hours = [(b - a).total_seconds() / 3600 for a, b in zip(self.edges, self.edges[1:], strict=False)]
        return [max(0.0, limit - load) * h for limit, load, h in zip(self.limit_kw, base, hours, strict=True)]


class SitePlan(Model):
    """One plan per car, in the order of the problem, together within the limit."""

    status: PlanStatus
    plans: tuple[ChargingPlan, ...]  # a car's `lower_bound` is its share of no proof: read the site's
    cost: float  # sum of the cars' objectives [currency]
    energy_cost: float  # energy alone [currency]
    lower_bound: float  # proven: no plan of the site costs less [currency]
    shortfall_ac_kwh: float  # missing at departures, all cars [kWh, meter]
    solver: str
    solve_ms: float
