"""The Temporal engine: the same worlds through the real session workflow on a time-skipping server.

World and steps live on the virtual timeline, as in the loop; only the machine's shell is the real one. Time is stepped:
the runner waits until the workflow rests, lets the server's clock skip to the next instant at which the world, a
sleeping step or the session's timer does something, and brings the timeline up to the server's clock. A step under way
locks the server's time; while all of them sleep on the timeline their locks are lifted for the length of the skip.
"""

import asyncio
import logging
import typing
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel
from temporalio import activity
from temporalio.api.testservice.v1 import LockTimeSkippingRequest, UnlockTimeSkippingRequest
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.deciding import decide_session
from activities.heartbeat import BEATS_PER_TIMEOUT
from domain import steps
from domain.clock import Clock
from domain.prices import PriceSeries
from domain.session.effects import Decision
from domain.session.state import SessionState
from nights.desk_faults import install_at_desk
from nights.play import AFTERWARDS, PlayedNight
from nights.temporal_session import A_LITTLE, Pending, TemporalSession, time_skipping
from nights.world.faults import install
from nights.world.spec import NightSpec
from workflows.answers import ANSWERS
from workflows.policies import COMMAND_HEARTBEAT, VENDOR
from workflows.session import SessionWorkflow

QUEUE = "nights"
NEXT_TRY = timedelta(seconds=1)
"""Step while a failed step waits for its next try."""

BEAT_AGE = COMMAND_HEARTBEAT / BEATS_PER_TIMEOUT + timedelta(seconds=1)
"""A sign of life older than this has not reached the server yet; its clock must not skip until it has."""


SERVERS = 3
"""A night is tried on so many. A task that expires on the time-skipping server is never given out again."""

logger = logging.getLogger(__name__)


BEATS_AT_ONCE = timedelta(milliseconds=1)
"""The server's clock skips from beat to beat: none may be held back."""


class Attempt(NamedTuple):
    """One attempt of a durable step."""

    activity_id: str
    workflow_id: str
    number: int
    is_local: bool


class NoRest(RuntimeError):
    """The workflow did not come to rest."""


NightT = TypeVar("NightT", bound="TemporalNight")


