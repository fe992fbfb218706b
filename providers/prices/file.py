"""Prices of one area from one file."""

from bisect import bisect_left, bisect_right
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from datetime import datetime
from pathlib import Path

from domain.errors import CallerError
from domain.prices import PriceReport, PriceSeries
from providers.prices.reader import read_prices
from providers.prices.table import Unit

PACKAGED = Path(__file__).parent / "data" / "nl-day-ahead-2022.csv"
PACKAGED_SOURCE = "Ember, European wholesale electricity prices (CC BY 4.0), by way of EV2Gym"


def _body(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CallerError(f"price file {file}: {error.strerror or type(error).__name__}") from error


def decoded(body: bytes) -> str:
    """The text of a file as spreadsheets write them: UTF-8, UTF-16 with its mark, else the old Western code page."""
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


class FilePrices:
    """A `PriceSource` over a file; by default the Dutch day-ahead prices of 2022 that ship with the product.

    `zone` and `unit` hold where the file does not say. `report` tells what was repaired.

    Raises:
        CallerError: there is no such file, it is a folder, or it may not be read.
        UnusablePrices: nothing in it can be used.
    """

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        area: str = "NL",
        source: str | None = None,
        zone: str = "UTC",
        unit: Unit = Unit.PER_MWH,
    ) -> None:
        file = Path(path) if path else PACKAGED
        source = source or (f"file {file.name}" if path else PACKAGED_SOURCE)
        read = read_prices(decoded(_body(file)), source=source, area=area, zone=zone, unit=unit)
        self.report: PriceReport = read.report
        self.series: PriceSeries = read.series
        self._starts = [slot.starts_at for slot in read.series.slots]
        self._ends = [slot.ends_at for slot in read.series.slots]

    async def prices(self, area: str, starts_at: datetime, ends_at: datetime) -> PriceSeries:
        """All known prices that overlap `[starts_at, ends_at)`. Raises `CallerError` for another area."""
        if area != self.series.area:
            raise CallerError(f"the prices on file are of {self.series.area}, not of {area}")
        first = bisect_right(self._ends, starts_at)
        last = bisect_left(self._starts, ends_at)
        return self.series.model_copy(update={"slots": self.series.slots[first:last]})
