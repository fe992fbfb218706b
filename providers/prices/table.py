"""A price table in text: separators, header and numbers as people have them.

Known: comma, semicolon or tab between columns; decimal point or comma; a header or none; start and end in one column
("a - b"), in two, or the start alone; date and time in two columns; units named in the header.
"""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from providers.prices.timestamps import Stamp, readings_of


class Unit(Enum):
    """What a figure of the file is; the value is the divisor that makes it currency/kWh."""

    PER_MWH = 1000.0
    CENT_PER_KWH = 100.0
    PER_KWH = 1.0


class Cells(NamedTuple):
    """One row: the readings of its time stamps and its price; `problem` is a field of `PriceReport`, or empty."""

    line: int
    text: str
    start: tuple[Stamp, ...] = ()
    end: tuple[Stamp, ...] = ()
    price_per_kwh: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class Columns:
    """Where things are in a row, and what the header says of them."""

    start: int = 0
    time: int | None = None  # of day, if apart from the date
    end: int | None = None
    price: int = 1
    unit: Unit | None = None  # None: the header does not say
    zone: str | None = None  # None: the header does not say


_TIMES = re.compile(r"start|time|mtu|date|datum|from|van|begin|utc|period", re.IGNORECASE)
_CLOCKS = re.compile(r"^(time|tijd|uur|hour|zeit)\b", re.IGNORECASE)
_ENDS = re.compile(r"^(end|until|till|to|tot|bis)\b|end_", re.IGNORECASE)
_PRICES = re.compile(r"price|prijs|preis|mwh|kwh|eur|€", re.IGNORECASE)
_SEPARATOR_TOLD = re.compile(r"\"?sep=.\"?", re.IGNORECASE)  # to Excel
_NONE = {"", "-", "n/e", "n/a", "na", "nan", "null", "none"}
_LOCAL_ZONE = "Europe/Amsterdam"  # the clock that "CET/CEST" in a header means


def read_table(text: str, unit: Unit) -> tuple[Columns, list[Cells]]:
    """The columns and all rows of `text` but blank ones and the header; `unit` holds if the header is silent."""
    lines = [(n, line) for n, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1) if line.strip(' ;,\t"')]
    if lines and _SEPARATOR_TOLD.fullmatch(lines[0][1]):
        lines.pop(0)
    if not lines:
        return Columns(), []
    separator = max(";\t,", key=lambda sign: lines[0][1].count(sign) * (2 if sign != "," else 1))
    rows = [(n, line, _parted(line, separator)) for n, line in lines]
    columns = _columns(rows[0][2])
    body = rows if columns is None else rows[1:]
    columns = columns or Columns()
    return columns, [_cells(n, line, cells, columns, columns.unit or unit) for n, line, cells in body]


def _parted(line: str, separator: str) -> list[str]:
    """The cells. Line by line, so that a quotation mark left open costs its own row and not all that follow."""
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a cell without end
        return []


def _columns(header: Sequence[str]) -> Columns | None:
    """What the first row says of the columns; None if it is no header."""
    if any(readings_of(_split(cell)[0]) for cell in header):
        return None
    names = [name.strip() for name in header]
    start = _first(names, _TIMES, ())
    end = _first(names, _ENDS, (start,))
    time = _first(names, _CLOCKS, (start, end))
    if start is None:  # "Zeit" alone is the whole time stamp
        start, time = time, None
    price = _first(names, _PRICES, (start, end, time))
    start = start or 0
    return Columns(
        start=start,
        time=time,
        end=end,
        price=price if price is not None else start + 1,
        unit=_unit(names[price]) if price is not None else None,
        zone=_zone(names[start]),
    )


def _first(names: list[str], pattern: re.Pattern[str], taken: Sequence[int | None]) -> int | None:
    return next((i for i, name in enumerate(names) if i not in taken and pattern.search(name)), None)


def _unit(name: str) -> Unit | None:
    name = name.lower()
    if "mwh" in name:
        return Unit.PER_MWH
    if "kwh" not in name:
        return None
    return Unit.CENT_PER_KWH if re.search(r"\bct|cent|cts", name) else Unit.PER_KWH


def _zone(name: str) -> str | None:
    name = name.lower()
    if "utc" in name or "gmt" in name:
        return "UTC"
    return _LOCAL_ZONE if "cet" in name else None


def _cells(line: int, text: str, row: list[str], columns: Columns, unit: Unit) -> Cells:
    if len(row) <= max(columns.start, columns.price, columns.end or 0, columns.time or 0):
        return Cells(line, text, problem="unreadable")
    first, last = _split(row[columns.start])
    if columns.time is not None:
        first = f"{first} {row[columns.time].strip()}"
    last = row[columns.end] if columns.end is not None else last
    start, end = tuple(readings_of(first)), tuple(readings_of(last)) if last else ()
    price = parse_number(row[columns.price])
    if not start or price is None or (last.strip() and not end):
        return Cells(line, text, problem="unreadable")
    if math.isnan(price):
        return Cells(line, text, start, end, problem="without_price")
    return Cells(line, text, start, end, round(price / unit.value, 9))  # 560.15 / 1000 is 0.56015


def _split(cell: str) -> tuple[str, str]:
    """Start and end of "a - b"; the end is empty in "a"."""
    start, _, end = cell.partition(" - ")
    return start.strip(), end.strip()


def parse_number(text: str) -> float | None:
    """The number in `text` with decimal point or comma; NaN where a sign stands for "none", None if it is no number."""
    text = re.sub(r"[\s€'\u00a0]|EUR", "", text).replace("\u2212", "-")  # the minus of typesetters
    if text.lower() in _NONE:
        return math.nan
    if "," in text:
        thousands, decimal = (".", ",") if text.rfind(",") > text.rfind(".") else (",", ".")
        text = text.replace(thousands, "").replace(decimal, ".")
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
