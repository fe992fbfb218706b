"""A budget of calls that refills steadily and keeps a reserve for what is urgent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

NOW = timedelta(0)


@dataclass(frozen=True)
class BudgetRule:
    """`calls` per span; the last `reserve` of them are for urgent calls alone."""

    calls: int
    per: timedelta
    reserve: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.reserve < self.calls and self.per > NOW):
            raise ValueError("a budget has calls beyond its reserve, and a span")


class Budget:
    """A bucket that starts full. A quiet day saves up at most one bucket."""

    def __init__(self, rule: BudgetRule, now: datetime) -> None:
        self._rule = rule
        self._level = float(rule.calls)
        self._at = now

    def wait(self, now: datetime, *, urgent: bool = False) -> timedelta:
        """How long until a call is covered; zero if it is now."""
        self._refill(now)
        floor = 0 if urgent else self._rule.reserve
        missing = floor + 1 - self._level
        return max(NOW, missing * (self._rule.per / self._rule.calls))

    def take(self, now: datetime) -> None:
        """Spend one call. Only after `wait` said zero."""
        self._refill(now)
        self._level -= 1

    def is_full(self, now: datetime) -> bool:
        """True if it equals a new one, so that it can be dropped."""
        self._refill(now)
        return self._level >= self._rule.calls

    def _refill(self, now: datetime) -> None:
        if now > self._at:
            gained = (now - self._at) / self._rule.per * self._rule.calls
            self._level = min(self._level + gained, float(self._rule.calls))
            self._at = now
