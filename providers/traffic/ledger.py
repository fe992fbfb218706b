"""A dictionary that drops what is spent, now and then."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

FIRST_LIMIT = 10_000


class Ledger(dict[K, V]):
    """Entries by key. Cleaning costs little per entry added, however many remain, for the limit doubles with them."""

    def __init__(self, first_limit: int = FIRST_LIMIT) -> None:
        super().__init__()
        self._first_limit = self._limit = first_limit

    def drop_spent(self, is_spent: Callable[[V], bool]) -> None:
        """Drop spent entries, if it is time to."""
        if len(self) < self._limit:
            return
        for key in [key for key, value in self.items() if is_spent(value)]:
            del self[key]
        self._limit = max(self._first_limit, 2 * len(self))
