from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import CallerError, NightchargeError, VendorUnavailable
from domain.ports import PriceSource
from domain.prices import PriceSeries, PriceSlot
from providers.prices.file import FilePrices
from providers.prices.layered import LayeredPrices

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2025, 1, 14, 23, tzinfo=UTC)
NIGHT = (MIDNIGHT, MIDNIGHT + 4 * HOUR)


class Source:
    """Knows one price for some hours of the night, or fails."""

    def __init__(self, *hours: int, price: float = 1.0, fails: NightchargeError | None = None, currency: str = "EUR"):
        self._hours, self._price, self._fails, self._currency = hours, price, fails, currency
        self.asked = 0

    async def prices(self, area: str, starts_at: datetime, ends_at: datetime) -> PriceSeries:
        self.asked += 1
        if self._fails is not None:
            raise self._fails
        starts = [MIDNIGHT + n * HOUR for n in self._hours]
        slots = tuple(PriceSlot(starts_at=at, ends_at=at + HOUR, price_per_kwh=self._price) for at in starts)
        return PriceSeries(area=area, currency=self._currency, source=f"source {self._price}", slots=slots)


async def test_later_source_fills_gaps_and_overrules_nothing() -> None:
    layered: PriceSource = LayeredPrices([Source(1, 2), Source(0, 1, 2, 3, price=2)])
    series = await layered.prices("NL", *NIGHT)
    assert [slot.price_per_kwh for slot in series.slots] == [2, 1, 1, 2]
    assert series.source == "source 1.0; source 2"


async def test_later_source_is_not_asked_when_all_is_known() -> None:
    second = Source(0, 1, 2, 3, price=2)
    await LayeredPrices([Source(0, 1, 2, 3), second]).prices("NL", *NIGHT)
    assert second.asked == 0


async def test_failing_source_is_passed_over_while_another_knows() -> None:
    series = await LayeredPrices([Source(fails=VendorUnavailable()), Source(0)]).prices("NL", *NIGHT)
    assert len(series.slots) == 1


async def test_file_of_another_area_does_not_hide_that_nothing_is_stored() -> None:
    layered = LayeredPrices([Source(), FilePrices()])
    with pytest.raises(CallerError):
        await layered.prices("BE", *NIGHT)
    assert (await layered.prices("NL", *NIGHT)).slots == ()


async def test_f48_price_in_another_currency_fills_no_gap() -> None:
    series = await LayeredPrices([Source(0), Source(1, currency="DKK")]).prices("NL", *NIGHT)
    assert len(series.slots) == 1
