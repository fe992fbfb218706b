"""Virtual time: production coroutines sleep on the world's timeline, so that a night costs only its work."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, ClassVar, cast

from domain.clock import Clock
from simulator.timeline import Timeline


class VirtualClock(Clock):
    """Shows the timeline's instant."""

    __slots__ = ("timeline",)  # no field: found at once, and part of no stored value
    timeline: ClassVar[Timeline]

    @classmethod
    def of(cls, timeline: Timeline) -> "VirtualClock":
        clock = cls()
        object.__setattr__(clock, "timeline", timeline)
        return clock

    def now(self) -> datetime:
        return self.timeline.now


class VirtualLoop:
    """As much of an event loop as tasks, futures and `asyncio.sleep` ask for, and none of the operating
    system's. Time passes only when nothing is ready."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.failures: list[BaseException] = []
        self._starts_at = timeline.now
        self._at_rest: deque[Callable[[], Any]] = deque()
        self._ready: deque[tuple[Callable[..., Any], tuple[Any, ...], contextvars.Context | None]] = deque()

    def run_until(self, end: datetime, is_over: Callable[[], bool]) -> None:
        """Let everything happen up to `end`, or until `is_over`. Raises what a task failed with."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(cast(asyncio.AbstractEventLoop, self))
        try:
            self._settle()
            while not is_over() and (at := self.timeline.next_at) is not None and at <= end:
                self.timeline.advance(at)
                self._settle()
        finally:
            asyncio._set_running_loop(outer)
        if self.failures:
            raise self.failures[0]

    def call_at_rest(self, callback: Callable[[], Any]) -> None:
        """Call once nothing else is left to happen at this instant."""
        self._at_rest.append(callback)

    def run_soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a coroutine that never waits run in its turn, without the cost of a task."""
        self._ready.append((_run_through, (work,), None))

    def _settle(self) -> None:
        """Let everything of this instant happen."""
        self._drain()
        while self._at_rest:
            while (at := self.timeline.next_at) is not None and at <= self.timeline.now:
                self.timeline.advance(at)
                self._drain()
            self._at_rest.popleft()()
            self._drain()

    @property
    def is_idle(self) -> bool:
        """Nothing is left to do at this instant."""
        return not self._ready and not self._at_rest

    def _drain(self) -> None:
        ready = self._ready
        while ready:
            callback, args, context = ready.popleft()
            if context is None:
                callback(*args)
            else:
                context.run(callback, *args)

    # -- what asyncio asks of a loop --------------------------------------------------------------------------------

    def call_soon(self, callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:
        self._ready.append((callback, args, context))

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        def due() -> None:
            self._ready.append((callback, args, context))

        return self.timeline.after_seconds(max(delay, 0.0), due)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_later(when - self.time(), callback, *args, context=context)

    def time(self) -> float:
        return (self.timeline.now - self._starts_at).total_seconds()

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=cast(asyncio.AbstractEventLoop, self))

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: Any = None, context: Any = None) -> Any:
        return asyncio.Task(coro, loop=cast(asyncio.AbstractEventLoop, self), name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        failure = context.get("exception")
        self.failures.append(failure or RuntimeError(str(context.get("message"))))

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


def _run_through(work: Coroutine[Any, Any, None]) -> None:
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it was said never to wait")
