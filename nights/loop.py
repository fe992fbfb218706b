"""The loop engine: one session's machine on virtual time, with the very activities a worker runs, and no server.

It does what `workflows.shell` does in the engine: hear at once, decide, act as tasks, keep one timer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel
from temporalio.exceptions import ApplicationError

from activities.devices import Devices
from activities.notices import Telling
from activities.planning import Planning
from activities.records import Records
from domain import steps
from domain.nightlog import LogEntry, in_order, with_decision, with_event
from domain.session.apply import apply, begun
from domain.session.decide import decide
from domain.session.effects import (
    CloseNight,
    CloseSession,
    Decision,
    Listen,
    Plan,
    Read,
    Send,
    SessionEffect,
    Tell,
    Vitals,
    WakeAt,
)
from domain.session.events import TimeReached
from domain.session.state import SessionState
from domain.session.wants import max_power_kw
from nights.virtual import VirtualClock, VirtualLoop
from workflows.answers import ANSWERS
from workflows.policies import COMMAND_HEARTBEAT, VENDOR

EVENTS_PER_STEP = 6
"""History events one decided and acted step takes on Temporal, roughly: what the loop tells of its vitals."""
RESTART_SECONDS = (COMMAND_HEARTBEAT + VENDOR.initial_interval).total_seconds()
"""World time from a worker's death in a command to its next attempt, at most: its heartbeat times out first."""

PLANNING_SECONDS = 1.0
"""World time from asking for a plan to having it."""


class Steps:
    """The activities by the names of their steps."""

    def __init__(self, devices: Devices, planning: Planning, records: Records, telling: Telling) -> None:
        self.kills: list[float] = []  # seconds after the next commands begin at which the worker dies
        self.by_name: dict[str, Callable[[Any], Any]] = {
            steps.READ_DEVICE: devices.read_device,
            steps.SEND_COMMAND: devices.send_command,
            steps.MAKE_PLAN: planning.make_plan,
            steps.LISTEN: records.listen,
            steps.STOP_LISTENING: records.stop_listening,
            steps.CLOSE_NIGHT: records.close_night,
            steps.TELL: telling.tell,
        }

    async def run(self, name: str, payload: BaseModel) -> Any:
        """The step's answer. A plan takes its time, so that what was decided with it goes first in every engine."""
        if name == steps.MAKE_PLAN:
            await asyncio.sleep(PLANNING_SECONDS)
        if name == steps.SEND_COMMAND and self.kills:
            return await self._killed(self.by_name[name](payload), self.kills.pop())
        result = self.by_name[name](payload)
        return await result if isinstance(result, Awaitable) else result

    async def _killed(self, work: Coroutine[Any, Any, Any], after_seconds: float) -> Any:
        """The worker dies in the middle of a command, if it lasts that long; another one takes the step up again."""
        task = asyncio.get_running_loop().create_task(work)
        deadline = asyncio.get_running_loop().create_task(asyncio.sleep(after_seconds))
        await _first_of(task, deadline)
        if task.done():
            deadline.cancel()
            return task.result()
        task.cancel()
        raise ApplicationError("the worker died", next_retry_delay=timedelta(seconds=RESTART_SECONDS))


