"""Market prices as a night's market makes them known: the day ahead comes out in the afternoon, faults permitting."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime

from domain.errors import NightchargeError
from domain.prices import PriceSeries, PriceSlot

Change = Callable[[datetime, list[PriceSlot]], list[PriceSlot]]


class NightPrices:
    """A `PriceSource` over one series. `changes` are what faults make of an answer."""

    def __init__(self, series: PriceSeries, now: Callable[[], datetime]) -> None:
        self._series, self._now = series, now
        self.slots: Sequence[PriceSlot] = series.slots
        self.changes: list[Change] = []
        self.failure: NightchargeError | None = None

    def replace(self, change: Callable[[PriceSlot], PriceSlot], starts_at: datetime, ends_at: datetime) -> None:
        """Change the truth: what the market's prices are around this night."""
        self.slots = [change(slot) for slot in between(self.slots, starts_at, ends_at)]

    async def prices(self, area: str, starts_at: datetime, ends_at: datetime) -> PriceSeries:
        """What is known now of `[starts_at, ends_at)`."""
        if self.failure is not None:
            raise self.failure
        slots = list(between(self.slots, starts_at, ends_at))
        for change in self.changes:
            slots = change(self._now(), slots)
        return PriceSeries.model_construct(
            area=self._series.area, currency=self._series.currency, source=self._series.source, slots=tuple(slots)
        )


def between(slots: Sequence[PriceSlot], starts_at: datetime, ends_at: datetime) -> Sequence[PriceSlot]:
    """The slots that overlap `[starts_at, ends_at)`."""
    first = bisect_right(slots, starts_at, key=lambda slot: slot.ends_at)
    last = bisect_left(slots, ends_at, key=lambda slot: slot.starts_at)
    return slots[first:last]
