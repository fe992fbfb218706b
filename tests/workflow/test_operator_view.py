"""What an operator sees in the Temporal UI without decoding anything: summaries, details, reasons, filters."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.evening import Account, Night
from support.factories import CAR, MORNING, make_device, make_reading
from support.fake_steps import FakeSteps
from support.servers import Server, serve
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowHandle

from client import Nightcharge
from domain.devices import PowerDeliveryState
from domain.driver.state import Program
from workflows import search_attributes as labels

SPEED = 900.0
"""World seconds a real second where time is real: a busy machine's second must not look like a failed command."""


@pytest.fixture(params=["time-skipping", "dev"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with serve(request.param, speed=SPEED) as server:
        yield server


FIRST_TASK = 4
"""Event at which a run's first workflow task was completed."""

METADATA_QUERY = "__temporal_workflow_metadata"


async def details_of(handle: WorkflowHandle) -> str:
    """The current details, as the UI asks for them."""
    metadata = await handle.query(METADATA_QUERY, result_type=WorkflowMetadata)
    return metadata.current_details


async def summaries_of(handle: WorkflowHandle, kind: EventType.ValueType) -> list[str]:
    """The summaries that the UI shows beside events of this kind."""
    history = await handle.fetch_history()
    return [
        json.loads(event.user_metadata.summary.data)
        for event in history.events
        if event.event_type == kind and event.user_metadata.HasField("summary")
    ]


async def count_of(handle: WorkflowHandle, kind: EventType.ValueType) -> int:
    return [event.event_type for event in (await handle.fetch_history()).events].count(kind)


@asynccontextmanager
async def charging_night(server: Server) -> AsyncIterator[tuple[Account, Night]]:
    """A driver enrolled through the public client, the car plugged in and charging, and its stop proven."""
    fakes = FakeSteps(server.clock)
    async with server.worker(fakes.all()):
        client = Nightcharge(server.client, clock=server.clock, task_queue=server.task_queue)
        driver = Account(server, fakes, await client.start_driver(Program(name="test"), "a-reference"))
        await driver.enroll(make_device(brand="Jeep"))
        fakes.flows = True
        now = await server.now()
        reading = make_reading(state=PowerDeliveryState.CHARGING, observed_at=now, received_at=now, paired_with=None)
        await driver.see(make_device(brand="Jeep", reading=reading))
        tonight = driver.session(1)

        async def is_stopped() -> bool:
            return bool(fakes.orders) and "last command" in await details_of(tonight.handle)

        await server.until(is_stopped, "a proven stop")
        yield driver, tonight


async def test_summary_and_details_of_driver_and_session_say_who_and_why(server: Server):
    async with charging_night(server) as (driver, tonight):
        of_driver, of_session = await driver.handle.describe(), await tonight.handle.describe()
        assert await of_driver.static_summary() == "driver of test"
        assert await of_session.static_summary() == "Jeep: 80 % by 07:00"
        details = await of_session.static_details() or ""
        assert f"driver:{driver.driver}" in details
        assert "because the car was plugged in" in details


async def test_current_details_tell_stage_plan_next_instant_and_last_proof(server: Server):
    async with charging_night(server) as (driver, tonight):
        of_session, of_driver = await details_of(tonight.handle), await details_of(driver.handle)
    assert "**following plan**" in of_session
    assert "- plan 1: 33.0 kWh for 6.60 EUR, optimal, Tue 01:00-Tue 04:00" in of_session
    assert "- next: Tue 01:00, the plan switches" in of_session
    assert re.search(r"- last command: stop vehicle at Mon \d\d:\d\d: proven", of_session)
    assert "**enrolled**" in of_driver
    assert "charger recommended: the vehicle can be controlled by itself" in of_driver
    assert f"open session: `session:{CAR}:1`" in of_driver


async def test_every_step_and_timer_in_history_carries_its_reason(server: Server):
    async with charging_night(server) as (driver, tonight):
        activities = await summaries_of(tonight.handle, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
        timers = await summaries_of(tonight.handle, EventType.EVENT_TYPE_TIMER_STARTED)
        decisions = await summaries_of(tonight.handle, EventType.EVENT_TYPE_MARKER_RECORDED)
        of_driver = await summaries_of(driver.handle, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
        counts = [
            await count_of(tonight.handle, kind)
            for kind in (EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_TIMER_STARTED)
        ]
    assert [len(activities), len(timers)] == counts
    assert "first plan of the night" in activities
    assert any(summary.startswith("stop vehicle: plan: wait at 0.400 per kWh") for summary in activities)
    assert "the plan switches" in timers
    assert "started" in decisions
    assert "heard: plan ready" in decisions
    assert of_driver == ["the driver came back from the vendor's page"]


async def test_search_attributes_are_set_for_every_filter(server: Server):
    async with charging_night(server) as (driver, tonight):
        described = await tonight.handle.describe()
        of_session, of_driver = (
            described.typed_search_attributes,
            (await driver.handle.describe()).typed_search_attributes,
        )
    assert of_session[labels.PROGRAM] == "test"
    assert of_session[labels.BRAND] == "Jeep"
    assert of_session[labels.STAGE] == "following plan"
    assert of_session[labels.ROUTE] == "vehicle"
    assert of_session[labels.DEPARTS_AT] == MORNING
    assert of_session[labels.READY] is False
    assert (of_driver[labels.PROGRAM], of_driver[labels.BRAND]) == ("test", "Jeep")
    assert of_driver[labels.STAGE] == "enrolled"


QUERIES = [
    "Program = 'test' AND WorkflowType = 'ChargingSession'",
    "Stage = 'following plan'",
    "Route = 'vehicle'",
    "Brand = 'Jeep' AND WorkflowType = 'ChargingSession'",
    "DepartsAt > '2022-12-13T05:00:00Z' AND DepartsAt < '2022-12-13T07:00:00Z'",
    "Ready = false",
]


RUNBOOK = Path(__file__).parents[2] / "docs" / "operations.md"


def of_the_runbook(heading: str, pattern: str) -> list[str]:
    """What stands in the rows of a table of the runbook."""
    section = RUNBOOK.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(pattern, section, re.MULTILINE)


async def test_a_list_can_be_filtered_by_each_of_them():
    """And every saved query of the runbook is one that the server understands."""
    async with serve("dev", speed=SPEED) as server, charging_night(server) as (_, tonight):

        async def found(query: str) -> list[str]:
            return [workflow.id async for workflow in server.client.list_workflows(query)]

        for query in QUERIES:

            async def is_found(query: str = query) -> bool:
                return await found(query) == [tonight.handle.id]

            await server.until(is_found, query)
        assert await found("Ready = true") == []
        assert await found("Program = 'another'") == []
        saved = of_the_runbook("Saved queries", r"^\| ([^|]+) \| `(.+)` \|$")
        assert len(saved) >= 10
        told = {name: await found(query) for name, query in saved}
    assert told["plugged in"] == told["one brand, through the car"] == [tonight.handle.id]
    assert told["stuck"] == told["ended by force"] == told["at risk"] == []


async def test_signals_and_reset_of_the_runbook_do_what_it_says():
    async with serve("dev", speed=SPEED) as server, charging_night(server) as (driver, tonight):
        signals = of_the_runbook(
            "What an operator may do in the Temporal UI", r"^\| signal `(\w+)` to a (\w+): `(.+?)`"
        )
        assert {name for name, _, _ in signals} == {
            "driver_acted",
            "prices_changed",
            "link_returned",
            "devices_leaving",
        }
        for name, whom, payload in signals:
            if name != "devices_leaving":
                handle = tonight.handle if whom == "session" else driver.handle
                await handle.signal(name, json.loads(payload))

        async def is_heard() -> bool:
            outcomes = (await driver.state()).outcomes
            has_new_plan = len(tonight.fakes.asked["make_plan"]) > 1
            return await tonight.has_heard("op-1") and "op-3" in outcomes and has_new_plan

        await server.until(is_heard, "the operator's signals")
        before = {order.key for order in tonight.fakes.orders}
        request = ResetWorkflowExecutionRequest(
            namespace=server.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=tonight.handle.id),
            reason="by an operator",
            workflow_task_finish_event_id=FIRST_TASK,
            request_id="reset-1",
        )
        sent, run_id = len(tonight.fakes.orders), (await tonight.handle.describe()).run_id
        await server.client.workflow_service.reset_workflow_execution(request)

        async def goes_on() -> bool:
            is_fresh = (await tonight.handle.describe()).run_id != run_id
            return is_fresh and await tonight.has_heard("op-1") and await tonight.has_plan()

        await server.until(goes_on, "the session after its reset")
        again = {order.key for order in tonight.fakes.orders[sent:]}
    assert again <= before  # those intents are on record: what was sent is read back, and not sent again
