"""Heartbeats beside the work: a slow vendor must not look like a dead worker."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity

BEATS_PER_TIMEOUT = 3
"""Heartbeats within the time a step may stay silent for: one or two may be lost."""


@contextmanager
def beating() -> Iterator[None]:
    """Heartbeat in the background while the block runs, if anybody listens."""
    timeout = activity.info().heartbeat_timeout
    if not timeout:
        yield
        return
    task = asyncio.get_running_loop().create_task(_beat(timeout.total_seconds() / BEATS_PER_TIMEOUT))
    try:
        yield
    finally:
        task.cancel()


async def _beat(seconds: float) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(seconds)
