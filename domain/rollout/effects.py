"""What a rollout wants done. Each effect says why."""

from typing import Annotated, Literal

from pydantic import Field

from domain.model import Instant, Model
from domain.rollout.judge import Move
from domain.rollout.standing import Phase, Standing
from domain.session.effects import Renew, Vitals, WakeAt


class Rehearse(Model):
    """Find out who would be asked what, and which brands there are to treat."""

    type: Literal["rehearse"] = "rehearse"
    phase: Phase
    reason: str


class Publish(Model):
    """Make it a version of the program. `change` makes a repeat harmless."""

    type: Literal["publish"] = "publish"
    change: int
    standing: Standing
    is_everyone: bool
    reason: str


class TellPage(Model):
    """Tell the drivers of one page."""

    type: Literal["tell_page"] = "tell_page"
    page: int
    pages: int
    version: int
    is_everyone: bool
    reason: str


class Gather(Model):
    """Collect what was measured."""

    type: Literal["gather"] = "gather"
    brand: str | None
    since: Instant  # the soak
    began_at: Instant  # the phase
    reason: str


class MoveOn(Model):
    """What the evidence asks for."""

    type: Literal["move_on"] = "move_on"
    move: Move
    brand: str | None
    reason: str


class AskOperator(Model):
    """Wait for an operator's word."""

    type: Literal["ask_operator"] = "ask_operator"
    reason: str


class Close(Model):
    """The rollout is over."""

    type: Literal["close"] = "close"
    reason: str


RolloutEffect = Annotated[
    Rehearse | Publish | TellPage | Gather | MoveOn | AskOperator | Close | WakeAt | Renew,
    Field(discriminator="type"),
]


class RolloutDecision(Model):
    """Effects decided on one state, with what was known."""

    at: Instant
    seen: int
    attempt: int = 0
    effects: tuple[RolloutEffect, ...]


__all__ = [
    "AskOperator",
    "Close",
    "Gather",
    "MoveOn",
    "Publish",
    "Rehearse",
    "Renew",
    "RolloutDecision",
    "RolloutEffect",
    "TellPage",
    "Vitals",
    "WakeAt",
]
