from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import CallerError
from domain.ports import PriceSource
from providers.prices.file import FilePrices

NIGHT = (datetime(2022, 12, 13, 17, 30, tzinfo=UTC), datetime(2022, 12, 14, 6, 30, tzinfo=UTC))


@pytest.fixture(scope="module")
def packaged() -> FilePrices:
    """The prices that ship with the product."""
    return FilePrices()


async def test_packaged_year_is_whole_and_names_its_source(packaged: FilePrices) -> None:
    source: PriceSource = packaged
    year = await source.prices("NL", datetime(2022, 1, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC))
    assert len(year.slots) == 8760
    assert packaged.report.gaps == ()
    assert packaged.report.rows_used == packaged.report.rows_read == 8760
    assert "Ember" in year.source
    assert sum(slot.price_per_kwh < 0 for slot in year.slots) == 86


async def test_prices_of_a_night_overlap_it(packaged: FilePrices) -> None:
    night = await packaged.prices("NL", *NIGHT)
    assert night.slots[0].starts_at == datetime(2022, 12, 13, 17, tzinfo=UTC)
    assert night.slots[-1].ends_at == datetime(2022, 12, 14, 7, tzinfo=UTC)
    assert len(night.slots) == 14
    assert max(slot.price_per_kwh for slot in night.slots) == 0.56015


async def test_interval_is_half_open(packaged: FilePrices) -> None:
    midnight = datetime(2022, 6, 1, tzinfo=UTC)
    [slot] = (await packaged.prices("NL", midnight, midnight + timedelta(hours=1))).slots
    assert (slot.starts_at, slot.ends_at) == (midnight, midnight + timedelta(hours=1))


async def test_beyond_the_file_nothing_is_known(packaged: FilePrices) -> None:
    end = datetime(2023, 1, 1, tzinfo=UTC)
    assert (await packaged.prices("NL", end, end + timedelta(days=1))).slots == ()
    assert len((await packaged.prices("NL", end - timedelta(hours=2), end + timedelta(days=1))).slots) == 2


async def test_prices_of_another_area_are_refused(packaged: FilePrices) -> None:
    with pytest.raises(CallerError):
        await packaged.prices("BE", *NIGHT)


async def test_own_file_is_read_with_its_zone(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("van;EUR/kWh\n01-07-2022 00:00;0,20\n01-07-2022 01:00;0,30\n", encoding="utf-8")
    prices = FilePrices(file, zone="Europe/Amsterdam")
    assert prices.series.slots[0].starts_at == datetime(2022, 6, 30, 22, tzinfo=UTC)
    assert prices.series.source == "file prices.csv"


DAY = "".join(f"01.07.2022 {hour:02}:00;{50 + hour},5\n" for hour in range(24))
TABLE = "Zeit;Preis €/MWh\n" + DAY


@pytest.mark.parametrize(
    "body", [TABLE.encode(), TABLE.encode("utf-8-sig"), TABLE.encode("utf-16"), TABLE.encode("cp1252")]
)
def test_file_is_read_in_the_encoding_of_its_spreadsheet(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "prices.csv"
    file.write_bytes(body)
    prices = FilePrices(file)
    assert (prices.report.rows_used, prices.report.hours_known) == (24, 24)
    assert prices.series.slots[0].price_per_kwh == 0.0505


@pytest.mark.parametrize(
    "row",
    [
        '"02.07.2022 00:00;5',  # a quotation mark left open
        "9" * 200_000 + ";1",  # longer than a cell may be
        "31.12.9999 23:00;5",  # the calendar's edges have no neighbours
        "0001-01-01 00:00;5",
        "=cmd|'/C calc'!A0;5",
        "\0\0;\0",
    ],
)
def test_hostile_row_costs_itself_only_and_is_counted(tmp_path: Path, row: str) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(f"sep=;\n{TABLE.replace(DAY, '')}{row}\n{DAY}", encoding="utf-8")
    report = FilePrices(file).report
    assert (report.rows_read, report.rows_used, report.unreadable, report.hours_known) == (25, 24, 1, 24)


def test_minus_of_a_typesetter_is_a_minus(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(f"{TABLE}02.07.2022 00:00;\u221250,5\n", encoding="utf-8")
    assert FilePrices(file).series.slots[-1].price_per_kwh == -0.0505


def test_source_of_the_packaged_data_is_named_beside_it() -> None:
    readme = Path(__file__).parents[3] / "providers" / "prices" / "data" / "README.md"
    assert "CC BY 4.0" in readme.read_text("utf-8")


@pytest.mark.parametrize("wrong", ["nowhere/prices.csv", "."])
def test_a_price_file_that_cannot_be_read_is_named(tmp_path: Path, wrong: str) -> None:
    """Missing, or a folder: the caller's mistake, not a bare error of the system."""
    with pytest.raises(CallerError, match=str(tmp_path / wrong)):
        FilePrices(tmp_path / wrong)
