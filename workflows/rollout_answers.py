"""What the result or failure of a rollout's step means as events."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from domain.rollout import steps
from domain.rollout.events import Gathered, PageLost, PageTold, Published, Rehearsed, StepLost
from workflows.answers import ANSWERS, Answer


def _heard(event: BaseModel) -> list[BaseModel]:
    return [event]


def _page_lost(step: steps.TellPageStep, why: str, at: datetime) -> list[BaseModel]:
    return [PageLost(page=step.page, version=step.version, why=why, at=at)]


def _lost(step: Literal["rehearse", "publish", "gather"]) -> Any:
    return lambda _, why, at: [StepLost(step=step, why=why, at=at)]


ANSWERS.update(
    {
        steps.REHEARSE: Answer(steps.RehearseStep, Rehearsed, _heard, _lost("rehearse")),
        steps.PUBLISH: Answer(steps.PublishStep, Published, _heard, _lost("publish")),
        steps.TELL_PAGE: Answer(steps.TellPageStep, PageTold, _heard, _page_lost),
        steps.GATHER: Answer(steps.GatherStep, Gathered, _heard, _lost("gather")),
    }
)
