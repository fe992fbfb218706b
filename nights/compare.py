"""Two engines, one night: the same commands in the same order, at nearly the same instants, with the same outcome."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from nights.judge.truth import Truth
from nights.judge.verdict import Verdict

NEARLY = timedelta(seconds=30)
"""By how much the instants of a command may differ."""


@dataclass(frozen=True)
class Difference:
    """How two engines' ways through one night differ."""

    k: int
    seconds: float  # largest distance between the instants of two commands that correspond
    why: str = ""  # empty: they agree


def compare(loop: tuple[Truth, Verdict], other: tuple[Truth, Verdict]) -> Difference:
    """The loop's night against the other engine's."""
    (one, verdict), (two, other_verdict) = loop, other
    apart = [abs((a.at - b.at) / timedelta(seconds=1)) for a, b in zip(one.commands, two.commands, strict=False)]
    seconds = round(max(apart, default=0.0), 2)
    return Difference(one.k, seconds, _why(one, two, verdict, other_verdict, seconds))


def _why(one: Truth, two: Truth, verdict: Verdict, other: Verdict, seconds: float) -> str:
    if [(c.side, c.kind) for c in one.commands] != [(c.side, c.kind) for c in two.commands]:
        return "other commands"
    if [_slot(one, c.at) for c in one.commands] != [_slot(two, c.at) for c in two.commands] and seconds > 1:
        return "commands in other slots"
    if seconds > NEARLY / timedelta(seconds=1):
        return f"instants {seconds:.0f} s apart"
    if (verdict.is_ready, verdict.is_told) != (other.is_ready, other.is_told):
        return "another outcome"
    return ""


def _slot(truth: Truth, at: datetime) -> datetime | None:
    """The start of the price slot in which an instant lies."""
    return next((slot.starts_at for slot in truth.prices if slot.starts_at <= at < slot.ends_at), None)


@dataclass
class Comparison:
    """Differences added up."""

    same: int = 0
    largest_seconds: float = 0.0
    differing: dict[int, str] = field(default_factory=dict)

    def add(self, difference: Difference) -> None:
        if difference.why:
            self.differing[difference.k] = difference.why
        else:
            self.same += 1
            self.largest_seconds = max(self.largest_seconds, difference.seconds)

    def figures(self) -> dict[str, Any]:
        return {
            "same": self.same,
            "largest_seconds": self.largest_seconds,
            "differing": [{"k": k, "why": why} for k, why in sorted(self.differing.items())],
        }
