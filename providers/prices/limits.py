"""What a market price can be: single figures beyond it are dropped, a whole series beyond it is refused."""

from collections.abc import Sequence

from domain.errors import MalformedReply
from providers.prices.table import Unit

LOWEST_PER_KWH, HIGHEST_PER_KWH = -0.6, 6.0
"""Beyond the harmonised limits of the European day-ahead market, -500 and 4,000 to 5,000 EUR/MWh [EUR/kWh]."""

USUAL_PER_KWH = (0.005, 2.0)
"""Where nine tenths of absolute prices end, in every year and area known [EUR/kWh]; elsewhere the unit is wrong."""

FEWEST_ROWS_TO_JUDGE = 24
"""A short file may well hold nothing but odd hours [rows]."""


class UnusablePrices(MalformedReply):
    """The price file as a whole cannot be meant as it is read."""


def is_plausible(price_per_kwh: float) -> bool:
    """Whether the market allows this price."""
    return LOWEST_PER_KWH <= price_per_kwh <= HIGHEST_PER_KWH


def refuse_wrong_unit(source: str, prices: Sequence[float], unit: Unit) -> None:
    """Raises `UnusablePrices` if figures taken for `unit` are ten or a thousand times off."""
    if len(prices) < FEWEST_ROWS_TO_JUDGE:
        return
    decile = sorted(abs(price) for price in prices)[len(prices) * 9 // 10]
    low, high = USUAL_PER_KWH
    if not low <= decile <= high:
        raise UnusablePrices(f"{source}: read as {unit.name}, nine of ten prices are below {decile:.6g} per kWh")
