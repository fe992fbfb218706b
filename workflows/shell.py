"""What driver, session and rollout share: hear at once, decide in a recorded step, act as tasks, keep one timer.

Control flow depends on recorded decisions and on the count of events heard, never on what `apply` computed. So both
`apply` and `decide` may change under a running workflow; only this module must stay replayable.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

from domain.clock import Clock
from domain.nightlog import LogEntry, in_order, with_decision, with_event
from domain.session.effects import Renew, Vitals, WakeAt
from domain.story import clip
from workflows import policies
from workflows.answers import ANSWERS

StateT = TypeVar("StateT", bound=BaseModel)
DecisionT = TypeVar("DecisionT", bound=BaseModel)

DECIDE_AGAIN = 3
"""A decision outrun by an event is taken anew at most this often; then it is acted on."""


class Shell(Generic[StateT, DecisionT]):
    """One machine in the engine. `ask` takes the recorded decision, `act` begins one effect without awaiting."""

    def __init__(
        self,
        *,
        state: StateT,
        clock: Clock,
        heard: int,
        log: tuple[LogEntry, ...],
        apply: Callable[[StateT, Any], StateT],
        begun: Callable[[StateT, Any, datetime], StateT],
        ask: Callable[[StateT, datetime, int, int, Vitals], Coroutine[Any, Any, DecisionT]],
        act: Callable[[Any], None],
        time_reached: Callable[[], BaseModel],
    ) -> None:
        self.state = state
        self.clock = clock
        self.heard = heard
        self.log = log
        self.wake: WakeAt | None = None
        self._apply, self._begun, self._ask, self._act, self._time_reached = apply, begun, ask, act, time_reached
        self.last_heard = "started"
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._outliving: set[str] = set()
        self._timer: asyncio.Task[None] | None = None
        self._timer_at: datetime | None = None

    def now(self) -> datetime:
        """World time."""
        return self.clock.world(workflow.now())

    def hear(self, event: BaseModel) -> None:
        """Take an event in at once; handlers do nothing else."""
        self.heard += 1
        self.log = with_event(self.log, self.heard, self.now(), event)
        self.last_heard = f"heard: {self.log[-1].name.replace('_', ' ')}"
        self.state = self._apply(self.state, event)

    async def decide_and_act(self) -> DecisionT:
        """Wait for something new, decide on it, and begin every effect of the decision together."""
        decision = await self._settled()
        self.wake = None
        for effect in decision.effects:  # type: ignore[attr-defined]
            self.state = self._begun(self.state, effect, decision.at)  # type: ignore[attr-defined]
            if isinstance(effect, WakeAt):
                self.wake = effect
            else:
                self._act(effect)
        self._keep_timer()
        return decision

    async def recorded(self, step: str, question: BaseModel, gives: type[DecisionT]) -> DecisionT:
        """The machine's answer, taken in a local activity: history keeps it, with what was heard last as its title."""
        decision: DecisionT = await workflow.execute_local_activity(
            step,
            question,
            result_type=gives,
            start_to_close_timeout=policies.DECIDE_LIMIT,
            summary=self.last_heard,
        )
        return decision

    async def must_renew(self, decision: DecisionT) -> bool:
        """Wait for what the decision did not know; True if it asks to continue as new, and this is the moment."""
        seen: int = decision.seen  # type: ignore[attr-defined]
        if any(isinstance(effect, Renew) for effect in decision.effects):  # type: ignore[attr-defined]
            return await self.may_renew(seen)
        await self.rest(seen)
        return False

    async def rest(self, seen: int) -> None:
        """Wait until something was heard that the decision did not know."""
        await workflow.wait_condition(lambda: self.heard > seen)

    async def may_renew(self, seen: int) -> bool:
        """Wait until nothing is under way, or something new was heard; True if this is the moment to continue as new.

        A decision to renew sets no timer, so it must not rest: what is still under way may end without being heard.
        """
        await workflow.wait_condition(lambda: self.heard > seen or self.is_quiet)
        return self.heard == seen

    def begin(
        self,
        step: str,
        name: str,
        payload: BaseModel,
        reason: str,
        retries: RetryPolicy = policies.QUICK,
        *,
        limit: timedelta | None = None,
        heartbeat: timedelta | None = None,
        is_local: bool = False,
    ) -> None:
        """Begin a durable step as a task; what becomes of it is heard as an event."""
        work = self.do(step, payload, reason, retries, limit=limit, heartbeat=heartbeat, is_local=is_local)
        self.spawn(name, work)

    async def do(
        self,
        step: str,
        payload: BaseModel,
        reason: str,
        retries: RetryPolicy = policies.QUICK,
        *,
        limit: timedelta | None = None,
        heartbeat: timedelta | None = None,
        is_local: bool = False,
    ) -> None:
        """Do a durable step and hear its answer, or that it was lost.

        `is_local`: within the workflow task, beside the decision; for quick steps on our own books.
        """
        answer = ANSWERS[step]
        limit = limit or 3 * policies.REAL_FLOOR
        try:
            if is_local:
                result = await workflow.execute_local_activity(
                    step,
                    payload,
                    result_type=answer.gives,
                    start_to_close_timeout=limit,
                    retry_policy=retries,
                    summary=clip(reason),
                )
            else:
                result = await workflow.execute_activity(
                    step,
                    payload,
                    result_type=answer.gives,
                    start_to_close_timeout=limit,
                    heartbeat_timeout=heartbeat,
                    retry_policy=retries,
                    summary=clip(reason),
                )
            events = answer.heard_as(result)
        except ActivityError as failure:
            if isinstance(failure.cause, CancelledError):
                raise asyncio.CancelledError from failure  # let go, not failed: nobody waits for this task any more
            events = answer.lost_as(payload, why_lost(failure), self.now())
        for event in events:
            self.hear(event)

    def spawn(self, name: str, work: Coroutine[Any, Any, None], *, outlives: bool = False) -> None:
        """Run an effect as a task; one of the same name is superseded. What `outlives` is not let go of at the end."""
        self.cancel(name)
        task = asyncio.create_task(work)
        self._tasks[name] = task
        if outlives:
            self._outliving.add(name)
        task.add_done_callback(lambda done: self._tasks.pop(name, None) if self._tasks.get(name) is done else None)

    def cancel(self, name: str) -> None:
        """Let go of a task, if it is under way."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    @property
    def is_quiet(self) -> bool:
        """Nothing is under way and nothing waits to be heard."""
        return not self._tasks

    def cancel_all(self) -> None:
        """Let go of everything but what outlives the end."""
        for name in [name for name in self._tasks if name not in self._outliving]:
            self.cancel(name)
        if self._timer is not None:
            self._timer.cancel()

    async def _settled(self) -> DecisionT:
        for attempt in range(DECIDE_AGAIN + 1):
            seen, info = self.heard, workflow.info()
            vitals = Vitals(
                history_events=info.get_current_history_length(),
                continue_as_new_suggested=info.is_continue_as_new_suggested(),
            )
            decision = await self._ask(self.state, self.now(), seen, attempt, vitals)
            self.log = in_order(with_decision(self.log, decision.seen, decision.at, decision))  # type: ignore[attr-defined]
            if self.heard == seen:
                break
        return decision

    def _keep_timer(self) -> None:
        """One timer, moved only when the instant changes."""
        wanted = self.wake.at if self.wake else None
        if self._timer is not None and self._timer_at == wanted and not self._timer.done():
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = wanted
        if self.wake is not None:
            self._timer = asyncio.create_task(self._sleep(self.wake))

    async def _sleep(self, wake: WakeAt) -> None:
        await workflow.sleep(self.clock.timer(self.now(), wake.at), summary=wake.reason)
        self.hear(self._time_reached())


def why_lost(failure: ActivityError) -> str:
    """The kind of a step's last failure, in a word that history tells too."""
    cause = failure.cause
    return cause.type or "failed" if isinstance(cause, ApplicationError) else "timed out"
