"""A town for rollouts: drivers' workflows on a server of its own, a worker to kill, pages to hold."""

import asyncio
import os
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities.deciding import decide_driver
from activities.rollout import RolloutSteps, decide_rollout
from domain.capabilities import BrandRow, BrandTable
from domain.devices import Capability, CapabilityKind, Device, PowerDeliveryState, Reading, Side
from domain.driver.apply import apply
from domain.driver.events import DeviceSeen, Enroll
from domain.driver.state import DriverLabels, DriverState
from domain.journey import journey_of
from domain.program import Limits, Program
from domain.requirement import Rules
from domain.rollout.events import Go
from domain.rollout.standing import Phase, Standing
from domain.rollout.state import RolloutState
from nights.billed import billed
from ops.ports import free_port
from ops.processes import Processes, answering, tool
from storage.database import Database
from storage.migrations import migrate
from storage.programs import Programs
from storage.reliability import SqlReliability
from storage.roster import BUCKETS, SqlRoster, bucket_of
from storage.sql import SqlStore
from workflows import policies
from workflows import search_attributes as labels
from workflows.driver import DriverWorkflow
from workflows.fleet import Fleet
from workflows.ids import driver_workflow_id
from workflows.messages import DriverStart
from workflows.rollout import RolloutStart, RolloutWorkflow, rollout_workflow_id

QUEUE = "rollout"
NAME = "town"
HOLD = "hold"
BRAND, OTHER = "Slowmobil", "Finecar"
AT_ONCE = 10
TASKS_AT_ONCE = 10
"""Workflow tasks taken up at once: on a busy machine more only run out of time together."""

DEADLINE_SECONDS = 400.0
STICKY = timedelta(seconds=2)
SILENT_FOR = timedelta(seconds=3)
"""A step that is silent for so long is taken to be killed; production waits longer, here nothing else is waited for."""

OPERATOR = "an operator"
TIMER_GRID = 'history.timerProcessorMaxTimeShift="10ms"'


def program_of(page_size: int, window: int = 1) -> Program:
    """A live product after phase 1 that demands a charger of one brand, all of its drivers at once."""
    rows = (
        BrandRow(brand=BRAND, reliability=1, source="by hand"),
        BrandRow(brand=OTHER, reliability=3, source="by hand"),
    )
    return Program(
        name=NAME,
        brands=BrandTable(version="test", rows=rows),
        rules=Rules(lowest_reliability=2),
        limits=Limits(shares=(1.0,), page_size=page_size, window=window),
        standing=Standing(phase=Phase.OPTIONAL),
    )


def driver_of(number: int, program: Program, at: datetime) -> DriverState:
    """An enrolled driver with a capable car and no charger; every other car is of the brand that is asked."""
    rng = random.Random(number)
    driver_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    able = Capability(is_capable=True)
    reading = Reading(
        side=Side.VEHICLE,
        device_id=f"car-{driver_id}",
        observed_at=at,
        received_at=at,
        is_reachable=True,
        is_plugged_in=False,
        state=PowerDeliveryState.UNPLUGGED,
        soc_pct=60.0,
    )
    car = Device(
        id=reading.device_id,
        side=Side.VEHICLE,
        driver_id=driver_id,
        vendor="VENDOR",
        brand=BRAND if number % 2 else OTHER,
        capabilities={
            CapabilityKind.START_CHARGING: able,
            CapabilityKind.STOP_CHARGING: able,
            CapabilityKind.LOCATION: able,
        },
        reading=reading,
    )
    state = DriverState(driver_id=driver_id, program=program, wish=program.wish)
    state = apply(apply(state, DeviceSeen(device=car)), Enroll(action_id="e", at=at, text_version="1"))
    told = DriverLabels(stage=journey_of(state).stage.value, brand=car.brand or "none")
    return state.model_copy(update={"labels": told})


@dataclass(frozen=True)
class Ending:
    """What one driver is asked in the end, and why."""

    requirement: str
    version: int
    standing: Standing
    reason: str
    change: str


