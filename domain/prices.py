"""Market prices as half-open UTC intervals with provenance."""

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
        for slot in self.slots:
            if end is None:
                if slot.starts_at <= instant < slot.ends_at:
                    end = slot.ends_at
            elif slot.starts_at == end:
                end = slot.ends_at
            else:
                break
        return end
