"""Answers about a plan, each verified by solving again: what another choice would cost or save (9.1-9.4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.explanation import Another, Explanation
from domain.plan import ChargingPlan, PlanProblem
from planner.night import plan, plan_night
from planner.problem import read

SAME_COST = 1e-6  # [currency]

Later = Sequence[tuple[datetime, float]]
"""End and all-in price [currency/kWh] of each slot after the departure."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Another choice, carried out as well as can be."""

    plan: ChargingPlan
    extra_cost: float  # against the plan in question [currency]; below 0: it saves

    @property
    def is_equal(self) -> bool:
        """Whether the choice costs the same: only the tie-break decided."""
        return abs(self.extra_cost) <= SAME_COST


def explain(
    problem: PlanProblem, *, why_not_at: Sequence[datetime] = (), later: Later = (), earlier: datetime | None = None
) -> Explanation:
    """The plan with the answers to what people ask; `domain.plan_words` says them in words.

    `why_not_at`: instants at which one may wonder why the car does not charge; those at which it does are left out.
    `later`: what the slots after the departure cost; `earlier`: a departure to compare with.
    """
    best = plan(problem)
    choices = [(instant, why_not(problem, instant)) for instant in why_not_at]
    gone = None if earlier is None else leaving_earlier(problem, earlier)
    return Explanation(
        plan=best,
        why_not=tuple(_another(best, choice, instant) for instant, choice in choices if choice is not None),
        one_more_kwh_cost=one_more_kwh(problem) if problem.target_dc_kwh < problem.battery_capacity_kwh else None,
        leaving_later=_another(best, leaving_later(problem, later), later[-1][0]) if later else None,
        leaving_earlier=None if gone is None else _another(best, gone, gone.plan.departs_at),
    )


def _another(best: ChargingPlan, choice: Choice, at: datetime) -> Another:
    return Another(
        at=at,
        extra_cost=choice.extra_cost,
        extra_bill=choice.plan.energy_cost - best.energy_cost,
        extra_steering=choice.plan.steering_cost - best.steering_cost,
        extra_shortfall_ac_kwh=choice.plan.shortfall_ac_kwh - best.shortfall_ac_kwh,
    )


def why_not(problem: PlanProblem, instant: datetime) -> Choice | None:
    """What charging at full power in the slot of `instant` would cost more (9.1).

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

    On/off cars fill whole slots, so it may be 0: the kWh is there already (9.2).
    """
    step = min(1.0, problem.battery_capacity_kwh - problem.target_dc_kwh)
    if step <= 0:
        return 0.0
    more = problem.model_copy(update={"target_dc_kwh": problem.target_dc_kwh + step})
    return (plan(more).cost - plan(problem).cost) / step


def leaving_later(problem: PlanProblem, later: Later) -> Choice:
    """What departing later would cost, below 0: save; `later` has end and all-in price of each slot added (9.3)."""
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


def leaving_earlier(problem: PlanProblem, departs_at: datetime) -> Choice | None:
    """What departing at the last slot boundary up to `departs_at` would cost; None if no slot would be left (9.4)."""
    n = sum(1 for edge in problem.edges[1:] if edge <= departs_at)
    if n == 0:
        return None
    gone = len(problem.price_per_kwh) - n
    columns: dict[str, object] = {"edges": problem.edges[: n + 1]}
    for name in ("price_per_kwh", "is_forecast", "carbon_g_per_kwh"):
        columns[name] = getattr(problem, name)[:n]
    columns["risk_premium"] = problem.risk_premium[gone:]
    other = plan(problem.model_copy(update=columns))
    return Choice(other, other.cost - plan(problem).cost)
