"""Market prices as half-open UTC intervals with provenance."""

from bisect import bisect_right
from datetime import datetime
from typing import Self

from pydantic import model_validator

from domain.model import Instant, Model


class PriceSlot(Model):
    """One market price [currency/kWh, before taxes and fees] for `[starts_at, ends_at)`."""

    starts_at: Instant
    ends_at: Instant
    price_per_kwh: float


class PriceSeries(Model):
    """Prices of one market area, in order, without overlaps. Gaps are allowed: no price is not a price of zero."""

    area: str  # market area, e.g. "NL"
    currency: str = "EUR"
    source: str  # where the figures come from
    slots: tuple[PriceSlot, ...]
    report: "PriceReport | None" = None  # what was repaired on the way in; None: nothing is told of it

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for slot in self.slots:
            if slot.ends_at <= slot.starts_at:
                raise ValueError(f"price slot {slot.starts_at.isoformat()} ends before it starts")
        for earlier, later in zip(self.slots, self.slots[1:], strict=False):
            if later.starts_at < earlier.ends_at:
                raise ValueError(f"price slots overlap at {later.starts_at.isoformat()}")
        return self

    def covers_until(self, instant: datetime) -> datetime | None:
        """The end of the gapless stretch of prices that contains `instant`; None if no slot contains it."""
        end: datetime | None = None
        first = bisect_right(self.slots, instant, key=lambda slot: slot.ends_at)
        for slot in self.slots[first:]:
            if slot.starts_at > (instant if end is None else end):
                break
            end = slot.ends_at
        return end


class PriceGap(Model):
    """A stretch `[starts_at, ends_at)` for which no price is known."""

    starts_at: Instant
    ends_at: Instant


class PriceReport(Model):
    """What became of every row of a price source. Nothing is lost or invented without being counted here.

    `rows_read` is the sum of `rows_used` and the counts from `unreadable` to `covered`.
    """

    source: str
    rows_read: int  # rows that are neither blank nor the header
    rows_used: int  # rows whose price stands somewhere in the series
    unreadable: int = 0  # no time stamp or no number in it
    without_price: int = 0  # a time stamp, and a blank or a sign for "none"
    implausible: int = 0  # beyond what a market allows
    impossible_times: int = 0  # local times that the clock change leaves out
    duplicates: int = 0  # same interval, same price
    conflicts: int = 0  # same interval, another price: the last row of the file stands
    covered: int = 0  # wholly covered by rows of shorter intervals
    shortened: int = 0  # used, but partly covered by rows of shorter intervals
    out_of_order: int = 0  # rows that follow a row of a later instant in the file; put in their place
    hours_known: float  # length of the series without its gaps [h]
    gaps: tuple[PriceGap, ...] = ()
    examples: tuple[str, ...] = ()  # the first rows not used, with line number and cause