def ending_of(state: DriverState) -> Ending:
    """How a driver stands."""
    vehicle = journey_of(state).vehicles[0]
    return Ending(
        requirement=vehicle.requirement.value,
        version=state.program.version,
        standing=state.program.standing,
        reason=vehicle.requirement_reason,
        change=state.change.reason if state.change else "",
    )


class Town:
    """Server, worker process and drivers of one play."""

    def __init__(self, folder: Path, processes: Processes, temporal: Client, address: str) -> None:
        self.folder, self.temporal = folder, temporal
        self._processes, self._address = processes, address
        self._worker: asyncio.subprocess.Process | None = None
        self.kills = 0

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/town.db"

    @property
    def rollout(self) -> WorkflowHandle[RolloutWorkflow, str]:
        return self.temporal.get_workflow_handle_for(RolloutWorkflow.run, rollout_workflow_id(f"{NAME}:targeted:1"))

    async def start_worker(self) -> None:
        command = (sys.executable, "-m", "nights.rollout", "--worker", self.url)
        name = f"worker-{self.kills}"
        env = {"TEMPORAL_ADDRESS": self._address}
        self._worker, _ = await self._processes.start(name, *command, ready="worker runs", env=env)

    async def kill_worker(self) -> None:
        """Kill it without a word, and start another."""
        assert self._worker is not None
        self._worker.kill()
        await self._worker.wait()
        self.kills += 1
        await self.start_worker()

    async def settle(self, drivers: int, page_size: int) -> list[str]:
        """Store program and devices, and start the drivers' workflows."""
        now = datetime.now(UTC)
        store = SqlStore(self.url)
        await store.create()
        program = program_of(page_size)
        stored = await Programs(store.database).publish(program, reason="as it was", origin="town", at=now)
        states = [driver_of(number, stored.for_driver(), now) for number in range(drivers)]
        for state in states:
            for device in state.devices.values():
                await store.save_device(device)
        await store.close()
        gate = asyncio.Semaphore(AT_ONCE)

        async def start(state: DriverState) -> None:
            async with gate:
                await self.temporal.start_workflow(
                    DriverWorkflow.run,
                    DriverStart(state=state),
                    id=driver_workflow_id(state.driver_id),
                    task_queue=QUEUE,
                    search_attributes=labels.for_driver(NAME, state.labels),
                )

        await asyncio.gather(*(start(state) for state in states))
        query = f"Program = '{NAME}' AND ExecutionStatus = 'Running'"

        async def are_listed() -> bool:
            return (await self.temporal.count_workflows(query)).count >= drivers

        await until(are_listed, "all drivers in the visibility store")
        return [state.driver_id for state in states]

    async def begin(self, page_size: int, window: int) -> None:
        """Start the rollout, and say go after the dry run."""
        program = program_of(page_size, window)
        state = RolloutState(
            rollout_id=f"{NAME}:targeted:1",
            program=NAME,
            phase=Phase.TARGETED,
            limits=program.limits,
            before=program.standing,
            published=program.standing,
            wanted=program.standing,
        )
        await self.temporal.start_workflow(
            RolloutWorkflow.run, RolloutStart(state=state), id=self.rollout.id, task_queue=QUEUE
        )
        await self.reaches(lambda s: s.rehearsal is not None, "the dry run")
        await self.rollout.signal(RolloutWorkflow.go, Go(by=OPERATOR, at=datetime.now(UTC)))

    async def state(self) -> RolloutState:
        return await self.rollout.query(RolloutWorkflow.state)

    async def reaches(self, is_there: Callable[[RolloutState], bool], what: str) -> None:
        async def look() -> bool:
            try:
                return is_there(await self.state())
            except RPCError:  # no worker answers at the moment
                return False

        await until(look, what)

    def hold(self, version: int, page: int, pages: int) -> None:
        """From this page of the version on, nobody is told until `let_go`."""
        (self.folder / HOLD).write_text(f"{version} {page * BUCKETS // pages}", encoding="utf-8")

    def let_go(self) -> None:
        (self.folder / HOLD).unlink()

    async def held(self, version: int, page: int) -> None:
        """Until all pages before were told, and the next ones have begun."""

        def is_there(state: RolloutState) -> bool:
            spread = state.spread
            if spread is None or spread.version != version or not spread.in_flight:
                return False
            return spread.next_page - len(spread.in_flight) == page

        await self.reaches(is_there, f"page {page} of version {version}")

    async def endings(self, driver_ids: list[str]) -> dict[str, Ending]:
        """What every driver is asked, by the drivers' own workflows."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(driver_id: str) -> Ending:
            handle = self.temporal.get_workflow_handle_for(DriverWorkflow.run, driver_workflow_id(driver_id))
            found: list[DriverState] = []

            async def answers() -> bool:
                try:
                    found.append(await handle.query(DriverWorkflow.state))
                except RPCError:  # the worker is busy, or a new one
                    return False
                return True

            async with gate:
                await until(answers, f"driver {driver_id}")
            return ending_of(found[-1])

        found = await asyncio.gather(*(ask(driver_id) for driver_id in driver_ids))
        return dict(zip(driver_ids, found, strict=True))

    async def bill(self, driver_id: str) -> Counter[str]:
        """What the driver's workflow has cost, by kind."""
        history = await self.temporal.get_workflow_handle(driver_workflow_id(driver_id)).fetch_history()
        return billed([list(history.events)]).actions


