"""World time and real time.

In production both are the same. A demo or a test plays a night faster: world time runs `speed` times as fast as
real time, from `epoch_at` (world) at `started_at` (real). Everything the product decides is in world time; only
limits on real work (HTTP, solver, start-to-close) are in real time.
"""

from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import Field

from domain.model import Instant, Model

SMALLEST_TIMER = timedelta(milliseconds=1)
"""Timers round up to this, so that an instant just missed is never waited for with a zero timer."""

_ZERO = datetime(2000, 1, 1, tzinfo=UTC)


class Clock(Model):
    """A linear map between real and world time; `Clock()` is the identity used in production."""

    epoch_at: Instant = _ZERO
    started_at: Instant = _ZERO
    speed: float = Field(default=1.0, gt=0)

    @classmethod
    def starting(cls, epoch_at: datetime, *, real_now: datetime, speed: float) -> Self:
        """A clock that shows `epoch_at` at the real instant `real_now`."""
        return cls(epoch_at=epoch_at, started_at=real_now, speed=speed)

    def world(self, real: datetime) -> datetime:
        """The world instant at the real instant `real` (aware)."""
        if self.speed == 1.0 and self.epoch_at == self.started_at:
            return real.astimezone(UTC)
        return self.epoch_at + (real - self.started_at) * self.speed

    def real(self, world: datetime) -> datetime:
        """The real instant at which the world shows `world` (aware)."""
        return self.started_at + (world - self.epoch_at) / self.speed

    def real_span(self, span: timedelta, *, floor: timedelta = timedelta(0)) -> timedelta:
        """The real duration of a world duration, at least `floor` (real)."""
        return max(span / self.speed, floor)

    def timer(self, now: datetime, until: datetime) -> timedelta:
        """The real duration of a timer from world instant `now` to world instant `until`, rounded up to 1 ms."""
        return max((until - now) / self.speed, SMALLEST_TIMER)

    def now(self) -> datetime:
        """World time by the machine's clock. For activities and processes; workflows use `world(workflow.now())`."""
        return self.world(datetime.now(UTC))
