"""World time, and what will happen in it. Nothing polls: each thing to come is an appointment in a heap."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

Act = Callable[[], None]


@dataclass(eq=False, slots=True)
class Appointment:
    """Something due at a world instant; `cancel()` forgets it."""

    at: datetime
    act: Act
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Timeline:
    """Moves world time forward through its appointments, in order of time and, at one instant, of booking."""

    def __init__(self, starts_at: datetime) -> None:
        self.now = starts_at
        self.on_earlier: Act | None = None  # called when a new appointment becomes the next one
        self._heap: list[tuple[datetime, int, Appointment]] = []
        self._count = 0

    def at(self, when: datetime, act: Act) -> Appointment:
        """Books `act`; an instant in the past happens at the next advance, at the present instant."""
        at = when if when > self.now else self.now
        appointment = Appointment(at, act)
        is_next = not self._heap or at < self._heap[0][0]
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, appointment))
        if is_next and self.on_earlier is not None:
            self.on_earlier()
        return appointment

    def after(self, span: timedelta, act: Act) -> Appointment:
        return self.at(self.now + span, act)

    def after_seconds(self, seconds: float, act: Act) -> Appointment:
        return self.at(self.now + timedelta(seconds=seconds), act)

    @property
    def next_at(self) -> datetime | None:
        """The instant of the next appointment still standing."""
        while self._heap and self._heap[0][2].is_cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def advance(self, to: datetime) -> None:
        """Lets everything happen that is due up to and including `to`. Time never goes back."""
        heap = self._heap
        while heap and heap[0][0] <= to:
            due, _, appointment = heapq.heappop(heap)
            if appointment.is_cancelled:
                continue
            if due > self.now:
                self.now = due
            appointment.act()
        if to > self.now:
            self.now = to
