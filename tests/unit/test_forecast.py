"""Prices that are not out yet."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.forecast import market_prices
from domain.prices import PriceSeries, PriceSlot

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_series(prices: list[float], *, start: datetime = MONDAY) -> PriceSeries:
    """Hourly prices from `start`."""
    slots = tuple(
        PriceSlot(starts_at=start + HOUR * t, ends_at=start + HOUR * (t + 1), price_per_kwh=price)
        for t, price in enumerate(prices)
    )
    return PriceSeries(area="NL", source="test", slots=slots)


def test_known_prices_are_the_markets_own() -> None:
    prices, is_forecast = market_prices(make_series([0.1, 0.2]), [MONDAY, MONDAY + HOUR * 1.5])
    assert prices == (0.1, 0.2)
    assert is_forecast == (False, False)


def test_unknown_price_is_the_weeks_mean_of_its_hour_moved_to_todays_level() -> None:
    # Seven days of 0.10 by night (hours 0-11) and 0.20 by day, then a day 0.05 dearer throughout.
    # Night: mean of six times 0.10 and once 0.15, plus 0.8 * 0.05.
    week = ([0.10] * 12 + [0.20] * 12) * 7
    series = make_series([*week, *([0.15] * 12 + [0.25] * 12)])
    prices, is_forecast = market_prices(series, [MONDAY + HOUR * 24 * 8, MONDAY + HOUR * (24 * 8 + 12)])
    assert prices == pytest.approx((0.75 / 7 + 0.04, 1.45 / 7 + 0.04))
    assert is_forecast == (True, True)


def test_level_is_that_of_the_last_three_hours() -> None:
    # A day like the week but for its last four hours: 21 to 24 o'clock are 0.10 dearer, 20 to 21 o'clock 1.00.
    prices, _ = market_prices(make_series([0.2] * (24 * 8 - 4) + [1.2] + [0.3] * 3), [MONDAY + HOUR * 24 * 8])
    assert prices == pytest.approx((0.2 + 0.8 * 0.1,))


def test_days_that_are_not_known_are_left_out_of_the_mean() -> None:
    # The second day after the last known one has six known days behind it, not seven.
    series = make_series([0.10] * 24 * 7)
    prices, _ = market_prices(series, [MONDAY + HOUR * 24 * 8])
    assert prices == pytest.approx((0.10,))


def test_short_history_gives_the_mean_of_the_last_day() -> None:
    prices, is_forecast = market_prices(make_series([0.1, 0.3]), [MONDAY + 5 * HOUR])
    assert prices == pytest.approx((0.2,))
    assert is_forecast == (True,)


def test_no_price_at_all_is_still_a_plan() -> None:
    assert market_prices(make_series([]), [MONDAY]) == ((0.0,), (True,))
