"""What counts as a publication: days of the market, digests, and how old and new prices become one."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.price_feed import (
    days_at_hand,
    delivery_day,
    digest_of,
    first_missing,
    merged,
    publication_of,
    within,
)
from domain.prices import PriceSeries, PriceSlot

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
MIDNIGHT = datetime(2025, 1, 14, 23, tzinfo=UTC)


def slots(*prices: float, start: datetime = MIDNIGHT, length: timedelta = HOUR) -> tuple[PriceSlot, ...]:
    starts = [start + n * length for n in range(len(prices))]
    return tuple(
        PriceSlot(starts_at=at, ends_at=at + length, price_per_kwh=price)
        for at, price in zip(starts, prices, strict=True)
    )


def series(some: tuple[PriceSlot, ...]) -> PriceSeries:
    return PriceSeries(area="NL", source="test", slots=some)


@pytest.mark.parametrize(("on", "hours"), [((2025, 1, 15), 24), ((2025, 3, 30), 23), ((2025, 10, 26), 25)])
def test_f49_delivery_day_is_as_long_as_the_clock_makes_it(on: tuple[int, int, int], hours: int) -> None:
    day = delivery_day("NL", date(*on))
    assert day.ends_at - day.starts_at == hours * HOUR


def test_days_at_hand_go_by_the_markets_clock() -> None:
    today, tomorrow = days_at_hand("NL", datetime(2025, 1, 14, 23, 30, tzinfo=UTC))
    assert (today.on, tomorrow.on) == ("2025-01-15", "2025-01-16")
    assert today.starts_at == MIDNIGHT


def test_publication_says_how_much_of_the_day_is_known() -> None:
    day = delivery_day("NL", date(2025, 1, 15))
    nothing, half, whole = (publication_of(series(slots(*range(n))), day) for n in (0, 12, 24))
    assert (nothing.digest, nothing.hours_missing, nothing.is_complete) == ("", 24, False)
    assert (half.hours_known, half.hours_missing, half.is_complete) == (12, 12, False)
    assert whole.is_complete
    assert len({nothing.digest, half.digest, whole.digest}) == 3


def test_publication_is_told_if_it_is_the_one_told_last() -> None:
    day = delivery_day("NL", date(2025, 1, 15))
    known = series(slots(*range(24)))
    assert publication_of(known, day, told=digest_of(known.slots)).is_told
    revised = series((*slots(99.0), *known.slots[1:]))
    assert not publication_of(revised, day, told=digest_of(known.slots)).is_told


def test_revision_replaces_what_it_covers_and_nothing_else() -> None:
    found = merged(slots(1, 2, 3), slots(9, start=MIDNIGHT + HOUR))
    assert [slot.price_per_kwh for slot in found] == [1, 9, 3]


def test_f46_quarter_in_an_hour_leaves_the_rest_of_the_hour() -> None:
    found = merged(slots(1, 2), slots(9, start=MIDNIGHT + QUARTER, length=QUARTER))
    assert [(slot.starts_at - MIDNIGHT, slot.price_per_kwh) for slot in found] == [
        (0 * HOUR, 1),
        (QUARTER, 9),
        (2 * QUARTER, 1),
        (HOUR, 2),
    ]


def test_first_missing_finds_the_start_an_inner_gap_and_the_tail() -> None:
    gapped = (*slots(1, 2), *slots(4, start=MIDNIGHT + 3 * HOUR))
    assert first_missing((), MIDNIGHT, MIDNIGHT + HOUR) == MIDNIGHT
    assert first_missing(gapped, MIDNIGHT - HOUR, MIDNIGHT + HOUR) == MIDNIGHT - HOUR
    assert first_missing(gapped, MIDNIGHT, MIDNIGHT + 4 * HOUR) == MIDNIGHT + 2 * HOUR
    assert first_missing(gapped, MIDNIGHT, MIDNIGHT + 2 * HOUR) is None


quarters = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 5), st.floats(-0.5, 4, allow_nan=False)), max_size=12
).map(lambda drawn: _laid_out(drawn))


def _laid_out(drawn: list[tuple[int, int, float]]) -> tuple[PriceSlot, ...]:
    """Slots in order: each begins some quarters behind the end of the one before."""
    found, at = [], MIDNIGHT
    for gap, length, price in drawn:
        start = at + gap * QUARTER
        at = start + length * QUARTER
        found.append(PriceSlot(starts_at=start, ends_at=at, price_per_kwh=price))
    return tuple(found)


@given(quarters, quarters)
@settings(max_examples=200, deadline=None)
def test_merging_loses_and_invents_no_quarter(old: tuple[PriceSlot, ...], new: tuple[PriceSlot, ...]) -> None:
    """At every quarter stands the new price, else the old one, else none; and merging again changes nothing."""
    found = series(merged(old, new)).slots  # the series refuses overlaps
    for n in range(100):
        at = MIDNIGHT + n * QUARTER

        def price(some: tuple[PriceSlot, ...], at: datetime = at) -> list[float]:
            return [slot.price_per_kwh for slot in within(some, at, at + QUARTER)]

        assert price(found) == (price(new) or price(old))
    assert merged(found, new) == found
