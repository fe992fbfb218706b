"""A message that arrives while the workflow waits for a step is heard, and acted on."""

from typing import NamedTuple

import pytest
from support.evening import Account, Night, account, begin, night
from support.factories import CAR, CHARGER, MORNING, at, make_device, make_plan, make_reading, make_session
from support.fake_steps import FakeSteps
from support.servers import Server
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateStage

from domain import steps
from domain.commands import CommandResult, Goal
from domain.departure import Wish
from domain.devices import PowerDeliveryState, Side
from domain.driver.events import Act, LinkReturned, PlaceCharger, RequestLink, SetWish
from domain.session.state import Car
from workflows.driver import DriverWorkflow

UNKNOWN = PowerDeliveryState.UNKNOWN


async def started(tonight: Night, *, time_passes: bool = False) -> None:
    async def is_sent() -> bool:
        return Goal.START in tonight.fakes.goals

    await tonight.server.until(is_sent, "a start", time_passes=time_passes)


async def parked(tonight: Night, gate, *, time_passes: bool = False) -> None:
    async def is_reached() -> bool:
        return gate.reached.is_set()

    await tonight.server.until(is_reached, "the step", time_passes=time_passes)


@pytest.mark.parametrize("step", [steps.LISTEN, steps.MAKE_PLAN])
async def test_charge_now_during_the_first_steps_starts_the_car_before_they_end(server: Server, step: str):
    fakes = FakeSteps(server.clock)
    gate = fakes.park(step)
    state = make_session(*(fakes.reading(side, at(0)) for side in Side))
    async with server.worker(fakes.all()):
        tonight = await begin(server, fakes, state)
        await parked(tonight, gate)
        await tonight.act("charge_now")
        await started(tonight)
        assert not gate.opened.is_set()
        gate.opened.set()


async def test_charge_now_during_a_proof_is_accepted_at_once_and_supersedes_the_stop(
    server: Server, caplog: pytest.LogCaptureFixture
):
    async with night(server, flows=True) as tonight:
        gate = tonight.fakes.park(steps.SEND_COMMAND)
        await parked(tonight, gate)
        assert tonight.fakes.goals == [Goal.STOP]
        await tonight.act("charge_now")
        await started(tonight)
        assert not gate.opened.is_set()
        state = await tonight.state()
        events = [event.event_type for event in (await tonight.handle.fetch_history()).events]
        gate.opened.set()
        await tonight.end()

    assert EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED in events
    assert state.night is not None
    stop = state.night.commands[0]
    assert stop.outcome is not None
    assert stop.outcome.result is CommandResult.SUPERSEDED
    assert "never retrieved" not in caplog.text  # the stop was let go, not lost


async def test_charge_now_during_a_read_is_heard_and_obeyed_once_the_flow_is_known(server: Server):
    quiet = [make_reading(side, hours=-1, state=UNKNOWN, charge_rate_kw=None) for side in Side]
    fakes = FakeSteps(server.clock)
    gate = fakes.park(steps.READ_DEVICE)
    async with server.worker(fakes.all()):
        tonight = await begin(server, fakes, make_session(*quiet))
        await parked(tonight, gate)
        await tonight.act("charge_now")
        await server.until(tonight.has_heard, "the action")
        assert not gate.opened.is_set()
        gate.opened.set()
        await started(tonight, time_passes=True)


async def test_a_reading_while_the_driver_is_told_opens_the_way_through_the_charger(server: Server):
    helpless = Car(device_id=CAR, vendor="JEEP", can_start=False, can_stop=False)
    fakes = FakeSteps(server.clock)
    fakes.says_pairing = False
    alone = [fakes.reading(side, at(0)) for side in Side]
    fakes.plan = lambda: make_plan((0, 3))
    gate = fakes.park(steps.TELL)
    async with server.worker(fakes.all()):
        tonight = await begin(server, fakes, make_session(*alone, car=helpless))
        await parked(tonight, gate, time_passes=True)
        assert fakes.goals == []
        fakes.says_pairing = True
        await tonight.show(Side.CHARGER)
        await started(tonight)
        assert not gate.opened.is_set()
        gate.opened.set()

    assert fakes.orders[0].device_id == CHARGER


