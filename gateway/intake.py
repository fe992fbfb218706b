"""Working off the inbox: every reading into the raw series, every relevant one to its session or driver, once."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from temporalio.service import RPCError, RPCStatusCode

from domain.devices import Device, Reading
from domain.driver.events import CredentialsDied, DeviceGone, DeviceSeen
from domain.errors import RetryableError
from domain.inbox import Delivery, Inbox, Known, WorkedOff, Workflows
from domain.news import News, Sighting, news_of
from domain.provider_events import (
    CredentialsInvalidated,
    DeviceDeleted,
    DeviceDiscovered,
    DeviceUpdated,
    ProviderEvent,
)
from domain.session.events import ReadingArrived

logger = logging.getLogger(__name__)

Parse = Callable[[Delivery], list[ProviderEvent]]

ROUND = 25
"""Deliveries worked off together: enough to coalesce a burst, few enough that writing them holds up no answer."""

TRIES = 3
"""Times a delivery may fail for a reason of its own before it is set aside."""

AT_ONCE = 16
"""Workflows spoken to at the same time."""

LOOK_SECONDS = 2.0
"""Real time between two looks while nothing arrives here."""

RETRY_SECONDS = 1.0
"""Real time before the inbox is tried again after a failure."""

_MEANT_FOR_US = (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)


def _is_passing(error: Exception) -> bool:
    """Whether the fault lies outside the delivery: then it waits, however long it takes."""
    if isinstance(error, RPCError):
        return error.status not in _MEANT_FOR_US
    return isinstance(error, RetryableError | OSError)


Subject = str | tuple[str, str]
"""What an event is about: a device by its id, or a login by driver id and vendor."""


@dataclass
class _Round:
    """The deliveries of one round, by what they tell of."""

    sightings: dict[str, list[Sighting]] = field(default_factory=lambda: defaultdict(list))
    dead_logins: dict[tuple[str, str], datetime] = field(default_factory=dict)  # driver id, vendor -> since when
    told_by: dict[Subject, set[str]] = field(default_factory=lambda: defaultdict(set))  # what -> delivery ids
    work: WorkedOff = field(default_factory=WorkedOff)
    failures: dict[Subject, Exception] = field(default_factory=dict)  # what -> why nobody could be told


class Intake:
    """Works off the inbox. One process does; a second one would tell nothing twice, but do all work again.

    Workflows are told before the books are written, by signals that carry an id made of their content. So a process
    that dies in between repeats itself, and Temporal drops what it has heard already.

    Args:
        pause_seconds: real time between two rounds while deliveries come one by one, so that a round has more of them:
            a storm of small rounds costs several times as much. Who comes after a silence is worked off at once.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        workflows: Workflows,
        parse: Parse,
        now: Callable[[], datetime],
        pause_seconds: float = 0.0,
    ) -> None:
        self._inbox, self._workflows, self._parse, self._now = inbox, workflows, parse, now
        self._pause_seconds = pause_seconds
        self._arrived = asyncio.Event()
        self._seats = asyncio.Semaphore(AT_ONCE)

    def wake(self) -> None:
        """Something arrived."""
        self._arrived.set()

    async def run(self) -> None:
        """Work the inbox off when something arrived, and now and then: the sweep, or an operator, tells nobody."""
        self._arrived.set()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._arrived.wait()
            self._arrived.clear()
            try:
                while count := await self.work_off():
                    if count < ROUND:
                        await asyncio.sleep(self._pause_seconds)
            except Exception:
                # Whatever it was, the deliveries are stored and stay pending.
                logger.exception("inbox stopped short", extra={"action": "intake_failed"})
                await asyncio.sleep(RETRY_SECONDS)
                self._arrived.set()

    async def work_off(self) -> int:
        """Handle the oldest deliveries, device by device; returns how many there were.

        While Temporal is out of reach everything waits. A delivery that fails for a reason of its own is set aside
        after a few tries, so that it does not hold up the others; its body stays stored.

        Raises:
            RPCError, RetryableError, OSError: a passing failure; what could be told is done, the rest stays pending.
        """
        deliveries = await self._inbox.take(ROUND)
        if not deliveries:
            return 0
        round_ = await self._read(deliveries)
        await self._tell_all(round_)
        self._sort_out(deliveries, round_)
        await self._inbox.keep(round_.work, self._now())
        for error in round_.failures.values():
            if _is_passing(error):
                raise error
        return len(deliveries)

    async def _read(self, deliveries: Iterable[Delivery]) -> _Round:
        """The events, sorted by what they tell of. Between two deliveries the loop runs on: answers go first."""
        round_ = _Round()
        for delivery in deliveries:
            for event in self._parse(delivery):
                subject = _sort_in(round_, event, delivery.received_at)
                if subject is not None:
                    round_.told_by[subject].add(delivery.id)
            await asyncio.sleep(0)
        return round_

    async def _tell_all(self, round_: _Round) -> None:
        """Tell every driver's workflows their news; drivers side by side, the devices of one after the other."""
        await self._leave_out_the_erased(round_)
        known = await self._inbox.known(list(round_.sightings))
        by_driver: dict[str, list[str]] = defaultdict(list)
        for device_id, sightings in round_.sightings.items():
            seen = [one.device.reading for one in sightings if not one.is_gone]
            round_.work.readings += [reading for reading in seen if reading.observed_at is not None]
            by_driver[sightings[-1].device.driver_id].append(device_id)
        await asyncio.gather(*(self._tell_one(round_, known, device_ids) for device_ids in by_driver.values()))
        for (driver_id, vendor), at in round_.dead_logins.items():
            try:
                await self._tell_of_login(driver_id, vendor, at)
            except Exception as error:
                round_.failures[driver_id, vendor] = error

    async def _leave_out_the_erased(self, round_: _Round) -> None:
        """What was observed of a driver before the driver was erased leaves no trace, however late it arrives (F39)."""
        drivers = {one.device.driver_id for sightings in round_.sightings.values() for one in sightings}
        erased = await self._inbox.erased(drivers | {driver_id for driver_id, _ in round_.dead_logins})
        if not erased:
            return
        for device_id, sightings in list(round_.sightings.items()):
            kept = [one for one in sightings if not _is_before(one.at, erased.get(one.device.driver_id))]
            if kept:
                round_.sightings[device_id] = kept
            else:
                del round_.sightings[device_id], round_.work.seen[device_id]
        round_.dead_logins = {
            login: at for login, at in round_.dead_logins.items() if not _is_before(at, erased.get(login[0]))
        }

    async def _tell_of_login(self, driver_id: str, vendor: str, at: datetime) -> None:
        """A login ended; unless one of its devices was reached since: then the word is old."""
        devices = [device for device in await self._inbox.devices(driver_id) if device.vendor == vendor]
        if not any(_was_reached_after(device.reading, at) for device in devices):
            await self._workflows.tell_driver(driver_id, CredentialsDied(vendor=vendor, at=at))

    async def _tell_one(self, round_: _Round, known: dict[str, Known], device_ids: Iterable[str]) -> None:
        for device_id in device_ids:
            sightings = round_.sightings[device_id]
            news = news_of(known[device_id], sightings)
            try:
                if news.is_telling:
                    async with self._seats:
                        await self._tell(round_.work, known[device_id], sightings[-1].device, news)
            except Exception as error:
                round_.failures[device_id] = error
            else:
                _note(round_.work, sightings[-1].device, news)

    async def _tell(self, work: WorkedOff, known: Known, device: Device, news: News) -> None:
        for_driver = list(news.to_driver)
        if known.watch is not None and not await self._tell_session(known.watch.session_id, news.to_session):
            work.ended.add(known.watch.session_id)  # it is over, its watch was left behind
            if news.picture is not None and news.picture not in for_driver:
                for_driver.append(news.picture)
        for picture in for_driver:
            await self._workflows.tell_driver(picture.driver_id, DeviceSeen(device=picture))
        if news.gone_at is not None:
            driver_id = (known.device or device).driver_id
            await self._workflows.tell_driver(driver_id, DeviceGone(device_id=device.id, at=news.gone_at))

    async def _tell_session(self, session_id: str, readings: Iterable[Reading]) -> bool:
        """False if the session is over."""
        for reading in readings:
            if not await self._workflows.tell_session(session_id, ReadingArrived(reading=reading)):
                return False
        return True

    def _sort_out(self, deliveries: Iterable[Delivery], round_: _Round) -> None:
        """A delivery is done when all it tells of is; else it is tried again, or set aside."""
        stuck: dict[str, Exception] = {}
        for subject, error in round_.failures.items():
            for delivery_id in round_.told_by[subject]:
                if delivery_id not in stuck or _is_passing(error):
                    stuck[delivery_id] = error
        for delivery in deliveries:
            if delivery.id not in stuck:
                round_.work.done.append(delivery.id)
                continue
            round_.work.left.append(delivery.id)
            if not _is_passing(stuck[delivery.id]):
                self._note_failure(delivery, stuck[delivery.id], round_.work)

    def _note_failure(self, delivery: Delivery, error: Exception, work: WorkedOff) -> None:
        why = f"{type(error).__name__}: {error}"[:500]
        if delivery.tries + 1 < TRIES:
            work.failed[delivery.id] = why
            return
        work.set_aside[delivery.id] = why
        logger.error(
            "delivery set aside",
            extra={"action": "delivery_set_aside", "delivery_id": delivery.id},
            exc_info=error,
        )


