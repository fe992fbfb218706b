"""A night whose worker is a process of its own, and dies by SIGKILL at the steps that are named."""

import asyncio
import multiprocessing
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from domain.clock import Clock
from domain.devices import Side, VendorAction
from domain.prices import PriceSeries
from domain.session.effects import Decision
from domain.session.state import SessionState
from nights.kills_worker import BEAT, LET_GO, TASK_TIMEOUT, Attempt, Deciding, Failed, received, run, send
from nights.loop import RESTART_SECONDS
from nights.temporal_engine import QUEUE, TemporalNight
from nights.temporal_engine import Attempt as Carried
from nights.temporal_session import TemporalSession
from nights.world.spec import NightSpec
from workflows.policies import REAL_FLOOR

QUIET_RESTART = 3 * REAL_FLOOR + timedelta(seconds=1)
"""World time until a step without heartbeats is tried again: its time must run out."""

_attempt: ContextVar[tuple[Attempt, Callable[..., None]]] = ContextVar("_attempt")
"""The attempt that is carried out, and how it says that it lives."""


class Moment(StrEnum):
    """Where in a step the worker dies."""

    BEGUN = "begun"  # before anything was done; also within every decision
    SENT = "sent"  # the vendor has taken the request, and nobody noted it
    DONE = "done"  # all is done, and the server does not know


class Died(ApplicationError):
    """The worker died in this step."""


class KilledNight(TemporalNight):
    """A night whose worker dies at `moment` of every step (None: it lives); each step once."""

    patience_seconds = 25.0
    rest_seconds = 90.0

    def __init__(
        self, spec: NightSpec, series: PriceSeries, env: WorkflowEnvironment, clock: Clock, moment: Moment | None
    ) -> None:
        super().__init__(spec, series, env, clock)
        self._moment = moment
        self.killed: list[str] = []  # where the worker died
        self.steps_seen: list[str] = []
        self._process: Any = None
        self._socket = ""
        vendor: Any = self.world.vendor
        vendor.start, vendor.stop = self._dies_after(vendor.start), self._dies_after(vendor.stop)

    def opened(self, state: SessionState) -> Any:
        return TemporalSession(state, self._env.client, QUEUE, self._server_clock, task_timeout=TASK_TIMEOUT)

    # -- the process ------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        with tempfile.TemporaryDirectory() as folder:
            self._socket = str(Path(folder) / "runner")
            server = await asyncio.start_unix_server(self._serve, self._socket, limit=2**24)
            self._start()
            try:
                yield
            finally:
                await self._kill()
                server.close()

    def _start(self) -> None:
        address = self._env.client.service_client.config.target_host
        self._process = _processes().Process(target=run, args=(address, self._socket), daemon=True)
        self._process.start()

    async def _kill(self) -> None:
        self._process.kill()
        await asyncio.to_thread(self._process.join)

    async def _die(self, where: str) -> None:
        """SIGKILL, and another worker at once."""
        self.killed.append(where)
        await self._kill()
        self._start()

    def _is_to_die(self, where: str, moment: Moment) -> bool:
        return self._moment is moment and where not in self.killed

    # -- what the worker asks for -----------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            message = await received(reader)
            match message:
                case Deciding():
                    await self._may_decide(message, writer)
                case Decision():
                    if self._open is not None:
                        self._open.decided(message)
                    send(writer, None)
                case Attempt():
                    await self._do(message, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the worker died, on purpose
        finally:
            writer.close()

    async def _may_decide(self, asked: Deciding, writer: asyncio.StreamWriter) -> None:
        where = f"decision {asked.question.seen} of {asked.question.state.session_id}"
        self.steps_seen.append(where)
        if self._is_to_die(where, Moment.BEGUN):
            await self._die(where)
            return
        send(writer, self._open and self._open.not_yet(asked.question))

    async def _do(self, asked: Attempt, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The step's work, for as long as the worker lives and wants it."""
        _attempt.set((asked, lambda *_: send(writer, BEAT)))
        carried = Carried(asked.activity_id, asked.workflow_id, asked.number, asked.is_local)
        work = asyncio.ensure_future(self.carry_out(asked.name, asked.step, carried))
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            if gone.exception() is not None or gone.result() != LET_GO:
                await self._lost(asked)
            return
        gone.cancel()
        try:
            send(writer, work.result())
        except Died as death:
            await self._die(death.message)
            await self._lost(asked)
            self._dying -= 1
        except ApplicationError as error:
            send(writer, Failed(error.message, error.type, error.non_retryable, error.next_retry_delay))

    async def _lost(self, asked: Attempt) -> None:
        """The attempt died with its worker, or was let go of. What the server finds out when its heartbeat or its time
        runs out it is told now, with that time as the wait for the next try: waiting it out would take real time."""
        if asked.is_local:
            self._waiting.pop(asked.activity_id, None)
            return  # its task times out
        self._waiting[asked.activity_id] = asked.workflow_id
        delay = timedelta(seconds=RESTART_SECONDS) if asked.heartbeat else QUIET_RESTART
        client: Client = self._env.client
        try:
            handle = client.get_async_activity_handle(task_token=asked.token)
            await handle.fail(ApplicationError("the worker died", next_retry_delay=delay))
        except RPCError:
            self._waiting.pop(asked.activity_id, None)  # superseded: nobody waits for it

    # -- the work ---------------------------------------------------------------------------------------------------

    async def _step(self, name: str, step: BaseModel) -> Any:
        asked, beat = _attempt.get()
        where = f"{name} {asked.activity_id} of {asked.workflow_id}"
        self.steps_seen.append(where)
        if self._is_to_die(where, Moment.BEGUN):
            self._dies(where)
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, heartbeat_timeout=asked.heartbeat, attempt=asked.number)
        environment.on_heartbeat = beat
        result = await environment.run(super()._step, name, step)
        if self._is_to_die(where, Moment.DONE):
            self._dies(where)
        return result

    def _dies(self, where: str) -> NoReturn:
        self._dying += 1
        raise Died(where)

    def _dies_after(self, ask: Callable[[Side, str], Any]) -> Callable[[Side, str], Any]:
        async def asked(side: Side, device_id: str) -> VendorAction:
            action: VendorAction = await ask(side, device_id)
            attempt, _ = _attempt.get()
            where = f"{attempt.name} {attempt.activity_id} of {attempt.workflow_id}"
            if self._is_to_die(where, Moment.SENT):
                self._dies(where)
            return action

        return asked


def _processes() -> Any:
    """Forked from a process that has imported everything and runs nothing: a worker is there in no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nights.kills_worker"])
    return context
