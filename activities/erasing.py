"""Erasing a driver's records."""

from temporalio import activity

from activities.errors import translated
from domain import steps
from domain.driver.events import ActionEnded
from domain.ports import ErasureBook


class Erasing:
    """Holds the book that can erase."""

    def __init__(self, erasure: ErasureBook) -> None:
        self._erasure = erasure

    @activity.defn(name=steps.ERASE_RECORDS)
    async def erase_records(self, step: steps.EraseStep) -> ActionEnded:
        """Delete what storage knows of the driver; done twice, nothing is left twice."""
        with translated():
            await self._erasure.erase(step.driver_id, step.device_ids, step.at)
        return ActionEnded(action_id=step.action_id, is_done=True, detail="records erased")
