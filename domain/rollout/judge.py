"""Widen, hold or take back: the pass mark against the bound of what was measured, never against the mean."""

from enum import StrEnum

from domain.model import Model
from domain.program import Limits
from domain.rollout.evidence import Evidence
from domain.rollout.rates import CERTAIN, REPORTED


class Move(StrEnum):
    """What a step's evidence asks for."""

    WIDEN = "widen"
    HOLD = "hold"
    TAKE_BACK = "take_back"
    ASK_OPERATOR = "ask_operator"  # soaked for as long as it may, and still open


class Judgement(Model):
    """A move, and the figures it rests on."""

    move: Move
    reason: str


def judge(evidence: Evidence, limits: Limits, nights: int) -> Judgement:
    """What to do with a brand after `nights` of soak, with the evidence of exactly these nights."""
    commands, mark = evidence.commands, limits.pass_mark
    said = f"{commands.in_words('commands proven')}, pass mark {mark:.0%}"
    if is_in_trouble(evidence, limits):
        return Judgement(move=Move.TAKE_BACK, reason=f"surely below the pass mark after {nights} nights: {said}")
    if nights < limits.soak_nights:
        return Judgement(move=Move.HOLD, reason=f"night {nights} of {limits.soak_nights}: {said}")
    if commands.drivers >= limits.least_drivers and commands.at_least(REPORTED) >= mark:
        return Judgement(move=Move.WIDEN, reason=f"surely above the pass mark after {nights} nights: {said}")
    if nights >= limits.longest_soak_nights:
        return Judgement(move=Move.ASK_OPERATOR, reason=f"still open after {nights} nights: {said}")
    return Judgement(move=Move.HOLD, reason=f"not sure yet after {nights} nights: {said}")


def is_in_trouble(evidence: Evidence, limits: Limits) -> bool:
    """Whether commands surely work less often than the program needs. A handful of drivers never says so."""
    commands = evidence.commands
    return commands.drivers >= limits.least_drivers and commands.at_most(CERTAIN) < limits.pass_mark
