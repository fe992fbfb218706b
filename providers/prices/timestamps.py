"""Time stamps as people write them. A text may have several readings; which one is meant is decided elsewhere."""

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import Enum

_PATTERN = re.compile(
    r"""^(?P<a>\d{1,4})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})
        (?:[T\s]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?)?
        \s*(?:\(?(?P<zone>Z|UTC|GMT|CEST|CET|[+-]\d{2}:?\d{2})\)?)?$""",
    re.VERBOSE,
)
_ZONES: dict[str, tzinfo] = {
    "Z": UTC,
    "UTC": UTC,
    "GMT": UTC,
    "CET": timezone(timedelta(hours=1)),
    "CEST": timezone(timedelta(hours=2)),
}


class DateOrder(Enum):
    YEAR_FIRST = "2022-12-31"
    DAY_FIRST = "31-12-2022, 31.12.2022 or 31/12/2022"
    MONTH_FIRST = "12/31/2022"


@dataclass(frozen=True)
class Stamp:
    """One reading of a time stamp; naive if the text names no zone."""

    at: datetime
    order: DateOrder


def readings_of(text: str) -> list[Stamp]:
    """All readings of `text`, day first before month first; empty if it is no time stamp."""
    match = _PATTERN.match(text.strip())
    if match is None:
        return []
    a, b, c = int(match["a"]), int(match["b"]), int(match["c"])
    if len(match["a"]) == 4:
        dates = [(DateOrder.YEAR_FIRST, a, b, c)]
    elif len(match["c"]) != 4:
        return []
    elif match["sep"] == "/":
        dates = [(DateOrder.DAY_FIRST, c, b, a), (DateOrder.MONTH_FIRST, c, a, b)]
    else:
        dates = [(DateOrder.DAY_FIRST, c, b, a)]
    stamps = (_stamp(order, (year, month, day), match) for order, year, month, day in dates)
    found = [stamp for stamp in stamps if stamp is not None]
    same = len(found) == 2 and found[0].at == found[1].at  # 5/5/2022
    return found[:1] if same else found


def _stamp(order: DateOrder, date: tuple[int, int, int], match: re.Match[str]) -> Stamp | None:
    clock = (int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0))
    try:
        return Stamp(datetime(*date, *clock, tzinfo=_zone(match["zone"])), order)
    except ValueError:
        return None


def _zone(name: str | None) -> tzinfo | None:
    if name is None or name in _ZONES:
        return _ZONES[name] if name else None
    sign = -1 if name[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(name[1:3]), minutes=int(name[-2:])))


def choose(rows: list[list[Stamp]]) -> list[Stamp]:
    """One reading per row. If the clear rows know only one of day and month first, all follow; else each row takes the
    reading nearest to its neighbour's, beginning at the first clear row."""
    orders = {row[0].order for row in rows if len(row) == 1 and row[0].order is not DateOrder.YEAR_FIRST}
    if len(orders) == 1:
        rows = [[s for s in row if s.order in orders] if len(row) > 1 else row for row in rows]
    clear = next((i for i, row in enumerate(rows) if len(row) == 1), 0)
    chosen: list[Stamp] = [row[0] for row in rows]
    for i in range(clear - 1, -1, -1):
        chosen[i] = nearest(rows[i], chosen[i + 1])
    for i in range(clear + 1, len(rows)):
        chosen[i] = nearest(rows[i], chosen[i - 1])
    return chosen


def nearest(row: list[Stamp], neighbour: Stamp) -> Stamp:
    """The reading in `row` nearest to `neighbour` in time; `neighbour` itself if there is none."""
    if len(row) < 2:
        return row[0] if row else neighbour
    there = neighbour.at.replace(tzinfo=None)
    return min(row, key=lambda stamp: abs(stamp.at.replace(tzinfo=None) - there))


def to_utc(local: list[datetime], zone: tzinfo) -> list[datetime | None]:
    """The UTC instant of each time of the file, in the file's order; None where the zone's clock leaves the time out.

    Aware times are only converted. A naive time that the clock shows twice belongs to the earlier instant at its first
    appearance and to the later one at its second; a repetition with nothing new goes with the later instant.
    """
    if _is_newest_first(local):
        return to_utc(local[::-1], zone)[::-1]
    seen: set[datetime] = set()
    found: list[datetime | None] = []
    for time in local:
        if time.tzinfo is not None:
            found.append(time.astimezone(UTC))
            continue
        early, late = time.replace(tzinfo=zone, fold=0), time.replace(tzinfo=zone, fold=1)
        if early.utcoffset() == late.utcoffset():
            found.append(early.astimezone(UTC))
        elif early.astimezone(UTC) > late.astimezone(UTC):  # left out: fold 0 uses the offset before the change
            found.append(None)
        else:
            found.append((late if time in seen else early).astimezone(UTC))
            seen.add(time)
    return found


def _is_newest_first(times: list[datetime]) -> bool:
    pairs = [(a, b) for a, b in itertools.pairwise(times) if (a.tzinfo is None) == (b.tzinfo is None)]
    return sum(b < a for a, b in pairs) > sum(b > a for a, b in pairs)
