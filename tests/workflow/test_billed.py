"""What a healthy night costs in billed actions, counted from the history of one that is played now."""

from temporalio.client import WorkflowHistory

from domain import steps
from domain.nightlog import LogEntry
from nights.billed import as_child, billed
from nights.healthy_night import play
from ops.history import rebuild

DEVICE_EVENTS, NEW_PRICES = 8, 2


async def test_a_healthy_night_stays_within_its_budget_of_billed_actions():
    """60 in all, 30 without decisions and reads, 200 events; time goes on only while the session rests, so a busy
    machine counts as a calm one does."""
    history = await play()
    bill = as_child(billed([history.events]))
    assert not bill.over_budget, "\n".join(bill.lines())
    assert bill.actions["signals heard"] == DEVICE_EVENTS + NEW_PRICES
    assert bill.actions["step send_command"] == 4
    assert bill.actions["step make_plan"] == 3
    assert rebuild([history.events]).nights[1] == handed_over(history), "what listening brings in a task is read too"


def handed_over(history: WorkflowHistory) -> tuple[LogEntry, ...]:
    """The log that went to storage with the night."""
    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    (payload,) = [step.input.payloads[0] for step in scheduled if step.activity_type.name == steps.CLOSE_NIGHT]
    return steps.CloseTheNight.model_validate_json(payload.data).log