class TemporalNight(PlayedNight):
    """A night whose session is a workflow."""

    patience_seconds = 5.0
    """Real time after which the server's word is taken for ours: a step superseded before it began is never seen."""

    rest_seconds = 20.0
    """Real time in which a workflow must come to rest."""

    def __init__(self, spec: NightSpec, series: PriceSeries, env: WorkflowEnvironment, clock: Clock) -> None:
        super().__init__(spec, series)
        self._env, self._server_clock = env, clock
        self._left_locked = 0  # steps that were under way when their workflow ended: the server keeps their locks
        self._asleep: dict[Attempt, asyncio.Task[Any]] = {}  # attempts that sleep on the timeline
        self._dying = 0  # steps whose worker has died, and the server does not know
        self._waiting: dict[str, str] = {}  # ids of steps that wait for their next try, each with its workflow

    def opened(self, state: SessionState) -> Any:
        return TemporalSession(state, self._env.client, QUEUE, self._server_clock)

    @property
    def _open(self) -> TemporalSession | None:
        session: Any = self.session
        return None if session is None or session.is_closed else session

    @property
    def _under_way(self) -> int:
        """Steps of the open session that sleep; a closed workflow has let go of its own."""
        return 0 if self._open is None else len(self._sleep(self._open))

    def activities(self) -> list[Callable[..., Any]]:
        """The steps under their names, run on the virtual timeline; and the decision, noted."""

        @activity.defn(name=steps.DECIDE_SESSION)
        async def decide(question: steps.DecideSession) -> Decision:
            session = self._open
            decision = (session and session.not_yet(question)) or decide_session(question)
            if session is not None:
                session.decided(decision)
            return decision

        return [decide, *(self._on_timeline(name, method) for name, method in self.steps.by_name.items())]

    def _on_timeline(self, name: str, method: Callable[[Any], Any]) -> Callable[..., Any]:
        async def run(step: Any) -> Any:
            info = activity.info()
            attempt = Attempt(info.activity_id, info.workflow_id or "", info.attempt, info.is_local)
            return await self.carry_out(name, step, attempt)

        hints = typing.get_type_hints(method)
        run.__annotations__ = {"step": next(kind for key, kind in hints.items() if key != "return")}
        run.__annotations__["return"] = hints["return"]
        return activity.defn(name=name)(run)

    async def carry_out(self, name: str, step: Any, attempt: "Attempt") -> Any:
        """One attempt of a step, on the timeline."""
        self._waiting.pop(attempt.activity_id, None)
        if self._open is not None:
            self._open.begins(attempt.activity_id)
        try:
            result = await self._on_virtual(self._step(name, step), attempt)
        except ApplicationError as failure:
            if failure.non_retryable or attempt.number >= VENDOR.maximum_attempts:
                self._note(ANSWERS[name].lost_as(step, failure.type or "failed", self.timeline.now))
            else:
                self._waiting[attempt.activity_id] = attempt.workflow_id
            raise
        self._note(ANSWERS[name].heard_as(result))
        return result

    async def _step(self, name: str, step: BaseModel) -> Any:
        if "clock" in type(step).model_fields:
            step = step.model_copy(update={"clock": self.clock})
        return await self.steps.run(name, step)

    async def _on_virtual(self, work: Coroutine[Any, Any, Any], attempt: "Attempt") -> Any:
        """Run on the timeline's loop; cancelled with us. Under way is what sleeps there, not what has just ended."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        task = self.loop.create_task(work)
        self._asleep[attempt] = task

        def finished(ended: asyncio.Task[Any]) -> None:
            del self._asleep[attempt]
            if done.done():
                return
            if ended.cancelled():
                done.cancel()
            elif (failure := ended.exception()) is not None:
                done.set_exception(failure)
            else:
                done.set_result(ended.result())

        task.add_done_callback(finished)
        try:
            return await done
        except asyncio.CancelledError:
            task.cancel()
            raise

    def _note(self, events: list[BaseModel]) -> None:
        if self._open is not None:
            self._open.heard(events, self.timeline.now)

    # -- stepping ---------------------------------------------------------------------------------------------------

    async def play_on(self) -> None:
        """From before the plug-in to after the unplug."""
        self._begin()
        end = self.spec.unplugs_at + AFTERWARDS
        async with self._working():
            while self.timeline.now < end:
                waiting = await self._rest()
                await self._step_to(self._next_instant(end, waiting))
            await self._rest()
        self.world.truth.settle_all()

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        """While a worker runs."""
        async with Worker(
            self._env.client,
            task_queue=QUEUE,
            workflows=[SessionWorkflow],
            activities=self.activities(),
            max_heartbeat_throttle_interval=BEATS_AT_ONCE,
            default_heartbeat_throttle_interval=BEATS_AT_ONCE,
        ):
            yield

    def _next_instant(self, end: datetime, waiting: int) -> datetime:
        instants = [end]
        if (at := self.timeline.next_at) is not None:
            instants.append(at)
        if self._open is not None and self._open.wake_at is not None:
            instants.append(self._open.wake_at + A_LITTLE)
        if waiting:
            instants.append(self.timeline.now + NEXT_TRY)
        return min(instants)

    async def _step_to(self, at: datetime) -> None:
        """Let the server's clock, then the world, come to `at`."""
        span = at - await self._server_now()
        service = self._env.client.test_service
        locks = self._under_way + self._left_locked
        if span > timedelta(0):
            for _ in range(locks):
                await service.unlock_time_skipping(UnlockTimeSkippingRequest())
            await self._env.sleep(span)
            for _ in range(locks):
                await service.lock_time_skipping(LockTimeSkippingRequest())
        await self._catch_up()

    async def _catch_up(self) -> None:
        """The world up to the server's clock."""
        now = max(await self._server_now(), self.timeline.now)
        self.loop.run_until(now, lambda: False)
        self.timeline.advance(now)
        if self._open is not None:
            self._open.look_at_timer(now)

    async def _is_alive(self, pending: Pending) -> bool:
        """Whether the server has the newest heartbeat of every command: skipping on, it would give them up."""
        return pending.beat_at is None or await self._env.get_current_time() - pending.beat_at <= BEAT_AGE

    async def _server_now(self) -> datetime:
        return self._server_clock.world(await self._env.get_current_time())

    def _sleep(self, session: TemporalSession) -> "list[Attempt]":
        """The attempts of the session's steps that sleep."""
        return [attempt for attempt in self._asleep if attempt.workflow_id == session.workflow_id]

    def _let_go(self, attempts: "Iterable[Attempt]") -> None:
        """End what the server no longer waits for: superseded, it would learn of it with its next heartbeat only."""
        for attempt in attempts:
            if not attempt.is_local and attempt in self._asleep:
                self._asleep[attempt].cancel()

    def _waits(self, session: TemporalSession) -> list[str]:
        """Ids of the session's steps that wait for their next try."""
        return [key for key, workflow_id in self._waiting.items() if workflow_id == session.workflow_id]

    async def _rest(self) -> int:
        """Wait until the workflow has decided on all it heard and its steps sleep; how many wait for another try."""
        begun = asyncio.get_running_loop().time()
        deadline = begun + self.rest_seconds
        while asyncio.get_running_loop().time() < deadline:
            session = self._open
            if session is not None:
                await session.say_all()
            self.loop.run_until(self.timeline.now, lambda: False)
            if session is None:
                return 0
            if asyncio.get_running_loop().time() - begun > self.patience_seconds:
                session.believe()
            if session.is_over or session.is_at_rest:
                waiting = self._waits(session)
                asleep = self._sleep(session)
                pending = await session.pending(waiting)
                self._let_go(attempt for attempt in asleep if attempt.activity_id not in pending.known)
                if session.is_closed:
                    self._left_locked += len(self._sleep(session))
                    return 0
                is_settled = pending.under_way == self._under_way and self.loop.is_idle and session.is_at_rest
                is_settled = is_settled and not self._dying and waiting == self._waits(session)
                if is_settled and not session.is_over and await self._is_alive(pending):
                    return pending.waiting
            await asyncio.sleep(0.001)
        raise NoRest(
            f"night {self.spec.k} at {self.timeline.now}: {session and session.progress()}, {self._under_way} sleep"
        )


Make = Callable[[NightSpec, PriceSeries, WorkflowEnvironment, Clock], NightT]


async def play_on_temporal(spec: NightSpec, series: PriceSeries) -> TemporalNight:
    """The night on a fresh time-skipping server."""
    return await play_as(TemporalNight, spec, series)


async def play_as(make: Make[NightT], spec: NightSpec, series: PriceSeries) -> NightT:
    """The night that `make` makes; on another server, if the first loses a task on a busy machine."""
    for _ in range(SERVERS - 1):
        try:
            return await _played(make, spec, series)
        except (NoRest, RPCError) as why:
            logger.warning("once more on another server: %s", why)
    return await _played(make, spec, series)


async def _played(make: Make[NightT], spec: NightSpec, series: PriceSeries) -> NightT:
    async with time_skipping() as env:
        clock = Clock.starting(TemporalNight.begins_at(spec), real_now=await env.get_current_time(), speed=1)
        night = make(spec, series, env, clock)
        install(night.world)
        install_at_desk(night)
        await night.play_on()
        return night
