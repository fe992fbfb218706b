import math

import pytest

from providers.prices.table import Unit, parse_number, read_table


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.5", 12.5),
        ("12,5", 12.5),
        ("-12,5", -12.5),
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("€ 12.50", 12.5),
        ("12 EUR", 12.0),
        ("1e2", 100.0),
    ],
)
def test_number_is_read_with_point_or_comma(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "-", "n/e", "N/A", "NaN"])
def test_sign_for_none_is_not_a_number_and_not_zero(text: str) -> None:
    found = parse_number(text)
    assert found is not None
    assert math.isnan(found)


@pytest.mark.parametrize("text", ["abc", "12.3.4", "inf"])
def test_anything_else_is_unreadable(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("start_utc,eur_per_mwh\n2022-01-01T00:00:00Z,120\n", 0.12),
        ("Datum;Prijs (EUR/kWh)\n01-01-2022 00:00;0,12\n", 0.12),
        ("date\tprice ct/kWh\n2022-01-01 00:00\t12.0\n", 0.12),
        ("2022-01-01 00:00;120\n", 0.12),
        ('"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]"\n"01.01.2022 00:00 - 01.01.2022 01:00","120.00"\n', 0.12),
        ("\ufeff2022-01-01 00:00,120\n", 0.12),
        ('2022-01-01 00:00,"120,00"\n', 0.12),
    ],
)
def test_price_is_per_kwh_whatever_separators_and_unit(text: str, price: float) -> None:
    _, [cells] = read_table(text, Unit.PER_MWH)
    assert cells.problem == ""
    assert cells.price_per_kwh == pytest.approx(price)


def test_start_and_end_come_from_one_column_or_two() -> None:
    _, [one] = read_table("2022-01-01 00:00 - 2022-01-01 00:15;120\n", Unit.PER_MWH)
    _, [two] = read_table("start;end;price\n2022-01-01 00:00;2022-01-01 00:15;120\n", Unit.PER_MWH)
    assert (one.start, one.end) == (two.start, two.end)
    assert one.end[0].at.minute == 15


def test_date_and_time_may_be_two_columns() -> None:
    _, [cells] = read_table("Date,Time,Price\n2022-01-01,13:00,120\n", Unit.PER_MWH)
    assert cells.start[0].at.hour == 13


def test_header_names_the_zone() -> None:
    assert read_table("start_utc,price\n2022-01-01 00:00,1\n", Unit.PER_MWH)[0].zone == "UTC"
    assert read_table("MTU (CET/CEST),price\n2022-01-01 00:00,1\n", Unit.PER_MWH)[0].zone == "Europe/Amsterdam"
    assert read_table("start,price\n2022-01-01 00:00,1\n", Unit.PER_MWH)[0].zone is None


def test_blank_lines_are_no_rows_and_broken_ones_are_unreadable() -> None:
    text = "start,price\n\n2022-01-01 00:00,1\n , \nnonsense\n2022-01-01 01:00,x\n2022-01-01 02:00,\n"
    _, rows = read_table(text, Unit.PER_MWH)
    assert [(cells.line, cells.problem) for cells in rows] == [
        (3, ""),
        (5, "unreadable"),
        (6, "unreadable"),
        (7, "without_price"),
    ]


def test_empty_file_has_no_rows() -> None:
    assert read_table("", Unit.PER_MWH)[1] == []
