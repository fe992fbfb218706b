"""How sure the rollout's judge is: `python -m benchmarks.rollout` writes the first part of rollout.md.

What stands below MEASURED was written by `python -m nights.rollout` and `python -m nights.rollout_cost`, and is kept.

Brands of different sizes are simulated night by night: a car is plugged in on two nights of three, each such night
takes 2 to 6 commands, and every command works with its driver's own probability, drawn from a beta distribution
around the brand's, so that commands of one driver succeed and fail together. Each night the judge of the product
(`domain.rollout.judge`) looks at all that was measured since the week began, as it does in a soak.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import comb, exp, lgamma, log
from pathlib import Path
from time import perf_counter

import numpy as np

from domain.program import Limits
from domain.rollout.evidence import Evidence
from domain.rollout.judge import is_in_trouble
from domain.rollout.rates import Tally

GOOD, BAD = 0.98, 0.7
NIGHTS = 7
PLUGGED = 2 / 3
COMMANDS = (2, 7)  # half-open
LIKENESS = (0.0, 0.05, 0.2)
"""Correlation of two commands of one driver; a share of it is what one garage looks like."""

SIZES = (10, 30, 200, 1000)
WEEKS = 2_000
"""Brand-weeks without a fault per size and likeness: 24,000 in all."""

FOUND_WEEKS = 500
FOUND_SIZES = (200, 30, 10)
LIMITS = Limits()


MEASURED = "# Rollouts played on a real server"


@dataclass(frozen=True)
class Weeks:
    """Cumulated counts, shape (weeks, nights, drivers)."""

    proven: np.ndarray
    sent: np.ndarray


def simulate(rate: float, likeness: float, drivers: int, weeks: int, seed: int) -> Weeks:
    """Weeks of one brand each."""
    rng = np.random.default_rng([seed, drivers, weeks, int(1000 * rate), int(1000 * likeness)])
    shape = (weeks, NIGHTS, drivers)
    chance = np.full((weeks, 1, drivers), rate)
    if likeness:
        strength = 1 / likeness - 1
        chance = rng.beta(rate * strength, (1 - rate) * strength, (weeks, 1, drivers))
    sent = rng.integers(*COMMANDS, shape) * (rng.random(shape) < PLUGGED)
    proven = rng.binomial(sent, np.broadcast_to(chance, shape))
    return Weeks(proven.cumsum(axis=1), sent.cumsum(axis=1))


def tallies(weeks: Weeks) -> Iterator[list[Tally]]:
    """Per week, what is known after each night; the sums are taken for all weeks at once."""
    hits, trials = weeks.proven.astype(np.int64), weeks.sent.astype(np.int64)
    sums = np.stack(
        [
            (trials > 0).sum(axis=2),
            hits.sum(axis=2),
            trials.sum(axis=2),
            (hits * hits).sum(axis=2),
            (hits * trials).sum(axis=2),
            (trials * trials).sum(axis=2),
        ],
        axis=2,
    )
    for week in sums.tolist():
        yield [Tally(**dict(zip(Tally.model_fields, night, strict=True))) for night in week]


def first_moves(weeks: Weeks, limits: Limits = LIMITS) -> list[int | None]:
    """Per week the night (from 1) at which the judge is sure that the brand is in trouble; None: never."""
    return [
        next((n for n, t in enumerate(week, 1) if is_in_trouble(Evidence(commands=t), limits)), None)
        for week in tallies(weeks)
    ]


def upper_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
    """The highest rate at which so few hits are not yet unlikely (Clopper and Pearson, one-sided)."""
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, trials, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(hits: int, trials: int, rate: float) -> float:
    if rate >= 1.0:
        return 0.0
    if trials < 1000:
        return sum(comb(trials, i) * rate**i * (1 - rate) ** (trials - i) for i in range(hits + 1))
    logs = (
        lgamma(trials + 1) - lgamma(i + 1) - lgamma(trials - i + 1) + i * log(rate) + (trials - i) * log(1 - rate)
        for i in range(hits + 1)
    )
    return sum(exp(value) for value in logs)


def false_moves(weeks: int, seed: int = 1) -> list[tuple[int, float, int]]:
    """(drivers, likeness, brand-weeks with a move) where nothing is wrong."""
    return [
        (drivers, likeness, sum(m is not None for m in first_moves(simulate(GOOD, likeness, drivers, weeks, seed))))
        for drivers in SIZES
        for likeness in LIKENESS
    ]


def found_after(weeks: int, drivers: int, seed: int = 2) -> list[tuple[float, list[int | None]]]:
    """(likeness, nights until a brand at 0.7 was found)."""
    return [(likeness, first_moves(simulate(BAD, likeness, drivers, weeks, seed))) for likeness in LIKENESS]


def report(weeks: int = WEEKS, found_weeks: int = FOUND_WEEKS) -> str:
    """The page."""
    began = perf_counter()
    false = false_moves(weeks)
    found = [(n, *row) for n in FOUND_SIZES for row in found_after(found_weeks, n)]
    moves, total = sum(count for _, _, count in false), weeks * len(false)
    bound = upper_bound(moves, total)
    lines = [
        "# How sure the rollout's judge is",
        "",
        f"`python -m benchmarks.rollout`, {datetime.now(UTC):%Y-%m-%d}, {platform.python_implementation()} "
        f"{platform.python_version()}, {perf_counter() - began:.0f} s. Pass mark {LIMITS.pass_mark:.0%}, at least "
        f"{LIMITS.least_drivers} drivers, looked at on each of {NIGHTS} nights.",
        "",
        f"## A brand at {BAD} instead of {GOOD}",
        "",
        "| drivers | likeness of a driver's commands | weeks | found on night (median, last) | found within 5 nights |",
        "|---|---|---|---|---|",
    ]
    for drivers, likeness, nights in found:
        got = sorted(n for n in nights if n is not None)
        within = sum(n <= 5 for n in got)
        when = f"{got[len(got) // 2]}, {got[-1]}" if got else "never"
        lines.append(f"| {drivers} | {likeness} | {len(nights)} | {when} | {within} of {len(nights)} |")
    lines += [
        "",
        f"## Brands without a fault ({GOOD})",
        "",
        "| drivers | likeness | brand-weeks | with a move |",
        "|---|---|---|---|",
        *(f"| {drivers} | {likeness} | {weeks} | {count} |" for drivers, likeness, count in false),
        "",
        f"{moves} moves in {total:,} brand-weeks; upper 95 % bound {1000 * bound:.2f} per 1,000 (wanted: at most 1).",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    path, text = Path(__file__).parent / "rollout.md", report()
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = known[known.index(MEASURED) :] if MEASURED in known else f"{MEASURED}\n"
    path.write_text(f"{text}\n{kept}", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
