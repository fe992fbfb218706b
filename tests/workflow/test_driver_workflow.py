"""The driver's workflow: one session per plug-in, actions answered once, a life that continues as new."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest
from support.evening import Account, account, open_account
from support.factories import CAR, CHARGER, make_device, make_reading
from support.servers import Server
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from client import ActionRefused
from domain import steps
from domain.departure import Wish
from domain.devices import PowerDeliveryState, Side
from domain.driver.events import ActTonight, AskUnlink, DismissPrompt, RequestLink, SetWish
from domain.driver.unlinking import TOKEN_LIVES
from domain.requirement import Requirement
from workflows.driver import DriverWorkflow

LINK = RequestLink(action_id="link", side=Side.VEHICLE, redirect_uri="https://app.invalid")

UPDATE_EVENTS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
}


async def plugged_in(driver: Account):
    """The car as a webhook tells of its plug-in now."""
    now = await driver.server.now()
    reading = make_reading(state=PowerDeliveryState.STOPPED, observed_at=now, received_at=now, paired_with=None)
    return make_device(reading=reading)


async def has_session(driver: Account, seq: int) -> None:
    async def is_open() -> bool:
        opened = (await driver.state()).sessions.get(CAR)
        return opened is not None and opened.session_id == f"{CAR}:{seq}"

    await driver.server.until(is_open, f"session {seq}")


async def exists(driver: Account, seq: int) -> bool:
    try:
        return (await driver.session(seq).handle.describe()).status is not None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise


async def events_of(driver: Account) -> list[int]:
    return [event.event_type for event in (await driver.handle.fetch_history()).events]


async def at_rest(driver: Account) -> list[int]:
    """The history once nothing is under way in it."""
    resting = (EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)

    async def is_resting() -> bool:
        events = await events_of(driver)
        return events[-1] in (*resting, EventType.EVENT_TYPE_MARKER_RECORDED)

    await driver.server.until(is_resting, "rest")
    return await events_of(driver)


async def test_a_plug_in_that_is_told_twice_opens_one_session_and_the_next_plug_in_the_next(server: Server):
    async with account(server) as driver:
        await driver.enroll(make_device())
        told = await plugged_in(driver)
        await asyncio.gather(driver.see(told), driver.see(told))
        await has_session(driver, 1)
        await driver.see(await plugged_in(driver))

        await driver.session(1).end()

        async def is_known() -> bool:
            return not (await driver.state()).sessions

        await server.until(is_known, "the end of the session")
        assert not await exists(driver, 2)
        driver.fakes.is_plugged = True
        await driver.see(await plugged_in(driver))
        await has_session(driver, 2)
        both = {f"{CAR}:1", f"{CAR}:2"}

        async def are_both_alive() -> bool:
            return {question.state.session_id for question in driver.fakes.asked[steps.DECIDE_SESSION]} == both

        await server.until(are_both_alive, "the second session")
        assert not await exists(driver, 3)


async def test_a_driver_that_lost_count_of_an_open_session_carries_on(server: Server):
    async with account(server) as driver:
        await driver.enroll(make_device())
        await driver.see(await plugged_in(driver))
        await has_session(driver, 1)
        await server.until(lambda: exists(driver, 1), "the session")
        first = (await driver.session(1).handle.describe()).run_id
        await driver.handle.terminate("lost")
        again = await open_account(server, driver.fakes)
        await again.enroll(make_device())
        await again.see(await plugged_in(again))
        await has_session(again, 1)
        assert (await driver.session(1).handle.describe()).run_id == first
        assert (await driver.session(1).handle.describe()).status is WorkflowExecutionStatus.RUNNING
        assert (await again.client.act(again.driver, SetWish(action_id="w", wish=Wish()))).status == "done"


async def test_a_refused_update_leaves_no_event_in_history(server: Server):
    async with account(server) as driver:
        announced = await driver.client.announce(driver.driver, "jeep", "Avenger")
        assert (announced.requirement, announced.why) == (Requirement.MANDATORY, "why.vehicle_incapable")  # S12
        await driver.see(make_device(can_control=False))
        before = await at_rest(driver)
        with pytest.raises(ActionRefused, match="stays until its action is done"):
            await driver.client.act(driver.driver, DismissPrompt(action_id="d", prompt="prompt.charger_required"))
        after = await events_of(driver)
        assert not UPDATE_EVENTS & set(after)
        if not server.skips:  # the time-skipping server keeps the workflow task that asked the validator
            assert after == before
        assert "d" not in (await driver.state()).outcomes


async def test_s17_a_token_lives_by_the_workflows_own_clock(server: Server):
    async with account(server) as driver:
        await driver.see(make_device())
        ahead = datetime(2199, 1, 1, tzinfo=UTC)
        ask = AskUnlink(action_id="ask", side=Side.VEHICLE, vendor=make_device().vendor, at=ahead)
        asked = await driver.client.act(driver.driver, ask)
        assert asked.expires_at <= await server.now() + TOKEN_LIVES


async def test_a_repeated_action_id_returns_the_first_outcome_whoever_repeats_it(server: Server):
    async with account(server) as driver:
        first = await driver.client.act(driver.driver, LINK)
        repeated = await driver.client.act(driver.driver, LINK)
        by_another_update = await driver.handle.execute_update(DriverWorkflow.act, LINK, id="another")
        other = SetWish(action_id=LINK.action_id, wish=Wish(target_soc_pct=99))
        by_another_action = await driver.handle.execute_update(DriverWorkflow.act, other, id="third")
        await driver.handle.signal(DriverWorkflow.request_link, LINK)
        state = await driver.state()
    assert first.status == "done"
    assert first.url is not None
    assert repeated == by_another_update == by_another_action == first
    assert len(driver.fakes.asked[steps.START_LINK]) == 1
    assert state.wish.target_soc_pct != 99


async def test_a_driver_that_continues_as_new_loses_no_action_no_device_and_no_session(server: Server):
    async with account(server) as driver:
        link = await driver.client.act(driver.driver, LINK)
        await driver.enroll(make_device(), make_device(Side.CHARGER))
        await driver.see(await plugged_in(driver))
        await has_session(driver, 1)
        first_run = (await driver.handle.describe()).run_id
        driver.fakes.renew_at_events = 25
        wishes = [SetWish(action_id=f"wish-{n}", wish=Wish(target_soc_pct=50 + n)) for n in range(30)]
        for start in range(0, len(wishes), 10):
            told = wishes[start : start + 10]
            calls = [partial(driver.handle.signal, DriverWorkflow.set_wish, wish) for wish in told]
            await asyncio.gather(*(server.say(call) for call in calls))
            wanted = {wish.action_id for wish in told}

            async def are_done(wanted: set[str] = wanted) -> bool:
                # The time-skipping server loses a query that meets a continue-as-new: ask the step that decides.
                return wanted <= set(driver.fakes.asked[steps.DECIDE_DRIVER][-1].state.outcomes)

            await server.until(are_done, "the wishes")

        async def is_renewed() -> bool:
            return (await driver.handle.describe()).run_id != first_run

        await server.until(is_renewed, "the next run")
        last = SetWish(action_id="last", wish=Wish())
        await server.say(partial(driver.handle.signal, DriverWorkflow.request_link, LINK))
        await server.say(partial(driver.handle.signal, DriverWorkflow.set_wish, last))

        async def is_done() -> bool:
            return "last" in driver.fakes.asked[steps.DECIDE_DRIVER][-1].state.outcomes

        await server.until(is_done, "the last wish")
    state = driver.fakes.asked[steps.DECIDE_DRIVER][-1].state
    assert set(state.devices) == {CAR, CHARGER}
    assert state.sessions[CAR].session_id == f"{CAR}:1"
    assert state.enrolment is not None
    assert {wish.action_id for wish in wishes} <= set(state.outcomes)
    assert state.outcomes[LINK.action_id] == link
    assert len(driver.fakes.asked[steps.START_LINK]) == 1


async def test_a_word_for_tonight_is_kept_until_the_plug_in_and_later_passed_on(server: Server):
    async with account(server) as driver:
        await driver.enroll(make_device())
        await driver.client.act(driver.driver, await word(driver, "skip_night", "before"))
        await driver.see(await plugged_in(driver))
        await driver.client.act(driver.driver, await word(driver, "charge_now", "after"))
        await has_session(driver, 1)

        async def has_heard() -> bool:
            return await exists(driver, 1) and (await driver.session(1).state()).acted == ("before", "after")

        await server.until(has_heard, "both words, in order")
        state = await driver.state()
    assert state.tonight == {}


async def word(driver: Account, act: str, action_id: str) -> ActTonight:
    return ActTonight(action_id=action_id, at=await driver.server.now(), vehicle_id=CAR, act=act)
