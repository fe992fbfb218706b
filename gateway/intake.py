"""Webhook deliveries: stored before the answer, then worked off in order; only what matters reaches a workflow."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from temporalio.service import RPCError, RPCStatusCode

from client import Nightcharge
from domain.devices import Device
from domain.driver.events import DeviceGone, DeviceSeen
from domain.errors import RetryableError
from domain.ports import Inbox, ReadingBook, WatchBook
from domain.provider_events import DeviceDeleted, DeviceDiscovered, DeviceUpdated, ProviderEvent
from domain.relevance import hearing
from domain.session.events import ReadingArrived

logger = logging.getLogger(__name__)

Parse = Callable[[bytes, datetime], list[ProviderEvent]]

BATCH = 50
"""Deliveries taken from the inbox at once."""

TRIES = 3
"""Times a delivery may fail for a reason of its own before it is set aside."""


_MEANT_FOR_US = (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)


def _is_passing(error: Exception) -> bool:
    """Whether the fault lies outside the delivery: then it waits, however long it takes."""
    if isinstance(error, RPCError):
        return error.status not in _MEANT_FOR_US
    return isinstance(error, RetryableError | OSError)


class Intake:
    """Works off the inbox: every reading into the raw series, every relevant one to its session or driver."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        readings: ReadingBook,
        watches: WatchBook,
        workflows: Nightcharge,
        parse: Parse,
        now: Callable[[], datetime],
    ) -> None:
        self._inbox, self._readings, self._watches = inbox, readings, watches
        self._workflows, self._parse, self._now = workflows, parse, now
        self._tries: Counter[str] = Counter()

    async def work_off(self) -> int:
        """Handle what is pending, in order; returns how many deliveries.

        While Temporal or the vendor is out of reach everything waits. A delivery that fails for a reason of its own is
        set aside after a few tries, so that it does not hold up the others; its body stays stored.
        """
        pending = await self._inbox.pending(BATCH)
        for delivery_id, body in pending:
            await self._work_off(delivery_id, body)
            self._tries.pop(delivery_id, None)
            await self._inbox.done(delivery_id)
        return len(pending)

    async def _work_off(self, delivery_id: str, body: bytes) -> None:
        """Handle every event; one that fails does not cost the others, and is tried again with its delivery."""
        failures: list[Exception] = []
        for event in self._parse(body, self._now()):
            try:
                await self._handle(event)
            except Exception as error:
                if _is_passing(error):
                    raise
                failures.append(error)
        if not failures:
            return
        self._tries[delivery_id] += 1
        if self._tries[delivery_id] < TRIES:
            raise failures[0]
        logger.error(
            "delivery set aside",
            extra={"action": "delivery_set_aside", "delivery_id": delivery_id, "events": len(failures)},
            exc_info=failures[0],
        )

    async def _handle(self, event: ProviderEvent) -> None:
        match event:
            case DeviceDiscovered() | DeviceUpdated():
                await self._see(event.device)
            case DeviceDeleted():
                await self._watches.remove_device(event.device.id)
                await self._workflows.device_gone(event.device.driver_id, DeviceGone(device_id=event.device.id))
            case _:
                logger.debug("event not used", extra={"action": "event_ignored", "kind": event.kind})

    async def _see(self, device: Device) -> None:
        before = await self._watches.device(device.id)
        watch = await self._watches.watch_of(device.id)
        if device.reading.observed_at is not None:
            await self._readings.add_readings([device.reading])
        heard_by = hearing(before, device, watch)
        to_driver = heard_by.to_driver
        if heard_by.to_session and watch is not None:
            is_heard = await self._workflows.reading(watch.session_id, ReadingArrived(reading=device.reading))
            if not is_heard:  # the session is over, its watch was left behind
                await self._watches.end_watch(watch.session_id)
                to_driver = True
        if to_driver:
            await self._workflows.device_seen(device.driver_id, DeviceSeen(device=device))
        if before is None or heard_by.is_newer:
            await self._watches.save_device(device)
