"""A plan with the answers to what people ask about it, each found by solving again (docs/planner.md, 9)."""

from domain.model import Instant, Model
from domain.plan import ChargingPlan


class Another(Model):
    """Another choice, carried out as well as can be, against the plan; below 0: less than the plan."""

    at: Instant  # the slot that would charge, or the other departure
    extra_cost: float  # of the objective [currency]
    extra_bill: float  # of energy alone, as it will be paid [currency]
    extra_steering: float = 0.0  # of risk premium and carbon weight [currency]
    extra_shortfall_ac_kwh: float = 0.0  # energy missing at departure [kWh, meter]


class Explanation(Model):
    """What `domain.plan_words` puts into words."""

    plan: ChargingPlan
    why_not: tuple[Another, ...] = ()  # slots that do not charge
    one_more_kwh_cost: float | None = None  # shadow price of the target [currency/kWh, battery]; None: it is full then
    leaving_later: Another | None = None
    leaving_earlier: Another | None = None
