"""A session or a driver under way on a test server, as its tests speak to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from support.factories import CAR, DRIVER, at, make_driver, make_session
from support.fake_steps import FakeSteps
from support.servers import Server
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from client import Nightcharge
from domain.departure import Wish
from domain.devices import Device, Reading, Side
from domain.driver.events import DeviceSeen, Enroll, LinkReturned
from domain.driver.state import DriverState
from domain.nightlog import LogEntry, LogKind
from domain.session.events import DriverActed, ReadingArrived
from domain.session.state import SessionState
from workflows import search_attributes
from workflows.driver import DriverWorkflow
from workflows.ids import driver_workflow_id, session_workflow_id
from workflows.messages import SHELL, DriverStart, SessionStart
from workflows.session import SessionWorkflow

ANSWERS_WITHIN = timedelta(seconds=4)
"""The time-skipping server loses a query that meets a continue-as-new; left alone it is waited for half a minute."""


class Night:
    """A session under way."""

    def __init__(self, server: Server, fakes: FakeSteps, handle: WorkflowHandle[SessionWorkflow, None]) -> None:
        self.server, self.fakes, self.handle = server, fakes, handle
        server.deciding.append(self.owes_decision)

    async def owes_decision(self) -> bool:
        """Whether something was heard, or a timer is due, that it has not decided on yet."""
        try:
            if await self.is_over():
                return False
            log = await self.handle.query(SessionWorkflow.night_log, rpc_timeout=ANSWERS_WITHIN)
            pulse = await self.handle.query(SessionWorkflow.pulse, rpc_timeout=ANSWERS_WITHIN)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        is_due = pulse.wakes_at is not None and pulse.wakes_at <= await self.server.now()
        return is_due or (bool(log) and log[-1].kind is LogKind.EVENT)

    async def state(self) -> SessionState:
        return await self.handle.query(SessionWorkflow.state)

    async def log(self) -> list[LogEntry]:
        return await self.handle.query(SessionWorkflow.night_log)

    async def act(self, act: str, action_id: str = "a", wish: Wish | None = None) -> None:
        action = DriverActed(action_id=action_id, at=await self.server.now(), act=act, wish=wish)
        await self.handle.signal(SessionWorkflow.driver_acted, action)

    async def has_heard(self, action_id: str = "a") -> bool:
        return action_id in (await self.state()).acted

    async def has_plan(self) -> bool:
        state = await self.state()
        return state.night is not None and state.night.plan is not None

    async def read(self, reading: Reading) -> None:
        """What a webhook or the sweep brings."""
        event = ReadingArrived(reading=reading)
        await self.server.say(lambda: self.handle.signal(SessionWorkflow.reading, event))

    async def show(self, side: Side) -> None:
        """The side as it is now."""
        await self.read(self.fakes.reading(side, await self.server.now()))

    async def unplug(self) -> None:
        for reading in self.fakes.unplug(await self.server.now()):
            await self.read(reading)

    async def go_to(self, hours: float) -> None:
        """Let the night go on until so many hours after the plug-in."""

        async def is_there() -> bool:
            return await self.server.now() >= at(hours)

        await self.server.until(is_there, f"{hours} h into the night", time_passes=True)

    async def is_over(self) -> bool:
        return (await self.handle.describe()).status is WorkflowExecutionStatus.COMPLETED

    async def end(self) -> None:
        """Unplug, and wait for the account and the end."""
        await self.unplug()
        await self.server.until(self.is_over, "the end of the session", time_passes=True)


@asynccontextmanager
async def night(server: Server, *, flows: bool = False, plan_fails: bool = False) -> AsyncIterator[Night]:
    """A session from its plug-in on."""
    fakes = FakeSteps(server.clock, flows=flows)
    fakes.plan_fails = plan_fails
    state = make_session(*(fakes.reading(side, at(0)) for side in Side))
    async with server.worker(fakes.all()):
        yield await begin(server, fakes, state)


async def begin(server: Server, fakes: FakeSteps, state: SessionState) -> Night:
    """Plug in."""
    handle = await server.client.start_workflow(
        SessionWorkflow.run,
        SessionStart(state=state, clock=server.clock, shell=SHELL),
        id=session_workflow_id(state.session_id),
        task_queue=server.task_queue,
    )
    return Night(server, fakes, handle)


class Account:
    """A driver under way."""

    def __init__(self, server: Server, fakes: FakeSteps, driver: str) -> None:
        self.server, self.fakes, self.driver = server, fakes, driver
        self.client = Nightcharge(server.client, clock=server.clock, task_queue=server.task_queue)
        self.handle = server.client.get_workflow_handle_for(DriverWorkflow.run, driver_workflow_id(driver))

    async def state(self) -> DriverState:
        return await self.client.driver_state(self.driver)

    async def see(self, device: Device) -> None:
        assert await self.client.device_seen(self.driver, DeviceSeen(device=device))

    async def enroll(self, *devices: Device) -> None:
        """Link these devices, in order, and consent."""
        self.fakes.devices = list(devices)
        for device in devices:
            await self.client.act(self.driver, LinkReturned(action_id=f"returned-{device.id}", side=device.side))
        await self.client.act(self.driver, Enroll(action_id="enroll", at=await self.server.now(), text_version="1"))

    def session(self, seq: int) -> Night:
        """The session of the car's plug-in number `seq`."""
        handle = self.server.client.get_workflow_handle_for(SessionWorkflow.run, session_workflow_id(f"{CAR}:{seq}"))
        return Night(self.server, self.fakes, handle)


@asynccontextmanager
async def account(server: Server) -> AsyncIterator[Account]:
    """A driver from the first moment on."""
    fakes = FakeSteps(server.clock)
    async with server.worker(fakes.all()):
        yield await open_account(server, fakes)


async def open_account(server: Server, fakes: FakeSteps) -> Account:
    state = make_driver()
    await server.client.start_workflow(
        DriverWorkflow.run,
        DriverStart(state=state, clock=server.clock),
        id=driver_workflow_id(DRIVER),
        task_queue=server.task_queue,
        search_attributes=search_attributes.for_driver(state.program.name, state.labels),
    )
    return Account(server, fakes, DRIVER)
