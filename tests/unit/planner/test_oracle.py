"""Every night of the sample: as cheap as the oracle says, and valid by every rule of the instance file."""

from typing import Any

import pytest

from benchmarks import checker, oracle
from planner import plan
from planner.files import night_answer, night_problem

Row = dict[str, Any]


def in_shorter_slots(night: Row, parts: int) -> Row:
    """The same night with every slot cut in `parts`."""
    return night | {
        "price": [price for price in night["price"] for _ in range(parts)],
        "slot_min": night["slot_min"] / parts,
        "min_on": night["min_on"] * parts,
        "min_off": night["min_off"] * parts,
    }


def judge(night: Row) -> tuple[list[str], float, float]:
    """Faults of the plan, its cost and the oracle's [EUR]."""
    problem = night_problem(night)
    answer = night_answer(night["id"], plan(problem), problem.control)
    return checker.night_faults(night, answer), answer["cost_eur"], oracle.best_cost(night)


@pytest.mark.parametrize("part", range(6))
def test_every_night_of_the_sample_is_valid_and_as_cheap_as_the_oracle(instances: Row, part: int) -> None:
    for night in instances["nights"][part::6]:
        faults, cost, best = judge(night)
        assert not faults, (night["id"], faults)
        assert cost == pytest.approx(best, rel=1e-6, abs=1e-6), night["id"]


def test_nights_in_five_minute_slots_are_as_cheap_as_the_oracle(instances: Row) -> None:
    for night in instances["nights"][:40]:
        faults, cost, best = judge(in_shorter_slots(night, 3))
        assert not faults, (night["id"], faults)
        assert cost == pytest.approx(best, rel=1e-6, abs=1e-6), night["id"]


@pytest.mark.parametrize("shift_eur", [-0.2, -0.35])
def test_nights_with_prices_below_zero_are_as_cheap_as_the_oracle(instances: Row, shift_eur: float) -> None:
    for night in instances["nights"][40:90]:
        faults, cost, best = judge(night | {"adder": night["adder"] + shift_eur})
        assert not faults, (night["id"], faults)
        assert cost == pytest.approx(best, rel=1e-6, abs=1e-6), night["id"]


def test_bound_proves_every_plan_of_the_sample(instances: Row) -> None:
    for night in instances["nights"]:
        answer = plan(night_problem(night))
        assert answer.lower_bound <= answer.cost + 1e-9
        assert answer.cost - answer.lower_bound <= 1e-4 * max(1.0, abs(answer.cost)), night["id"]
