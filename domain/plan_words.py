"""A plan and its answers in plain words for the driver. The words themselves are in the message catalogues."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from domain.explanation import Another, Explanation
from domain.plan import ChargingPlan, PlanStatus, SlotReason
from domain.wording import number, say

SMALLEST_MONEY = 0.005  # less cannot be paid [currency]
SMALLEST_KWH = 0.05  # less is not worth a word


@dataclass(frozen=True, slots=True)
class Manner:
    """For whom it is said: language, the clock on the wall, the money of the bill."""

    language: str = "en"
    zone: str = "UTC"
    currency: str = "EUR"

    def say(self, key: str, **values: object) -> str:
        return say(key, self.language, **values)

    def clock(self, at: datetime) -> str:
        return f"{at.astimezone(ZoneInfo(self.zone)):%H:%M}"

    def money(self, amount: float) -> str:
        return f"{number(abs(amount), 2, self.language)} {self.currency}"

    def kwh(self, amount: float) -> str:
        return f"{number(amount, 1, self.language)} kWh"

    def price(self, least: float, most: float) -> str:
        low, high = (number(price, 3, self.language) for price in (least, most))
        return f"{low if low == high else f'{low} .. {high}'} {self.currency}/kWh"


def plan_in_words(explanation: Explanation, manner: Manner = Manner()) -> tuple[str, ...]:
    """The plan, why each stretch of it charges or waits, and every answer, a sentence or two each."""
    plan = explanation.plan
    return (
        *_summary(plan, manner),
        *_stretches(plan, manner),
        *(_why_not(another, manner) for another in explanation.why_not),
        *_target(explanation, manner),
        *_departures(explanation, manner),
    )


def _summary(plan: ChargingPlan, manner: Manner) -> Iterator[str]:
    drawn, by = sum(plan.energy_ac_kwh), manner.clock(plan.departs_at)
    if drawn < SMALLEST_KWH:
        yield manner.say("plan.nothing", by=by)
    else:
        yield manner.say("plan.summary", kwh=manner.kwh(drawn), by=by, money=_signed(plan.energy_cost, manner))
    if plan.shortfall_ac_kwh > SMALLEST_KWH:
        yield manner.say("plan.short", kwh=manner.kwh(plan.shortfall_ac_kwh), by=by)
    yield _proof(plan, manner)
    if any(plan.is_forecast):
        since = plan.edges[plan.is_forecast.index(True)]
        yield manner.say("plan.forecast", at=manner.clock(since))


def _proof(plan: ChargingPlan, manner: Manner) -> str:
    gap = plan.cost - plan.lower_bound
    if gap < SMALLEST_MONEY and plan.status is not PlanStatus.CLOSED_FORM:
        return manner.say("plan.proven")
    return manner.say("plan.gap", money=manner.money(gap))


def _signed(amount: float, manner: Manner) -> str:
    return f"{'-' if amount <= -SMALLEST_MONEY else ''}{manner.money(amount)}"


def _stretches(plan: ChargingPlan, manner: Manner) -> Iterator[str]:
    """Slots in a row with one reason: when, at which price, why."""

    def kind(t: int) -> tuple[bool, SlotReason]:
        return plan.is_on(t), plan.reasons[t]

    for (is_on, reason), slots in groupby(range(len(plan.reasons)), key=kind):
        stretch = list(slots)
        prices = [plan.price_per_kwh[t] for t in stretch]
        yield manner.say(
            "plan.charges" if is_on else "plan.waits",
            start=manner.clock(plan.edges[stretch[0]]),
            end=manner.clock(plan.edges[stretch[-1] + 1]),
            price=manner.price(min(prices), max(prices)),
            why=manner.say(f"reason.{reason.value}"),
        )


def _why_not(another: Another, manner: Manner) -> str:
    values = {"at": manner.clock(another.at), "money": manner.money(another.extra_bill)}
    if another.extra_shortfall_ac_kwh > SMALLEST_KWH:
        return manner.say("plan.why_not.short", **values, kwh=manner.kwh(another.extra_shortfall_ac_kwh))
    if another.extra_bill >= SMALLEST_MONEY:
        return manner.say("plan.why_not.dearer", **values)
    if another.extra_cost < SMALLEST_MONEY:
        return manner.say("plan.why_not.equal", **values)
    cause = "risk" if another.extra_steering > another.extra_cost / 2 else "switch"
    saves = "_saves" if another.extra_bill <= -SMALLEST_MONEY else ""
    return manner.say(f"plan.why_not.{cause}{saves}", **values)


def _target(explanation: Explanation, manner: Manner) -> Iterator[str]:
    cost, by = explanation.one_more_kwh_cost, manner.clock(explanation.plan.departs_at)
    if cost is None:
        return
    if explanation.plan.shortfall_ac_kwh > SMALLEST_KWH:
        yield manner.say("plan.one_more.impossible", by=by)
    elif cost < SMALLEST_MONEY:
        yield manner.say("plan.one_more.free", by=by)
    else:
        yield manner.say("plan.one_more.costs", by=by, money=manner.money(cost))


def _departures(explanation: Explanation, manner: Manner) -> Iterator[str]:
    by = manner.clock(explanation.plan.departs_at)
    for another in (explanation.leaving_later, explanation.leaving_earlier):
        if another is None:
            continue
        missing, bill = another.extra_shortfall_ac_kwh, another.extra_bill
        if abs(missing) > SMALLEST_KWH:
            outcome = "misses" if missing > 0 else "brings"
        elif abs(bill) < SMALLEST_MONEY:
            outcome = "same"
        else:
            outcome = "costs" if bill > 0 else "saves"
        values = {"at": manner.clock(another.at), "by": by, "kwh": manner.kwh(abs(missing))}
        yield manner.say(f"plan.leaving.{outcome}", **values, money=manner.money(bill))
