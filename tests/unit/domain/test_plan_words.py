"""Plans in plain words: every sentence follows from the numbers, in every language."""

from datetime import timedelta
from typing import Any

import pytest
from support.factories import EVENING, at, make_plan

from domain.explanation import Another, Explanation
from domain.plan import ChargingPlan, PlanStatus, SlotReason
from domain.plan_words import Manner, plan_in_words
from domain.wording import LANGUAGES, catalogue

AMSTERDAM = Manner(zone="Europe/Amsterdam")


def another(**changes: Any) -> Another:
    return Another(**({"at": at(7), "extra_cost": 1.0, "extra_bill": 1.0} | changes))


def said(plan: ChargingPlan | None = None, manner: Manner = AMSTERDAM, **answers: Any) -> str:
    return "\n".join(plan_in_words(Explanation(plan=plan or make_plan(), **answers), manner))


def test_each_stretch_is_told_with_local_times_price_and_reason() -> None:
    # Plugged in at 19:00 local; hours 6 to 9 charge at 0.2.
    assert said().splitlines()[2:] == [
        "19:00 to 01:00: waiting at 0.400 EUR/kWh. A cheaper hour does it.",
        "01:00 to 04:00: charging at 0.200 EUR/kWh. Among the cheapest hours that get your car ready.",
        "04:00 to 07:00: waiting at 0.400 EUR/kWh. A cheaper hour does it.",
    ]


def test_the_plan_says_what_it_costs_and_how_sure_that_is() -> None:
    assert said().startswith("33.0 kWh for 6.60 EUR, ready by 07:00.\nProven: no plan costs less.")
    loose = make_plan().model_copy(update={"lower_bound": 6.45, "status": PlanStatus.INCUMBENT})
    assert "No plan can cost more than 0.15 EUR less." in said(loose)


def test_german_writes_a_comma() -> None:
    assert said(manner=Manner("de", "Europe/Amsterdam")).startswith("33,0 kWh für 6,60 EUR, fertig bis 07:00 Uhr.")


def test_missing_energy_and_forecast_prices_are_told() -> None:
    plan = make_plan().model_copy(
        update={"shortfall_ac_kwh": 4.0, "is_forecast": tuple(t >= 5 for t in range(12)), "status": "best_effort"}
    )
    words = said(plan, one_more_kwh_cost=10.0)
    assert "4.0 kWh will be missing at 07:00" in words
    assert "From 00:00 on the prices are our forecast." in words
    assert "Not one more kWh" in words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"extra_bill": 2.0, "extra_cost": 2.0}, "It would cost 2.00 EUR more."),
        ({"extra_bill": 0.0, "extra_cost": 0.0}, "fewer or earlier starts were taken"),
        ({"extra_bill": 0.0, "extra_cost": 0.02}, "take one more start"),
        ({"extra_bill": -0.01, "extra_cost": 0.01}, "save 0.01 EUR, which is less than one more start is worth"),
        ({"extra_bill": 0.0, "extra_cost": 0.3, "extra_steering": 0.3}, "cost the same, but leave less time"),
        ({"extra_bill": -0.2, "extra_cost": 0.3, "extra_steering": 0.5}, "save 0.20 EUR, but leave less time"),
        ({"extra_shortfall_ac_kwh": 3.0}, "3.0 kWh would be missing"),
    ],
)
def test_why_not_names_what_decided(answer: dict[str, float], words: str) -> None:
    line = said(why_not=(another(**answer),)).splitlines()[-1]
    assert line.startswith("Why not at 02:00? ")
    assert words in line


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"extra_bill": -1.2}, "Leaving at 08:00 instead of 07:00 would save 1.20 EUR."),
        ({"extra_bill": 0.0}, "would cost the same."),
        ({"extra_bill": 0.5}, "would cost 0.50 EUR more."),
        ({"extra_bill": 3.0, "extra_shortfall_ac_kwh": -8.0}, "8.0 kWh less would be missing."),
        ({"extra_bill": -3.0, "extra_shortfall_ac_kwh": 8.0}, "8.0 kWh more would be missing."),
    ],
)
def test_another_departure_is_told_by_the_bill_and_by_what_is_missing(answer: dict[str, float], words: str) -> None:
    assert words in said(leaving_later=another(at=at(13), **answer)).splitlines()[-1]


def test_one_more_kwh_has_a_price_or_is_free() -> None:
    assert said(one_more_kwh_cost=0.31).splitlines()[-1].endswith("by 07:00 would cost 0.31 EUR.")
    assert "would cost nothing" in said(one_more_kwh_cost=0.0)


def test_a_plan_that_draws_nothing_says_so() -> None:
    idle = make_plan((0, 0)).model_copy(update={"energy_cost": 0.0})
    assert said(idle).startswith("There is nothing to charge until 07:00.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_a_plan_says_can_be_said_in_every_language(language: str) -> None:
    n = len(SlotReason)
    plan = make_plan(until=n).model_copy(
        update={"reasons": tuple(SlotReason), "edges": tuple(EVENING + timedelta(hours=t) for t in range(n + 1))}
    )
    words = said(plan, Manner(language))
    for reason in SlotReason:
        assert catalogue(language)[f"reason.{reason.value}"] in words