async def test_charge_now_while_a_night_is_accounted_for_starts_the_next_one(server: Server):
    async with night(server) as tonight:
        fakes = tonight.fakes
        gate = fakes.park(steps.CLOSE_NIGHT)
        await parked(tonight, gate, time_passes=True)
        already = fakes.goals.count(Goal.START)
        fakes.flows, fakes.soc_pct = False, 60.0  # a car read as full would have nothing to start for
        await tonight.act("charge_now")
        await server.until(tonight.has_heard, "the action")
        assert not gate.opened.is_set()
        gate.opened.set()

        async def is_next() -> bool:
            state = await tonight.state()
            return state.night is not None and state.night.number == 2

        await server.until(is_next, "the next night", time_passes=True)
        state = await tonight.state()
        await tonight.show(Side.CHARGER)

        async def is_started() -> bool:
            return fakes.goals.count(Goal.START) > already

        await server.until(is_started, "a start in the next night", time_passes=True)
    assert state.override is not None
    assert state.night is not None
    assert state.night.departs_at > MORNING


async def test_a_word_at_the_very_end_is_heard_and_the_session_ends_all_the_same(server: Server):
    async with night(server) as tonight:
        gate = tonight.fakes.park(steps.STOP_LISTENING)
        await tonight.go_to(0.2)
        await tonight.unplug()
        await parked(tonight, gate, time_passes=True)
        await tonight.act("charge_now")
        await server.until(tonight.has_heard, "the action")
        gate.opened.set()
        await server.until(tonight.is_over, "the end")
        assert tonight.fakes.goals == []


async def test_charge_now_while_a_decision_is_taken_is_decided_on_next(server: Server):
    fakes = FakeSteps(server.clock)
    gate = fakes.park(steps.DECIDE_SESSION)
    state = make_session(*(fakes.reading(side, at(0)) for side in Side))
    async with server.worker(fakes.all()):
        tonight = await begin(server, fakes, state)
        await parked(tonight, gate)
        await tonight.act("charge_now")
        gate.opened.set()
        await started(tonight)


class Waiting(NamedTuple):
    """A driver's action, and the step it waits for."""

    step: str
    action: Act


WAITING = [
    Waiting(steps.START_LINK, RequestLink(action_id="x", side=Side.VEHICLE, redirect_uri="https://app.invalid")),
    Waiting(steps.LIST_DEVICES, LinkReturned(action_id="x", side=Side.VEHICLE)),
    Waiting(steps.SET_PLACE, PlaceCharger(action_id="x", charger_id=CHARGER, place_id="home")),
]


@pytest.mark.parametrize("waiting", WAITING, ids=lambda waiting: waiting.step)
async def test_a_driver_is_heard_while_an_action_waits_for_the_vendor(server: Server, waiting: Waiting):
    async with account(server) as driver:
        await driver.see(make_device(Side.CHARGER))
        gate = driver.fakes.park(waiting.step)
        action = await driver.handle.start_update(
            DriverWorkflow.act, waiting.action, wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        await reached(driver, gate)
        wish = Wish(target_soc_pct=55)
        outcome = await driver.client.act(driver.driver, SetWish(action_id="w", wish=wish))
        await driver.see(make_device())
        state = await driver.state()
        assert not gate.opened.is_set()
        gate.opened.set()
        ended = await action.result()

    assert outcome.status == "done"
    assert state.wish == wish
    assert CAR in state.devices
    assert state.outcomes["x"].status == "pending"
    assert ended.status != "pending"


async def reached(driver: Account, gate) -> None:
    async def is_reached() -> bool:
        return gate.reached.is_set()

    await driver.server.until(is_reached, "the step")


async def test_a_driver_is_heard_while_a_decision_is_taken(server: Server):
    async with account(server) as driver:
        gate = driver.fakes.park(steps.DECIDE_DRIVER)
        await driver.see(make_device(Side.CHARGER))
        await reached(driver, gate)
        await driver.see(make_device())
        gate.opened.set()

        async def are_seen() -> bool:
            return set((await driver.state()).devices) == {CAR, CHARGER}

        await server.until(are_seen, "both devices")
