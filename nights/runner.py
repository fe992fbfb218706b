"""Many nights on all cores: drawn, played, judged, added up in order."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.prices import PriceSeries
from nights.draw import digest, draw
from nights.evidence import play, truth_of
from nights.explain import story
from nights.judge.promises import broken_promises
from nights.judge.summary import Summary
from nights.judge.verdict import Verdict, judge
from nights.world.spec import NightSpec
from providers.prices.file import FilePrices

CHUNK = 50
"""Nights a process is handed at once."""


@dataclass(frozen=True)
class Wanted:
    """Which nights to play."""

    count: int
    seed: int
    faults: tuple[int, int] = (0, 3)
    only: tuple[str, ...] = ()
    prices: Path | None = None
    engine: str = "loop"
    first: int = 0  # number of the first night

    def of_one(self, k: int | None) -> "Wanted":
        """The same for night `k` alone; None: unchanged."""
        return self if k is None else replace(self, first=k, count=1)


class Nights:
    """The nights of one seed, on one process: prices are read once."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.series: PriceSeries = FilePrices(wanted.prices).series
        self.span: tuple[datetime, datetime] = (self.series.slots[0].starts_at, self.series.slots[-1].ends_at)

    def spec(self, k: int) -> NightSpec:
        return draw(self.wanted.seed, k, self.span, self.wanted.faults, self.wanted.only)

    def verdict(self, k: int) -> tuple[str, Verdict]:
        """The canonical line of the night's world, and the verdict."""
        spec = self.spec(k)
        truth = truth_of(play(spec, self.series))
        return canonical(spec), judge(truth, broken_promises(truth))


def canonical(spec: NightSpec) -> str:
    """The drawn world as one line of JSON: sorted keys, no spaces."""
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


_NIGHTS: Nights | None = None


def _begin(wanted: Wanted) -> None:
    global _NIGHTS
    _NIGHTS = Nights(wanted)


def _chunk(numbers: Sequence[int]) -> list[tuple[str, Verdict]]:
    assert _NIGHTS is not None
    return [_NIGHTS.verdict(k) for k in numbers]


def run(wanted: Wanted, *, on_progress: Callable[[int, Summary], None] | None = None) -> tuple[dict[str, Any], bool]:
    """The object to report, and whether every promise held."""
    begun = time.perf_counter()
    summary, lines = Summary(), []
    for line, verdict in _verdicts(wanted):
        lines.append(line)
        summary.add(verdict)
        if on_progress is not None:
            on_progress(summary.nights, summary)
    seconds = time.perf_counter() - begun
    report = {
        "seed": wanted.seed,
        "count": wanted.count,
        "nights_per_s": round(wanted.count / seconds, 1),
        **summary.figures(),
        "distribution_sha256": digest(lines),
    }
    return report, summary.is_kept


def explained(wanted: Wanted) -> tuple[str, bool]:
    """The one night wanted as a story, and whether every promise held."""
    nights = Nights(wanted)
    night = play(nights.spec(wanted.first), nights.series)
    truth = truth_of(night)
    verdict = judge(truth, broken_promises(truth))
    return story(night, truth, verdict), not verdict.broken


def _verdicts(wanted: Wanted) -> Iterator[tuple[str, Verdict]]:
    """In order of k, whichever process played them."""
    last = wanted.first + wanted.count
    chunks = [range(first, min(first + CHUNK, last)) for first in range(wanted.first, last, CHUNK)]
    workers = min(os.cpu_count() or 1, len(chunks))
    if workers <= 1:
        _begin(wanted)
        for chunk in chunks:
            yield from _chunk(chunk)
        return
    with multiprocessing.get_context("spawn").Pool(workers, _begin, (wanted,)) as pool:
        for done in pool.imap(_chunk, chunks):
            yield from done
