"""What a rollout costs: billed actions and time in SQL, at several sizes.

`python -m nights.rollout_cost 1000 5000 20000` plays, on a real Temporal server and a real database, a dry run, a
change that asks half of the drivers something else, one look at what was measured, and a taking back that everyone is
told. One size a time may run; with `--into PAGE` every size writes its row into a page of Markdown. Times are CPU
times, since wall times tell of the machine: of the thread in SQL (SQLite), and of the worker's whole process.
The drivers' own workflows are counted, not run: each word to a driver is one signal heard and one decision, and one
change of search attributes where the stage changes. `python -m nights.rollout` runs them.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.worker import Worker

from activities.rollout import RolloutSteps, decide_rollout
from domain.clock import Clock
from domain.program import Program
from domain.rollout.begin import rollout_of
from domain.rollout.events import Go, TakeBack
from domain.rollout.evidence import NightRecord
from domain.rollout.standing import Phase
from nights.billed import Billed, billed
from nights.page_rows import put_row
from nights.rollout_town import NAME, driver_of, program_of, town, until
from storage.measuring import Measured, measured
from storage.programs import Programs
from storage.reliability import SqlReliability
from storage.roster import SqlRoster
from storage.rows import device_values
from storage.sql import SqlStore
from storage.statements import upsert_many
from storage.tables import DeviceRow
from workflows.rollout import RolloutStart, RolloutWorkflow, rollout_workflow_id

QUEUE = "cost"
PAGE, WINDOW = 100, 4
NIGHTS = 3
NIGHT_SECONDS, NIGHT_SECONDS_PER_1000 = 5.0, 1.0
"""Real time of a night: a look at what was measured comes after the first, and is over before the second."""

LOOK_SECONDS = 1.0
"""Seldom: what it costs to look on is not to be counted."""

PER_WORD, PER_STAGE = 2, 1
"""Billed actions of a driver's workflow: a signal heard and a decision per word, search attributes per changed stage
(counted from a history by `python -m nights.rollout`). Half of the drivers change theirs, and change it back."""


@dataclass
class Counted:
    """Drivers who are told, and do not run."""

    ids: list[str]
    told: int = 0

    async def running(self, program: str) -> AsyncIterator[list[tuple[str, str]]]:
        for start in range(0, len(self.ids), 500):
            yield [(driver_id, "enrolled") for driver_id in self.ids[start : start + 500]]

    async def tell_program(self, driver_id: str, program: Program, reason: str) -> bool:
        self.told += 1
        return True


@dataclass(frozen=True)
class Cost:
    """Of one size."""

    drivers: int
    bill: Billed
    told: int
    sql: Measured
    cpu_seconds: float  # of worker and client
    seconds: float

    def row(self) -> tuple[str, ...]:
        """The cells of TITLES."""
        of_rollout, of_drivers = self.bill.total, PER_WORD * self.told + PER_STAGE * self.drivers
        per_100k = 100_000 / self.drivers
        return (
            f"{self.drivers:,}",
            f"{of_rollout:,}",
            f"{of_drivers:,}",
            f"{(of_rollout + of_drivers) * per_100k:,.0f}",
            f"{self.sql.statements * per_100k:,.0f}",
            f"{self.sql.cpu_seconds * per_100k:.0f}",
            f"{self.cpu_seconds * per_100k:.0f}",
            f"{self.sql.cpu_seconds / self.cpu_seconds:.0%}",
            f"{self.seconds:.0f}",
        )


async def cost_of(drivers: int, folder: Path) -> Cost:
    """Play it once with so many drivers."""
    store = SqlStore(f"sqlite:///{folder}/cost.db")
    await store.create()
    program = program_of(PAGE, WINDOW)
    stored = await Programs(store.database).publish(program, reason="as it was", origin="cost", at=datetime.now(UTC))
    ids = await _furnish(store, stored, drivers)
    fleet = Counted(ids)
    steps = RolloutSteps(Programs(store.database), SqlRoster(store.database), SqlReliability(store.database), fleet)
    began, cpu_began = time.perf_counter(), time.process_time()
    async with town(folder) as place:
        with measured(store.database) as sql, ThreadPoolExecutor(max_workers=2) as executor:
            async with Worker(
                place.temporal,
                task_queue=QUEUE,
                workflows=[RolloutWorkflow],
                activities=[decide_rollout, *steps.all()],
                activity_executor=executor,
            ):
                await _roll(place.temporal, stored, drivers)
        cpu_seconds = time.process_time() - cpu_began
        bill = billed(await _runs(place.temporal, rollout_workflow_id(f"{NAME}:targeted:1")))
    await store.close()
    return Cost(drivers, bill, fleet.told, sql, cpu_seconds, time.perf_counter() - began)


async def _roll(temporal: Client, program: Program, drivers: int) -> None:
    now = datetime.now(UTC)
    night_seconds = NIGHT_SECONDS + NIGHT_SECONDS_PER_1000 * drivers / 1000
    clock = Clock.starting(now, real_now=now, speed=86_400 / night_seconds)
    handle = await temporal.start_workflow(
        RolloutWorkflow.run,
        RolloutStart(state=rollout_of(program, Phase.TARGETED, 1), clock=clock),
        id=rollout_workflow_id(f"{NAME}:targeted:1"),
        task_queue=QUEUE,
    )
    latest = temporal.get_workflow_handle_for(RolloutWorkflow.run, handle.id)

    async def is_rehearsed() -> bool:
        return (await latest.query(RolloutWorkflow.state)).rehearsal is not None

    async def is_measured() -> bool:
        return (await latest.query(RolloutWorkflow.state)).measures is not None

    async def is_over() -> bool:
        return bool((await latest.query(RolloutWorkflow.state)).ends_because)

    await until(is_rehearsed, "the dry run", every_seconds=LOOK_SECONDS)
    await latest.signal(RolloutWorkflow.go, Go(by="cost", at=now))
    await until(is_measured, "a look at what was measured", every_seconds=LOOK_SECONDS)
    await latest.signal(RolloutWorkflow.take_back, TakeBack(by="cost", at=now))
    await until(is_over, "the end", every_seconds=LOOK_SECONDS)


async def _furnish(store: SqlStore, program: Program, drivers: int) -> list[str]:
    """Devices and some nights of every driver."""
    now = datetime.now(UTC)
    states = [driver_of(number, program, now) for number in range(drivers)]
    rows = [device_values(device) for state in states for device in state.devices.values()]
    await store.database.write(lambda session: upsert_many(session, DeviceRow, rows))
    book = SqlReliability(store.database)
    for night in range(NIGHTS):
        records = [_night(state.driver_id, number, night, now) for number, state in enumerate(states)]
        await book.add_nights(NAME, records)
    return [state.driver_id for state in states]


def _night(driver_id: str, number: int, night: int, now: datetime) -> NightRecord:
    return NightRecord(
        session_id=f"{driver_id}:{night}",
        number=1,
        driver_id=driver_id,
        brand="Slowmobil" if number % 2 else "Finecar",
        closed_at=now - timedelta(days=NIGHTS - night),
        has_charger=False,
        is_ready=True,
        commands_sent=4,
        commands_proven=4,
        api_calls=4,
        api_errors=0,
        quarters=40,
        fresh_quarters=38,
    )


async def _runs(temporal: Client, workflow_id: str) -> list[list[HistoryEvent]]:
    """The histories of all runs, oldest first."""
    handle = temporal.get_workflow_handle(workflow_id)
    runs: list[list[HistoryEvent]] = []
    run_id: str | None = (await handle.describe()).run_id
    while run_id:
        history = await temporal.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        runs.insert(0, list(history.events))
        run_id = runs[0][0].workflow_execution_started_event_attributes.continued_execution_run_id
    return runs


HEADING = "## Cost of a phase, forth and back"
TITLES = (
    "drivers",
    "actions of the rollout",
    "of the drivers",
    "actions per 100,000",
    "SQL statements per 100,000",
    "SQL per 100,000 [CPU s]",
    "worker per 100,000 [CPU s]",
    "SQL's share of the worker",
    "wall [s]",
)


async def main(sizes: Sequence[int], page: Path | None) -> None:
    print(" | ".join(TITLES))
    for drivers in sizes:
        with tempfile.TemporaryDirectory() as folder:
            cost = await cost_of(drivers, Path(folder))
        print(" | ".join(cost.row()))
        print(", ".join(f"{count} {kind}" for kind, count in cost.bill.actions.most_common()), flush=True)
        if page is not None:
            put_row(page, HEADING, TITLES, cost.row(), keys=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drivers", type=int, nargs="+")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="write a row per size into this page")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.drivers, arguments.into))
