"""Measured power over time, from the readings of both ends of the cable.

A reading's power holds until the next one, at most `HOLD_LIMIT`. The newest reading tells whether energy flows; while
it does, the charger's figure counts before the car's. Where nothing was measured for longer, the change of the state of
charge tells the energy, if it is known; else nothing is assumed. Rest is taken to last until something else is seen.
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.devices import PowerDeliveryState, Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, measured_power_kw
from domain.fusion import SAME_MOMENT

HOLD_LIMIT = timedelta(hours=1)
"""How long a measured power is taken to last. Vendors refresh a charging device every two minutes, but report changes
only; an hour of silence at constant power is ordinary."""

SOC_NOISE_PCT = 1.5
"""A smaller rise of the level that no measured energy explains is rounding [%]."""

CUT_PCT = 5.0
"""A gap is filled in pieces of at least this rise, so that each piece knows its energy within the rounding [%]."""

DOUBT_FRACTION = 0.25
"""Capacity, efficiency and levels are known so badly that the level may rise by this much more than the meter tells
without any energy having flowed unseen (0-1 of the rise)."""

_HOUR = timedelta(hours=1)


class Stretch(NamedTuple):
    """Constant power in `[starts_at, ends_at)`."""

    starts_at: datetime
    ends_at: datetime
    power_kw: float
    is_measured: bool = True  # False: told by the state of charge, or not known and taken as none

    @property
    def energy_kwh(self) -> float:
        return self.power_kw * ((self.ends_at - self.starts_at) / _HOUR)

    def within(self, starts_at: datetime, ends_at: datetime) -> float:
        """Energy in the part of the stretch that lies in `[starts_at, ends_at)` [kWh]."""
        overlap = min(self.ends_at, ends_at) - max(self.starts_at, starts_at)
        return self.power_kw * (overlap / _HOUR) if overlap > timedelta(0) else 0.0


@dataclass(frozen=True)
class Plug:
    """What is metered: one car, perhaps on a known charger, for one span of time."""

    vehicle_id: str
    charger_id: str | None
    starts_at: datetime
    ends_at: datetime
    max_power_kw: float  # at the meter [kW]
    ac_kwh_per_pct: float | None  # energy at the meter per percent of charge [kWh/%]; None: capacity unknown
    soc_start_pct: float | None = None  # at `starts_at`, if known [%]


class _Point(NamedTuple):
    at: datetime
    power_kw: float | None  # None: flowing, at a power that is not told


def power_profile(plug: Plug, readings: Iterable[Reading]) -> list[Stretch]:
    """The power into the car, gapless from `plug.starts_at` to `plug.ends_at`.

    The order of `readings` and repetitions among them do not matter; readings of other devices and those without a time
    stamp are ignored.
    """
    known = [r for r in readings if r.observed_at is not None and r.observed_at <= plug.ends_at]
    charger = _points(r for r in known if r.side is Side.CHARGER and r.device_id == plug.charger_id)
    car = [r for r in known if r.side is Side.VEHICLE and r.device_id == plug.vehicle_id]
    profile = list(_held(plug, charger, _points(car)))
    return _filled(plug, profile, soc_points(plug, car))


def soc_points(plug: Plug, readings: Iterable[Reading]) -> list[tuple[datetime, float]]:
    """States of charge of the car while plugged, in order [%]. At one instant the highest counts."""
    found: dict[datetime, float] = {}
    if plug.soc_start_pct is not None:
        found[plug.starts_at] = plug.soc_start_pct
    for reading in readings:
        at, soc_pct = reading.observed_at, reading.soc_pct
        if reading.device_id != plug.vehicle_id or at is None or soc_pct is None:
            continue
        if plug.starts_at <= at <= plug.ends_at:
            found[at] = max(soc_pct, found.get(at, 0.0))
    return sorted(found.items())


def _points(readings: Iterable[Reading]) -> list[_Point]:
    """Measured powers in order, never below zero; at one instant the highest counts.

    A device that says it charges but not how fast ends a rest measured before: a gap begins (F12). A flow measured
    before is taken to go on.
    """
    found: dict[datetime, float | None] = {}
    for reading in readings:
        power_kw, at = measured_power_kw(reading), reading.observed_at
        if at is None:
            continue
        if power_kw is not None:
            found[at] = max(power_kw, found.get(at) or 0.0)
        elif reading.state is PowerDeliveryState.CHARGING:
            found.setdefault(at, None)
    points: list[_Point] = []
    for at, power in sorted(found.items(), key=lambda point: point[0]):
        if power is not None or (points and (points[-1].power_kw or 0.0) <= FLOW_THRESHOLD_KW):
            points.append(_Point(at, power))
    return points


class _Known(NamedTuple):
    """A stretch of the held profile; `power_kw` is None in a gap."""

    starts_at: datetime
    ends_at: datetime
    power_kw: float | None
    last_kw: float | None  # last measured power, however old


def _held(plug: Plug, charger: Sequence[_Point], car: Sequence[_Point]) -> Iterator[_Known]:
    """The step function of both series, cut wherever it may change."""
    changes = {at for point in (*charger, *car) for at in (point.at, point.at + HOLD_LIMIT)}
    inside = sorted(at for at in changes if plug.starts_at < at < plug.ends_at)
    c = v = -1
    for start, end in zip([plug.starts_at, *inside], [*inside, plug.ends_at], strict=True):
        while c + 1 < len(charger) and charger[c + 1].at <= start:
            c += 1
        while v + 1 < len(car) and car[v + 1].at <= start:
            v += 1
        power_kw, last_kw = _power(charger[c] if c >= 0 else None, car[v] if v >= 0 else None, start)
        if end > start:
            yield _Known(start, end, power_kw, last_kw)


class _Measured(NamedTuple):
    at: datetime
    power_kw: float


def _measured(point: _Point | None) -> _Measured | None:
    return None if point is None or point.power_kw is None else _Measured(point.at, point.power_kw)


def _power(charger_point: _Point | None, car_point: _Point | None, now: datetime) -> tuple[float | None, float | None]:
    """The power that counts at `now`, None if untold or too old; and the last one measured."""
    charger, car = _measured(charger_point), _measured(car_point)
    newest = car if charger is None or (car is not None and car.at - charger.at > SAME_MOMENT) else charger
    if newest is None:
        return None, None
    if now >= newest.at + HOLD_LIMIT:
        return None, newest.power_kw
    both_flow = charger is not None and min(charger.power_kw, newest.power_kw) > FLOW_THRESHOLD_KW
    if charger is not None and both_flow and now < charger.at + HOLD_LIMIT:
        return charger.power_kw, charger.power_kw
    return newest.power_kw, newest.power_kw


def _filled(plug: Plug, held: list[_Known], socs: list[tuple[datetime, float]]) -> list[Stretch]:
    """The profile with its gaps filled from the state of charge, gap by gap in time."""
    measured = [Stretch(k.starts_at, k.ends_at, k.power_kw) for k in held if k.power_kw is not None]
    profile = list(measured)
    for gap, next_kw in _gaps(held):
        cuts = [gap.starts_at, gap.ends_at]
        is_real = _missing_kwh(plug, profile, socs, gap) > 0
        if is_real:
            cuts[1:1] = _rises([point for point in socs if gap.starts_at < point[0] < gap.ends_at])
        for start, end in itertools.pairwise(cuts):
            piece = gap._replace(starts_at=start, ends_at=end)
            energy_kwh = _missing_kwh(plug, profile, socs, piece, is_real=is_real)
            profile += _placed(start, end, energy_kwh, gap.last_kw, next_kw or 0.0)
    return sorted(profile)


def _rises(socs: Sequence[tuple[datetime, float]]) -> list[datetime]:
    """Where to cut a gap: at the last instant of the first level, every `CUT_PCT`, at the first of the last level.

    Levels come in whole percents; cut at each of them, a piece would seem to draw more than is possible, the next none.
    """
    if not socs:
        return []
    first, last = socs[0][1], socs[-1][1]
    cuts = {max(at for at, soc in socs if soc == first), min(at for at, soc in socs if soc == last)}
    mark = first
    for at, soc in socs:
        if soc >= mark + CUT_PCT:
            cuts.add(at)
            mark = soc
    return sorted(cuts)


def _gaps(held: list[_Known]) -> Iterator[tuple[_Known, float | None]]:
    """Gaps, joined where they touch, each with the power measured right after it."""
    gap: _Known | None = None
    for known in held:
        if known.power_kw is None:
            gap = gap._replace(ends_at=known.ends_at) if gap else known
        elif gap:
            yield gap, known.power_kw
            gap = None
    if gap:
        yield gap, None


def _missing_kwh(
    plug: Plug, profile: list[Stretch], socs: list[tuple[datetime, float]], gap: _Known, *, is_real: bool = False
) -> float:
    """What the state of charge rose by around the gap, less what was measured beside it [kWh, meter]."""
    before = next(((at, soc) for at, soc in reversed(socs) if at <= gap.starts_at), socs[0] if socs else None)
    after = next(((at, soc) for at, soc in socs if at >= gap.ends_at), socs[-1] if socs else None)
    if before is None or after is None or before >= after or plug.ac_kwh_per_pct is None:
        return 0.0
    rise_kwh = (after[1] - before[1]) * plug.ac_kwh_per_pct
    missing_kwh = rise_kwh - sum(
        s.within(before[0], after[0]) for s in profile if s.ends_at > before[0] and s.starts_at < after[0]
    )
    was_flowing = gap.last_kw is not None and gap.last_kw > FLOW_THRESHOLD_KW
    if not (was_flowing or is_real) and missing_kwh < max(
        SOC_NOISE_PCT * plug.ac_kwh_per_pct, DOUBT_FRACTION * rise_kwh
    ):
        return 0.0
    most_kwh = plug.max_power_kw * ((gap.ends_at - gap.starts_at) / _HOUR)
    return min(max(missing_kwh, 0.0), most_kwh)


def _placed(start: datetime, end: datetime, energy_kwh: float, last_kw: float | None, next_kw: float) -> list[Stretch]:
    """The gap's energy: from its start if it was flowing before, up to its end if it flows after, else evenly."""
    was_flowing = last_kw is not None and last_kw > FLOW_THRESHOLD_KW
    if energy_kwh <= 0:
        return [Stretch(start, end, 0.0, is_measured=last_kw is not None and not was_flowing)]
    even_kw = energy_kwh / ((end - start) / _HOUR)
    if last_kw is not None and was_flowing and last_kw > even_kw:
        stop = start + _HOUR * (energy_kwh / last_kw)
        return [Stretch(start, stop, last_kw, False), Stretch(stop, end, 0.0, False)]
    if not was_flowing and next_kw > max(even_kw, FLOW_THRESHOLD_KW):
        begin = end - _HOUR * (energy_kwh / next_kw)
        return [Stretch(start, begin, 0.0, False), Stretch(begin, end, next_kw, False)]
    return [Stretch(start, end, even_kw, False)]


class Meter:
    """Cumulated energy of a gapless profile."""

    def __init__(self, profile: Sequence[Stretch]) -> None:
        self._profile = profile
        self._starts = [stretch.starts_at for stretch in profile]
        self._before = list(itertools.accumulate((stretch.energy_kwh for stretch in profile), initial=0.0))

    def until(self, instant: datetime) -> float:
        """Energy from the beginning of the profile to `instant` [kWh]; rises with `instant`."""
        i = bisect_right(self._starts, instant) - 1
        if i < 0:
            return 0.0
        stretch = self._profile[i]
        part_kwh = stretch.power_kw * ((min(instant, stretch.ends_at) - stretch.starts_at) / _HOUR)
        return min(self._before[i] + part_kwh, self._before[i + 1])
