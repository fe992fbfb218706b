# ruff: noqa: DTZ001  (wall-clock times without a zone are the subject)
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from providers.prices.timestamps import DateOrder, choose, readings_of, to_utc

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LAST_OF_MARCH = datetime(2022, 3, 31, 14, 0)


@pytest.mark.parametrize(
    "text",
    [
        "2022-03-31T14:00",
        "2022-03-31 14:00:00",
        "2022/03/31 14:00",
        "31-03-2022 14:00",
        "31.3.2022 14:00",
        "31/03/2022 14:00",
        "03/31/2022 14:00",
        "  31.03.2022   14:00 ",
    ],
)
def test_stamp_is_read_in_every_common_format(text: str) -> None:
    assert [stamp.at for stamp in readings_of(text)] == [LAST_OF_MARCH]


@pytest.mark.parametrize(
    "text",
    [
        "2022-03-31T12:00:00Z",
        "2022-03-31T14:00:00+02:00",
        "2022-03-31 14:00+0200",
        "2022-03-31T12:00:00.000Z",
        "31.03.2022 14:00 (CEST)",
        "31.03.2022 13:00 CET",
        "2022-03-31 10:30-01:30",
    ],
)
def test_stamp_with_a_zone_is_aware(text: str) -> None:
    assert [stamp.at for stamp in readings_of(text)] == [datetime(2022, 3, 31, 12, 0, tzinfo=UTC)]


@pytest.mark.parametrize(
    "text", ["", "price", "2022-13-01 00:00", "31-03-22 14:00", "2022-03-31 25:00", "12.5", "2022-03-31 01:00+99:00"]
)
def test_anything_else_is_no_stamp(text: str) -> None:
    assert readings_of(text) == []


def test_slashes_may_put_day_or_month_first() -> None:
    assert [stamp.at for stamp in readings_of("04/03/2022 00:00")] == [datetime(2022, 3, 4), datetime(2022, 4, 3)]
    assert len(readings_of("05/05/2022 00:00")) == 1


def test_one_clear_row_tells_the_order_of_a_uniform_file() -> None:
    chosen = choose([readings_of("04/03/2022"), readings_of("04/13/2022"), readings_of("05/04/2022")])
    assert [stamp.at for stamp in chosen] == [datetime(2022, 4, 3), datetime(2022, 4, 13), datetime(2022, 5, 4)]
    assert {stamp.order for stamp in chosen} == {DateOrder.MONTH_FIRST}


def test_mixed_orders_follow_their_neighbours() -> None:
    """30 April day first, then 1 and 2 May in either order, then 13 May month first."""
    texts = ["30/04/2022", "01/05/2022", "05/02/2022", "05/13/2022"]
    days = [stamp.at for stamp in choose([readings_of(text) for text in texts])]
    assert days == [datetime(2022, 4, 30), datetime(2022, 5, 1), datetime(2022, 5, 2), datetime(2022, 5, 13)]


def test_rows_before_the_first_clear_one_follow_it_backwards() -> None:
    days = [
        s.at for s in choose([readings_of(text) for text in ["05/11/2022", "12/05/2022", "13/05/2022", "05/14/2022"]])
    ]
    assert days == [datetime(2022, 5, 11), datetime(2022, 5, 12), datetime(2022, 5, 13), datetime(2022, 5, 14)]


def test_autumn_hour_shown_twice_becomes_two_instants() -> None:
    local = [datetime(2022, 10, 30, hour) for hour in (1, 2, 2, 3)]
    hours = to_utc(local, AMSTERDAM)
    assert hours == [datetime(2022, 10, 29, 23, tzinfo=UTC) + n * timedelta(hours=1) for n in range(4)]


def test_autumn_hour_is_told_apart_also_newest_first() -> None:
    local = [datetime(2022, 10, 30, hour) for hour in (3, 2, 2, 1)]
    hours = to_utc(local, AMSTERDAM)
    assert hours == [datetime(2022, 10, 30, 2, tzinfo=UTC) - n * timedelta(hours=1) for n in range(4)]


def test_spring_hour_left_out_is_no_instant() -> None:
    local = [datetime(2022, 3, 27, hour) for hour in (1, 2, 3)]
    assert to_utc(local, AMSTERDAM) == [
        datetime(2022, 3, 27, 0, tzinfo=UTC),
        None,
        datetime(2022, 3, 27, 1, tzinfo=UTC),
    ]


def test_aware_and_naive_times_may_be_mixed() -> None:
    local = [datetime(2022, 7, 1, 0), datetime(2022, 6, 30, 23, tzinfo=UTC)]
    assert to_utc(local, AMSTERDAM) == [datetime(2022, 6, 30, 22, tzinfo=UTC), datetime(2022, 6, 30, 23, tzinfo=UTC)]
