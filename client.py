"""The typed client for backends: start or get a driver, act, wait, ask, list, and speak to tonight's session.

Errors are our own tree (domain/errors.py); of this module:

CallerError
|- ActionRefused        the action makes no sense in the present state; the text says why
`- UnknownWorkflow      no such driver or session
RetryableError
|- EngineUnavailable    Temporal or its workers do not answer at the moment
`- StillPending         an outcome did not come in time; it may still come
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar
from uuid import uuid4

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.clock import Clock
from domain.driver.events import Act, DeviceGone, DeviceSeen
from domain.driver.state import ActionOutcome, DriverLabels, DriverState
from domain.errors import CallerError, RetryableError
from domain.journey import Journey
from domain.model import Model
from domain.nightlog import LogEntry
from domain.program import Program
from domain.requirement import VehicleAsked, Verdict
from domain.session.events import DriverActed, PricesChanged, ReadingArrived
from domain.session.preview import Preview
from domain.session.state import SessionState
from workflows import search_attributes as labels
from workflows.driver import DriverWorkflow
from workflows.engine import PLUGIN
from workflows.ids import driver_id, driver_workflow_id, session_of, session_workflow_id
from workflows.messages import DRIVER_WORKFLOW, SESSION_WORKFLOW, DriverStart
from workflows.policies import TASK_QUEUE
from workflows.session import SessionWorkflow

T = TypeVar("T")

LOOK_EVERY = timedelta(milliseconds=200)
"""Real time between two looks for an outcome that is waited for."""

ANSWERS_WITHIN = timedelta(seconds=10)
"""Real time a question may take; without a worker nobody answers it."""


class ActionRefused(CallerError):
    """The action makes no sense in the present state; the text says why."""


class UnknownWorkflow(CallerError):
    """No such driver or session."""


class EngineUnavailable(RetryableError):
    """Temporal or its workers do not answer at the moment."""


class StillPending(RetryableError):
    """The outcome did not come in time; it may still come."""


class Listed(Model):
    """One workflow of a list: what the visibility store knows of it, some seconds old."""

    id: str  # of the driver or the session
    stage: str
    brand: str = ""  # of the car
    is_open: bool
    began_at: datetime


async def connect(address: str | None = None, namespace: str | None = None) -> Client:
    """The Temporal client with our converter; address and namespace come from Temporal's environment profile.

    Raises:
        EngineUnavailable: nobody answers there.
    """
    profile = ClientConfig.load_client_connect_config()
    if address is not None:
        profile["target_host"] = address
    if namespace is not None:
        profile["namespace"] = namespace
    profile.setdefault("target_host", "localhost:7233")
    try:
        return await Client.connect(**profile, plugins=[PLUGIN])
    except RuntimeError as error:  # the SDK's word for a server that cannot be reached
        raise EngineUnavailable(f"no Temporal server answers at {profile['target_host']}") from error


class Nightcharge:
    """What a backend does with drivers and sessions."""

    def __init__(
        self,
        temporal: Client,
        *,
        clock: Clock | None = None,
        task_queue: str = TASK_QUEUE,
        operator_url: str = "",
    ) -> None:
        """Around a Temporal client made by `connect`, or one of your own with the plugin `workflows.engine.PLUGIN`.

        `operator_url`: where the operator's page is; drivers and sessions then lead back to it from the Temporal UI.
        """
        self.temporal = temporal
        self._clock = clock or Clock()
        self._task_queue = task_queue
        self._operator_url = operator_url

    @classmethod
    async def from_environment(cls) -> Self:
        """A client from Temporal's environment profile (`TEMPORAL_ADDRESS`, `TEMPORAL_PROFILE`, ...)."""
        return cls(await connect())

    # Drivers

    async def start_driver(self, program: Program, reference: str) -> str:
        """Start the driver's workflow, or find the one that runs; returns the opaque driver id."""
        driver = driver_id(program.name, reference)
        start = self.temporal.start_workflow(
            DriverWorkflow.run,
            DriverStart(
                state=DriverState(driver_id=driver, program=program, wish=program.wish),
                clock=self._clock,
                operator_url=self._operator_url,
            ),
            id=driver_workflow_id(driver),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=labels.for_driver(program.name, DriverLabels()),
            static_summary=f"driver of {program.name}",
            rpc_timeout=ANSWERS_WITHIN,
        )
        await _known(start, driver)
        return driver

    async def act(self, driver: str, action: Act, *, within: timedelta | None = None) -> ActionOutcome:
        """Do any action of `DriverAction` and wait for its outcome. Repeating an action id returns the first outcome.

        Raises:
            ActionRefused: it makes no sense now; nothing was changed.
            StillPending: no outcome came `within` this real time (None: wait as long as it takes).
            UnknownWorkflow: no such driver.
        """
        return await _known(self._act(driver, action, within), driver)

    async def begin(self, driver: str, action: Act) -> None:
        """Send an action without waiting. What became of it, `outcome` or `wait_for` tells."""
        name: str = action.type  # type: ignore[attr-defined]  # every action's signal bears the name of its type
        await _known(self._driver(driver).signal(name, action, rpc_timeout=ANSWERS_WITHIN), driver)

    async def outcome(self, driver: str, action_id: str) -> ActionOutcome | None:
        """What became of an action; None if the driver's workflow has not heard of it (or long ago)."""
        return (await self.driver_state(driver)).outcomes.get(action_id)

    async def wait_for(self, driver: str, action_id: str, *, within: timedelta) -> ActionOutcome:
        """The outcome of an action once there is one.

        Raises:
            StillPending: there was none `within` this real time.
        """
        try:
            async with asyncio.timeout(within.total_seconds()):
                while True:
                    outcome = await self.outcome(driver, action_id)
                    if outcome is not None and outcome.status != "pending":
                        return outcome
                    await asyncio.sleep(LOOK_EVERY.total_seconds())
        except TimeoutError:
            raise StillPending from None

    async def journey(self, driver: str) -> Journey:
        """What the app shows this driver now."""
        query = self._driver(driver).query(DriverWorkflow.journey, rpc_timeout=ANSWERS_WITHIN)
        return await _known(query, driver)

    async def driver_state(self, driver: str) -> DriverState:
        """Everything the driver's workflow knows."""
        return await _known(self._driver(driver).query(DriverWorkflow.state, rpc_timeout=ANSWERS_WITHIN), driver)

    async def announce(self, driver: str, brand: str, model: str | None = None) -> Verdict:
        """What will be asked of the driver with a car of this brand and model, before it is linked: and why."""
        asked = VehicleAsked(brand=brand, model=model)
        query = self._driver(driver).query(DriverWorkflow.announce, asked, rpc_timeout=ANSWERS_WITHIN)
        return await _known(query, driver)

    async def drivers(self, program: str, *, stage: str | None = None) -> AsyncIterator[Listed]:
        """Open drivers of a program, newest first, from the visibility store."""
        found = f"AND Stage = {_quoted(stage)}" if stage is not None else ""
        query = f"WorkflowType = '{DRIVER_WORKFLOW}' AND Program = {_quoted(program)} AND ExecutionStatus = 'Running'"
        async for listed in self._list(f"{query} {found}", "driver:"):
            yield listed

    # Sessions

    async def sessions(self, program: str, *, only_open: bool = True) -> AsyncIterator[Listed]:
        """Charging sessions of a program, newest first, from the visibility store (closed ones while retained)."""
        query = f"WorkflowType = '{SESSION_WORKFLOW}' AND Program = {_quoted(program)}"
        running = "AND ExecutionStatus = 'Running'" if only_open else ""
        async for listed in self._list(f"{query} {running}", "session:"):
            yield listed

    async def session_state(self, session: str) -> SessionState:
        """Everything a session knows."""
        return await _known(self._session(session).query(SessionWorkflow.state, rpc_timeout=ANSWERS_WITHIN), session)

    async def session_log(self, session: str) -> list[LogEntry]:
        """The log of the session's present night."""
        query = self._session(session).query(SessionWorkflow.night_log, rpc_timeout=ANSWERS_WITHIN)
        return await _known(query, session)

    async def preview(self, session: str, action: DriverActed) -> Preview:
        """What an action for tonight would cost and risk, beside the plan in hand. Nothing is changed."""
        query = self._session(session).query(SessionWorkflow.what_would, action, rpc_timeout=ANSWERS_WITHIN)
        return await _known(query, session)

    async def answer(self, session: str, action_id: str) -> Preview | None:
        """What an action for tonight cost and risked when it was obeyed; None: not heard yet, or long ago."""
        query = self._session(session).query(SessionWorkflow.answer, action_id, rpc_timeout=ANSWERS_WITHIN)
        return await _known(query, session)

    async def act_tonight(self, session: str, action: DriverActed) -> None:
        """The driver's word for tonight, straight to the session."""
        signal = self._session(session).signal(SessionWorkflow.driver_acted, action, rpc_timeout=ANSWERS_WITHIN)
        await _known(signal, session)

    async def charge_now(self, session: str, *, action_id: str | None = None) -> str:
        """Charge now, whatever the price, until unplug; returns the action's id."""
        action = DriverActed(action_id=action_id or str(uuid4()), at=self._clock.now(), act="charge_now")
        await self.act_tonight(session, action)
        return action.action_id

    async def follow_plan(self, session: str, *, action_id: str | None = None) -> str:
        """Take an override back; returns the action's id."""
        action = DriverActed(action_id=action_id or str(uuid4()), at=self._clock.now(), act="follow_plan")
        await self.act_tonight(session, action)
        return action.action_id

    # What the gateway passes on from the outside world.

    async def device_seen(self, driver: str, event: DeviceSeen) -> bool:
        """Tell the driver's workflow of a device; False if there is none."""
        return await self.tell_driver(driver, event)

    async def device_gone(self, driver: str, event: DeviceGone) -> bool:
        return await self.tell_driver(driver, event)

    async def tell_driver(self, driver: str, event: Model) -> bool:
        """Pass on any event by the signal that bears its name; False if there is no such driver."""
        return await self._pass_on(self._driver(driver), event.type, event)  # type: ignore[attr-defined]

    async def reading(self, session: str, event: ReadingArrived) -> bool:
        """Tell a session of a relevant reading; False if it is over."""
        return await self._pass_on(self._session(session), "reading", event)

    async def prices_changed(self, session: str, event: PricesChanged) -> bool:
        """Tell a session of new prices; False if it is over."""
        return await self._pass_on(self._session(session), "prices_changed", event)

    async def _pass_on(self, handle: WorkflowHandle, name: str, event: Model) -> bool:  # type: ignore[type-arg]
        try:
            await handle.signal(name, event)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def _act(self, driver: str, action: Act, within: timedelta | None) -> ActionOutcome:
        handle = self._driver(driver)
        try:
            async with asyncio.timeout(within.total_seconds() if within is not None else None):
                update: WorkflowUpdateHandle[ActionOutcome] = await handle.start_update(
                    "act",
                    action,
                    id=action.action_id,
                    wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                    result_type=ActionOutcome,
                )
                return await update.result()
        except WorkflowUpdateFailedError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type == "Refused":
                raise ActionRefused(error.cause.message) from error
            raise
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise StillPending from None

    async def _list(self, query: str, prefix: str) -> AsyncIterator[Listed]:
        try:
            async for found in self.temporal.list_workflows(query):
                stage: Any = found.typed_search_attributes.get(labels.STAGE)
                brand: Any = found.typed_search_attributes.get(labels.BRAND)
                yield Listed(
                    id=found.id.removeprefix(prefix),
                    stage=stage or "unknown",
                    brand=brand or "",
                    is_open=found.close_time is None,
                    began_at=found.start_time,
                )
        except RPCError as error:
            raise _ours(error, "list") from error

    def _driver(self, driver: str) -> WorkflowHandle[DriverWorkflow, None]:
        return self.temporal.get_workflow_handle_for(DriverWorkflow.run, driver_workflow_id(driver))

    def _session(self, session: str) -> WorkflowHandle[SessionWorkflow, None]:
        return self.temporal.get_workflow_handle_for(SessionWorkflow.run, session_workflow_id(session))


_PASSING = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.FAILED_PRECONDITION,  # no worker has ever asked for work, or the workflow has not begun yet
)


async def _known(call: Awaitable[T], what: str) -> T:
    """What the call gives; the engine's errors become ours."""
    try:
        return await call
    except RPCError as error:
        raise _ours(error, what) from error
    except (WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
        raise EngineUnavailable(f"the workflow of {what} does not answer") from error


def _ours(error: RPCError, what: str) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return UnknownWorkflow(f"no workflow runs for {what}")
    if error.status in _PASSING:
        return EngineUnavailable(f"the engine does not answer: {error.status.name.lower()}")
    return error


def _quoted(value: str) -> str:
    """A string of the visibility query language."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


__all__ = [
    "ActionRefused",
    "EngineUnavailable",
    "Listed",
    "Nightcharge",
    "StillPending",
    "UnknownWorkflow",
    "connect",
    "driver_id",
    "session_of",
]
