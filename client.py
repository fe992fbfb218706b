"""The typed client for backends: start or get a driver, act, ask, and speak to tonight's session."""

from typing import Self

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.clock import Clock
from domain.driver.events import Act, DeviceGone, DeviceSeen
from domain.driver.state import ActionOutcome, DriverLabels, DriverState, Program
from domain.errors import CallerError
from domain.journey import Journey
from domain.model import Model
from domain.session.events import DriverActed, ReadingArrived
from domain.session.state import SessionState
from workflows import search_attributes as labels
from workflows.driver import DriverWorkflow
from workflows.engine import PLUGIN
from workflows.ids import driver_id, driver_workflow_id, session_workflow_id
from workflows.messages import DriverStart
from workflows.policies import TASK_QUEUE
from workflows.session import SessionWorkflow


class ActionRefused(CallerError):
    """The action makes no sense in the present state; the text says why."""


class UnknownWorkflow(CallerError):
    """No such driver or session."""


async def connect(address: str | None = None, namespace: str | None = None) -> Client:
    """The Temporal client with our converter; address and namespace come from Temporal's environment profile."""
    profile = ClientConfig.load_client_connect_config()
    if address is not None:
        profile["target_host"] = address
    if namespace is not None:
        profile["namespace"] = namespace
    profile.setdefault("target_host", "localhost:7233")
    return await Client.connect(**profile, plugins=[PLUGIN])


class Nightcharge:
    """What a backend does with drivers and sessions."""

    def __init__(self, temporal: Client, *, clock: Clock | None = None, task_queue: str = TASK_QUEUE) -> None:
        self.temporal = temporal
        self._clock = clock or Clock()
        self._task_queue = task_queue

    @classmethod
    async def from_environment(cls) -> Self:
        """A client from Temporal's environment profile."""
        return cls(await connect())

    async def start_driver(self, program: Program, reference: str) -> str:
        """Start the driver's workflow, or find the one that runs; returns the opaque driver id."""
        driver = driver_id(program.name, reference)
        await self.temporal.start_workflow(
            DriverWorkflow.run,
            DriverStart(state=DriverState(driver_id=driver, program=program, wish=program.wish), clock=self._clock),
            id=driver_workflow_id(driver),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=labels.for_driver(program.name, DriverLabels()),
            static_summary=f"driver of {program.name}",
        )
        return driver

    async def act(self, driver: str, action: Act) -> ActionOutcome:
        """Do an action and wait for its outcome. Repeating an action id returns the first outcome.

        Raises:
            ActionRefused: it makes no sense now; nothing was changed.
            UnknownWorkflow: no such driver.
        """
        try:
            return await self._driver(driver).execute_update(DriverWorkflow.act, action, id=action.action_id)  # type: ignore[arg-type]
        except WorkflowUpdateFailedError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type == "Refused":
                raise ActionRefused(error.cause.message) from error
            raise
        except RPCError as error:
            raise _known(error, driver) from error

    async def journey(self, driver: str) -> Journey:
        """What the app shows this driver now."""
        try:
            return await self._driver(driver).query(DriverWorkflow.journey)
        except RPCError as error:
            raise _known(error, driver) from error

    async def driver_state(self, driver: str) -> DriverState:
        """Everything the driver's workflow knows."""
        try:
            return await self._driver(driver).query(DriverWorkflow.state)
        except RPCError as error:
            raise _known(error, driver) from error

    async def session_state(self, session: str) -> SessionState:
        """Everything a session knows."""
        try:
            return await self._session(session).query(SessionWorkflow.state)
        except RPCError as error:
            raise _known(error, session) from error

    async def act_tonight(self, session: str, action: DriverActed) -> None:
        """The driver's word for tonight, straight to the session."""
        try:
            await self._session(session).signal(SessionWorkflow.driver_acted, action)
        except RPCError as error:
            raise _known(error, session) from error

    # What the gateway passes on from the outside world.

    async def device_seen(self, driver: str, event: DeviceSeen) -> bool:
        """Tell the driver's workflow of a device; False if there is none."""
        return await self._pass_on(self._driver(driver), "device_seen", event)

    async def device_gone(self, driver: str, event: DeviceGone) -> bool:
        return await self._pass_on(self._driver(driver), "device_gone", event)

    async def reading(self, session: str, event: ReadingArrived) -> bool:
        """Tell a session of a relevant reading; False if it is over."""
        return await self._pass_on(self._session(session), "reading", event)

    async def _pass_on(self, handle: WorkflowHandle, name: str, event: Model) -> bool:  # type: ignore[type-arg]
        try:
            await handle.signal(name, event)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    def _driver(self, driver: str) -> WorkflowHandle[DriverWorkflow, None]:
        return self.temporal.get_workflow_handle_for(DriverWorkflow.run, driver_workflow_id(driver))

    def _session(self, session: str) -> WorkflowHandle[SessionWorkflow, None]:
        return self.temporal.get_workflow_handle_for(SessionWorkflow.run, session_workflow_id(session))


def _known(error: RPCError, what: str) -> Exception:
    return UnknownWorkflow(f"no workflow runs for {what}") if error.status is RPCStatusCode.NOT_FOUND else error
