"""Many nights on all cores: drawn, played, judged, added up in order."""

import asyncio
import gc
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from domain.prices import PriceSeries
from nights.compare import Comparison, Difference, compare
from nights.draw import digest, draw
from nights.evidence import play, truth_of
from nights.explain import story
from nights.judge.promises import broken_promises
from nights.judge.summary import Summary
from nights.judge.truth import Truth
from nights.judge.verdict import Verdict, judge
from nights.play import PlayedNight
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


class Judged(NamedTuple):
    """One night's world as a line, its verdict, and how another engine's way differs from the loop's."""

    line: str
    verdict: Verdict
    difference: Difference | None = None


class Nights:
    """The nights of one seed, on one process: prices are read once."""

    def __init__(self, wanted: Wanted, *, series: PriceSeries | None = None) -> None:
        self.wanted = wanted
        self.series = series or FilePrices(wanted.prices).series
        self.span: tuple[datetime, datetime] = (self.series.slots[0].starts_at, self.series.slots[-1].ends_at)

    def spec(self, k: int) -> NightSpec:
        return draw(self.wanted.seed, k, self.span, self.wanted.faults, self.wanted.only)

    def judged(self, k: int) -> Judged:
        """Night `k`, by the engine that is wanted."""
        spec = self.spec(k)
        by_loop = _evidence(play(spec, self.series))
        if self.wanted.engine == "loop":
            return Judged(canonical(spec), by_loop[1])
        from nights.temporal_engine import play_on_temporal

        by_temporal = _evidence(asyncio.run(play_on_temporal(spec, self.series)))
        return Judged(canonical(spec), by_temporal[1], compare(by_loop, by_temporal))


def _evidence(night: PlayedNight) -> tuple[Truth, Verdict]:
    truth = truth_of(night)
    return truth, judge(truth, broken_promises(truth))


def canonical(spec: NightSpec) -> str:
    """The drawn world as one line of JSON: sorted keys, no spaces."""
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


_NIGHTS: Nights | None = None


def _begin(wanted: Wanted) -> None:
    global _NIGHTS
    _NIGHTS = Nights(wanted)


def _begin_worker(wanted: Wanted) -> None:
    """In a process of its own, which does nothing else: what is bound to itself is looked for after every chunk, not
    again and again in the middle of a plan, and never among the modules and prices, which stay."""
    _begin(wanted)
    gc.collect()
    gc.freeze()
    gc.disable()


def _chunk(numbers: Sequence[int]) -> list[Judged]:
    assert _NIGHTS is not None
    judged = [_NIGHTS.judged(k) for k in numbers]
    if not gc.isenabled():
        gc.collect()
    return judged


def run(wanted: Wanted, *, on_progress: Callable[[int, Summary], None] | None = None) -> tuple[dict[str, Any], bool]:
    """The object to report, and whether every promise held and the engines agreed."""
    begun = time.perf_counter()
    summary, comparison, lines = Summary(), Comparison(), []
    for line, verdict, difference in _all_judged(wanted):
        lines.append(line)
        summary.add(verdict)
        if difference is not None:
            comparison.add(difference)
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
    if wanted.engine != "loop":
        report["against_loop"] = comparison.figures()
    return report, summary.is_kept and not comparison.differing


def explained(wanted: Wanted) -> tuple[str, bool]:
    """The one night wanted as a story, and whether every promise held."""
    nights = Nights(wanted)
    night = play(nights.spec(wanted.first), nights.series)
    truth, verdict = _evidence(night)
    return story(night, truth, verdict), not verdict.broken


def _all_judged(wanted: Wanted) -> Iterator[Judged]:
    """In order of k, whichever process played them."""
    last = wanted.first + wanted.count
    size = CHUNK if wanted.engine == "loop" else 2
    chunks = [range(first, min(first + size, last)) for first in range(wanted.first, last, size)]
    workers = min(os.cpu_count() or 1, len(chunks))
    if workers <= 1:
        _begin(wanted)
        for chunk in chunks:
            yield from _chunk(chunk)
        return
    with multiprocessing.get_context(_way_to_start(wanted)).Pool(workers, _begin_worker, (wanted,)) as pool:
        for done in pool.imap(_chunk, chunks):
            yield from done


def _way_to_start(wanted: Wanted) -> str:
    """A copy of this process has all modules loaded at once. Temporal's engine wants processes without a history, and
    so do a process with threads of its own and systems on which copying one is not safe."""
    is_safe = sys.platform == "linux" and threading.active_count() == 1
    return "fork" if is_safe and wanted.engine == "loop" else "spawn"
