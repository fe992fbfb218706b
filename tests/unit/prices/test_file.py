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


def test_source_of_the_packaged_data_is_named_beside_it() -> None:
    readme = Path(__file__).parents[3] / "providers" / "prices" / "data" / "README.md"
    assert "CC BY 4.0" in readme.read_text("utf-8")
