from datetime import UTC, datetime, timedelta

import pytest

from domain.prices import PriceSeries, PriceSlot

MIDNIGHT = datetime(2022, 12, 14, tzinfo=UTC)


def at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def make_series(*bounds: tuple[float, float]) -> PriceSeries:
    slots = tuple(PriceSlot(starts_at=at(a), ends_at=at(b), price_per_kwh=0.1) for a, b in bounds)
    return PriceSeries(area="NL", source="test", slots=slots)


@pytest.mark.parametrize("bounds", [[(0, 2), (1, 3)], [(1, 2), (0, 1)], [(0, 0)], [(1, 0)]])
def test_overlaps_disorder_and_empty_slots_are_refused(bounds: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="price slot"):
        make_series(*bounds)


def test_coverage_ends_at_the_first_gap() -> None:
    series = make_series((0, 1), (1, 1.25), (2, 3))
    assert series.covers_until(at(0.5)) == at(1.25)
    assert series.covers_until(at(1)) == at(1.25)
    assert series.covers_until(at(2.5)) == at(3)


def test_instant_without_price_is_not_covered() -> None:
    series = make_series((0, 1), (2, 3))
    assert series.covers_until(at(1)) is None
    assert series.covers_until(at(3)) is None
    assert make_series().covers_until(at(0)) is None
