"""The sweep's step. What it finds of devices goes the way of webhooks: into the inbox, worked off in order."""

import asyncio
from datetime import datetime

from temporalio import activity

from activities.errors import translated
from activities.heartbeat import beating
from domain.devices import Device
from domain.driver.events import SessionEnded
from domain.errors import RetryableError, UnknownDevice
from domain.inbox import Inbox, Origin, Workflows
from domain.ports import WatchBook
from domain.provider_events import DeviceDeleted, DeviceUpdated, ProviderEvent, events_to_json
from domain.session.events import DevicesLeaving
from domain.sweep import SIDES, SWEEP_PAGE, Census, EndedSession, Part, Register, SweepPage, SweptPage

UNSEEN_AT_ONCE = 20
"""Devices that the platform did not list, looked at in one page."""

WINDOW = 4
"""Of them, read at the same time."""

DRIVER_GONE = "the driver's workflow is gone"


class NotYet(RetryableError):
    """What was swept so far is not worked off."""


class Sweeping:
    """Holds the platform, the register of workflows, the inbox and the book of watches."""

    def __init__(
        self, census: Census, register: Register, inbox: Inbox, watches: WatchBook, workflows: Workflows
    ) -> None:
        self._census, self._register = census, register
        self._inbox, self._watches, self._workflows = inbox, watches, workflows

    @activity.defn(name=SWEEP_PAGE)
    async def sweep_page(self, step: SweepPage) -> SweptPage:
        """One page of one part; done twice it changes nothing more."""
        with translated(step.clock), beating():
            match step.line.part:
                case Part.VEHICLES | Part.CHARGERS:
                    return await self._sweep_devices(step)
                case Part.UNSEEN:
                    return await self._sweep_unseen(step)
                case Part.ENDED_SESSIONS:
                    return await self._sweep_sessions(step)
                case Part.GONE_DRIVERS:
                    return await self._sweep_drivers(step)

    async def _sweep_devices(self, step: SweepPage) -> SweptPage:
        page = await self._census.page(SIDES[step.line.part], step.line.cursor)
        await self._hand_in(step, [DeviceUpdated(device=device) for device in page.devices])
        return SweptPage(cursor=page.cursor, looked_at=len(page.devices))

    async def _sweep_unseen(self, step: SweepPage) -> SweptPage:
        """What the platform did not list is asked for one by one; what it does not know is gone."""
        if (await self._inbox.backlog()).pending:
            raise NotYet  # a device may look unseen only because its page still waits
        devices = await self._inbox.unseen(step.began_at, step.line.cursor or "", UNSEEN_AT_ONCE)
        seats = asyncio.Semaphore(WINDOW)
        events = await asyncio.gather(*(self._look(device, step.began_at, seats) for device in devices))
        await self._hand_in(step, events)
        cursor = devices[-1].id if len(devices) == UNSEEN_AT_ONCE else None
        gone = sum(isinstance(event, DeviceDeleted) for event in events)
        return SweptPage(cursor=cursor, looked_at=len(devices), repaired=gone)

    async def _look(self, device: Device, at: datetime, seats: asyncio.Semaphore) -> ProviderEvent:
        async with seats:
            try:
                return DeviceUpdated(device=await self._census.read(device.side, device.id))
            except UnknownDevice:
                return DeviceDeleted(device=device, created_at=at)

    async def _hand_in(self, step: SweepPage, events: list[ProviderEvent]) -> None:
        """Into the inbox. A page handed in twice is worked off twice, which changes nothing."""
        if events:
            info = activity.info()
            page = f"{step.line.part.value}/{step.line.cursor or ''}"
            delivery_id = f"sweep/{info.workflow_run_id}/{page}/{info.attempt}"
            await self._inbox.accept(delivery_id, events_to_json(events), step.clock.now(), origin=Origin.SWEEP)

    async def _sweep_sessions(self, step: SweepPage) -> SweptPage:
        page = await self._register.ended_sessions(step.since, step.line.cursor)
        for session in page.sessions:
            await self._bury(session)
        return SweptPage(cursor=page.cursor, looked_at=len(page.sessions), repaired=len(page.sessions))

    async def _bury(self, session: EndedSession) -> None:
        """Tell its driver, who waits for it, and hand over what is known of the devices; end its watch."""
        devices = await self._watches.devices(session.driver_id)
        ended = SessionEnded(
            session_id=session.session_id,
            vehicle_id=session.vehicle_id,
            readings=tuple(device.reading for device in devices),
        )
        await self._watches.end_watch(session.session_id)
        await self._workflows.tell_driver(session.driver_id, ended)

    async def _sweep_drivers(self, step: SweepPage) -> SweptPage:
        page = await self._register.gone_drivers(step.since, step.line.cursor)
        repaired = 0
        for driver_id in page.driver_ids:
            repaired += await self._let_go(driver_id)
        return SweptPage(cursor=page.cursor, looked_at=len(page.driver_ids), repaired=repaired)

    async def _let_go(self, driver_id: str) -> int:
        """A session without a driver lets go of everything and ends; how many did."""
        sessions = await self._register.open_sessions(driver_id)
        for session_id in sessions:
            device_ids = {device.id for device in await self._watches.devices(driver_id)}
            device_ids.add(session_id.rpartition(":")[0])
            leaving = DevicesLeaving(device_ids=tuple(sorted(device_ids)), why=DRIVER_GONE)
            await self._workflows.tell_session(session_id, leaving)
        return len(sessions)
