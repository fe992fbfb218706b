"""A session's nights, rebuilt from what Temporal recorded of it. No policy is run, and no workflow.

What a session hears is numbered as the shell numbers it: everything that arrived since the last workflow task is heard
in the next one that completes, at that task's start; first the signals, then a cancellation, then the timer, then the
answers of durable steps, each in the order of history. That timers come before answers is how SDK 1.31 wakes tasks; a
test holds it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent, MarkerRecordedEventAttributes
from temporalio.contrib.pydantic import pydantic_data_converter

from domain import steps
from domain.nightlog import LogEntry, in_order, with_decision, with_event
from domain.session.effects import Decision
from domain.session.events import DevicesLeaving, DriverActed, PricesChanged, ReadingArrived, TimeReached
from workflows.answers import ANSWERS
from workflows.messages import SessionStart, cancelled

T = TypeVar("T", bound=BaseModel)

SIGNALS: dict[str, type[BaseModel]] = {
    "reading": ReadingArrived,
    "driver_acted": DriverActed,
    "prices_changed": PricesChanged,
    "devices_leaving": DevicesLeaving,
}
"""What a session can be told, by the names of its signals."""

DECISION_MARKER = "core_local_activity"
"""The SDK's name for the record of a local activity: a decision, or a quick step on our own books beside it."""

_HEARD_IN_TURN = (
    (EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,),
    (EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,),
    (EventType.EVENT_TYPE_TIMER_FIRED,),
    (
        EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
    ),
)
"""In which order one workflow task delivers what arrived before it."""

_HEARD = frozenset(kind for kinds in _HEARD_IN_TURN for kind in kinds)


class Rebuilt(NamedTuple):
    """The closed nights by number, and what was recorded after the last of them was closed."""

    nights: dict[int, tuple[LogEntry, ...]]
    rest: tuple[LogEntry, ...]


def rebuild(runs: Sequence[Sequence[HistoryEvent]]) -> Rebuilt:
    """The logs of a session from the histories of its runs, oldest first, as the session itself wrote them.

    The first runs may be missing: what was open then came with the first run that is left. Events after the last
    completed workflow task were not heard yet, so they are not in the log.
    """
    start = start_of(runs[0])
    session = _Session(heard=start.heard, log=start.log)
    for run in runs:
        _Run(session, start_of(run)).read(run)
    return Rebuilt(session.nights, session.log)


def start_of(run: Sequence[HistoryEvent]) -> SessionStart:
    """With what a run of a session began."""
    (payload,) = run[0].workflow_execution_started_event_attributes.input.payloads
    return _value(payload, SessionStart)


@dataclass
class _Session:
    """What goes on from run to run."""

    heard: int
    log: tuple[LogEntry, ...]
    nights: dict[int, tuple[LogEntry, ...]] = field(default_factory=dict)

    def hear(self, event: BaseModel, at: datetime) -> None:
        self.heard += 1
        self.log = with_event(self.log, self.heard, at, event)

    def decide(self, decision: Decision) -> None:
        self.log = in_order(with_decision(self.log, decision.seen, decision.at, decision))

    def close_night(self, number: int) -> None:
        self.nights[number] = self.log
        self.log = ()


