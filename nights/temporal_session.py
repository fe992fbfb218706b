"""A session in the real engine, and what the runner must know of it to step time safely."""

from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel
from temporalio.api.enums.v1 import IndexedValueType, PendingActivityState
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from domain.clock import Clock
from domain.session.effects import CloseNight, CloseSession, Decision, Listen, Plan, Read, Send, Tell, WakeAt
from domain.session.events import DevicesLeaving, DriverActed, PricesChanged, ReadingArrived
from domain.session.state import SessionState
from domain.steps import SEND_COMMAND, DecideSession
from ops.processes import tool
from workflows.engine import PLUGIN
from workflows.ids import session_workflow_id
from workflows.messages import SHELL, SessionStart
from workflows.search_attributes import ALL
from workflows.session import SessionWorkflow

SIGNALS: dict[type[BaseModel], str] = {
    ReadingArrived: "reading",
    DriverActed: "driver_acted",
    PricesChanged: "prices_changed",
    DevicesLeaving: "devices_leaving",
}

A_LITTLE = timedelta(milliseconds=20)
"""Past a timer's instant, so that the server has fired it."""

STEPS = (Listen, Plan, Send, Read, Tell, CloseNight)
"""Effects that begin a durable step."""


class TemporalSession:
    """One session workflow: events go out as signals, decisions come back through the recorded step."""

    def __init__(
        self, state: SessionState, client: Client, queue: str, clock: Clock, *, task_timeout: timedelta | None = None
    ) -> None:
        self.state, self._task_timeout = state, task_timeout
        self.is_over = False  # it has decided to close
        self.is_closed = False  # and its workflow has ended
        self.record: list[tuple[int, datetime, BaseModel, bool]] = []  # as the loop keeps it, what is told of it
        self.wake_at: datetime | None = None
        self.expected = 0  # events it must have heard by now
        self.seen = -1  # the last event a decision knew
        self.to_begin = 0  # steps its decisions asked for
        self.begun = 0  # of which were begun
        self.together = 0  # the last of several events that came at one instant, and are decided on together
        self._last_asked = 0
        self._begun_ids: set[str] = set()
        self._outbox: deque[BaseModel] = deque()
        self._client, self._queue, self._clock = client, queue, clock
        self._handle: WorkflowHandle[Any, Any] | None = None

    def hear(self, event: BaseModel) -> None:
        """To be signalled before time goes on."""
        if not self.is_over:
            self._outbox.append(event)

    def decided(self, decision: Decision) -> None:
        """A decision was taken. A second one on the same events stands for the first, which died with its worker."""
        is_anew = decision.seen == self.seen
        if is_anew:
            del self.record[max(i for i, (*_, is_decision) in enumerate(self.record) if is_decision)]
        self.record.append((decision.seen, decision.at, decision, True))
        self.seen = decision.seen
        self.expected = max(self.expected, decision.seen)  # a timer may have fired before we looked
        asked = sum(isinstance(effect, STEPS) for effect in decision.effects)
        # A decision outrun by an event was not acted on: the one taken anew stands for it.
        self.to_begin += asked - (self._last_asked if decision.attempt or is_anew else 0)
        self._last_asked = asked
        self.wake_at = next((effect.at for effect in decision.effects if isinstance(effect, WakeAt)), None)
        self.is_over = any(isinstance(effect, CloseSession) for effect in decision.effects)

    def not_yet(self, question: DecideSession) -> Decision | None:
        """No effect, if it was asked for between two events of one instant: the loop decides on both together."""
        if question.seen >= self.together:
            return None
        wake = () if self.wake_at is None else (WakeAt(at=self.wake_at, reason="more has come at this instant"),)
        return Decision(at=question.now, seen=question.seen, attempt=question.attempt, effects=wake)

    def begins(self, activity_id: str) -> None:
        """A step begins, perhaps not for the first time."""
        self.begun += activity_id not in self._begun_ids
        self._begun_ids.add(activity_id)

    def heard(self, events: list[BaseModel], at: datetime) -> None:
        """A step ended, which the session hears as these events."""
        self.expected += len(events)
        self.record.extend((self.expected, at, event, False) for event in events)

    def look_at_timer(self, now: datetime) -> None:
        """The server's clock is at `now`: a timer it passed is heard, unless a decision knows of it already."""
        if self.wake_at is not None and self.wake_at <= now - A_LITTLE / 2:
            self.wake_at = None
            self.expected += 1

    @property
    def is_at_rest(self) -> bool:
        """It has decided on all it heard, and begun all it decided."""
        return self.seen >= self.expected and self.begun >= self.to_begin

    @property
    def workflow_id(self) -> str:
        return session_workflow_id(self.state.session_id)

    def believe(self) -> None:
        """What was not seen to happen in a long time did not, or was not to be seen."""
        self.expected, self.begun = min(self.expected, self.seen), self.to_begin

    def progress(self) -> str:
        """How far it is from rest."""
        return f"decided on {self.seen} of {self.expected} events, began {self.begun} of {self.to_begin} steps"

    async def say_all(self) -> None:
        """Start the workflow, and send what waits to be heard."""
        if self._handle is None:
            self._handle = await self._client.start_workflow(
                SessionWorkflow.run,
                SessionStart(state=self.state, clock=self._clock, shell=SHELL),
                id=self.workflow_id,
                task_queue=self._queue,
                task_timeout=self._task_timeout,
            )
        if len(self._outbox) > 1 and self.is_at_rest:
            self.together = self.seen + len(self._outbox)
        while self._outbox:
            event = self._outbox.popleft()
            handle = self._client.get_workflow_handle(self.workflow_id)
            try:
                await handle.signal(SIGNALS[type(event)], event)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                self.is_over = True
                return
            self.expected += 1

    async def pending(self, waiting: Collection[str] = ()) -> "Pending":
        """What the server knows of the steps, of which those with the ids `waiting` wait for their next try: its own
        word of that is not to be trusted. Notes when the workflow has ended."""
        handle = self._client.get_workflow_handle(self.workflow_id)
        description = await handle.describe()
        self.is_closed = description.status is WorkflowExecutionStatus.COMPLETED
        pending = description.raw_description.pending_activities
        under_way = [step for step in pending if step.activity_id not in waiting]
        beats = [
            max(step.last_started_time.ToDatetime(UTC), step.last_heartbeat_time.ToDatetime(UTC))
            for step in under_way
            if step.activity_type.name == SEND_COMMAND
            and step.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        ]
        known = frozenset(step.activity_id for step in pending)
        return Pending(len(under_way), len(pending) - len(under_way), min(beats, default=None), known)


class Pending(NamedTuple):
    """Steps of a workflow by the server's word."""

    under_way: int
    waiting: int  # for their next try
    beat_at: datetime | None  # server time of the oldest sign of life among commands under way; None: there are none
    known: frozenset[str]  # ids of them all


@asynccontextmanager
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A fresh server whose time skips, and that knows our search attributes."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=tool("temporal-test-server"), plugins=[PLUGIN]
    ) as env:
        types = {key.name: IndexedValueType.ValueType(int(key.indexed_value_type)) for key in ALL}
        await env.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(search_attributes=types, namespace="default")
        )
        yield env
