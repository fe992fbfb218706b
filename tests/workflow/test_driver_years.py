"""Years of one driver through continue-as-new end as the pure machine says: 300 sessions and 1,000 actions a year.

`make properties` plays three years; the suite plays the first weeks.
"""

import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.evening import Account, open_account
from support.factories import CAR, CHARGER, make_device, make_driver, make_reading
from support.fake_steps import FakeSteps
from support.servers import Server, serve
from temporalio import workflow
from temporalio.worker import Worker

from domain.departure import Wish
from domain.devices import PowerDeliveryState
from domain.driver.apply import apply, begun
from domain.driver.decide import decide
from domain.driver.effects import BeginSession, LabelDriver
from domain.driver.events import DeviceSeen, DismissPrompt, DriverEvent, NightReported, SessionEnded, SetWish
from domain.driver.state import DriverState
from workflows.driver import DriverWorkflow
from workflows.messages import SESSION_WORKFLOW, SessionReport

DAYS = round(365 * float(os.environ.get("NIGHTCHARGE_YEARS", "0.04")))
RENEW_AT_EVENTS = 150
"""History events after which the driver continues as new: the server itself would ask far later."""


@workflow.defn(name=SESSION_WORKFLOW)
class NoSession:
    """A session that is over at once; the test speaks for it."""

    @workflow.run
    async def run(self, start: dict[str, Any]) -> None:
        return


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve("dev", speed=1) as server:
        yield server


def car(at: datetime, state: PowerDeliveryState) -> DeviceSeen:
    return DeviceSeen(device=make_device(reading=make_reading(state=state, observed_at=at, received_at=at)))


def plug_in(at: datetime) -> DeviceSeen:
    return car(at, PowerDeliveryState.STOPPED)


def day(number: int, at: datetime, session_id: str | None) -> list[DriverEvent]:
    """What a day's user does and a night's session tells: three actions, and on most days a session."""
    wish = Wish(target_soc_pct=60 + number % 40)
    actions: list[DriverEvent] = [
        SetWish(action_id=f"{number}-wish", wish=wish),
        DismissPrompt(action_id=f"{number}-dismiss", prompt="prompt.charger_recommended"),
        SetWish(action_id=f"{number}-wish", wish=Wish()),  # the id is known: nothing may change
    ]
    if session_id is None:
        return actions
    night = NightReported(
        session_id=session_id,
        vehicle_id=CAR,
        number=1,
        is_ready=number % 7 != 0,
        saving=str(number % 5),
        why="as planned",
        commands_sent=4,
        commands_proven=4 - number % 2,
        matched_charger_id=CHARGER,
        is_match_known=True,
    )
    unplugged = car(at, PowerDeliveryState.UNPLUGGED).device.reading
    return [*actions, night, SessionEnded(session_id=session_id, vehicle_id=CAR, readings=(unplugged,))]


def heard(state: DriverState, event: DriverEvent, at: datetime) -> DriverState:
    """The pure machine."""
    state = apply(state, event)
    for effect in decide(state, at).effects:
        if isinstance(effect, BeginSession | LabelDriver):
            state = begun(state, effect, at)
    return state


async def tell(driver: Account, event: DriverEvent) -> None:
    match event:
        case NightReported():
            await driver.handle.signal(DriverWorkflow.session_reported, SessionReport(night=event))
        case SessionEnded():
            await driver.handle.signal(DriverWorkflow.session_reported, SessionReport(ended=event))
        case _:
            await driver.handle.signal(event.type, event)


def told_alike(state: DriverState) -> DriverState:
    """Without the instant at which a session was opened: the workflow's is the server's."""
    return state.model_copy(update={"sessions": {}})


async def test_years_of_one_driver_end_as_the_pure_machine_says(server: Server) -> None:
    fakes = FakeSteps(server.clock)
    fakes.renew_at_events = RENEW_AT_EVENTS
    async with Worker(
        server.client,
        task_queue=server.task_queue,
        workflows=[DriverWorkflow, NoSession],
        activities=fakes.all(),
    ):
        driver = await open_account(server, fakes)
        await driver.enroll(make_device())
        pure = await driver.state()
        begins = await server.now()
        sessions = 0
        for number in range(1, DAYS + 1):
            at = begins + timedelta(days=number)
            session_id = None
            if number % 6:  # five nights of six: 300 a year
                sessions += 1
                session_id = f"{CAR}:{sessions}"
            events = day(number, at, session_id)
            for event in [plug_in(at - timedelta(hours=1)), *events] if session_id else events:
                pure = heard(pure, event, at)
                await tell(driver, event)
                if isinstance(event, DeviceSeen):
                    await opened(driver, sessions)

        async def is_all_heard() -> bool:
            return told_alike(await driver.state()) == told_alike(pure)

        await server.until(is_all_heard, "the state of the pure machine")
        state = await driver.state()
        runs = [run async for run in server.client.list_workflows(f'WorkflowId = "{driver.handle.id}"')]
    assert state.next_seq[CAR] == sessions + 1
    assert len(state.outcomes) <= 500
    assert len(runs) > 1, "the driver never continued as new, so nothing was shown"


async def opened(driver: Account, seq: int) -> None:
    """The next report is of this session, so it must be open."""

    async def is_open() -> bool:
        session = (await driver.state()).sessions.get(CAR)
        return session is not None and session.session_id == f"{CAR}:{seq}"

    await driver.server.until(is_open, f"session {seq}")


def test_the_pure_machine_is_not_the_one_compared_with_itself() -> None:
    """A day changes the state, so that equality says something."""
    state = make_driver()
    assert heard(state, day(1, state_at := datetime.fromisoformat("2022-12-12T18:00:00Z"), None)[0], state_at) != state