class _Run:
    """Reads one run, event by event."""

    def __init__(self, session: _Session, start: SessionStart) -> None:
        self._session, self._clock, self._start = session, start.clock, start
        self._arrived: list[HistoryEvent] = []  # since the last completed workflow task
        self._steps: dict[int, tuple[str, BaseModel]] = {}  # under way and not let go of, by the id of their event
        self._task_ns = 0  # start of the last workflow task [ns since 1970]

    def read(self, run: Sequence[HistoryEvent]) -> None:
        for event in run:
            match event.event_type:
                case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                    self._task_ns = max(self._task_ns, event.event_time.ToNanoseconds())
                case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                    self._hear_arrived()
                case EventType.EVENT_TYPE_MARKER_RECORDED:
                    self._note_decision(event)
                case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                    self._begin_step(event)
                case EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
                    cancelled = event.activity_task_cancel_requested_event_attributes
                    self._steps.pop(cancelled.scheduled_event_id, None)
                case kind if kind in _HEARD:
                    self._arrived.append(event)

    def _hear_arrived(self) -> None:
        arrived, self._arrived = self._arrived, []
        at = self._clock.world(datetime.fromtimestamp(self._task_ns / 1e9, UTC))  # the SDK rounds alike
        for kinds in _HEARD_IN_TURN:
            for recorded in arrived:
                if recorded.event_type in kinds:
                    for event in self._meaning(recorded, at):
                        self._session.hear(event, at)

    def _meaning(self, recorded: HistoryEvent, at: datetime) -> Iterator[BaseModel]:
        match recorded.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                yield from _signalled(recorded)
            case EventType.EVENT_TYPE_TIMER_FIRED:
                yield TimeReached()
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                yield cancelled(self._start)
            case _:
                yield from self._answered(recorded, at)

    def _answered(self, recorded: HistoryEvent, at: datetime) -> list[BaseModel]:
        """What came of a step; nothing of one that was let go of."""
        attributes: Any = getattr(recorded, recorded.WhichOneof("attributes") or "")
        name, asked = self._steps.pop(attributes.scheduled_event_id, ("", None))
        if asked is None:
            return []
        answer = ANSWERS[name]
        if recorded.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            return answer.lost_as(asked, why_lost(recorded), at)
        result = _value(attributes.result.payloads[0], answer.gives) if answer.gives else None
        return answer.heard_as(result)

    def _note_decision(self, event: HistoryEvent) -> None:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name != DECISION_MARKER or "result" not in marker.details:
            return
        result, done = marker.details["result"].payloads[0], _LocalStep.model_validate_json(_data(marker))
        if done.activity_type == steps.DECIDE_SESSION:
            self._session.decide(_value(result, Decision))
        elif (answer := ANSWERS.get(done.activity_type)) is not None and answer.gives is not None:
            at = self._clock.world(done.complete_time.instant)
            for heard in answer.heard_as(_value(result, answer.gives)):
                self._session.hear(heard, at)

    def _begin_step(self, event: HistoryEvent) -> None:
        scheduled = event.activity_task_scheduled_event_attributes
        name = scheduled.activity_type.name
        asked = _value(scheduled.input.payloads[0], ANSWERS[name].asks)
        self._steps[event.event_id] = (name, asked)
        if isinstance(asked, steps.CloseTheNight):
            self._session.close_night(asked.night.number)


class _Seconds(BaseModel):
    """An instant as the SDK writes it into its markers."""

    seconds: int
    nanos: int

    @property
    def instant(self) -> datetime:
        return datetime.fromtimestamp(self.seconds + self.nanos / 1e9, UTC)


class _LocalStep(BaseModel):
    """What a marker tells of a local activity beside its result."""

    activity_type: str
    complete_time: _Seconds


def _data(marker: MarkerRecordedEventAttributes) -> bytes:
    return bytes(marker.details["data"].payloads[0].data)


def why_lost(recorded: HistoryEvent) -> str:
    """The word that the shell has for a failed or timed-out step."""
    failure = recorded.activity_task_failed_event_attributes.failure
    is_ours = failure.HasField("application_failure_info")
    return failure.application_failure_info.type or "failed" if is_ours else "timed out"


def _signalled(recorded: HistoryEvent) -> Iterator[BaseModel]:
    """The event that a signal carries. The engine drops what it can't read, so nothing then."""
    signal = recorded.workflow_execution_signaled_event_attributes
    if signal.signal_name not in SIGNALS:
        return
    try:
        (payload,) = signal.input.payloads
        event = _value(payload, SIGNALS[signal.signal_name])
    except (ValidationError, ValueError):
        return
    yield event


def _value(payload: Payload, kind: type[T]) -> T:
    value: T = pydantic_data_converter.payload_converter.from_payload(payload, kind)
    return value
