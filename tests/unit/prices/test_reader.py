import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.prices import PriceReport
from providers.prices.reader import UnusablePrices, read_prices

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HOUR = timedelta(hours=1)
LOST = ("unreadable", "without_price", "implausible", "impossible_times", "duplicates", "conflicts", "covered")


def lost(report: PriceReport) -> int:
    return sum(getattr(report, fate) for fate in LOST)


def local_file(day: str, hours: int) -> str:
    """A file in local time as a Dutch spreadsheet writes it, `hours` long, prices rising by 1 EUR/MWh."""
    first = datetime.fromisoformat(day).replace(tzinfo=AMSTERDAM).astimezone(UTC)
    lines = ["Datum;Prijs (EUR/MWh)"]
    for n in range(hours):
        local = (first + n * HOUR).astimezone(AMSTERDAM)
        lines.append(f"{local:%d-%m-%Y %H:%M};{100 + n},00")
    return "\n".join(lines)


@pytest.mark.parametrize(("day", "hours"), [("2022-10-30", 25), ("2022-03-27", 23), ("2022-12-14", 24)])
def test_local_day_has_all_its_hours_in_order(day: str, hours: int) -> None:
    read = read_prices(local_file(day, hours), source="test", zone="Europe/Amsterdam")
    first = datetime.fromisoformat(day).replace(tzinfo=AMSTERDAM).astimezone(UTC)
    assert [slot.starts_at for slot in read.series.slots] == [first + n * HOUR for n in range(hours)]
    assert [round(slot.price_per_kwh * 1000) for slot in read.series.slots] == [100 + n for n in range(hours)]
    assert read.report.hours_known == hours
    assert read.report.gaps == ()


def test_ranges_over_the_clock_change_fit_together() -> None:
    """Export of the transparency platform: the first 02:00 - 03:00 spans two hours by the clock, but not in truth."""
    text = """"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]"
"30.10.2022 01:00 - 30.10.2022 02:00","101"
"30.10.2022 02:00 - 30.10.2022 03:00","102"
"30.10.2022 02:00 - 30.10.2022 03:00","103"
"30.10.2022 03:00 - 30.10.2022 04:00","104"
"""
    slots = read_prices(text, source="test").series.slots
    assert [(slot.starts_at.day, slot.starts_at.hour) for slot in slots] == [(29, 23), (30, 0), (30, 1), (30, 2)]
    assert [round(slot.price_per_kwh * 1000) for slot in slots] == [101, 102, 103, 104]
    assert all(slot.ends_at - slot.starts_at == HOUR for slot in slots)


def test_single_implausible_price_is_dropped_and_leaves_a_gap() -> None:
    rows = "".join(f"2022-01-01T{hour:02}:00Z,{price}\n" for hour, price in enumerate((100, 99999, 100, 9)))
    text = f"start_utc,eur_per_mwh\n{rows}"
    report = read_prices(text, source="test").report
    assert (report.implausible, report.rows_used, report.hours_known) == (1, 3, 3)
    assert [(gap.starts_at.hour, gap.ends_at.hour) for gap in report.gaps] == [(1, 2)]
    assert report.examples == ("line 3, implausible: 2022-01-01T01:00Z,99999",)


def test_ends_on_clock_change_nights_are_the_first_instant_behind_their_start() -> None:
    """The hour and its last quarter both end at the 02:00 that the clock shows twice: each at the first of the two."""
    text = """start;end;EUR/MWh
30-10-2022 01:00;30-10-2022 02:00;101
30-10-2022 01:45;30-10-2022 02:00;102
30-10-2022 02:00;30-10-2022 02:00;103
26-03-2023 01:00;26-03-2023 02:00;104
"""
    slots = read_prices(text, source="test", zone="Europe/Amsterdam").series.slots
    assert [(slot.ends_at - slot.starts_at, round(slot.price_per_kwh * 1000)) for slot in slots] == [
        (HOUR * 3 / 4, 101),
        (HOUR / 4, 102),
        (HOUR, 103),
        (HOUR, 104),
    ]


@pytest.mark.parametrize(("unit", "price"), [("EUR/MWh", "0.12"), ("EUR/kWh", "120")])
def test_file_in_another_unit_than_it_says_is_refused(unit: str, price: str) -> None:
    rows = "".join(f"2022-01-01T{n:02}:00Z,{price}\n" for n in range(24))
    with pytest.raises(UnusablePrices, match="per kWh"):
        read_prices(f"start,{unit}\n{rows}", source="test")


@pytest.mark.parametrize("text", ["", "start,price\n", "hello\nworld\n"])
def test_file_without_prices_is_refused(text: str) -> None:
    with pytest.raises(UnusablePrices):
        read_prices(text, source="test")


def test_row_that_ends_before_it_begins_is_unreadable() -> None:
    text = "start,end,price\n2022-01-01 00:00,2022-01-01 01:00,100\n2022-01-01 02:00,2022-01-01 01:00,100\n"
    assert read_prices(text, source="test").report.unreadable == 1


