from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.prices.normalise import Row, gaps, hours_known, normalise

MIDNIGHT = datetime(2022, 12, 14, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def starts(*hours: float) -> list[Row]:
    """Rows with starts only, prices 1, 2, 3 ... in the order of the file."""
    return [Row(line=n, starts_at=at(hour), price_per_kwh=float(n)) for n, hour in enumerate(hours, start=1)]


def spans(*bounds: tuple[float, float]) -> list[Row]:
    return [Row(n, at(a), float(n), at(b)) for n, (a, b) in enumerate(bounds, start=1)]


def drawn(rows: list[Row]) -> list[tuple[float, float, float]]:
    """Slots as (start [h], end [h], price)."""
    hour = timedelta(hours=1)
    slots = normalise(rows).slots
    return [((s.starts_at - MIDNIGHT) / hour, (s.ends_at - MIDNIGHT) / hour, s.price_per_kwh) for s in slots]


def test_rows_become_half_open_hours() -> None:
    assert drawn(starts(0, 1, 2)) == [(0, 1, 1), (1, 2, 2), (2, 3, 3)]


def test_rows_out_of_order_are_put_in_order_and_counted() -> None:
    rows = starts(1, 0, 2)
    assert drawn(rows) == [(0, 1, 2), (1, 2, 1), (2, 3, 3)]
    assert normalise(rows).counts["out_of_order"] == 1


def test_same_row_twice_is_dropped_once() -> None:
    rows = [*starts(0, 1), Row(3, at(1), 2.0)]
    assert drawn(rows) == [(0, 1, 1), (1, 2, 2)]
    assert normalise(rows).counts["duplicates"] == 1


def test_of_two_prices_for_one_hour_the_last_row_stands() -> None:
    rows = [*starts(0, 1), Row(3, at(1), 9.0)]
    assert drawn(rows) == [(0, 1, 1), (1, 2, 9)]
    assert normalise(rows).counts["conflicts"] == 1


def test_missing_hours_stay_missing() -> None:
    slots = normalise(starts(0, 1, 4, 5)).slots
    assert [(gap.starts_at, gap.ends_at) for gap in gaps(slots)] == [(at(2), at(4))]
    assert hours_known(slots) == 4


def test_hours_turn_into_quarters_and_back() -> None:
    assert drawn(starts(0, 1, 2, 2.25, 2.5, 2.75, 3, 4, 5)) == [
        (0, 1, 1),
        (1, 2, 2),
        (2, 2.25, 3),
        (2.25, 2.5, 4),
        (2.5, 2.75, 5),
        (2.75, 3, 6),
        (3, 4, 7),
        (4, 5, 8),
        (5, 6, 9),
    ]


def test_missing_quarter_does_not_stretch_the_one_before() -> None:
    slots = normalise(starts(0, 0.25, 0.5, 1, 1.25)).slots
    assert [(gap.starts_at, gap.ends_at) for gap in gaps(slots)] == [(at(0.75), at(1))]


def test_three_missing_quarters_do_not_make_an_hour() -> None:
    slots = normalise(starts(0, 0.25, 0.5, 0.75, 1, 2, 2.25, 2.5)).slots
    assert [(gap.starts_at, gap.ends_at) for gap in gaps(slots)] == [(at(1.25), at(2))]


def test_half_hours_begin_at_half_hours() -> None:
    """Every other quarter from 0:15 to 1:15 is missing; what is left are still quarters."""
    assert [(start, end) for start, end, _ in drawn(starts(0, 0.25, 0.75, 1.25, 1.5))] == [
        (0, 0.25),
        (0.25, 0.5),
        (0.75, 1),
        (1.25, 1.5),
        (1.5, 1.75),
    ]


def test_of_overlapping_rows_of_one_length_the_last_of_the_file_counts() -> None:
    assert drawn(spans((0, 1), (0.5, 1.5))) == [(0, 0.5, 1), (0.5, 1.5, 2)]
    assert drawn(spans((0.5, 1.5), (0, 1))) == [(0, 1, 2), (1, 1.5, 1)]


def test_finer_row_cuts_the_coarser_and_the_rest_of_it_stays() -> None:
    rows = spans((0, 1), (0.25, 0.5))
    assert drawn(rows) == [(0, 0.25, 1), (0.25, 0.5, 2), (0.5, 1, 1)]
    assert normalise(rows).counts["shortened"] == 1


def test_row_under_finer_ones_is_counted_as_covered() -> None:
    rows = spans((0, 1), (0, 0.5), (0.5, 1))
    assert drawn(rows) == [(0, 0.5, 2), (0.5, 1, 3)]
    assert normalise(rows).counts["covered"] == 1
    assert normalise(rows).counts["rows_used"] == 2


quarters = st.integers(min_value=0, max_value=40)
some_spans = st.lists(
    st.tuples(quarters, st.sampled_from([1, 2, 4]), st.integers(min_value=-3, max_value=3)), min_size=1, max_size=20
).map(
    lambda drawn: [
        Row(n, MIDNIGHT + a * QUARTER, float(price), MIDNIGHT + (a + length) * QUARTER)
        for n, (a, length, price) in enumerate(drawn, start=1)
    ]
)


@given(some_spans)
@settings(max_examples=100, deadline=None)
def test_time_is_neither_lost_nor_invented(rows: list[Row]) -> None:
    """Exactly the quarters that some row covers are priced, each once, each by a row that covers it."""
    result = normalise(rows)
    assert all(a.ends_at <= b.starts_at for a, b in zip(result.slots, result.slots[1:], strict=False))
    for n in range(45):
        quarter = MIDNIGHT + n * QUARTER
        given_prices = {row.price_per_kwh for row in rows if row.starts_at <= quarter < (row.ends_at or quarter)}
        found = [slot.price_per_kwh for slot in result.slots if slot.starts_at <= quarter < slot.ends_at]
        assert len(found) == bool(given_prices)
        assert set(found) <= given_prices
    fates = ("rows_used", "duplicates", "conflicts", "covered")
    assert sum(result.counts[fate] for fate in fates) == len(rows)
