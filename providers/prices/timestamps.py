"""Time stamps as people write them. A text may have several readings; which one is meant is decided elsewhere."""

import contextlib
import itertools
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

_PARTS = re.compile(r"([\d./-]+)[T\s]*(.*)")
_DAY = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})")
_CLOCK = re.compile(r"(?:(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(?:\(?(Z|UTC|GMT|CEST|CET|[+-]\d{2}:?\d{2})\)?)?")
YEARS = range(1990, 2200)
"""Years that have hourly prices; another one is a slip, and the edges of the calendar have no neighbours."""

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


class Stamp(NamedTuple):
    """One reading of a time stamp; naive if the text names no zone."""

    at: datetime
    order: DateOrder


def readings_of(text: str) -> list[Stamp]:
    """All readings of `text`, day first before month first; empty if it is no time stamp."""
    parts = _PARTS.fullmatch(text.strip())
    clock = _clock(parts[2]) if parts else None
    if parts is None or clock is None:
        return []
    return [Stamp(datetime.combine(day, clock), order) for order, day in _days(parts[1])]


@lru_cache(maxsize=1000)  # the rows of a file share their days and hours
def _days(text: str) -> tuple[tuple[DateOrder, date], ...]:
    match = _DAY.fullmatch(text)
    if match is None:
        return ()
    a, b, c = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == 4:
        return tuple(_real((DateOrder.YEAR_FIRST, a, b, c)))
    if len(match[4]) != 4:
        return ()
    day_first, month_first = (DateOrder.DAY_FIRST, c, b, a), (DateOrder.MONTH_FIRST, c, a, b)
    return tuple(_real(day_first, month_first) if match[2] == "/" and a != b else _real(day_first))


def _real(*days: tuple[DateOrder, int, int, int]) -> Iterator[tuple[DateOrder, date]]:
    for order, year, month, day in days:
        if year not in YEARS:
            continue
        with contextlib.suppress(ValueError):  # there is no 31 June
            yield order, date(year, month, day)


@lru_cache(maxsize=1000)
def _clock(text: str) -> time | None:
    """Time of day with its zone, if one is named; None if it is neither empty nor a time."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    try:
        zone = _zone(match[4]) if match[4] else None
        return time(int(match[1] or 0), int(match[2] or 0), int(match[3] or 0), tzinfo=zone)
    except ValueError:
        return None


def _zone(name: str) -> tzinfo:
    if name in _ZONES:
        return _ZONES[name]
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
    for at in local:
        if at.tzinfo is not None:
            found.append(at.astimezone(UTC))
            continue
        early, late = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
        if early.utcoffset() == late.utcoffset():
            found.append(early.astimezone(UTC))
        elif early.astimezone(UTC) > late.astimezone(UTC):  # left out: fold 0 uses the offset before the change
            found.append(None)
        else:
            found.append((late if at in seen else early).astimezone(UTC))
            seen.add(at)
    return found


def ends_to_utc(local: list[datetime], starts: list[datetime | None], zone: tzinfo) -> list[datetime | None]:
    """The UTC instant at which each row ends: of two readings of a time the first behind its start; None without one.

    An end may be a time that the clock leaves out (02:00 on a spring night): it is the instant of the change.
    """
    found: list[datetime | None] = []
    for at, start in zip(local, starts, strict=True):
        aware = [at] if at.tzinfo is not None else [at.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
        instants = [one.astimezone(UTC) for one in aware]
        found.append(None if start is None else next((one for one in instants if one > start), instants[-1]))
    return found


def _is_newest_first(times: list[datetime]) -> bool:
    pairs = [(a, b) for a, b in itertools.pairwise(times) if (a.tzinfo is None) == (b.tzinfo is None)]
    return sum(b < a for a, b in pairs) > sum(b > a for a, b in pairs)
