"""The car's level between two bounds: its own word, then what was metered since (F6-F8, F13).

A car's word is believed if the meter allows it. One that never changes while energy flows is frozen: from then on the
meter counts. One that falls is believed at once, for that is the safe side; one that jumps up without energy is not.
"""

from datetime import datetime, timedelta

from domain.model import Instant, Model

METERED_SURELY = 0.93
"""Share of the metered energy that certainly reached the battery beyond the assumed efficiency: efficiency, capacity
and two readings a while apart are known no better."""

HOLDS_FOR = timedelta(minutes=70)
"""A measured power is taken to last no longer than this unheard: a running charge is looked at every hour."""

TOLD_WITHIN = timedelta(minutes=3)
"""Power that ceased did so at most this long before a device tells it."""

TOLERANCE_PCT = 3.0
"""A word this far off the meter is rounding and delay [%]."""

FROZEN_PCT = 5.0
"""Metered rise from which a word that never changed is frozen [%]: cars report with up to half an hour's delay."""

OLD_WORD_DOUBT_PCT = 20.0
"""How much lower a level may be that was told before the plug-in [%]: the car was driven since (F8)."""

OLD_WORD_AFTER = timedelta(minutes=30)
"""A word older than this at plug-in is one from before the drive home."""

_HOUR = timedelta(hours=1)


class Level(Model):
    """What the car said last, and the energy into the battery since, at least and at most."""

    told_pct: float
    told_at: Instant
    is_old: bool = False  # told before the plug-in
    doubted_pct: float | None = None  # a word that was not believed
    low_pct: float = 0.0  # certain rise since by the meter [%]
    unmoved_pct: float = 0.0  # certain rise after which the car still said the same [%]
    high_pct: float = 0.0  # possible rise since [%]
    power_pct_per_hour: float | None = None  # rise at the last measured power; None: not measured
    metered_at: Instant | None = None

    @property
    def at_least_pct(self) -> float:
        """What is certain by readings alone [%]."""
        start = self.told_pct - OLD_WORD_DOUBT_PCT if self.is_old else self.told_pct
        return min(100.0, max(0.0, start) + self.low_pct)

    @property
    def at_most_pct(self) -> float:
        return min(100.0, max(self.told_pct, self.doubted_pct or 0.0) + 1.0 + self.high_pct)

    @property
    def is_frozen(self) -> bool:
        """Whether the car's word stood still while energy flowed."""
        return self.unmoved_pct >= FROZEN_PCT

    @property
    def known_at(self) -> datetime:
        """When the bounds were last measured."""
        return max(self.told_at, self.metered_at) if self.metered_at is not None else self.told_at

    def expected_pct(self, now: datetime) -> float:
        """The lower bound if the power last measured went on until `now` [%]."""
        if self.power_pct_per_hour is None or self.metered_at is None or now <= self.metered_at:
            return self.at_least_pct
        hours = min(now - self.metered_at, HOLDS_FOR) / _HOUR
        return min(100.0, self.at_least_pct + METERED_SURELY * self.power_pct_per_hour * hours)

    def reaches_at(self, pct: float) -> datetime | None:
        """When the lower bound reaches `pct` if the power goes on; None if nothing flows."""
        if not self.power_pct_per_hour or self.metered_at is None:
            return None
        missing = max(0.0, pct - self.at_least_pct)
        return self.metered_at + missing / (METERED_SURELY * self.power_pct_per_hour) * _HOUR


def metered(level: Level, at: datetime, pct_per_hour: float, *, most_pct_per_hour: float) -> Level:
    """The level with a power measured at `at` [% of the battery per hour]; `most_pct_per_hour`: what could flow."""
    last, before = level.metered_at, level.power_pct_per_hour
    if last is not None and at < last:
        return level
    if last is None or before is None:
        rise_low, rise_high = 0.0, most_pct_per_hour * ((at - max(level.told_at, last or level.told_at)) / _HOUR)
        rise_high = max(0.0, rise_high)
    else:
        hours = (at - last) / _HOUR
        sure_hours = min(hours, HOLDS_FOR / _HOUR)
        has_ceased = before > 0 and pct_per_hour <= 0
        lasted = max(0.0, sure_hours - TOLD_WITHIN / _HOUR) if has_ceased else sure_hours
        rise_low = METERED_SURELY * (before if has_ceased else min(before, pct_per_hour)) * lasted
        unseen = most_pct_per_hour if max(before, pct_per_hour) > 0 else 0.0  # rest lasts until something else is seen
        rise_high = max(before, pct_per_hour) * sure_hours + unseen * (hours - sure_hours)
    return level.model_copy(
        update={
            "low_pct": level.low_pct + rise_low,
            "high_pct": level.high_pct + rise_high,
            "power_pct_per_hour": pct_per_hour,
            "metered_at": at,
        }
    )


def told(level: Level | None, at: datetime, soc_pct: float, plugged_in_at: datetime) -> Level:
    """The level after the car's own word."""
    is_old = at < plugged_in_at - OLD_WORD_AFTER
    if level is None:
        return Level(told_pct=soc_pct, told_at=at, is_old=is_old)
    if level.is_old and not is_old:
        return _anew(level, at, soc_pct)
    if soc_pct == level.told_pct:  # no news: it may be true, and it may be frozen
        return level if level.low_pct == level.unmoved_pct else level.model_copy(update={"unmoved_pct": level.low_pct})
    if soc_pct < level.told_pct or soc_pct <= level.told_pct + level.high_pct + TOLERANCE_PCT:
        return _anew(level, at, soc_pct)
    has_flowed = level.low_pct > 0
    follows_itself = level.doubted_pct is not None and soc_pct > level.doubted_pct
    if has_flowed and (follows_itself or soc_pct <= level.told_pct + 2 * level.high_pct + TOLERANCE_PCT):
        return _anew(level, at, soc_pct)  # the battery is smaller than assumed
    return level.model_copy(update={"doubted_pct": soc_pct})


def _anew(level: Level, at: datetime, soc_pct: float) -> Level:
    """A word that is believed holds all energy up to it: the meter counts on from there."""
    return level.model_copy(
        update={
            "told_pct": soc_pct,
            "told_at": at,
            "is_old": False,
            "doubted_pct": None,
            "low_pct": 0.0,
            "unmoved_pct": 0.0,
            "high_pct": 0.0,
            "metered_at": None if level.metered_at is None else max(level.metered_at, at),
        }
    )
