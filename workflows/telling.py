"""Signals from outside that a workflow hears once, however often they are sent."""

from uuid import UUID, uuid5

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext
from temporalio.service import RPCError, RPCStatusCode

from domain.driver.events import HoldsReleased, NightReported, SessionEnded
from domain.model import Model
from workflows.ids import driver_workflow_id, session_workflow_id
from workflows.messages import SessionReport

NAMESPACE = UUID("1d0f2bb5-8a2e-4d4e-9f0e-54b1f7a0c1aa")
"""Root of the ids of signals."""

SIGNALS = {"reading_arrived": "reading"}
"""Signals whose name is not their event's type."""


class Telling:
    """Passes events on by signals. A signal's id is made of its content: what a run heard already, Temporal drops."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal

    async def tell_driver(self, driver_id: str, event: Model) -> bool:
        """Tell a driver's workflow; False if there is none."""
        return await self._tell(driver_workflow_id(driver_id), event)

    async def tell_session(self, session_id: str, event: Model) -> bool:
        """Tell a session; False if it is over."""
        return await self._tell(session_workflow_id(session_id), event)

    async def _tell(self, workflow_id: str, event: Model) -> bool:
        name, message = _signal_of(event)
        context = WorkflowSerializationContext(namespace=self._temporal.namespace, workflow_id=workflow_id)
        request = SignalWorkflowExecutionRequest(
            namespace=self._temporal.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name=name,
            identity=self._temporal.identity,
            request_id=str(uuid5(NAMESPACE, f"{name} {message.model_dump_json()}")),
        )
        request.input.payloads.extend(await self._temporal.data_converter.with_context(context).encode([message]))
        try:
            await self._temporal.workflow_service.signal_workflow_execution(request, retry=True)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True


def _signal_of(event: Model) -> tuple[str, Model]:
    """The name of the signal that carries the event, and what it carries."""
    match event:
        case NightReported():
            return "session_reported", SessionReport(night=event)
        case HoldsReleased():
            return "session_reported", SessionReport(released=event)
        case SessionEnded():
            return "session_reported", SessionReport(ended=event)
        case _:
            kind: str = event.type  # type: ignore[attr-defined]  # every event names its type
            return SIGNALS.get(kind, kind), event
