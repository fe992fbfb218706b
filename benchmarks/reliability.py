"""Commands that sometimes fail: `python -m benchmarks.reliability` writes reliability.md.

Population: on/off nights of the sample with at least six slots to spare. Every slot the rest of the night is planned
anew; a start or stop works with probability p, what became of it is known a slot later. The plan is the planner's own:
command price and premium come from `domain.reliability`, and its costs are shown equal to `planner.plan` on every
night. The outcome is not sampled: the chain of states is followed exactly, so the only spread is that between nights.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import instances, oracle
from benchmarks.instances import Row
from domain.plan import PlanProblem
from domain.reliability import Reliability
from planner import plan
from planner.files import night_problem

SLACK_SLOTS = 6
DRAWS = 1_000
CHANCES = (0.99, 0.95, 0.9, 0.8)
TARGETS = {0.95: "met >= 99.98 % at <= 1.0 %", 0.9: "met >= 99.98 % at <= 1.6 %"}


Result = tuple[float, float, float, bool]


class Policy(NamedTuple):
    """For each (slot, slots still needed): whether to be on in this slot, from off and from on; and its value."""

    start: np.ndarray
    stay: np.ndarray
    value: np.ndarray  # from off at slot 0 [EUR]


def policy(cost: np.ndarray, switch: float, run: int, pause: int, need: int, missing: float) -> Policy:
    """The planner's answer in every state, by the exact table over (slot, need, state)."""
    n = len(cost)
    off, on = np.zeros((n + 1, need + 1)), np.zeros((n + 1, need + 1))
    off[n] = on[n] = missing * np.arange(need + 1)
    start, stay = np.zeros((n, need + 1), bool), np.zeros((n, need + 1), bool)
    left = np.arange(need + 1)
    total = np.concatenate(([0.0], np.cumsum(cost)))
    for t in range(n - 1, -1, -1):
        end = min(n, t + run)
        begin = switch + total[end] - total[t] + on[end, np.maximum(0, left - (end - t))]
        start[t] = begin <= off[t + 1]
        off[t] = np.minimum(begin, off[t + 1])
        go_on = cost[t] + on[t + 1, np.maximum(0, left - 1)]
        stop = switch + off[min(n, t + pause)]
        stay[t] = go_on <= stop
        on[t] = np.minimum(go_on, stop)
    return Policy(start, stay, off[0])


def outcome(p: float, plans: Policy, price: np.ndarray, need: int, mean: float) -> tuple[float, float]:
    """Chance that the need is met, and expected cost with what is missing bought at the mean price [EUR]."""
    off, on = np.zeros(need + 1), np.zeros(need + 1)
    off[need] = 1.0
    cost = 0.0
    for t in range(len(price)):
        begins = off * plans.start[t] * p
        stops = on * ~plans.stay[t] * p
        charging = begins + on - stops
        off = off - begins + stops
        cost += price[t] * charging.sum()
        on = np.append(charging[1:], 0.0)
        on[0] += charging[0]
    left = off + on
    return float(left[0]), cost + mean * float(left @ np.arange(need + 1))


def measured(night: Row, p: float) -> tuple[float, float, float, bool]:
    """Met, expected cost, cost of the perfect optimum [EUR], and whether planner and table agree at slot 0."""
    step = oracle.step_kwh(night)
    price = oracle.prices_eur(night) * step
    _, need, _ = oracle.count_range(night)
    trust = Reliability(worked_fraction=p)
    problem = night_problem(night)
    premium = np.array(trust.premium(problem.edges))
    shape = (night["min_on"], night["min_off"], need, 10.0 * step)
    careful = policy(price + premium, trust.command_cost, *shape)
    met, cost = outcome(p, careful, price, need, float(price.mean()))
    perfect = policy(price, night["switch_cost"], *shape)
    _, least = outcome(1.0, perfect, price, need, float(price.mean()))
    return met, cost, least, _agrees(problem, careful, trust, tuple(premium))


def _agrees(problem: PlanProblem, careful: Policy, trust: Reliability, premium: tuple[float, ...]) -> bool:
    asked = problem.model_copy(update={"risk_premium": premium, "switch_cost": trust.command_cost, "min_dc_kwh": 0.0})
    return abs(plan(asked).cost - float(careful.value[-1])) < 1e-5


def main() -> None:
    nights = [
        night
        for night in instances.read()["nights"]
        if night["control"] == "onoff"
        and 0 < oracle.count_range(night)[1] <= len(night["price"]) - SLACK_SLOTS
        and night["min_soc"] <= night["soc0"]
        and min(night["price"]) + night["adder"] > 0
    ]
    lines = [
        "# Commands that work with probability p",
        "",
        f"{len(nights)} on/off nights with {SLACK_SLOTS} slots to spare, replanned every slot, all-in prices; "
        "`python -m benchmarks.reliability`.",
        "Outcomes are exact (the chain of states is followed, not sampled); in brackets the 95 % interval over nights.",
        "",
        "| p | slots kept free | met | extra cost | planner and table differ | reach |",
        "|---|---|---|---|---|---|",
    ]
    for p in CHANCES:
        results = [measured(night, p) for night in nights]
        differ = sum(not result[3] for result in results)
        tries = Reliability(worked_fraction=p).tries * timedelta(minutes=15)
        lines.append(
            f"| {p} | {tries} | {_interval(results, _met, '.3%')} | {_interval(results, _extra, '.2%')} | {differ} "
            f"| {TARGETS.get(p, '')} |"
        )
    text = "\n".join(lines) + "\n"
    print(text)
    Path(__file__).with_name("reliability.md").write_text(text, encoding="utf-8")


def _met(results: Sequence[Result]) -> float:
    return statistics.fmean(result[0] for result in results)


def _extra(results: Sequence[Result]) -> float:
    return sum(result[1] for result in results) / sum(result[2] for result in results) - 1


def _interval(results: list[Result], figure: Callable[[Sequence[Result]], float], form: str) -> str:
    """The figure, and its 95 % interval when nights are drawn anew."""
    dice = random.Random(1)
    drawn = sorted(figure(dice.choices(results, k=len(results))) for _ in range(DRAWS))
    low, high = drawn[DRAWS // 40], drawn[-DRAWS // 40]
    return f"{figure(results):{form}} ({low:{form}} .. {high:{form}})"


if __name__ == "__main__":
    main()
