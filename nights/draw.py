"""Night `k` of a seed: car, charger, habits, wish, and failures. Depends on nothing else than the two numbers."""

import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from nights.draw_faults import CATALOGUE, Draft
from nights.world.spec import BoxSpec, CarSpec, NightSpec, VendorSpec, WishSpec

ValueT = TypeVar("ValueT")

ZONE = "Europe/Amsterdam"
CLOCK_CHANGE_SHARE = 0.03
"""Share of nights put on one of the year's two clock changes: drawn evenly they would be one in 180."""

HISTORY_DAYS = 12
"""Days of the price file before the first night: forecasts need a week."""

CHARGERS_KW = ((3.7, 0.10), (7.4, 0.25), (11.0, 0.55), (22.0, 0.10))
CARS_KW = ((7.4, 0.20), (11.0, 0.75), (22.0, 0.05))
BATTERIES_KWH = (36.0, 45.0, 52.0, 57.5, 60.0, 64.0, 75.0, 77.0, 82.0, 95.0)
TARGETS_PCT = ((70.0, 0.10), (80.0, 0.55), (90.0, 0.20), (100.0, 0.15))
BRANDS = (("TESLA", "Tesla"), ("BMW", "BMW"), ("KIA", "Kia"), ("VOLKSWAGEN", "Volkswagen"), ("RENAULT", "Renault"))
BOXES = ("ZAPTEC", "EASEE", "WALLBOX")
COMMAND_SECONDS = (((3.0, 15.0), 0.50), ((3.0, 30.0), 0.43), ((300.0, 900.0), 0.07))
"""Time to an effect: fast brands, ordinary ones, slow ones [s]."""


def draw(
    seed: int, k: int, span: tuple[datetime, datetime], faults: tuple[int, int], only: Sequence[str] = ()
) -> NightSpec:
    """Night `k`: the world's prices reach over `span`; between `faults` failures, of `only` these if any are named."""
    chance = random.Random(f"nights:{seed}:{k}")
    draft = Draft(_base(chance, k, span))
    wanted = chance.randint(*faults)
    names = list(only) or list(CATALOGUE)
    for name in sorted(chance.sample(names, min(wanted, len(names))), key=names.index):
        CATALOGUE[name](chance, draft)
    return draft.spec


def digest(lines: Sequence[str]) -> str:
    """One sum over the canonical lines of all worlds."""
    total = hashlib.sha256()
    for line in lines:
        total.update(line.encode() + b"\n")
    return total.hexdigest()


def _base(chance: random.Random, k: int, span: tuple[datetime, datetime]) -> NightSpec:
    zone = ZoneInfo(ZONE)
    arrival = _evening(chance, span, zone)
    ready_by = time(chance.choice((6, 6, 7, 7, 7, 8, 9)), chance.choice((0, 0, 15, 30)))
    morning = datetime.combine(arrival.date() + timedelta(days=1), ready_by, tzinfo=zone)
    departs_at = morning.astimezone(UTC)
    box = _box(chance)
    return NightSpec(
        k=k,
        plug_in_at=arrival.astimezone(UTC),
        departs_at=departs_at,
        unplugs_at=departs_at + timedelta(minutes=chance.randint(1, 50)),
        wish=WishSpec(
            target_pct=_one_of(chance, TARGETS_PCT),
            min_pct=20.0 if chance.random() < 0.15 else 0.0,
            ready_by=f"{ready_by:%H:%M}",
            zone=ZONE,
        ),
        car=_car(chance, is_able=box is None or chance.random() < 0.85),
        box=box,
        car_vendor=_vendor(chance),
        box_vendor=_vendor(chance),
        fees_per_kwh="0.15",
        noise=chance.randrange(2**31),
    )


def _evening(chance: random.Random, span: tuple[datetime, datetime], zone: ZoneInfo) -> datetime:
    """An arrival: a day with prices before and after it, a time in the evening."""
    first = span[0].astimezone(zone).date() + timedelta(days=HISTORY_DAYS)
    days = (span[1].astimezone(zone).date() - first).days - 3
    day = first + timedelta(days=chance.randrange(max(days, 1)))
    if chance.random() < CLOCK_CHANGE_SHARE:
        changes = [d for d in clock_changes(first.year, zone) if first <= d.date() <= first + timedelta(days=days)]
        day = chance.choice(changes).date() if changes else day
    minutes = min(max(round(chance.gauss(18 * 60, 110)), 15 * 60), 23 * 60 + 30)
    return datetime.combine(day, time(minutes // 60, minutes % 60, chance.randrange(60)), tzinfo=zone)


def clock_changes(year: int, zone: ZoneInfo) -> list[datetime]:
    """The evenings before the nights of the year in which the clock is changed."""
    evenings = [datetime(year, 1, 1, 20, tzinfo=zone) + timedelta(days=n) for n in range(366)]
    return [e for e in evenings if (e + timedelta(days=1)).utcoffset() != e.utcoffset()]


def _car(chance: random.Random, *, is_able: bool) -> CarSpec:
    vendor, brand = chance.choice(BRANDS)
    return CarSpec(
        brand=brand,
        vendor=vendor,
        capacity_kwh=chance.choice(BATTERIES_KWH),
        soc_pct=round(min(max(chance.gauss(45, 15), 8), 88), 2),
        max_kw=_one_of(chance, CARS_KW),
        efficiency=round(chance.uniform(0.86, 0.94), 3),
        taper_from_pct=float(chance.randint(88, 96)) if chance.random() < 0.5 else None,
        auto_start=chance.random() < 0.95,
        can_start=is_able,
        can_stop=is_able,
        ramp_seconds=float(chance.randint(3, 40)),
    )


def _box(chance: random.Random) -> BoxSpec | None:
    """Four homes in five have a charger that is linked."""
    if chance.random() < 0.2:
        return None
    return BoxSpec(vendor=chance.choice(BOXES), max_kw=_one_of(chance, CHARGERS_KW), auto_start=chance.random() < 0.92)


def _vendor(chance: random.Random) -> VendorSpec:
    return VendorSpec(
        command_seconds=_one_of(chance, COMMAND_SECONDS),
        observe_seconds=round(chance.uniform(3, 40), 1),
        webhook_seconds=round(chance.uniform(1, 20), 1),
        refresh_seconds=round(chance.uniform(3, 18), 1),
        charging_seconds=float(chance.randint(120, 300)),
        idle_seconds=float(chance.randint(300, 420)),
        pairing_seconds=round(chance.uniform(0, 240), 1),
        refuses_needless=chance.random() < 0.5,
    )


def _one_of(chance: random.Random, table: Sequence[tuple[ValueT, float]]) -> ValueT:
    return chance.choices([value for value, _ in table], [weight for _, weight in table])[0]