FORMATS = ("%d-%m-%Y %H:%M", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M")


def dirty(hours: int, seed: int) -> tuple[str, dict[datetime, tuple[timedelta, float]], int]:
    """A local-time file of that many hours, its truth (start -> length and EUR/MWh), and the number of its rows.

    Quarters in the last twentieth; 2 % of hours missing, 1 % blank, 1 % swapped with the row before, 2 % twice, a few
    noise lines; the date format changes every fortnight. Hours shown twice by the clock are spared: nobody could tell.
    """
    dice = random.Random(seed)
    first = datetime(2013, 1, 1, tzinfo=UTC)
    truth: dict[datetime, tuple[timedelta, float]] = {}
    lines: list[str] = []
    for n in range(hours):
        fate = dice.random()
        length = HOUR / 4 if n >= hours * 19 // 20 else HOUR
        for at in (first + n * HOUR + m * length for m in range(HOUR // length)):
            local = at.astimezone(AMSTERDAM)
            if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
                fate = 0.5
            if fate < 0.02:
                continue
            stamp, price = local.strftime(FORMATS[n // 336 % 4]), round(dice.uniform(-100, 400), 2)
            if fate < 0.03:
                lines.append(f"{stamp};")
                continue
            truth[at] = (length, price)
            lines += [f"{stamp};{price:.2f}".replace(".", ",") if "." not in stamp else f"{stamp};{price}"]
            if fate < 0.04 and length == HOUR and n:
                lines[-2:] = lines[:-3:-1]
            if fate > 0.98:
                lines.append(lines[-1])
            if fate > 0.999:
                lines.append("# total;see below")
    return "Datum;Prijs EUR/MWh\n" + "\n".join(lines), truth, len(lines)


def test_ten_dirty_years_lose_and_invent_nothing() -> None:
    text, truth, rows = dirty(hours=87_648, seed=1)
    read = read_prices(text, source="test", zone="Europe/Amsterdam")
    found = {
        slot.starts_at: (slot.ends_at - slot.starts_at, round(slot.price_per_kwh * 1000, 2))
        for slot in read.series.slots
    }
    assert found == truth
    assert read.report.rows_read == rows == read.report.rows_used + lost(read.report)
    assert read.report.hours_known == pytest.approx(sum(length / HOUR for length, _ in truth.values()))
    assert read.report.duplicates > 0
    assert read.report.without_price > 0
    assert read.report.unreadable > 0
    assert read.report.out_of_order > 0
    span = read.series.slots[-1].ends_at - read.series.slots[0].starts_at
    missing = sum((gap.ends_at - gap.starts_at for gap in read.report.gaps), timedelta(0))
    assert read.report.hours_known == pytest.approx((span - missing) / HOUR)
    assert len(read.report.examples) > 0


def dirty_ranges(hours: int, seed: int) -> tuple[str, dict[datetime, float], dict[str, int]]:
    """An export with ranges in local time, its truth per quarter [EUR/MWh], and how many rows meet which fate.

    Every hundredth hour comes as an hour and again as its quarters, as two different prices, twice the same, beyond the
    market's limits, or not at all. Hours shown twice by the clock are spared: nobody could tell.
    """
    dice = random.Random(seed)
    truth: dict[datetime, float] = {}
    fates = dict.fromkeys(("covered", "conflicts", "duplicates", "implausible"), 0)
    lines: list[str] = []

    def row(at: datetime, length: timedelta, price: float) -> None:
        start, end = at.astimezone(AMSTERDAM), (at + length).astimezone(AMSTERDAM)
        cells = f"{start:%d.%m.%Y %H:%M} - {end:%d.%m.%Y %H:%M};{price:.2f}"
        lines.append(cells if "," in cells else cells.rsplit(".", 1)[0] + "," + cells.rsplit(".", 1)[1])

    def true(at: datetime, length: timedelta, price: float) -> None:
        row(at, length, price)
        truth.update({at + n * HOUR / 4: price for n in range(round(length / (HOUR / 4)))})

    for n in range(hours):
        at = datetime(2014, 12, 31, 23, tzinfo=UTC) + n * HOUR
        local = at.astimezone(AMSTERDAM)
        is_doubled = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        price = round(dice.uniform(-100, 400), 2)
        match 99 if is_doubled else dice.randrange(100):
            case 0:
                row(at, HOUR, price)
                for m in range(4):
                    true(at + m * HOUR / 4, HOUR / 4, round(price + m, 2))
                fates["covered"] += 1
            case 1:
                row(at, HOUR, price + 1)
                true(at, HOUR, price)
                fates["conflicts"] += 1
            case 2:
                true(at, HOUR, price)
                true(at, HOUR, price)
                fates["duplicates"] += 1
            case 3:
                row(at, HOUR, 99_999)
                fates["implausible"] += 1
            case 4:
                pass
            case _:
                true(at, HOUR, price)
    return "MTU (CET/CEST);Day-ahead Price [EUR/MWh]\n" + "\n".join(lines), truth, fates


def test_three_years_of_overlapping_ranges_lose_and_invent_nothing() -> None:
    text, truth, fates = dirty_ranges(hours=3 * 8760, seed=2)
    read = read_prices(text, source="test")
    found = {
        slot.starts_at + n * HOUR / 4: round(slot.price_per_kwh * 1000, 2)
        for slot in read.series.slots
        for n in range(round((slot.ends_at - slot.starts_at) / (HOUR / 4)))
    }
    assert found == truth
    assert {fate: getattr(read.report, fate) for fate in fates} == fates
    assert min(fates.values()) > 200
    assert read.report.rows_read == read.report.rows_used + lost(read.report)
    assert read.report.hours_known == pytest.approx(len(truth) / 4)
