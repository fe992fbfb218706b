"""How often one caller, or one driver, may ask. Buckets of one process; each gateway counts for itself."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from domain.model import Model
from gateway.api.problems import Refused

MOST_BUCKETS = 20_000
"""Callers remembered; the one not seen for longest is forgotten first, and its bucket is full again."""


class Rate(Model):
    """So many at once, and so many a second in the long run."""

    burst: int
    per_second: float


class Limits:
    """Token buckets by name."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and when that was

    def take(self, name: str, rate: Rate) -> None:
        """Take one token.

        Raises:
            Refused: none is left; the answer says when there will be one (429).
        """
        now = self._monotonic()
        left, since = self._buckets.pop(name, (float(rate.burst), now))
        left = min(rate.burst, left + (now - since) * rate.per_second)
        self._buckets[name] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if left < 1:
            seconds = ceil((1 - left) / rate.per_second)
            raise Refused(429, "too-many-requests", "slow down", headers={"Retry-After": str(seconds)})