async def _first_of(*tasks: asyncio.Task[Any]) -> None:
    """Until one of them is done: `asyncio.wait` asks for more of a loop than the virtual one has."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(_: Any) -> None:
        if not ended.done():
            ended.set_result(None)

    for task in tasks:
        task.add_done_callback(end)
    await ended


class LoopSession:
    """One session under way."""

    def __init__(self, state: SessionState, run: Steps, loop: VirtualLoop, clock: VirtualClock) -> None:
        self.state, self._run, self._loop, self._clock = state, run, loop, clock
        self.heard = 0
        self.is_over = False
        self.decisions = 0
        self.record: list[tuple[int, datetime, BaseModel, bool]] = []  # number, instant, event or decision, decided?
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timer: Any = None
        self._timer_at: datetime | None = None
        self._is_due = False
        self._wants_decision()

    def hear(self, event: BaseModel) -> None:
        """Take an event in at once; decide once everything of this instant was heard."""
        if self.is_over:
            return
        self.heard += 1
        self.record.append((self.heard, self._clock.now(), event, False))
        self.state = apply(self.state, event)  # type: ignore[arg-type]
        self._wants_decision()

    def log(self, first: int = 0) -> tuple[LogEntry, ...]:
        """The night log, built from what was recorded: entries from `first` on."""
        log: tuple[LogEntry, ...] = ()
        for number, at, value, is_decision in self.record[first:]:
            log = (with_decision if is_decision else with_event)(log, number, at, value)
        return in_order(log)

    # -- deciding and acting ----------------------------------------------------------------------------------------

    def _wants_decision(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_at_rest(self._decide_and_act)

    def _decide_and_act(self) -> None:
        self._is_due = False
        if self.is_over:
            return
        now = self._clock.now()
        vitals = Vitals(history_events=EVENTS_PER_STEP * self.decisions)
        decision = decide(self.state, now, self.heard, vitals)
        self.decisions += 1
        self.record.append((self.heard, now, decision, True))
        wake: WakeAt | None = None
        for effect in decision.effects:
            self.state = begun(self.state, effect, decision.at)
            if isinstance(effect, WakeAt):
                wake = effect
            else:
                self._act(effect)
        self._keep_timer(wake)
        if _closes(decision):
            self._end()

    def _keep_timer(self, wake: WakeAt | None) -> None:
        at = None if wake is None else wake.at
        if self._timer is not None and self._timer_at == at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, at
        if at is not None:
            self._timer = self._loop.timeline.at(at, self._time_reached)

    def _time_reached(self) -> None:
        self._timer = None
        self.hear(TimeReached())

    def _act(self, effect: SessionEffect) -> None:
        match effect:
            case Listen():
                self._begin(steps.LISTEN, "listen", steps.ListenTo(watch=effect.watch))
            case Plan():
                self._begin(steps.MAKE_PLAN, "plan", steps.MakePlan(request=effect.request))
            case Send():
                step = steps.SendCommand(session_id=self.state.session_id, order=effect.order, clock=self._clock)
                self._begin(steps.SEND_COMMAND, f"command {effect.order.device_id}", step)
            case Read():
                read = steps.ReadDevice(side=effect.side, device_id=effect.device_id, clock=self._clock)
                self._begin(steps.READ_DEVICE, f"read {effect.device_id}", read)
            case Tell():
                self._begin(steps.TELL, f"tell {effect.kind} {effect.cause}", self._words(effect))
            case CloseNight():
                self._begin(steps.CLOSE_NIGHT, "close night", self._closing())

    def _words(self, effect: Tell) -> steps.TellDriver:
        return steps.TellDriver(
            driver_id=self.state.driver_id,
            session_id=self.state.session_id,
            kind=effect.kind,
            cause=effect.cause,
            what_to_do=effect.what_to_do,
        )

    def _closing(self) -> steps.CloseTheNight:
        """As the shell hands it over, but without the log: that is built from the record when somebody asks."""
        state, night = self.state, self.state.night
        assert night is not None
        return steps.CloseTheNight(
            session_id=state.session_id,
            driver_id=state.driver_id,
            car=state.car,
            max_power_kw=max_power_kw(state),
            tariff=state.tariff,
            plugged_in_at=state.plugged_in_at,
            begins_at=state.last_closed_at,
            night=night,
            closed_at=night.closed_at or self._clock.now(),
            log=(),
        )

    # -- durable steps ----------------------------------------------------------------------------------------------

    def _begin(self, step: str, name: str, payload: BaseModel) -> None:
        """Begin a step as a task; one of the same name is superseded."""
        if (earlier := self._tasks.pop(name, None)) is not None:
            earlier.cancel()
        task: asyncio.Task[None] = self._loop.create_task(self._do(step, payload))
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._loop.failures.append(failure)

    async def _do(self, step: str, payload: BaseModel) -> None:
        answer = ANSWERS[step]
        try:
            events = answer.heard_as(await self._retried(step, payload))
        except ApplicationError as failure:
            events = answer.lost_as(payload, failure.type or "failed", self._clock.now())
        for event in events:
            self.hear(event)

    async def _retried(self, step: str, payload: BaseModel) -> Any:
        """The step under the retry policy of vendor steps: steps on our own books never fail here."""
        wait = VENDOR.initial_interval
        for attempt in range(1, VENDOR.maximum_attempts + 1):
            try:
                return await self._run.run(step, payload)
            except ApplicationError as failure:
                if failure.non_retryable or attempt == VENDOR.maximum_attempts:
                    raise
                wait_for = failure.next_retry_delay or wait
            await asyncio.sleep(wait_for.total_seconds())
            wait = min(wait * VENDOR.backoff_coefficient, VENDOR.maximum_interval or timedelta.max)
        raise AssertionError("the last attempt raises")  # pragma: no cover

    def _end(self) -> None:
        """Let go of everything; whoever listens hears the driver's desk again."""
        self.is_over = True
        for task in list(self._tasks.values()):
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self.state.watch is not None:
            stop: Coroutine[Any, Any, Any] = self._run.run(steps.STOP_LISTENING, steps.ListenTo(watch=self.state.watch))
            self._loop.create_task(stop)


def _closes(decision: Decision) -> bool:
    return any(isinstance(effect, CloseSession) for effect in decision.effects)
