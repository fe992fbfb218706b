"""Rates with confidence bounds, from counts of drivers whose nights resemble each other.

Commands of one driver succeed and fail together (one garage, one modem), so that a thousand commands of ten drivers
prove less than a thousand of a thousand. A tally therefore keeps the second moments of the drivers' counts, shrinks
the number of trials by the design effect they show, and takes Wilson's bounds on what is left. Tallies of disjoint
drivers add up, so that pages, shards and SQL sums all give the same bound.
"""

from collections.abc import Iterable
from math import sqrt

from pydantic import Field

from domain.model import Model

REPORTED = 1.96
"""Standard deviations of bounds that are shown: 95 % of rates lie within."""

CERTAIN = 3.29
"""Standard deviations before anything is moved against a brand: looked at nightly, 1 wrong in 1,000 brand-weeks is
too many (benchmarks/rollout.md)."""


class Tally(Model):
    """Hits among trials, over drivers."""

    drivers: int = Field(default=0, ge=0)
    hits: int = Field(default=0, ge=0)
    trials: int = Field(default=0, ge=0)
    hits_squared: int = Field(default=0, ge=0)  # sum over drivers of hits^2
    hits_by_trials: int = Field(default=0, ge=0)  # of hits x trials
    trials_squared: int = Field(default=0, ge=0)  # of trials^2

    @classmethod
    def of(cls, counts: Iterable[tuple[int, int]]) -> "Tally":
        """The tally of (hits, trials) per driver; drivers without a trial do not count."""
        made = [(hits, trials) for hits, trials in counts if trials]
        return cls(
            drivers=len(made),
            hits=sum(hits for hits, _ in made),
            trials=sum(trials for _, trials in made),
            hits_squared=sum(hits * hits for hits, _ in made),
            hits_by_trials=sum(hits * trials for hits, trials in made),
            trials_squared=sum(trials * trials for _, trials in made),
        )

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in Tally.model_fields})

    @property
    def rate(self) -> float | None:
        """Hits per trial; None: nothing was tried."""
        return self.hits / self.trials if self.trials else None

    @property
    def design_effect(self) -> float:
        """How many times as many trials it takes, because those of one driver resemble each other; at least 1."""
        rate, k = self.rate, self.drivers
        if rate is None or rate in (0.0, 1.0) or k < 2:
            return 1.0
        spread = self.hits_squared - 2 * rate * self.hits_by_trials + rate * rate * self.trials_squared
        return max(1.0, spread * k / (k - 1) / (self.trials * rate * (1 - rate)))

    def at_least(self, deviations: float = REPORTED) -> float:
        """The lowest rate (0-1) the counts leave open; 0 if nothing was tried."""
        return self._wilson(-deviations) if self.trials else 0.0

    def at_most(self, deviations: float = REPORTED) -> float:
        """The highest rate (0-1) the counts leave open; 1 if nothing was tried."""
        return self._wilson(deviations) if self.trials else 1.0

    def in_words(self, what: str) -> str:
        """ "61 of 85 commands proven at 40 drivers: 72 % (61-80 %)"."""
        if self.rate is None:
            return f"no {what} yet"
        bounds = f"{self.at_least():.1%} to {self.at_most():.1%}"
        return f"{self.hits} of {self.trials} {what} at {self.drivers} drivers: {self.rate:.1%} ({bounds})"

    def _wilson(self, z: float) -> float:
        n = self.trials / self.design_effect
        rate = self.hits / self.trials
        centre = rate + z * z / (2 * n)
        reach = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
        return min(1.0, max(0.0, (centre + reach) / (1 + z * z / n)))
