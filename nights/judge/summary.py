"""Many verdicts added up to the figures that are reported."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from nights.judge.promises import CHECKS
from nights.judge.verdict import Verdict

CHEAP_PCT = 2.0
"""P9: healthy nights cost at most this much more than the optimum [%]."""

MOST_SPREAD_SECONDS = 600.0
ENOUGH_SPREADS = 300
UNEVEN = 0.1
"""P12: random delays stay below ten minutes; of this many or more the share below any value is off the even one by at
most `UNEVEN` (Kolmogorov's distance; a delay is cut to half of a short run, so chance alone is not the measure)."""

FAILING_SHOWN = 100
"""Numbers of nights listed per promise [count]."""


@dataclass
class Costs:
    """What was paid, and the least it could have been."""

    paid: float = 0.0
    least: float = 0.0

    def add(self, verdict: Verdict) -> None:
        self.paid += verdict.cost
        self.least += verdict.least_cost

    @property
    def over_pct(self) -> float:
        """By how much more was paid than necessary [%]."""
        return round(100 * (self.paid - self.least) / abs(self.least), 3) if self.least else 0.0


@dataclass
class FaultFigures:
    """The nights in which one failure took part."""

    nights: int = 0
    ready: int = 0
    told: int = 0
    silent_misses: int = 0
    commands: int = 0
    costs: Costs = field(default_factory=Costs)

    def add(self, verdict: Verdict) -> None:
        self.nights += 1
        self.ready += verdict.is_ready
        self.told += verdict.is_told
        self.silent_misses += verdict.is_silent_miss
        self.commands += verdict.commands
        self.costs.add(verdict)

    def shown(self) -> dict[str, Any]:
        return {
            "nights": self.nights,
            "ready": self.ready,
            "told": self.told,
            "silent_misses": self.silent_misses,
            "commands": self.commands,
            "extra_cost_pct": self.costs.over_pct,
        }


class Summary:
    """Figures over all nights judged so far."""

    def __init__(self) -> None:
        self.nights = self.healthy = 0
        self.silent_misses = self.ready = self.possible = self.late = 0
        self.alarms_healthy = self.alarms_faulty = 0
        self.missed_possible: list[int] = []
        self.lost_waiting: list[int] = []
        self.beyond_switches: list[int] = []
        self.healthy_costs = Costs()
        self.spreads: list[float] = []
        self.broken: dict[str, list[int]] = defaultdict(list)
        self.faults: dict[str, FaultFigures] = defaultdict(FaultFigures)

    def add(self, verdict: Verdict) -> None:
        self.nights += 1
        self.silent_misses += verdict.is_silent_miss
        self.late += verdict.is_told_late
        self.ready += verdict.is_ready
        is_possible = verdict.is_ready or (verdict.is_possible and not verdict.is_left_to_driver)
        self.possible += is_possible
        if is_possible and not verdict.is_ready:
            self.missed_possible.append(verdict.k)
            if verdict.is_lost_waiting:
                self.lost_waiting.append(verdict.k)
            elif verdict.is_beyond_switches:
                self.beyond_switches.append(verdict.k)
        self.spreads.extend(verdict.spread_seconds)
        for name in verdict.broken:
            self.broken[name].append(verdict.k)
        for fault in verdict.faults:
            self.faults[fault].add(verdict)
        if verdict.faults:
            self.alarms_faulty += verdict.is_false_alarm
        else:
            self.healthy += 1
            self.alarms_healthy += verdict.is_false_alarm
            self.healthy_costs.add(verdict)

    def promises(self) -> dict[str, dict[str, Any]]:
        """Held or not, and the nights that failed; P9 is judged over all healthy nights together."""
        names = sorted({"P1", *CHECKS}, key=lambda name: int(name[1:]))
        found: dict[str, dict[str, Any]] = {
            name: {"held": not self.broken[name], "failing": sorted(self.broken[name])[:FAILING_SHOWN]}
            for name in names
        }
        found["P9"] = {"held": not self.healthy or self.healthy_costs.over_pct <= CHEAP_PCT, "failing": []}
        found["P12"] = {"held": is_even(self.spreads), "failing": []}
        return dict(sorted(found.items(), key=lambda item: int(item[0][1:])))

    @property
    def is_kept(self) -> bool:
        """Whether every promise held."""
        return all(promise["held"] for promise in self.promises().values())

    def figures(self) -> dict[str, Any]:
        """What the runner reports, but for speed and the digest of the worlds."""
        return {
            "silent_misses": self.silent_misses,
            "false_alarms": self.alarms_healthy + self.alarms_faulty,
            "ready": self.ready,
            "ready_possible": self.possible,
            "missed": self.missed_possible[:FAILING_SHOWN],
            "lost_while_waiting": len(self.lost_waiting),
            "beyond_six_switches": len(self.beyond_switches),
            "cost_over_optimum_pct": self.healthy_costs.over_pct,
            "promises": self.promises(),
            "faults": {name: self.faults[name].shown() for name in sorted(self.faults, key=lambda name: int(name[1:]))},
        }


def is_even(seconds: list[float]) -> bool:
    """Whether random delays lie within their ceiling and, if there are enough, evenly."""
    if any(not 0 <= second <= MOST_SPREAD_SECONDS for second in seconds):
        return False
    n = len(seconds)
    if n < ENOUGH_SPREADS:
        return True
    return all(abs((i + 1) / n - second / MOST_SPREAD_SECONDS) <= UNEVEN for i, second in enumerate(sorted(seconds)))
