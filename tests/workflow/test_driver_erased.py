"""An erased driver leaves no workflow behind, whatever stops in between: F38, F39."""

from collections.abc import AsyncIterator

import pytest
from support.evening import Account, open_account
from support.factories import CAR, CHARGER, make_device, make_reading
from support.fake_steps import FakeSteps
from support.journeys import placed_charger
from support.servers import Server, serve
from temporalio.client import WorkflowExecutionStatus

from domain import steps
from domain.devices import PowerDeliveryState
from domain.driver.events import DeviceSeen, Erase
from domain.journey import Stage


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """World time is real time: the session has all its minutes to let go."""
    async with serve("dev", speed=1) as server:
        yield server


IN_ORDER = (steps.STOP_LISTENING, steps.FORGET_AT_VENDOR, steps.ERASE_RECORDS)


async def in_session(driver: Account) -> None:
    """Enrolled, plugged in, a session open."""
    await driver.enroll(make_device(), placed_charger())
    now = await driver.server.now()
    reading = make_reading(state=PowerDeliveryState.STOPPED, observed_at=now, received_at=now)
    await driver.see(make_device(reading=reading))

    session = driver.session(1)

    async def is_planned() -> bool:
        return bool(driver.fakes.asked[steps.LISTEN]) and await session.has_plan()

    await driver.server.until(is_planned, "the session's plan")


async def erase(driver: Account) -> None:
    await driver.handle.signal("erase", Erase(action_id="erase", at=await driver.server.now()))


async def is_over(driver: Account) -> bool:
    return (await driver.handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def ends(driver: Account) -> None:
    await driver.server.until(lambda: is_over(driver), "the end of the driver's workflow")


async def test_f39_in_mid_session_the_session_ends_first_then_vendor_and_records_forget(server: Server):
    fakes = FakeSteps(server.clock)
    async with server.worker(fakes.all()):
        driver = await open_account(server, fakes)
        await in_session(driver)
        await erase(driver)
        await ends(driver)
        journey = await driver.client.journey(driver.driver)
    done = [name for name in fakes.asked if name in IN_ORDER]
    assert done == list(IN_ORDER)
    (erased,) = fakes.asked[steps.ERASE_RECORDS]
    assert erased.device_ids == (CAR, CHARGER)
    assert (journey.stage, journey.vehicles) == (Stage.ERASED, ())


@pytest.mark.parametrize("step", IN_ORDER)
async def test_f39_a_worker_that_dies_between_two_steps_loses_nothing(server: Server, step: str):
    before = FakeSteps(server.clock)
    async with server.worker(before.all()):
        driver = await open_account(server, before)
        await in_session(driver)
        gate = before.park(step)
        await erase(driver)

        async def is_reached() -> bool:
            return gate.reached.is_set()

        await server.until(is_reached, step)
    after = FakeSteps(server.clock)
    async with server.worker(after.all()):
        await ends(driver)
    asked = [name for fakes in (before, after) for name in fakes.asked if name in IN_ORDER]
    assert list(dict.fromkeys(asked)) == list(IN_ORDER)


async def test_an_erased_driver_is_not_found_by_what_comes_late(server: Server):
    fakes = FakeSteps(server.clock)
    async with server.worker(fakes.all()):
        driver = await open_account(server, fakes)
        await erase(driver)
        await ends(driver)
        assert not await driver.client.device_seen(driver.driver, DeviceSeen(device=make_device()))
