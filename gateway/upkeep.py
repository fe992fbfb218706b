"""What has to be done now and then: forget old deliveries, cry out when behind, keep the vendor's hook alive."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from domain.inbox import Inbox
from gateway.health import health_of

logger = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
"""Real time between two rounds."""

RETENTION = timedelta(hours=96)
"""How long a repeat is recognised (world time): a vendor tries for a day, and three days are asked for."""

PRUNED_AT_ONCE = 2000
"""Deliveries forgotten in one transaction, which must stay short."""

SILENCE_SECONDS = 300.0
"""Real time without a good delivery, heartbeats included, after which the hook is looked at; and again as long."""


class Upkeep:
    """Runs beside the gateway.

    Args:
        revive: looks at the subscription at the vendor and brings it back if need be; True if events may be lost.
        lost: called when they may be.
    """

    def __init__(
        self,
        inbox: Inbox,
        now: Callable[[], datetime],
        *,
        revive: Callable[[], Awaitable[bool]] | None = None,
        lost: Callable[[], Awaitable[None]] | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox, self._now, self._revive, self._lost, self._timer = inbox, now, revive, lost, timer
        self._heard_at: float | None = None  # None: since the start, the hook was not looked at

    def heard(self) -> None:
        """The vendor gave a sign of life."""
        self._heard_at = self._timer()

    async def run(self) -> None:
        while True:
            for duty in (self.keep_hook, self.prune, self.watch_age):
                try:
                    await duty()
                except Exception:
                    logger.exception("upkeep failed", extra={"action": "upkeep_failed", "duty": duty.__name__})
            await asyncio.sleep(EVERY_SECONDS)

    async def keep_hook(self) -> None:
        """At the start, and whenever the vendor was silent for long: have the hook looked at."""
        if self._revive is None:
            return
        if self._heard_at is not None and self._timer() - self._heard_at < SILENCE_SECONDS:
            return
        was_dead = await self._revive()
        self.heard()  # once in a silence is enough
        if was_dead:
            logger.error("webhook was dead and is back", extra={"action": "webhook_revived"})
            if self._lost is not None:
                await self._lost()

    async def prune(self) -> None:
        while await self._inbox.prune(self._now() - RETENTION, PRUNED_AT_ONCE) == PRUNED_AT_ONCE:
            pass

    async def watch_age(self) -> None:
        health = await health_of(self._inbox, self._now())
        if health.status == "behind":
            logger.error("inbox is behind", extra={"action": "inbox_behind", **health.model_dump()})