async def until(is_so: Callable[[], Awaitable[bool]], what: str, *, every_seconds: float = 0.05) -> None:
    """Poll until it is so.

    Raises:
        TimeoutError: it never was.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(every_seconds)


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """A Temporal server of its own, in memory."""
    port = str(free_port())
    attributes = [f"--search-attribute={key.name}={key.indexed_value_type.name.capitalize()}" for key in labels.ALL]
    async with Processes(folder) as processes:
        command = (tool("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--port", port, "--headless")
        grid = ("--log-level", "error", "--dynamic-config-value", TIMER_GRID)
        await processes.start("temporal", *command, *grid, *attributes, ready="Server:")
        address = f"127.0.0.1:{port}"
        yield Town(folder, processes, await answering(address), address)


class HeldFleet(Fleet):
    """Tells nobody of a version from a page on, as long as the file says so."""

    def __init__(self, temporal: Client, file: Path) -> None:
        super().__init__(temporal)
        self._file = file

    async def tell_program(self, driver_id: str, program: Program, reason: str) -> bool:
        is_held = True
        while is_held:
            is_held = self._is_held(driver_id, program.version)
            await asyncio.sleep(0.05 if is_held else 0)
        return await super().tell_program(driver_id, program, reason)

    def _is_held(self, driver_id: str, version: int) -> bool:
        try:
            held, bucket = self._file.read_text(encoding="utf-8").split()
        except (FileNotFoundError, ValueError):  # let go, or being written
            return False
        return version == int(held) and bucket_of(driver_id) >= int(bucket)


async def work(url: str) -> None:
    """A worker of drivers and rollouts alone. Without the sandbox: thousands of drivers on a small machine."""
    policies.HEARTBEAT = SILENT_FOR
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)
    database = Database(url)
    await database.prepare(migrate)
    fleet = HeldFleet(client, Path(url.removeprefix("sqlite:///")).with_name(HOLD))
    rollout_steps = RolloutSteps(Programs(database), SqlRoster(database), SqlReliability(database), fleet)
    with ThreadPoolExecutor(max_workers=4) as executor:
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=[DriverWorkflow, RolloutWorkflow],
            activities=[decide_driver, decide_rollout, *rollout_steps.all()],
            activity_executor=executor,
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=3000,
            max_concurrent_workflow_tasks=TASKS_AT_ONCE,
            max_concurrent_local_activities=TASKS_AT_ONCE,
            sticky_queue_schedule_to_start_timeout=STICKY,
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
            activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        ):
            print("worker runs", flush=True)
            await asyncio.Event().wait()
