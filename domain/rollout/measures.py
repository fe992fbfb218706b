"""Whether a phase reaches its goal, in figures (S30, S33, S37)."""

from domain.model import Model
from domain.rollout.evidence import Evidence
from domain.rollout.rates import Tally
from domain.rollout.standing import Phase


class Counts(Model):
    """Drivers of the program, counted from the roster."""

    with_vehicle: int = 0
    asked: int = 0  # to link a charger, optional or mandatory
    linked: int = 0  # of these with a charger
    mandatory: int = 0
    mandatory_linked: int = 0
    kept: int = 0  # of the mandatory ones still with the program
    incapable: int = 0  # with a vehicle that cannot do all by itself
    admitted: int = 0  # of these eligible now
    incapable_linked: int = 0  # of these with a charger: reached
    enrolled: int = 0  # of all

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})


class Measures(Model):
    """What a phase has brought."""

    phase: Phase
    counts: Counts = Counts()
    alone: Evidence = Evidence()  # nights through the vehicle alone, since the phase began
    with_charger: Evidence = Evidence()  # nights with a linked charger
    before: Evidence = Evidence()  # the brands of phase 2 in the four weeks before
    after: Evidence = Evidence()  # the same, drivers asked, since

    def lines(self) -> list[str]:
        """The phase's measure, for operators."""
        match self.phase:
            case Phase.OPTIONAL:
                return self._reliability_and_trial()
            case Phase.TARGETED:
                return self._trouble_and_cost()
            case Phase.EXTENDED:
                return self._reach()
            case _:
                return []

    def _reliability_and_trial(self) -> list[str]:
        return [
            "S30 reliability: with a charger " + self.with_charger.commands.in_words("commands proven"),
            "S30 reliability: car alone " + self.alone.commands.in_words("commands proven"),
            "S30 performance: with a charger " + self.with_charger.plans.in_words("nights ready"),
            "S30 performance: car alone " + self.alone.plans.in_words("nights ready"),
            f"S30 reliability is {_compared(self.alone.commands, self.with_charger.commands)}",
            f"S30 trial of the flows: {_share(self.counts.linked, self.counts.asked)} of those asked linked a charger",
        ]

    def _trouble_and_cost(self) -> list[str]:
        return [
            "S33 reliability: before " + self.before.commands.in_words("commands proven"),
            "S33 reliability: since " + self.after.commands.in_words("commands proven"),
            f"S33 reliability is {_compared(self.before.commands, self.after.commands)}",
            f"S33 satisfaction and cost to serve: tickets per 1,000 nights {_per_1000(self.before)} before, "
            f"{_per_1000(self.after)} since",
            f"S33 retention: {_share(self.counts.kept, self.counts.mandatory)} of those asked are still with us, "
            f"{_share(self.counts.mandatory_linked, self.counts.mandatory)} linked a charger",
        ]

    def _reach(self) -> list[str]:
        counts = self.counts
        return [
            f"S37 market: {counts.incapable} of {counts.with_vehicle} drivers have a vehicle that cannot do all itself",
            f"S37 reach: {_share(counts.admitted, counts.incapable)} of them are eligible now, "
            f"{_share(counts.incapable_linked, counts.incapable)} take part with a charger",
        ]


def _compared(before: Tally, after: Tally) -> str:
    """Better or worse only where the bounds lie apart."""
    if after.at_least() > before.at_most():
        return "surely better"
    if after.at_most() < before.at_least():
        return "surely worse"
    return "not surely different"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "0 of 0"


def _per_1000(evidence: Evidence) -> str:
    tickets = evidence.tickets_per_1000_nights
    return "unknown" if tickets is None else f"{tickets:.1f}"
