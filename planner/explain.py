"""Answers about a plan, each verified by solving again: what another choice would cost or save."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.plan import ChargingPlan, PlanProblem
from planner.night import plan, plan_night
from planner.problem import read

SAME_COST = 1e-6  # [currency]


@dataclass(frozen=True, slots=True)
class Choice:
    """Another choice, carried out as well as can be."""

    plan: ChargingPlan
    extra_cost: float  # against the plan in question [currency]; below 0: it saves

    @property
    def is_equal(self) -> bool:
        """Whether the choice costs the same: only the tie-break decided."""
        return abs(self.extra_cost) <= SAME_COST


def why_not(problem: PlanProblem, instant: datetime) -> Choice | None:
    """What charging at full power in the slot of `instant` would cost more.

    None if the slot is used as it is, cannot be (frozen, or no room), or lies outside the night.
    """
    best = plan(problem)
    night = read(problem)
    t = best.slot_at(instant)
    if t is None or best.is_on(t) or t < night.frozen or night.step_kwh[t] > night.room_kwh:
        return None
    floors = list(night.floor_kwh)
    # A car that tapers takes its most where little came before: what must come before is all that is sure.
    floors[t] = night.step_kwh[t] if night.taper is None else night.most_kwh(t, sum(floors[:t]))
    forced = plan_night(replace(night, floor_kwh=floors))
    return Choice(forced, forced.cost - best.cost)


def one_more_kwh(problem: PlanProblem) -> float:
    """The shadow price of the target: what a kWh more in the battery by departure would cost [currency/kWh, battery].

    On/off cars fill whole slots, so it may be 0: the kWh is there already.
    """
    step = min(1.0, problem.battery_capacity_kwh - problem.target_dc_kwh)
    if step <= 0:
        return 0.0
    more = problem.model_copy(update={"target_dc_kwh": problem.target_dc_kwh + step})
    return (plan(more).cost - plan(problem).cost) / step


def leaving_later(problem: PlanProblem, later: Sequence[tuple[datetime, float]]) -> Choice:
    """What departing later would cost, below 0: save; `later` has end and all-in price of each slot added."""
    premium, carbon = problem.risk_premium, problem.carbon_g_per_kwh
    longer = problem.model_copy(
        update={
            "edges": (*problem.edges, *(end for end, _ in later)),
            "price_per_kwh": (*problem.price_per_kwh, *(price for _, price in later)),
            "is_forecast": (*problem.is_forecast, *(False for _ in later)) if problem.is_forecast else (),
            # The premium belongs to the departure: the last slots of the longer night carry it.
            "risk_premium": (*(0.0 for _ in later), *premium) if premium else (),
            "carbon_g_per_kwh": (*carbon, *(carbon[-1] for _ in later)) if carbon else (),
        }
    )
    other = plan(longer)
    return Choice(other, other.cost - plan(problem).cost)
