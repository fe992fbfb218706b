"""A session played on a dev server: the real shell and its real decisions, every other step a fake."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.factories import CAR, CHARGER, EVENING, make_plan, make_reading, make_session
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.deciding import decide_session
from client import connect
from domain import steps
from domain.clock import Clock
from domain.commands import CommandOutcome, CommandResult
from domain.devices import PowerDeliveryState, Reading, Side
from domain.nightlog import LogEntry
from domain.session.effects import Decision
from domain.session.events import NightAccounted, PlanReady, ReadingArrived
from domain.session.state import SessionState
from ops.embedded import TIMER_GRID
from ops.inspect import runs_of
from ops.ports import free_port
from ops.processes import Processes, tool
from workflows.ids import session_workflow_id
from workflows.messages import SessionStart
from workflows.search_attributes import ALL
from workflows.session import SessionWorkflow

QUEUE = "played"
LIMIT_SECONDS = 20.0
"""Real time for anything a test waits for; the machine may be busy."""


@asynccontextmanager
async def dev_server(folder: Path) -> AsyncIterator[Client]:
    """A Temporal server of its own, in memory, ended with the test. Its log goes to `folder`."""
    port = str(free_port())
    attributes = [f"--search-attribute={key.name}={key.indexed_value_type.name.capitalize()}" for key in ALL]
    async with Processes(folder) as processes:
        await processes.start(
            "temporal",
            *(tool("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--port", port, "--headless"),
            *("--log-level", "error", "--dynamic-config-value", TIMER_GRID, *attributes),
            ready="Server:",
        )
        yield await _answering(f"127.0.0.1:{port}")


async def _answering(address: str) -> Client:
    """The client of a server that has just been started."""
    found: list[Client] = []

    async def answers() -> bool:
        try:
            found.append(await connect(address))
            await found[-1].count_workflows()
        except (RPCError, RuntimeError):
            return False
        return True

    await until(answers, "the Temporal server does not answer")
    return found[-1]


async def until(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Poll until it is so.

    Raises:
        TimeoutError: it never was.
    """
    deadline = asyncio.get_running_loop().time() + LIMIT_SECONDS
    while not await is_so():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.02)


@dataclass
class House:
    """Car and charger as the fakes see them. `outcomes` says what becomes of a command, by number: PROVEN if not told,
    None if the step fails. A command in `held` ends when its event is set."""

    clock: Clock
    is_charging: bool = True
    is_plugged: bool = True
    outcomes: dict[int, CommandResult | None] = field(default_factory=dict)
    held: dict[int, asyncio.Event] = field(default_factory=dict)
    command_takes_seconds: float = 0.0  # real time
    unreadable: set[str] = field(default_factory=set)
    logs: list[tuple[LogEntry, ...]] = field(default_factory=list)  # as handed over with each night

    def reading(self, side: Side) -> Reading:
        now = self.clock.now()
        state = PowerDeliveryState.CHARGING if self.is_charging else PowerDeliveryState.STOPPED
        return make_reading(
            side,
            state=state if self.is_plugged else PowerDeliveryState.UNPLUGGED,
            paired_with=None if not self.is_plugged else CHARGER if side is Side.VEHICLE else CAR,
            observed_at=now,
            received_at=now,
        )

    def activities(self) -> list[Callable[..., Any]]:
        return [
            self.listen,
            self.stop_listening,
            self.make_plan,
            self.send_command,
            self.read_device,
            self.tell,
            self.close_night,
        ]

    @activity.defn(name=steps.LISTEN)
    async def listen(self, _step: steps.ListenTo) -> steps.Heard:
        return steps.Heard(readings=tuple(self.reading(side) for side in Side))

    @activity.defn(name=steps.STOP_LISTENING)
    async def stop_listening(self, _step: steps.ListenTo) -> None:
        return None

    @activity.defn(name=steps.MAKE_PLAN)
    async def make_plan(self, step: steps.MakePlan) -> PlanReady:
        return PlanReady(revision=step.request.revision, plan=make_plan())

    @activity.defn(name=steps.SEND_COMMAND)
    async def send_command(self, step: steps.SendCommand) -> CommandOutcome:
        order = step.order
        if order.number in self.held:
            await asyncio.wait_for(self.held[order.number].wait(), LIMIT_SECONDS)
        await asyncio.sleep(self.command_takes_seconds)
        result = self.outcomes.get(order.number, CommandResult.PROVEN)
        if result is None:
            raise ApplicationError("no answer", type="Unreachable", non_retryable=True)
        now = self.clock.now()
        return CommandOutcome(
            number=order.number,
            key=order.key,
            goal=order.goal,
            side=order.side,
            result=result,
            sent_at=now,
            ended_at=now,
        )

    @activity.defn(name=steps.READ_DEVICE)
    async def read_device(self, step: steps.ReadDevice) -> ReadingArrived:
        if step.device_id in self.unreadable:
            raise ApplicationError("asleep", type="DeviceAsleep", non_retryable=True)
        return ReadingArrived(reading=self.reading(step.side))

    @activity.defn(name=steps.TELL)
    async def tell(self, _step: steps.TellDriver) -> None:
        return None

    @activity.defn(name=steps.CLOSE_NIGHT)
    async def close_night(self, step: steps.CloseTheNight) -> NightAccounted:
        self.logs.append(step.log)
        return NightAccounted(number=step.night.number, is_ready=True, saving="1.00", why="for the test")


