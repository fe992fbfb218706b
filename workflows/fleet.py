"""The drivers' workflows as a rollout reaches them: who runs, and a word to each."""

from collections.abc import AsyncIterator

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.driver.events import ProgramChanged
from domain.program import Program
from workflows.ids import driver_workflow_id
from workflows.messages import DRIVER_WORKFLOW
from workflows.search_attributes import STAGE

BATCH = 500
"""Drivers a batch."""


def running_of(workflow_type: str, program: str) -> str:
    """The visibility query for the program's workflows of a type that run."""
    name = program.replace("\\", "\\\\").replace("'", "\\'")
    return f"WorkflowType = '{workflow_type}' AND Program = '{name}' AND ExecutionStatus = 'Running'"


class Fleet:
    """`Drivers` of `domain.rollout.ports`. Lists are some seconds late; a rollout looks again every night."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal

    async def running(self, program: str) -> AsyncIterator[list[tuple[str, str]]]:
        """Ids and stages of all drivers of the program that run, in batches."""
        query = running_of(DRIVER_WORKFLOW, program)
        batch: list[tuple[str, str]] = []
        async for one in self._temporal.list_workflows(query, page_size=BATCH):
            stage = one.typed_search_attributes.get(STAGE) or ""
            batch.append((one.id.removeprefix("driver:"), stage))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def tell_program(self, driver_id: str, program: Program, reason: str) -> bool:
        """Signal a changed program; False if no such driver runs."""
        handle = self._temporal.get_workflow_handle(driver_workflow_id(driver_id))
        try:
            await handle.signal("program_changed", ProgramChanged(program=program, reason=reason))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True
