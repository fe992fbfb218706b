"""The day-ahead prices of one area and day: what is known of them, whether that is all, and who is told.

The market publishes a whole delivery day at once, but not always on time, not always all of it, and sometimes again
with other figures. What counts is what is known now: its `digest` names the publication, wherever it came from.
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from pydantic import Field

from domain.clock import Clock
from domain.model import Instant, Model
from domain.prices import PriceSeries, PriceSlot

MARKET_ZONE = "Europe/Brussels"
"""The coupled European market delivers by this zone's days, whatever the zone of the area."""

HISTORY = timedelta(days=9)
"""Past prices a forecast needs: a week, its level, and a day of slack. The feed fills what is missing of them."""

FETCH_PRICES = "fetch_prices"
TELL_SESSIONS = "tell_sessions"
CLOSE_PUBLICATION = "close_publication"


class DeliveryDay(Model):
    """A day of the market, `[starts_at, ends_at)`: 23, 24 or 25 hours."""

    area: str
    on: str  # ISO date
    starts_at: Instant
    ends_at: Instant


class Publication(Model):
    """What is known of a delivery day."""

    area: str
    on: str  # ISO date
    digest: str  # of the known slots; empty: none is known
    hours_known: float
    hours_missing: float
    source: str = ""
    is_told: bool = False  # the last publication that sessions were told of is this one

    @property
    def is_complete(self) -> bool:
        return self.hours_missing == 0


class FetchPrices(Model):
    """Ask the source for these days, in order, and for what is missing before them; store what comes."""

    days: tuple[DeliveryDay, ...] = Field(min_length=1)
    clock: Clock = Clock()


class Fetched(Model):
    """What is known of the days now."""

    publications: tuple[Publication, ...]

    @property
    def news(self) -> tuple[Publication, ...]:
        """Publications that sessions were not told of."""
        return tuple(p for p in self.publications if p.digest and not p.is_told)


class ClosePublication(Model):
    """Every open session was told of these."""

    publications: tuple[Publication, ...]
    clock: Clock = Clock()


class Pace(Model):
    """How fast sessions are told. Each of them plans anew, so this is also the pace of planning."""

    page: int = Field(default=200, ge=1)  # sessions a step [count]
    in_flight: int = Field(default=8, ge=1)  # signals under way at a time [count]
    per_second: float = Field(default=20.0, gt=0)  # signals begun [1/s, real time]


class TellSessions(Model):
    """Tell one page of open sessions."""

    area: str
    publication: str  # names what is new; a session hears of it once
    pace: Pace = Pace()
    after: str = ""  # the last session of the page before


class PageTold(Model):
    """What became of one page."""

    last: str | None  # where the next page goes on; None: there is no next page
    told: int = 0
    gone: int = 0  # listed, but over by now


def delivery_day(area: str, on: date, zone: str = MARKET_ZONE) -> DeliveryDay:
    """The market's day `on`, by the clock of `zone` [IANA]."""
    starts_at, ends_at = (datetime.combine(day, time(0), ZoneInfo(zone)) for day in (on, on + timedelta(days=1)))
    return DeliveryDay(area=area, on=on.isoformat(), starts_at=starts_at, ends_at=ends_at)


def day_and_eve(area: str, on: date, zone: str = MARKET_ZONE) -> tuple[DeliveryDay, DeliveryDay]:
    """The day before `on`, and `on` itself."""
    return delivery_day(area, on - timedelta(days=1), zone), delivery_day(area, on, zone)


def days_at_hand(area: str, now: datetime, zone: str = MARKET_ZONE) -> tuple[DeliveryDay, DeliveryDay]:
    """The delivery day under way, and the one that is published during it."""
    return day_and_eve(area, now.astimezone(ZoneInfo(zone)).date() + timedelta(days=1), zone)


def instant_on(on: str, at: time, zone: str) -> datetime:
    """The instant at which the clock of `zone` [IANA] shows `at` on the day `on` (ISO date)."""
    return datetime.combine(date.fromisoformat(on), at, ZoneInfo(zone)).astimezone(UTC)


def name_of(news: Sequence[Publication]) -> str:
    """One name for several publications told at once."""
    return "+".join(f"{p.on}/{p.digest}" for p in news)


def publication_of(series: PriceSeries, day: DeliveryDay, *, told: str | None = None) -> Publication:
    """What `series` knows of `day`; `told` is the digest that sessions were told of last."""
    mine = within(series.slots, day.starts_at, day.ends_at)
    known = sum((slot.ends_at - slot.starts_at for slot in mine), timedelta(0))
    digest = digest_of(mine)
    return Publication(
        area=day.area,
        on=day.on,
        digest=digest,
        hours_known=known / timedelta(hours=1),
        hours_missing=(day.ends_at - day.starts_at - known) / timedelta(hours=1),
        source=series.source,
        is_told=told == digest,
    )


def digest_of(slots: Sequence[PriceSlot]) -> str:
    """The same for the same slots, whoever brought them; empty for none."""
    if not slots:
        return ""
    lines = (f"{slot.starts_at.isoformat()} {slot.ends_at.isoformat()} {slot.price_per_kwh!r}" for slot in slots)
    return sha256("\n".join(lines).encode()).hexdigest()[:16]


def within(slots: Iterable[PriceSlot], starts_at: datetime, ends_at: datetime) -> tuple[PriceSlot, ...]:
    """The parts of `slots` inside `[starts_at, ends_at)`."""
    cut = (_part(slot, starts_at, ends_at) for slot in slots)
    return tuple(slot for slot in cut if slot is not None)


def merged(old: Sequence[PriceSlot], new: Sequence[PriceSlot]) -> tuple[PriceSlot, ...]:
    """Both in order: where they overlap the new one stands, and of the old one remains what the new leaves free.

    So a revision replaces exactly what it covers, and a partial publication takes nothing away.
    """
    kept = [part for slot, parts in left_free(old, new) for part in parts]
    return tuple(sorted((*kept, *new), key=lambda slot: slot.starts_at))


def left_free(old: Sequence[PriceSlot], new: Sequence[PriceSlot]) -> Iterator[tuple[PriceSlot, list[PriceSlot]]]:
    """Each old slot with its parts that no new one covers. Both are in order, without overlaps."""
    ends = [slot.ends_at for slot in new]
    for slot in old:
        parts: list[PriceSlot] = []
        start = slot.starts_at
        for other in itertools.islice(new, bisect_right(ends, start), None):
            if other.starts_at >= slot.ends_at:
                break
            if other.starts_at > start:
                parts.append(slot.model_copy(update={"starts_at": start, "ends_at": other.starts_at}))
            start = other.ends_at
        if start < slot.ends_at:
            parts.append(slot.model_copy(update={"starts_at": start}))
        yield slot, parts


def first_missing(slots: Sequence[PriceSlot], starts_at: datetime, ends_at: datetime) -> datetime | None:
    """The first instant of `[starts_at, ends_at)` without a price; None if there is none. `slots` are in order."""
    at = starts_at
    for slot in slots:
        if slot.starts_at > at:
            break
        at = max(at, slot.ends_at)
    return at if at < ends_at else None


def _part(slot: PriceSlot, starts_at: datetime, ends_at: datetime) -> PriceSlot | None:
    start, end = max(slot.starts_at, starts_at), min(slot.ends_at, ends_at)
    if start >= end:
        return None
    return slot.model_copy(update={"starts_at": start, "ends_at": end})
