"""Reading, linking and placing through the port: one call, one error translation."""

from collections.abc import Callable
from typing import Any

import pytest
from support.devices import HandClock, Vendor
from support.factories import CAR, CHARGER, DRIVER, make_device
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.devices import Devices
from domain import steps
from domain.devices import ReadingSource, Side
from domain.errors import DeviceUnreachable, LinkRevoked, RateLimited
from storage.memory import MemoryStore


class Bench:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.vendor, self.store = Vendor(self.clock), MemoryStore()
        self.devices = Devices(self.vendor, self.store, self.store)

    async def do(self, step: Callable[..., Any], payload: Any) -> Any:
        return await ActivityEnvironment().run(step, payload)

    async def read(self) -> Any:
        # model_construct: a validated copy would lose the hand that moves this clock
        step = steps.ReadDevice.model_construct(side=Side.VEHICLE, device_id=CAR, clock=self.clock)
        return await self.do(self.devices.read_device, step)


async def test_a_read_asks_for_a_refresh_first_and_stores_what_it_got():
    bench = Bench()
    before = bench.clock.now()
    heard = await bench.read()
    assert heard.reading.source is ReadingSource.READ
    assert heard.reading.observed_at > before
    stored = await bench.store.readings(CAR, before, bench.clock.now() + (bench.clock.now() - before))
    assert [reading.observed_at for reading in stored] == [heard.reading.observed_at]


async def test_a_refresh_that_fails_in_passing_costs_no_read():
    bench = Bench()
    bench.vendor.refresh_fails = RateLimited()
    assert (await bench.read()).reading.device_id == CAR


@pytest.mark.parametrize(("error", "is_final"), [(DeviceUnreachable(), False), (LinkRevoked(), True)])
async def test_a_read_that_fails_is_retried_only_if_that_can_help(error: Exception, is_final: bool):
    bench = Bench()
    bench.vendor.silent = {Side.VEHICLE: error}
    with pytest.raises(ApplicationError) as raised:
        await bench.read()
    assert raised.value.type == type(error).__name__
    assert raised.value.non_retryable is is_final


async def test_a_link_page_is_opened_for_one_kind_of_device():
    bench = Bench()
    step = steps.StartLinkStep(
        driver_id=DRIVER, action_id="l", side=Side.CHARGER, redirect_uri="https://app.invalid", language="de-DE"
    )
    ended = await bench.do(bench.devices.start_link, step)
    assert (ended.action_id, ended.is_done) == ("l", True)
    assert ended.url == "https://vendor.invalid/charger?back=https://app.invalid&hl=de-DE"


@pytest.mark.parametrize("count", [0, 1])
async def test_a_listing_is_done_only_if_something_is_linked(count: int):
    bench = Bench()
    bench.vendor.devices = [make_device()] * count + [make_device(Side.CHARGER)]
    step = steps.ListDevicesStep(driver_id=DRIVER, action_id="r", side=Side.VEHICLE)
    ended = await bench.do(bench.devices.list_devices, step)
    assert ended.is_done is bool(count)
    assert [device.id for device in ended.devices] == [CAR] * count


async def test_a_charger_is_placed_at_the_vendor():
    bench = Bench()
    step = steps.SetPlaceStep(action_id="p", charger_id=CHARGER, place_id="home")
    ended = await bench.do(bench.devices.set_place, step)
    assert bench.vendor.placed == {CHARGER: "home"}
    assert (ended.charger_id, ended.place_id) == (CHARGER, "home")
