"""Which workflows ended, and which go on: asked of Temporal's visibility store."""

from datetime import datetime

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.sweep import EndedPage, EndedSession
from workflows.ids import driver_of, driver_workflow_id, session_of
from workflows.messages import DRIVER_WORKFLOW, SESSION_WORKFLOW

PAGE = 100

_CUT_OFF = "ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled')"


class VisibleWorkflows:
    """`Register` of `domain.sweep`. Lists are some seconds late; whether a driver runs is asked of the workflow."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal

    async def ended_sessions(self, since: datetime, cursor: str | None) -> EndedPage:
        """Sessions that ended otherwise than by themselves. They are their driver's children."""
        found, cursor = await self._page(f"WorkflowType = '{SESSION_WORKFLOW}' AND {_CUT_OFF}", since, cursor)
        sessions = (
            EndedSession(session_id=session_of(one.id), driver_id=driver_of(one.parent_id))
            for one in found
            if one.parent_id is not None
        )
        return EndedPage(sessions=tuple(sessions), cursor=cursor)

    async def gone_drivers(self, since: datetime, cursor: str | None) -> EndedPage:
        """Drivers whose workflow ended otherwise than by itself, and does not run again."""
        found, cursor = await self._page(f"WorkflowType = '{DRIVER_WORKFLOW}' AND {_CUT_OFF}", since, cursor)
        ids = dict.fromkeys(driver_of(one.id) for one in found)
        return EndedPage(driver_ids=tuple([one for one in ids if not await self._runs(one)]), cursor=cursor)

    async def open_sessions(self, driver_id: str) -> list[str]:
        """The driver's sessions that go on."""
        query = (
            f"WorkflowType = '{SESSION_WORKFLOW}' AND ExecutionStatus = 'Running' "
            f"AND ParentWorkflowId = '{driver_workflow_id(driver_id)}'"
        )
        return [session_of(one.id) async for one in self._temporal.list_workflows(query)]

    async def _page(
        self, query: str, since: datetime, cursor: str | None
    ) -> tuple[list[WorkflowExecution], str | None]:
        listing = self._temporal.list_workflows(
            f"{query} AND CloseTime >= '{since.isoformat()}'",
            page_size=PAGE,
            next_page_token=bytes.fromhex(cursor) if cursor else None,
        )
        await listing.fetch_next_page()
        token = listing.next_page_token
        return list(listing.current_page or ()), token.hex() if token else None

    async def _runs(self, driver_id: str) -> bool:
        try:
            found = await self._temporal.get_workflow_handle(driver_workflow_id(driver_id)).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return found.status is WorkflowExecutionStatus.RUNNING
