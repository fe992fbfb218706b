"""What the demo must have shown. Read from accounts, logs and journeys alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from demo.backend import JourneyRecord
from demo.cast import Role
from domain.account import NightAccount
from domain.journey import Stage
from domain.nightlog import LogEntry


@dataclass
class Played:
    """One driver's night as it is on record."""

    role: Role
    journey: JourneyRecord
    session_id: str
    account: NightAccount | None = None
    log: list[LogEntry] = field(default_factory=list)

    def outcomes(self) -> list[dict[str, str]]:
        return [entry.data["outcome"] for entry in self.log if entry.name == "command_ended"]


def failures(nights: Sequence[Played]) -> list[str]:
    """What is missing; empty if the demo showed all it promises."""
    missing: list[str] = []
    for night in nights:
        account = night.account
        if account is None:
            missing.append(f"{night.role.letter}: no account of the night")
            continue
        if not account.is_ready:
            missing.append(f"{night.role.letter}: not ready ({account.why})")
        if account.saving <= Decimal(0):
            missing.append(f"{night.role.letter}: no saving by meter ({account.saving})")
    by_letter = {night.role.letter: night for night in nights}
    missing += _blocked_then_enrolled(by_letter["A"])
    missing += _dismissed_and_through_the_car(by_letter["B"])
    missing += _proof_failed_and_fell_back(by_letter["C"])
    return missing


def _blocked_then_enrolled(night: Played) -> list[str]:
    stages = night.journey.stages
    was_blocked = Stage.CHARGER_REQUIRED in stages and {"dismiss_prompt", "enroll"} <= set(night.journey.refused)
    is_enrolled = bool(stages) and stages[-1] is Stage.ENROLLED
    return [] if was_blocked and is_enrolled else ["A: was not blocked and then enrolled"]


def _dismissed_and_through_the_car(night: Played) -> list[str]:
    through = {outcome["side"] for outcome in night.outcomes() if outcome["result"] == "proven"}
    return [] if through == {"vehicle"} else [f"B: not charged through the car alone ({sorted(through)})"]


def _proof_failed_and_fell_back(night: Played) -> list[str]:
    stops = [(o["side"], o["result"]) for o in night.outcomes() if o["goal"] == "stop"]
    starts = [(o["side"], o["result"]) for o in night.outcomes() if o["goal"] == "start"]
    wanted = [("charger", "unproven"), ("vehicle", "proven")]
    fell_back = stops[:2] == wanted
    was_cleared = ("vehicle", "proven") in starts
    return [] if fell_back and was_cleared else [f"C: no failed proof with fallback (stops {stops}, starts {starts})"]
