"""An installation without a market has prices all the same, tonight as in a year."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.practice_prices import practice_prices
from providers.prices.file import FilePrices

TODAY = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


async def test_practice_prices_are_those_of_the_same_weekday_and_reach_over_a_year(tmp_path: Path) -> None:
    """22 November 2026 is a Sunday; four times 52 weeks before it lies Sunday, 27 November 2022."""
    file = tmp_path / "prices.csv"
    file.write_text(practice_prices(TODAY))
    moved = await FilePrices(file).prices("NL", TODAY, TODAY + timedelta(hours=12))
    then = TODAY - timedelta(weeks=4 * 52)
    known = await FilePrices().prices("NL", then, then + timedelta(hours=12))
    assert [slot.price_per_kwh for slot in moved.slots] == [slot.price_per_kwh for slot in known.slots]
    assert len(moved.slots) == 12
    later = TODAY + timedelta(weeks=52)
    assert len((await FilePrices(file).prices("NL", later, later + timedelta(hours=12))).slots) == 12
