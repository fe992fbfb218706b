"""From a price file to a `PriceSeries`, with a report of every row that did not come through as it stood."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.prices import PriceReport, PriceSeries
from providers.prices.limits import UnusablePrices, is_plausible, refuse_wrong_unit
from providers.prices.normalise import Row, gaps, hours_known, normalise
from providers.prices.table import Cells, Unit, read_table
from providers.prices.timestamps import choose, ends_to_utc, nearest, to_utc

EXAMPLES = 20
"""Rows quoted in a report [1]."""

LONGEST = timedelta(days=1)
"""A row that claims to be longer is unreadable."""


@dataclass(frozen=True)
class PriceFile:
    """What a file holds, and what was done to it."""

    series: PriceSeries
    report: PriceReport


def read_prices(
    text: str, *, source: str, area: str = "NL", currency: str = "EUR", zone: str = "UTC", unit: Unit = Unit.PER_MWH
) -> PriceFile:
    """The prices in `text`.

    `zone` [IANA] and `unit` hold where the file itself does not say. Raises `UnusablePrices` if no row can be used or
    the figures cannot be in the unit they are said to be in.
    """
    columns, table = read_table(text, unit)
    fates = _Fates(table)
    rows = fates.usable(ZoneInfo(columns.zone or zone))
    if not rows:
        raise UnusablePrices(f"{source}: none of {len(table)} rows holds a time and a price")
    refuse_wrong_unit(source, [row.price_per_kwh for row in rows], columns.unit or unit)
    result = normalise([row for row in rows if fates.is_plausible(row)])
    report = PriceReport(
        source=source,
        rows_read=len(table),
        hours_known=hours_known(result.slots),
        gaps=gaps(result.slots),
        examples=tuple(fates.examples),
        **result.counts,
        **fates.counts,
    )
    series = PriceSeries(area=area, currency=currency, source=source, slots=result.slots, report=report)
    return PriceFile(series, report)


class _Fates:
    """Sorts rows out one by one, counting and quoting those that go."""

    def __init__(self, table: list[Cells]) -> None:
        self._texts = {cells.line: cells.text for cells in table}
        self._table = table
        self.counts: Counter[str] = Counter()
        self.examples: list[str] = []

    def usable(self, zone: ZoneInfo) -> list[Row]:
        """Rows with a price and an instant, in the file's order."""
        for cells in self._table:
            if cells.problem:
                self._drop(cells.line, cells.problem)
        table = [cells for cells in self._table if not cells.problem]
        chosen = choose([list(cells.start) for cells in table])
        starts = to_utc([stamp.at for stamp in chosen], zone)
        ends: list[datetime | None] = [None] * len(table)
        if any(cells.end for cells in table):
            told = [nearest(list(cells.end), at).at for cells, at in zip(table, chosen, strict=True)]
            ends = ends_to_utc(told, starts, zone)
        rows = (self._row(*parts) for parts in zip(table, starts, ends, strict=True))
        return [row for row in rows if row is not None]

    def is_plausible(self, row: Row) -> bool:
        if is_plausible(row.price_per_kwh):
            return True
        self._drop(row.line, "implausible")
        return False

    def _row(self, cells: Cells, start: datetime | None, end: datetime | None) -> Row | None:
        if start is None:
            self._drop(cells.line, "impossible_times")
            return None
        if not cells.end or end is None:
            return Row(cells.line, start, cells.price_per_kwh)
        if not start < end <= start + LONGEST:
            self._drop(cells.line, "unreadable")
            return None
        return Row(cells.line, start, cells.price_per_kwh, end)

    def _drop(self, line: int, cause: str) -> None:
        self.counts[cause] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"line {line}, {cause}: {self._texts[line][:80]}")
