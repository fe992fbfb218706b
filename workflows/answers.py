"""What the result or failure of a durable step means as events. Shared by the shells and by the rebuilding of a log."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel

from domain import steps
from domain.commands import CommandOutcome, CommandResult
from domain.driver.events import ActionEnded
from domain.session.events import CommandEnded, NightAccounted, PlanFailed, PlanReady, ReadFailed, ReadingArrived


class Answer(NamedTuple):
    """How one step is called and heard."""

    asks: type[BaseModel]
    gives: type[BaseModel] | None
    heard_as: Callable[[Any], list[BaseModel]]
    lost_as: Callable[[Any, str, datetime], list[BaseModel]]


def _nothing(_: Any) -> list[BaseModel]:
    return []


def _not_even_lost(_step: Any, _why: str, _at: datetime) -> list[BaseModel]:
    return []


def _command_lost(step: steps.SendCommand, why: str, at: datetime) -> list[BaseModel]:
    """Whether it was sent is not known, so it counts as unproven rather than as never sent."""
    order = step.order
    outcome = CommandOutcome(
        number=order.number,
        key=order.key,
        goal=order.goal,
        side=order.side,
        result=CommandResult.UNPROVEN,
        sent_at=at,
        ended_at=at,
        reason=f"the step was lost: {why}",
    )
    return [CommandEnded(outcome=outcome)]


def _action_lost(step: Any, why: str, _at: datetime) -> list[BaseModel]:
    return [ActionEnded(action_id=step.action_id, is_done=False, detail=why)]


def _account_lost(step: steps.CloseTheNight, why: str, _at: datetime) -> list[BaseModel]:
    """The night is over all the same: the car must get its next one."""
    return [NightAccounted(number=step.night.number, is_ready=False, saving="0", why=f"account not settled: {why}")]


ANSWERS: dict[str, Answer] = {
    steps.LISTEN: Answer(
        steps.ListenTo,
        steps.Heard,
        lambda heard: [ReadingArrived(reading=reading) for reading in heard.readings],
        _not_even_lost,
    ),
    steps.STOP_LISTENING: Answer(steps.ListenTo, None, _nothing, _not_even_lost),
    steps.MAKE_PLAN: Answer(
        steps.MakePlan,
        PlanReady,
        lambda event: [event],
        lambda step, why, _: [PlanFailed(revision=step.request.revision, why=why)],
    ),
    steps.SEND_COMMAND: Answer(
        steps.SendCommand, CommandOutcome, lambda outcome: [CommandEnded(outcome=outcome)], _command_lost
    ),
    steps.READ_DEVICE: Answer(
        steps.ReadDevice,
        ReadingArrived,
        lambda event: [event],
        lambda step, why, _: [ReadFailed(device_id=step.device_id, why=why)],
    ),
    steps.TELL: Answer(steps.TellDriver, None, _nothing, _not_even_lost),
    steps.CLOSE_NIGHT: Answer(steps.CloseTheNight, NightAccounted, lambda event: [event], _account_lost),
    steps.START_LINK: Answer(steps.StartLinkStep, ActionEnded, lambda event: [event], _action_lost),
    steps.LIST_DEVICES: Answer(steps.ListDevicesStep, ActionEnded, lambda event: [event], _action_lost),
    steps.UNLINK: Answer(steps.UnlinkStep, ActionEnded, lambda event: [event], _action_lost),
    steps.FORGET_AT_VENDOR: Answer(steps.ForgetStep, ActionEnded, lambda event: [event], _action_lost),
    steps.ERASE_RECORDS: Answer(steps.EraseStep, ActionEnded, lambda event: [event], _action_lost),
    steps.SET_PLACE: Answer(steps.SetPlaceStep, ActionEnded, lambda event: [event], _action_lost),
}
