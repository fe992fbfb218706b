"""The sweep's step on devices: what it hands to the inbox, and whom it calls missing."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.factories import EVENING, make_device
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.sweeping import UNSEEN_AT_ONCE, Sweeping
from domain.clock import Clock
from domain.devices import Device, Side
from domain.errors import UnknownDevice, VendorUnavailable
from domain.inbox import Origin, WorkedOff
from domain.provider_events import DeviceDeleted, DeviceUpdated, ProviderEvent, events_from_json
from domain.sweep import DevicePage, Line, Part, SweepPage, SweptPage
from storage.sql import SqlStore

EARLIER = EVENING - timedelta(hours=1)


class Platform:
    """A platform with these devices, listed in pages of two."""

    def __init__(self, *devices: Device) -> None:
        self.devices = {device.id: device for device in devices}
        self.unlisted: set[str] = set()
        self.read_ids: list[str] = []

    async def page(self, side: Side, cursor: str | None) -> DevicePage:
        listed = [one for one in self.devices.values() if one.side is side and one.id not in self.unlisted]
        start = int(cursor or 0)
        more = str(start + 2) if start + 2 < len(listed) else None
        return DevicePage(devices=tuple(listed[start : start + 2]), cursor=more)

    async def read(self, side: Side, device_id: str) -> Device:
        self.read_ids.append(device_id)
        if device_id not in self.devices:
            raise UnknownDevice
        return self.devices[device_id]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path}/sweep.db")
    await store.create()
    yield store
    await store.close()


async def sweep(store: SqlStore, platform: Any, part: Part, cursor: str | None = None) -> SweptPage:
    nobody: Any = None
    step = SweepPage(line=Line(part=part, cursor=cursor), began_at=EVENING, since=EVENING, clock=Clock())
    swept: SweptPage = await ActivityEnvironment().run(
        Sweeping(platform, nobody, store.inbox, store, nobody).sweep_page, step
    )
    return swept


async def handed_in(store: SqlStore) -> list[ProviderEvent]:
    deliveries = await store.inbox.pending(100)
    assert all(delivery.origin is Origin.SWEEP for delivery in deliveries)
    return [event for delivery in deliveries for event in events_from_json(delivery.body)]


async def know(store: SqlStore, *ids: str) -> None:
    """Devices we know, not seen since before the sweep."""
    work = WorkedOff(devices=[make_device(id=one) for one in ids], seen=dict.fromkeys(ids, EARLIER))
    await store.inbox.keep(work, EARLIER)


async def test_devices_of_a_page_go_into_the_inbox_as_if_a_hook_had_told_of_them(store: SqlStore) -> None:
    """F41: hooks were silent for hours; nothing is read driver by driver."""
    cars = [make_device(id=f"car-{n}") for n in range(3)]
    platform = Platform(*cars, make_device(Side.CHARGER))
    first = await sweep(store, platform, Part.VEHICLES)
    assert (first.cursor, first.looked_at) == ("2", 2)
    last = await sweep(store, platform, Part.VEHICLES, first.cursor)
    assert (last.cursor, last.looked_at) == (None, 1)
    assert await handed_in(store) == [DeviceUpdated(device=car) for car in cars]
    assert platform.read_ids == []


async def test_device_that_was_not_listed_is_asked_for_and_gone_only_if_it_is_unknown(store: SqlStore) -> None:
    await know(store, "car-1", "car-2")
    here = make_device(id="car-2")
    platform = Platform(here)
    swept = await sweep(store, platform, Part.UNSEEN)
    assert (swept.cursor, swept.looked_at, swept.repaired) == (None, 2, 1)
    assert await handed_in(store) == [
        DeviceDeleted(device=make_device(id="car-1"), created_at=EVENING),
        DeviceUpdated(device=here),
    ]


async def test_device_that_was_heard_of_since_the_sweep_began_is_not_asked_for(store: SqlStore) -> None:
    await know(store, "car-1")
    await store.inbox.keep(WorkedOff(seen={"car-1": EVENING}), EVENING)
    platform = Platform()
    assert (await sweep(store, platform, Part.UNSEEN)).looked_at == 0
    assert platform.read_ids == []


async def test_nothing_is_called_missing_while_swept_pages_still_wait(store: SqlStore) -> None:
    await know(store, "car-1")
    await store.inbox.accept("sweep/1", b"[]", EVENING, origin=Origin.SWEEP)
    with pytest.raises(ApplicationError) as raised:
        await sweep(store, Platform(), Part.UNSEEN)
    assert not raised.value.non_retryable


async def test_unseen_devices_come_in_pages(store: SqlStore) -> None:
    ids = [f"car-{n:03}" for n in range(UNSEEN_AT_ONCE + 1)]
    await know(store, *ids)
    platform = Platform(*(make_device(id=one) for one in ids))
    first = await sweep(store, platform, Part.UNSEEN)
    assert (first.cursor, first.looked_at) == (ids[-2], UNSEEN_AT_ONCE)
    assert sorted(platform.read_ids) == ids[:-1]


async def test_platform_out_of_reach_takes_no_device_away(store: SqlStore) -> None:
    """F70."""

    class Down(Platform):
        async def read(self, side: Side, device_id: str) -> Device:
            raise VendorUnavailable

    await know(store, "car-1")
    with pytest.raises(ApplicationError) as raised:
        await sweep(store, Down(), Part.UNSEEN)
    assert not raised.value.non_retryable
    assert await handed_in(store) == []
