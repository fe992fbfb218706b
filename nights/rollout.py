"""A rollout over real drivers' workflows on a real Temporal server, with its worker killed on the way.

`python -m nights.rollout` plays it with 2,000 drivers, once undisturbed and once with the worker killed twice, forward
and stopped half-way and taken back, and compares driver by driver what is asked in the end. `--keep FOLDER` keeps the
endings, so that the plays of one comparison may run one at a time. `tests/e2e` plays it small.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from domain.rollout.events import Stop, TakeBack
from domain.rollout.state import RolloutState
from nights.page_rows import put_row
from nights.record_histories import write
from nights.rollout_town import OPERATOR, Ending, Town, town, work
from workflows.rollout import RolloutWorkflow

SAMPLE = 40
"""Drivers looked at half-way; in the end all are."""


@dataclass(frozen=True)
class Played:
    """A rollout that was played."""

    endings: dict[str, Ending]
    state: RolloutState
    kills: int
    seconds: float
    bill: Counter[str]  # billed actions of one driver of the brand that was asked
    history: WorkflowHistory  # of the rollout

    def asked(self) -> Counter[str]:
        return Counter(ending.requirement for ending in self.endings.values())

    def told(self) -> dict[str, str]:
        """Per driver what is asked, why, by which version and change: equal for two drivers who stand alike."""
        return {
            driver: json.dumps({**asdict(e), "standing": e.standing.model_dump(mode="json")}, sort_keys=True)
            for driver, e in self.endings.items()
        }

    def versions(self) -> Counter[int]:
        return Counter(ending.version for ending in self.endings.values())


async def play(folder: Path, *, drivers: int, page_size: int, is_killed: bool, is_taken_back: bool) -> Played:
    """One rollout: forward until it soaks, or stopped half-way and taken back. With `is_killed` the worker is killed
    twice, each time while pages are half told."""
    began = time.monotonic()
    pages = -(-drivers // page_size)
    half = pages // 2
    async with town(folder) as place:
        await place.start_worker()
        driver_ids = await place.settle(drivers, page_size)
        place.hold(2, half, pages)
        await place.begin(page_size, max(1, pages // 10))
        await place.held(2, half)
        if is_killed:
            await place.kill_worker()
        told = len({e.version for e in (await place.endings(driver_ids[:SAMPLE])).values()})
        assert told == 2, "half of them know the new version"
        if is_taken_back:
            await _take_back(place, half, pages)
        else:
            place.hold(2, half + half // 2, pages)
            await place.held(2, half + half // 2)
        if is_killed:
            await place.kill_worker()
        place.let_go()
        await place.reaches(lambda s: bool(s.ends_because) or s.soak is not None, "the end")
        endings, state = await place.endings(driver_ids), await place.state()
        bill, history = await place.bill(driver_ids[1]), await place.rollout.fetch_history()
    return Played(endings, state, place.kills, time.monotonic() - began, bill, history)


async def _take_back(place: "Town", half: int, pages: int) -> None:
    """Stop with half of the pages told, and take back; held again with half of the pages taken back."""
    now = datetime.now(UTC)
    await place.rollout.signal(RolloutWorkflow.stop, Stop(by=OPERATOR, at=now))
    await place.reaches(lambda s: s.is_stopped, "the operator's word")
    place.hold(3, half, pages)
    await place.reaches(lambda s: s.spread is not None and not s.spread.in_flight, "a stop")
    told = TakeBack(by=OPERATOR, at=now, reason="complaints")
    await place.rollout.signal(RolloutWorkflow.take_back, told)
    await place.held(3, half)


HEADING = "## Killed and taken back: what every driver is asked in the end"
TITLES = (
    "drivers",
    "play",
    "kills",
    "asked",
    "version",
    "words",
    "as undisturbed",
    "endings",
    "actions of a driver",
    "wall [s]",
)


async def main(
    drivers: int, page_size: int, plays: list[tuple[bool, bool]], folder: Path, page: Path | None, record: Path | None
) -> bool:
    """Play each (taken back, killed), hold it against the undisturbed one of its kind, and tell; True if alike."""
    is_same = True
    for is_taken_back, is_killed in plays:
        with tempfile.TemporaryDirectory() as place:
            run = await play(
                Path(place), drivers=drivers, page_size=page_size, is_killed=is_killed, is_taken_back=is_taken_back
            )
        what = "stopped half-way and taken back" if is_taken_back else "forward"
        kept = folder / f"{drivers}-{what.replace(' ', '-')}.json"
        told = run.told()
        if not is_killed:
            kept.write_text(json.dumps(told), encoding="utf-8")
        undisturbed: dict[str, str] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        alike = sum(undisturbed.get(driver) == ending for driver, ending in told.items())
        is_same = is_same and (alike == drivers or not undisturbed)
        row = (
            f"{drivers:,}",
            what,
            str(run.kills),
            _counted(run.asked()),
            _counted(run.versions()),
            f"{run.state.told:,}",
            f"{alike:,} drivers" if is_killed and undisturbed else "-",
            hashlib.sha256(repr(sorted(told.items())).encode()).hexdigest()[:12],
            _counted(run.bill),
            f"{run.seconds:.0f}",
        )
        print(" | ".join(row), flush=True)
        if record is not None:
            print(write(record, run.history))
        if page is not None:
            put_row(page, HEADING, TITLES, row, keys=3)
    return is_same


def _counted(counts: Counter[Any]) -> str:
    return ", ".join(f"{count:,} x {name}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drivers", type=int, default=2000)
    parser.add_argument("--pages", type=int, default=50, help="drivers a page")
    parser.add_argument("--only", choices=["forward", "taken-back"])
    parser.add_argument("--kills", type=int, choices=[0, 2])
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="endings of undisturbed plays, kept to compare with"
    )
    parser.add_argument("--into", type=Path, metavar="PAGE", help="write a row per play into this page")
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="store the rollout's history, as a release's")
    parser.add_argument("--worker", metavar="URL", help="run as the worker process")
    arguments = parser.parse_args()
    if arguments.worker:
        asyncio.run(work(arguments.worker))
    else:
        ways = {"forward": (False,), "taken-back": (True,), None: (False, True)}[arguments.only]
        times = {0: (False,), 2: (True,), None: (False, True)}[arguments.kills]
        wanted = [(is_taken_back, is_killed) for is_taken_back in ways for is_killed in times]
        with tempfile.TemporaryDirectory() as nowhere:
            kept = arguments.keep or Path(nowhere)
            kept.mkdir(parents=True, exist_ok=True)
            played = main(
                arguments.drivers, arguments.pages, wanted, kept, page=arguments.into, record=arguments.record
            )
            sys.exit(0 if asyncio.run(played) else 1)