@dataclass
class Played:
    """A session under way."""

    temporal: Client
    handle: WorkflowHandle[SessionWorkflow, None]
    session_id: str
    house: House

    async def hears(self, *readings: Reading) -> None:
        for reading in readings:
            await self.handle.signal(SessionWorkflow.reading, ReadingArrived(reading=reading))

    async def unplugged(self) -> None:
        """Tell that the cable is out. A read may find it out first, and the session be over already."""
        self.house.is_plugged = self.house.is_charging = False
        try:
            await self.hears(*(self.house.reading(side) for side in Side))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def state(self) -> SessionState:
        return await self.handle.query(SessionWorkflow.state)

    async def runs(self) -> list[list[HistoryEvent]]:
        return await runs_of(self.temporal, self.session_id)

    async def events(self, kind: EventType.ValueType) -> list[HistoryEvent]:
        """Events of this kind in all runs."""
        return [event for run in await self.runs() for event in run if event.event_type == kind]

    async def has(self, kind: EventType.ValueType, count: int = 1) -> None:
        """Wait until history holds this many events of the kind."""

        async def is_so() -> bool:
            return len(await self.events(kind)) >= count

        await until(is_so, f"{count} of {EventType.Name(kind)}")


@activity.defn(name=steps.DECIDE_SESSION)
async def decided(question: steps.DecideSession) -> Decision:
    """The real decision, without a thread of its own."""
    return decide_session(question)


def shell_worker(temporal: Client) -> Worker:
    """Runs workflows and their decisions, and no other step."""
    return Worker(
        temporal,
        task_queue=QUEUE,
        workflows=[SessionWorkflow],
        activities=[decided],
        no_remote_activities=True,
    )


def house_worker(temporal: Client, house: House) -> Worker:
    """Runs the fake steps."""
    return Worker(temporal, task_queue=QUEUE, activities=house.activities())


def house_at(speed: float, **changes: Any) -> House:
    """A house whose clock shows the plug-in now."""
    return House(Clock.starting(EVENING, real_now=datetime.now(UTC), speed=speed), **changes)


async def plug_in(temporal: Client, house: House, **changes: Any) -> Played:
    """Start the session of a car that was just plugged in."""
    session = make_session(*(house.reading(side) for side in Side), **changes)
    handle = await temporal.start_workflow(
        SessionWorkflow.run,
        SessionStart(state=session, clock=house.clock),
        id=session_workflow_id(session.session_id),
        task_queue=QUEUE,
        execution_timeout=timedelta(minutes=2),
    )
    return Played(temporal, handle, session.session_id, house)