def _note(work: WorkedOff, device: Device, news: News) -> None:
    if news.picture is not None:
        work.devices.append(news.picture)
    elif news.gone_at is not None:
        work.gone[device.id] = (device.driver_id, news.gone_at)


def _sort_in(round_: _Round, event: ProviderEvent, received_at: datetime) -> Subject | None:
    """Put the event to what it tells of; None if that is nothing of ours."""
    match event:
        case DeviceDiscovered() | DeviceUpdated():
            at = event.device.reading.observed_at or event.created_at or received_at
            sighting = Sighting(device=event.device, at=at)
        case DeviceDeleted():
            sighting = Sighting(device=event.device, at=event.created_at or received_at, is_gone=True)
        case CredentialsInvalidated():
            login = (event.driver_id, event.vendor)
            round_.dead_logins[login] = event.created_at or received_at
            return login
        case _:  # a heartbeat has done its work by coming; an action's progress is the vendor's word, not our proof
            return None
    device_id = event.device.id
    round_.sightings[device_id].append(sighting)
    round_.work.seen[device_id] = received_at
    return device_id


def _is_before(at: datetime, erased_at: datetime | None) -> bool:
    return erased_at is not None and at <= erased_at


def _was_reached_after(reading: Reading, at: datetime) -> bool:
    return bool(reading.is_reachable) and reading.observed_at is not None and reading.observed_at > at
