"""Heartbeats beside the work: a slow vendor must not look like a dead worker."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity

BEAT_SECONDS = 3.0
"""Real time between two heartbeats; a third of what a step may stay silent for."""


@contextmanager
def beating() -> Iterator[None]:
    """Heartbeat in the background while the block runs."""
    task = asyncio.get_running_loop().create_task(_beat())
    try:
        yield
    finally:
        task.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEAT_SECONDS)
