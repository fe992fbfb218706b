"""The worker that is killed: a process of its own with the real workflow and its decisions.

The work of a step is done where the world is, in the process of the runner; a step here asks for it and waits. When
this process dies, what it asked for stops there at the same instant, wherever it is.
"""

import asyncio
import logging
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.deciding import decide_session
from domain import steps
from domain.session.effects import Decision
from nights.temporal_engine import BEATS_AT_ONCE, QUEUE
from workflows.answers import ANSWERS
from workflows.session import SessionWorkflow

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Attempt:
    """One attempt of a step, as it asks for its work."""

    name: str
    step: Any
    activity_id: str
    workflow_id: str
    number: int
    is_local: bool
    token: bytes
    heartbeat: timedelta | None


@dataclass(frozen=True)
class Deciding:
    """A decision is about to be taken."""

    question: steps.DecideSession


@dataclass(frozen=True)
class Failed:
    """How a step's work failed."""

    message: str
    kind: str | None
    non_retryable: bool
    next_retry_delay: timedelta | None


TASK_TIMEOUT = timedelta(seconds=1)
"""Real time after which a decision that died with its worker is taken anew, by another."""

BEAT = "beat"
"""What the work says of itself while it goes on."""


LET_GO = b"."
"""The last byte of a step that was let go of; one whose process died says nothing."""


def send(writer: asyncio.StreamWriter, message: Any) -> None:
    """One message, whole."""
    data = pickle.dumps(message)
    writer.write(_LENGTH.pack(len(data)) + data)


async def received(reader: asyncio.StreamReader) -> Any:
    """The next message.

    Raises:
        asyncio.IncompleteReadError: the other side is gone.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))


def run(address: str, socket: str) -> None:
    """Work until killed, or alone. What the SDK and the workflow say of lost tasks and an absent driver is expected."""
    logging.getLogger("temporalio").setLevel(logging.ERROR)
    asyncio.run(_work(address, socket))


async def _work(address: str, socket: str) -> None:
    lifeline, _ = await asyncio.open_unix_connection(socket)
    silent = Runtime(telemetry=TelemetryConfig(logging=None))
    client = await Client.connect(address, data_converter=pydantic_data_converter, runtime=silent)
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[SessionWorkflow],
        activities=[_deciding(socket), *(_step(name, socket) for name in ANSWERS)],
        workflow_runner=UnsandboxedWorkflowRunner(),  # to import the workflow anew takes seconds of every life
        max_cached_workflows=0,  # nothing waits for a dead worker's own queue
        max_heartbeat_throttle_interval=BEATS_AT_ONCE,
        default_heartbeat_throttle_interval=BEATS_AT_ONCE,
    ):
        await lifeline.read()  # until the runner is gone


def _deciding(socket: str) -> Callable[..., Any]:
    @activity.defn(name=steps.DECIDE_SESSION)
    async def decide(question: steps.DecideSession) -> Decision:
        not_yet: Decision | None = await _asked(socket, Deciding(question))
        decision = not_yet or decide_session(question)
        await _asked(socket, decision)
        return decision

    return decide


def _step(name: str, socket: str) -> Callable[..., Any]:
    async def step(asked: Any) -> Any:
        info = activity.info()
        return await _asked(
            socket,
            Attempt(
                name=name,
                step=asked,
                activity_id=info.activity_id,
                workflow_id=info.workflow_id or "",
                number=info.attempt,
                is_local=info.is_local,
                token=info.task_token,
                heartbeat=info.heartbeat_timeout,
            ),
        )

    step.__annotations__ = {"asked": ANSWERS[name].asks, "return": ANSWERS[name].gives}
    return activity.defn(name=name)(step)


async def _asked(socket: str, message: Any) -> Any:
    """The runner's answer."""
    reader, writer = await asyncio.open_unix_connection(socket, limit=2**24)
    try:
        send(writer, message)
        while (answer := await received(reader)) == BEAT:
            activity.heartbeat()
    except asyncio.CancelledError:
        writer.write(LET_GO)
        raise
    finally:
        writer.close()
    if isinstance(answer, Failed):
        raise ApplicationError(
            answer.message,
            type=answer.kind,
            non_retryable=answer.non_retryable,
            next_retry_delay=answer.next_retry_delay,
        )
    return answer
