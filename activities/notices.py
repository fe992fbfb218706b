"""Words to the driver, through the notification port."""

from temporalio import activity

from activities.errors import translated
from domain import steps
from domain.ports import Notices


class Telling:
    """Holds the port through which drivers are told."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    @activity.defn(name=steps.TELL)
    async def tell(self, step: steps.TellDriver) -> None:
        """Say it once; the machine counts."""
        with translated():
            await self._notices.tell(step.driver_id, step.session_id, step.kind, step.cause, step.what_to_do)


class LogNotices:
    """Notices as structured log lines, until a program brings its own channel."""

    async def tell(self, driver_id: str, session_id: str, kind: str, cause: str, what_to_do: str) -> None:
        activity.logger.warning(
            "driver told",
            extra={
                "action": "driver_told",
                "driver_id": driver_id,
                "session_id": session_id,
                "kind": kind,
                "cause": cause,
                "what_to_do": what_to_do,
            },
        )
