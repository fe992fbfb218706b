"""Rows with instants become price slots: in order, without overlaps, gaps left as gaps."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.prices import PriceGap, PriceSlot

LENGTHS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60))
"""Market time units in use."""

_HOUR = timedelta(hours=1)


class Row(NamedTuple):
    """One price of the file, in its place in time."""

    line: int  # in the file, from 1
    starts_at: datetime  # UTC
    price_per_kwh: float
    ends_at: datetime | None = None  # None: the file gives starts only


class _Span(NamedTuple):
    """A row whose end is known."""

    line: int
    starts_at: datetime
    ends_at: datetime
    price_per_kwh: float


@dataclass(frozen=True)
class Normalised:
    """The slots, and how many rows met which fate (keys are fields of `domain.prices.PriceReport`)."""

    slots: tuple[PriceSlot, ...]
    counts: Counter[str]


def normalise(rows: Sequence[Row]) -> Normalised:
    """Slots from `rows`, which come in the file's order. For the rules see `PriceReport`."""
    counts: Counter[str] = Counter()
    counts["out_of_order"] = sum(b.starts_at < a.starts_at for a, b in itertools.pairwise(rows))
    spans = _unique(_with_ends(sorted(rows, key=lambda row: (row.starts_at, row.line))), counts)
    slots: list[PriceSlot] = []
    for cluster in _clusters(spans):
        slots += [_slot(cluster[0])] if len(cluster) == 1 else _finest(cluster, counts)
    return Normalised(tuple(slots), counts)


def gaps(slots: Sequence[PriceSlot]) -> tuple[PriceGap, ...]:
    """The stretches between the first and the last slot that no slot covers."""
    pairs = itertools.pairwise(slots)
    return tuple(PriceGap(starts_at=a.ends_at, ends_at=b.starts_at) for a, b in pairs if a.ends_at < b.starts_at)


def hours_known(slots: Sequence[PriceSlot]) -> float:
    """Total length of the slots [h]."""
    return sum((slot.ends_at - slot.starts_at for slot in slots), timedelta(0)) / _HOUR


def _with_ends(rows: list[Row]) -> list[_Span]:
    starts = sorted({row.starts_at for row in rows if row.ends_at is None})
    lengths = _lengths(starts)
    return [
        _Span(row.line, row.starts_at, row.ends_at or row.starts_at + lengths[row.starts_at], row.price_per_kwh)
        for row in rows
    ]


def _lengths(starts: list[datetime]) -> dict[datetime, timedelta]:
    """The length of each row from its distance to the next one.

    A distance counts as a length if the row before or the distance after it agrees; else (at a gap, at the end) the row
    is as long as the one before. So a missing quarter never makes its neighbour half an hour long.
    """
    steps = [b - a for a, b in itertools.pairwise(starts)]
    likely = Counter(step for step in steps if step in LENGTHS).most_common(1)
    before = likely[0][0] if likely else LENGTHS[-1]
    lengths: dict[datetime, timedelta] = {}
    for i, start in enumerate(starts):
        step = steps[i] if i < len(steps) else None
        after = steps[i + 1] if i + 1 < len(steps) else None
        if step in LENGTHS and step in (before, after) and _is_aligned(start, step):
            before = step
        lengths[start] = before
    return lengths


def _is_aligned(start: datetime, length: timedelta) -> bool:
    return timedelta(minutes=start.minute) % length == timedelta(0)


def _unique(spans: list[_Span], counts: Counter[str]) -> list[_Span]:
    """One span per interval: the last of the file, if prices differ."""
    kept: dict[tuple[datetime, datetime], _Span] = {}
    for span in spans:
        key = (span.starts_at, span.ends_at)
        if key in kept:
            counts["duplicates" if kept[key].price_per_kwh == span.price_per_kwh else "conflicts"] += 1
        kept[key] = span
    counts["rows_used"] = len(kept)
    return sorted(kept.values(), key=lambda span: (span.starts_at, span.ends_at))


def _clusters(spans: list[_Span]) -> Iterator[list[_Span]]:
    """Runs of spans that overlap, directly or by way of others."""
    cluster: list[_Span] = []
    end: datetime | None = None
    for span in spans:
        if end is not None and span.starts_at >= end:
            yield cluster
            cluster, end = [], None
        cluster.append(span)
        end = span.ends_at if end is None else max(end, span.ends_at)
    if cluster:
        yield cluster


def _finest(cluster: list[_Span], counts: Counter[str]) -> list[PriceSlot]:
    """In every part of the cluster the shortest span that covers it wins, of equals the last of the file."""
    edges = sorted({edge for span in cluster for edge in (span.starts_at, span.ends_at)})
    parts: list[_Span] = []
    for start, end in itertools.pairwise(edges):
        over = (span for span in cluster if span.starts_at <= start and end <= span.ends_at)
        best = min(over, key=lambda span: (span.ends_at - span.starts_at, -span.line))
        if parts and parts[-1].line == best.line and parts[-1].ends_at == start:
            parts[-1] = parts[-1]._replace(ends_at=end)
        else:
            parts.append(best._replace(starts_at=start, ends_at=end))
    for span in cluster:
        mine = [part for part in parts if part.line == span.line]
        counts["covered"] += not mine
        counts["rows_used"] -= not mine
        counts["shortened"] += bool(mine) and (mine[0].starts_at, mine[-1].ends_at, len(mine)) != (
            span.starts_at,
            span.ends_at,
            1,
        )
    return [_slot(part) for part in parts]


def _slot(span: _Span) -> PriceSlot:
    return PriceSlot(starts_at=span.starts_at, ends_at=span.ends_at, price_per_kwh=span.price_per_kwh)
