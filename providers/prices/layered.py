"""Several price sources as one: each fills what those before it leave open."""

from collections.abc import Sequence
from datetime import datetime

from domain.errors import NightchargeError
from domain.ports import PriceSource
from domain.price_feed import first_missing, merged
from domain.prices import PriceSeries


class LayeredPrices:
    """A `PriceSource` over sources in order of trust. One that fails is passed over while another knows something."""

    def __init__(self, sources: Sequence[PriceSource]) -> None:
        self._sources = sources

    async def prices(self, area: str, starts_at: datetime, ends_at: datetime) -> PriceSeries:
        """What all sources together know. Later sources are asked only while prices are missing.

        Raises:
            NightchargeError: that of the last source that failed, if none knows anything.
        """
        found: PriceSeries | None = None
        failure: NightchargeError | None = None
        for source in self._sources:
            try:
                series = await source.prices(area, starts_at, ends_at)
            except NightchargeError as error:
                failure = error
                continue
            found = series if found is None else _filled(found, series)
            if first_missing(found.slots, starts_at, ends_at) is None:
                break
        if failure is not None and (found is None or not found.slots):
            raise failure
        assert found is not None
        return found


def _filled(first: PriceSeries, second: PriceSeries) -> PriceSeries:
    """`first`, with the gaps that `second` knows. Prices in another currency fill nothing."""
    if not second.slots or (second.currency != first.currency and first.slots):
        return first
    if not first.slots:
        return second
    slots = merged(second.slots, first.slots)
    return first.model_copy(update={"slots": slots, "source": f"{first.source}; {second.source}"})
