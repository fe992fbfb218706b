"""What commands that sometimes fail cost: a price per command, and a premium on leaving charging to the last slots.

A plan that charges in the last slots before departure has no slot left to try again. A premium that rises toward
departure buys that slack where it is cheap; replanned every slot it comes within 0.2 points of the exact stochastic
optimum (benchmarks/reliability.md), so no stochastic solver is needed. A flat premium is a trap: it moves nothing.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil, log

from pydantic import Field

from domain.commands import CommandOutcome, CommandResult
from domain.devices import Side
from domain.model import Model

COMMAND_COST = 0.02
"""Price of one command that works [currency]: wear, quota and risk."""

FULL_PREMIUM = 0.7
"""Premium of the last quarter hour before departure at full power [currency]: more than its energy costs."""

RISE = 2
"""Power of the rise: slack in the very last slots is worth most (compared in benchmarks/reliability.md)."""

MISS_CHANCE = 2.6e-3
"""So unlikely must it be that every try of the last slots fails."""

QUARTER = timedelta(minutes=15)
MOST_TRIES = 12
FEWEST_TRIES = 2


TELLING = (CommandResult.PROVEN, CommandResult.UNPROVEN, CommandResult.REFUSED, CommandResult.UNREACHABLE)
"""Ends of a command that tell of its route. A superseded one was let go of, one already so was never tried."""


class RouteRecord(Model):
    """Commands tried over one side of the cable, and those that were proven."""

    tried: int = Field(default=0, ge=0)
    proven: int = Field(default=0, ge=0)

    def with_more(self, other: "RouteRecord") -> "RouteRecord":
        return RouteRecord(tried=self.tried + other.tried, proven=self.proven + other.proven)


Routes = dict[Side, RouteRecord]


def routes_of(outcomes: Iterable[CommandOutcome]) -> Routes:
    """What became of commands, per side; a side without any is left out."""
    told = [outcome for outcome in outcomes if outcome.result in TELLING]
    tried = Counter(outcome.side for outcome in told)
    proven = Counter(outcome.side for outcome in told if outcome.result is CommandResult.PROVEN)
    return {side: RouteRecord(tried=count, proven=proven[side]) for side, count in tried.items()}


def added(one: Routes, other: Routes) -> Routes:
    """Both records as one."""
    return {
        side: one.get(side, RouteRecord()).with_more(other.get(side, RouteRecord())) for side in sorted({*one, *other})
    }


class Reliability(Model):
    """Share of a route's commands that worked at the first try, as observed."""

    worked_fraction: float = Field(ge=0, le=1)

    @classmethod
    def observed(cls, worked: int, sent: int, *, expected: float = 0.95, weight: int = 20) -> "Reliability":
        """From counts: before anything was sent the expectation, which `weight` commands outweigh."""
        return cls(worked_fraction=(worked + expected * weight) / (sent + weight))

    @classmethod
    def of_route(cls, record: RouteRecord) -> "Reliability":
        """Of a side of the cable, as this driver's commands over it showed."""
        return cls.observed(record.proven, record.tried)

    @property
    def command_cost(self) -> float:
        """Price of a command [currency]: every failure is tried again."""
        return COMMAND_COST / max(self.worked_fraction, 1 / MOST_TRIES)

    @property
    def tries(self) -> int:
        """Slots at the end that should stay free for trying again."""
        failing = 1 - self.worked_fraction
        if failing <= 0:
            return FEWEST_TRIES
        return min(MOST_TRIES, max(FEWEST_TRIES, ceil(log(MISS_CHANCE) / log(failing)))) if failing < 1 else MOST_TRIES

    def premium(self, edges: Sequence[datetime]) -> tuple[float, ...]:
        """Premium per slot [currency], rising over the last `tries` quarter hours to FULL_PREMIUM per quarter."""
        span = self.tries * QUARTER
        early = bisect_right(edges, edges[-1] - span) - 1  # slots that end before the premium begins to rise
        fees = [0.0] * max(0, early)
        for start, end in pairwise(edges[len(fees) :]):
            left = (edges[-1] - end) / span
            fees.append(FULL_PREMIUM * max(0.0, 1 - left) ** RISE * ((end - start) / QUARTER))
        return tuple(fees)
