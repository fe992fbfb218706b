"""What our own accounts say of a driver, a brand or a model: the reliability record."""

from collections import defaultdict
from collections.abc import Iterable

from domain.model import Instant, Model
from domain.rollout.rates import Tally


class NightRecord(Model):
    """One night, as far as reliability is concerned."""

    session_id: str
    number: int
    driver_id: str
    brand: str
    model: str = ""
    closed_at: Instant
    has_charger: bool  # a linked charger held the car
    is_ready: bool
    commands_sent: int
    commands_proven: int
    api_calls: int  # commands that came to an end at the vendor's interface
    api_errors: int  # of these refused, or not delivered
    quarters: int  # quarter hours from plug-in to close
    fresh_quarters: int  # of these with a reading of car or charger


class Evidence(Model):
    """Rates over some nights of some drivers."""

    nights: int = 0  # nights of single drivers
    commands: Tally = Tally()  # proven of sent
    plans: Tally = Tally()  # nights ready of nights
    api_errors: Tally = Tally()  # errors of calls
    freshness: Tally = Tally()  # fresh quarter hours of all
    tickets: int = 0  # support tickets in the same time

    @property
    def tickets_per_1000_nights(self) -> float | None:
        return 1000 * self.tickets / self.nights if self.nights else None

    def __add__(self, other: "Evidence") -> "Evidence":
        """Of disjoint drivers."""
        return Evidence(**{name: getattr(self, name) + getattr(other, name) for name in Evidence.model_fields})

    def lines(self) -> list[str]:
        """What it says, for operators."""
        tickets = self.tickets_per_1000_nights
        return [
            self.commands.in_words("commands proven"),
            self.plans.in_words("nights ready"),
            self.api_errors.in_words("commands failed at the vendor's interface"),
            self.freshness.in_words("quarter hours with a fresh reading"),
            f"{self.tickets} support tickets" + (f", {tickets:.1f} per 1,000 nights" if tickets is not None else ""),
        ]


def evidence_of(records: Iterable[NightRecord], tickets: int = 0) -> Evidence:
    """The evidence of these nights."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * 8)
    nights = 0
    for night in records:
        nights += 1
        for i, count in enumerate(_counts(night)):
            sums[night.driver_id][i] += count
    tallies = [Tally.of((row[i], row[i + 1]) for row in sums.values()) for i in (0, 2, 4, 6)]
    names = ("commands", "plans", "api_errors", "freshness")
    return Evidence(nights=nights, tickets=tickets, **dict(zip(names, tallies, strict=True)))


def _counts(night: NightRecord) -> tuple[int, ...]:
    return (
        *(night.commands_proven, night.commands_sent),
        *(int(night.is_ready), 1),
        *(night.api_errors, night.api_calls),
        *(night.fresh_quarters, night.quarters),
    )
