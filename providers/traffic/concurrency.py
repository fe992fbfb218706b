"""How many calls at once, learned from how they go; and how many of them may be second tries."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class ConcurrencyRule:
    """Additive increase, multiplicative decrease."""

    start: int = 8
    least: int = 1
    most: int = 50
    slow: timedelta = timedelta(seconds=5)  # real; an answer later than this counts as overload
    cut: float = 0.7
    urgent_extra: int = 2  # places beyond the limit, so that slow reads can't shut out a command


class AdaptiveLimit:
    """A limit that rises by one per round of good answers and falls on overload, at most once a round.

    A round is as many answers as there are places: those already under way when the limit fell say nothing new.
    """

    def __init__(self, rule: ConcurrencyRule) -> None:
        self._rule = rule
        self._limit = float(rule.start)
        self._deaf_for = 0
        self.in_flight = 0

    @property
    def limit(self) -> int:
        return int(self._limit)

    def has_place(self, *, urgent: bool = False) -> bool:
        return self.in_flight < self.limit + (self._rule.urgent_extra if urgent else 0)

    def enter(self) -> None:
        self.in_flight += 1

    def leave(self, took: timedelta, *, overloaded: bool | None) -> None:
        """A call ended after `took` (real); `overloaded` is `None` if its end says nothing about load."""
        is_used = self.in_flight >= self._limit / 2  # an idle limit has learned nothing and does not rise
        self.in_flight -= 1
        if self._deaf_for:
            self._deaf_for -= 1
        elif overloaded or took >= self._rule.slow:
            self._deaf_for = self.in_flight
            self._limit = max(self._limit * self._rule.cut, float(self._rule.least))
        elif overloaded is not None and is_used:
            self._limit = min(self._limit + 1 / self._limit, float(self._rule.most))


class RetryShare:
    """Second tries are paid for by first ones, so that a slow or failing system is not asked much more than usual.

    Args:
        share: second tries per first try.
        most: saved up at most.
    """

    def __init__(self, share: float = 0.1, most: int = 10) -> None:
        self._share = share
        self._most = float(most)
        self._saved = float(most)

    def earn(self) -> None:
        """A first try was made."""
        self._saved = min(self._saved + self._share, self._most)

    def spend(self) -> bool:
        """True if a second try is covered; it is then spent."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
