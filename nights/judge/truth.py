"""What there is to judge of one night: the truth of the world, the words that were said, and the account."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

HOUR = timedelta(hours=1)


class Point(NamedTuple):
    """True power [kW] and level [%] from an instant on."""

    at: datetime
    kw: float
    soc_pct: float


class Band(NamedTuple):
    """Up to this level [%] the battery takes this power [kW]."""

    up_to_pct: float
    kw: float


class Priced(NamedTuple):
    """All-in price [currency/kWh] in `[starts_at, ends_at)`."""

    starts_at: datetime
    ends_at: datetime
    price: float


class Wished(NamedTuple):
    """What the driver wanted from an instant on."""

    at: datetime
    target_pct: float
    min_pct: float
    departs_at: datetime


class Acted(NamedTuple):
    """What the driver said."""

    at: datetime
    act: str


class Word(NamedTuple):
    """What the driver was told."""

    at: datetime
    kind: str
    cause: str
    what_to_do: str


class Command(NamedTuple):
    """A command that reached a vendor."""

    at: datetime
    side: str
    kind: str  # START or STOP


class Relay(NamedTuple):
    """A side opened ("open") or closed ("closed")."""

    at: datetime
    side: str
    now: str
    cause: str

    @property
    def is_ours(self) -> bool:
        return self.cause.startswith("client:")


class Claim(NamedTuple):
    """What we hold to be proven of a command of ours."""

    goal: str  # start or stop
    side: str
    result: str
    sent_at: datetime | None
    ended_at: datetime
    proof: str = "flow"  # what was to be measured: flow, no_flow, or released (this side lets go, the other may hold)


class Gone(NamedTuple):
    """A device that left our hands for good."""

    at: datetime
    side: str
    announced_at: datetime | None  # since when we knew; None: without a word


@dataclass(frozen=True)
class Billed:
    """A night's account as it is shown."""

    is_ready: bool
    energy_kwh: float
    cost: float
    slots: tuple[tuple[datetime, datetime, float, float], ...]  # from, to, price, energy


@dataclass(frozen=True)
class Truth:
    """One night. Nothing in here was decided by the product except what it did, said and wrote down."""

    k: int
    faults: tuple[str, ...]
    plugged: tuple[tuple[datetime, datetime], ...]  # half open
    points: tuple[Point, ...]
    capacity_kwh: float
    efficiency: float
    limit_pct: float
    bands: tuple[Band, ...]  # what car and charger can do, rising levels
    wishes: tuple[Wished, ...]  # never empty
    prices: tuple[Priced, ...]
    acts: tuple[Acted, ...] = ()
    words: tuple[Word, ...] = ()
    commands: tuple[Command, ...] = ()
    relays: tuple[Relay, ...] = ()
    claims: tuple[Claim, ...] = ()
    bills: tuple[Billed, ...] = ()
    possible_pct: float = 0.0  # the level an omniscient controller would have had at departure [%]
    possible_in_six_pct: float = 100.0  # the same, had it moved a relay no more often than promised (P8)
    possible_after_waiting_pct: float = 100.0  # the same, had it shared our wait for cheaper hours [%]
    reasons: tuple[Command, ...] = ()  # commands that the night log gives a reason for, when they were decided
    wrong_stops: int = 0  # stops that reached a car the session was not about
    is_away: bool = False  # plugged in where we have no say
    gone: tuple[Gone, ...] = ()
    misled_until: datetime | None = None  # until then nobody could know level (F8) or power (F54)
    erased_at: datetime | None = None  # from here on the driver is no driver of ours
    spread_seconds: tuple[float, ...] = field(default=())  # random delays on record, of switches that had one

    @property
    def wish(self) -> Wished:
        """What was wanted in the end."""
        return self.wishes[-1]

    @property
    def plugged_in_at(self) -> datetime:
        return self.plugged[0][0]

    @property
    def unplugged_at(self) -> datetime:
        return self.plugged[-1][1]

    @property
    def judged_at(self) -> datetime:
        """The departure, or the instant the driver pulled the cable if that was earlier."""
        return min(self.wish.departs_at, self.unplugged_at)

    def soc_pct(self, at: datetime) -> float:
        """True level at an instant [%]."""
        index = bisect_right(self.points, at, key=lambda point: point.at) - 1
        if index < 0:
            return self.points[0].soc_pct
        point = self.points[index]
        gained = point.kw * ((at - point.at) / HOUR) * self.efficiency / self.capacity_kwh * 100
        return min(point.soc_pct + gained, 100.0)

    def energy_kwh(self, starts_at: datetime, ends_at: datetime) -> float:
        """True energy at the meter [kWh]."""
        return sum(kw * ((b - a) / HOUR) for a, b, kw in self.flows(starts_at, ends_at))

    def flows(self, starts_at: datetime, ends_at: datetime) -> list[tuple[datetime, datetime, float]]:
        """Stretches of constant power within `[starts_at, ends_at)`, those without flow left out."""
        found = []
        for index, point in enumerate(self.points):
            until = self.points[index + 1].at if index + 1 < len(self.points) else ends_at
            a, b = max(point.at, starts_at), min(until, ends_at)
            if point.kw > 0 and a < b:
                found.append((a, b, point.kw))
        return found

    def cost(self, starts_at: datetime, ends_at: datetime) -> float:
        """True cost of the energy drawn [currency]."""
        return sum(
            kw * ((min(b, slot.ends_at) - max(a, slot.starts_at)) / HOUR) * slot.price
            for a, b, kw in self.flows(starts_at, ends_at)
            for slot in self.prices
            if slot.starts_at < b and slot.ends_at > a
        )

    def hours_to(self, from_pct: float, to_pct: float) -> list[tuple[float, float]]:
        """Hours and power [kW] of each band between two levels, charging without a pause."""
        found = []
        for band in self.bands:
            top = min(band.up_to_pct, to_pct)
            if top > from_pct:
                kwh = (top - from_pct) / 100 * self.capacity_kwh / self.efficiency
                found.append((kwh / band.kw, band.kw))
                from_pct = top
        return found
