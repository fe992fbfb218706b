"""The two Temporal servers that workflow tests run on, behind one small face: real time, and time that skips."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from support.factories import EVENING
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.clock import Clock
from ops.processes import tool
from workflows.driver import DriverWorkflow
from workflows.engine import PLUGIN
from workflows.search_attributes import ALL
from workflows.session import SessionWorkflow

DEADLINE_SECONDS = 90.0
LOOK_EVERY_SECONDS = 0.02
SKIP = timedelta(minutes=10)
"""World time that passes between two looks where time skips."""

TIMER_GRID = ("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"')

Seen = TypeVar("Seen")

Look = Callable[[], Awaitable[bool]]

PASSING = {RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE}
"""A server on a busy machine may let a question time out."""


class Server:
    """A fresh server, and world time that begins with the evening of the factories."""

    def __init__(self, env: WorkflowEnvironment, *, skips: bool, clock: Clock) -> None:
        self.env, self.skips, self.clock = env, skips, clock
        self.task_queue = f"queue-{uuid.uuid4()}"
        self.deciding: list[Look] = []
        """Of each workflow that keeps a timer: whether it owes a decision. Time that skips would outrun it."""
        self._skipping: asyncio.Task[None] | None = None

    @property
    def client(self) -> Client:
        return self.env.client

    async def now(self) -> datetime:
        """World time by the server's clock."""
        return self.clock.world(await self.env.get_current_time() if self.skips else datetime.now(UTC))

    async def until(self, look: Callable[[], Awaitable[Seen]], what: str, *, time_passes: bool = False) -> Seen:
        """What `look` returns once it is true; with `time_passes` the night goes on meanwhile."""
        deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        while not (seen := await patient(look)):
            assert asyncio.get_running_loop().time() < deadline, f"waited in vain for {what}"
            if time_passes and self.skips and not await self._owes_decision():
                await self._skip()
            else:
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        return seen

    async def _owes_decision(self) -> bool:
        return any([await patient(owes) is not False for owes in self.deciding])  # no answer: perhaps

    async def say(self, call: Callable[[], Awaitable[None]]) -> None:
        """Signal a workflow that may be continuing as new: where time skips, none exists between its two runs."""

        async def is_said() -> bool:
            try:
                await call()
            except RPCError as error:
                if self.skips and error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
            return True

        await self.until(is_said, "the workflow's next run")

    async def _skip(self) -> None:
        """Let time go on. A step under way holds it, so the look must not wait for it."""
        if self._skipping is None or self._skipping.done():
            self._skipping = asyncio.create_task(self.env.sleep(SKIP))
        await asyncio.wait([self._skipping], timeout=LOOK_EVERY_SECONDS)

    async def close(self) -> None:
        if self._skipping is not None:
            self._skipping.cancel()
            await asyncio.gather(self._skipping, return_exceptions=True)

    @asynccontextmanager
    async def worker(self, activities: Sequence[Callable[..., Any]]) -> AsyncIterator[None]:
        """A worker of both workflows with these steps."""
        with ThreadPoolExecutor(max_workers=4) as executor:
            async with Worker(
                self.client,
                task_queue=self.task_queue,
                workflows=[DriverWorkflow, SessionWorkflow],
                activities=activities,
                activity_executor=executor,
            ):
                yield


async def patient(look: Callable[[], Awaitable[Seen]]) -> Seen | None:
    """What `look` returns; None if the server did not answer in time."""
    try:
        return await look()
    except RPCError as error:
        if error.status not in PASSING:
            raise
        return None


@asynccontextmanager
async def serve(kind: str, *, speed: float) -> AsyncIterator[Server]:
    """The server of this kind; `speed` counts where time is real."""
    skips = kind == "time-skipping"
    async with await (_time_skipping() if skips else _dev()) as env:
        real_now = await env.get_current_time() if skips else datetime.now(UTC)
        clock = Clock.starting(EVENING, real_now=real_now, speed=1 if skips else speed)
        server = Server(env, skips=skips, clock=clock)
        yield server
        await server.close()


async def _time_skipping() -> WorkflowEnvironment:
    env = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=tool("temporal-test-server"), plugins=[PLUGIN]
    )
    types = {key.name: IndexedValueType.ValueType(int(key.indexed_value_type)) for key in ALL}
    await env.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(search_attributes=types, namespace="default")
    )
    return env


async def _dev() -> WorkflowEnvironment:
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=tool("temporal"),
        dev_server_extra_args=TIMER_GRID,
        dev_server_log_level="error",
        search_attributes=ALL,
        plugins=[PLUGIN],
    )
