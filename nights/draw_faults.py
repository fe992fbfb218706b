"""Failures by their number in the catalogue: each draws its parameters and leaves a mark on the night's draft.

Most marks are parameters for the world (`nights.world.faults`) or for the desk (`nights.desk_faults`); some change what
was drawn before, because the failure lies in the habit, the wish or the devices themselves.
"""

import random
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nights.world.spec import ActSpec, FaultSpec, NightSpec

Chance = random.Random
DAY_MINUTES = 24 * 60


class Draft:
    """A night while it is being drawn."""

    def __init__(self, spec: NightSpec) -> None:
        self.spec = spec

    @property
    def minutes(self) -> float:
        """From plug-in to departure [min]."""
        return (self.spec.departs_at - self.spec.plug_in_at) / timedelta(minutes=1)

    def add(self, f: str, **params: Any) -> None:
        fault = FaultSpec(f=f, params=params)
        self.spec = self.spec.model_copy(update={"faults": (*self.spec.faults, fault)})

    def change(self, **changes: Any) -> None:
        self.spec = self.spec.model_copy(update=changes)

    def change_car(self, **changes: Any) -> None:
        self.change(car=self.spec.car.model_copy(update=changes))

    def change_box(self, **changes: Any) -> None:
        if self.spec.box is not None:
            self.change(box=self.spec.box.model_copy(update=changes))

    def change_wish(self, **changes: Any) -> None:
        self.change(wish=self.spec.wish.model_copy(update=changes))


Draws = Callable[[Chance, Draft], dict[str, Any]]
Mark = Callable[[Chance, Draft], None]


def _side(chance: Chance) -> str:
    return chance.choice(("vehicle", "charger"))


def _either(chance: Chance) -> str | None:
    return chance.choice(("vehicle", "charger", None))


def _some_time(chance: Chance, draft: Draft) -> float:
    """Minutes after the plug-in, within the night."""
    return round(chance.uniform(0, draft.minutes), 1)


def _span(chance: Chance, low: float, high: float) -> float:
    return round(chance.uniform(low, high), 1)


PARAMETERS: dict[str, Draws] = {
    "F1": lambda c, d: {"after_minutes": _span(c, 5, 60), "wake_seconds": _span(c, 10, 120)},
    "F2": lambda c, d: {
        "side": _side(c),
        "how": c.choice(("asleep", "offline", "408", "503")),
        "from_minutes": c.choice((0.0, _some_time(c, d))),
    },
    "F3": lambda c, d: {
        "only": c.choice(("START", "STOP", None)),
        "from_minutes": _some_time(c, d),
        "for_minutes": _span(c, 60, 600),
    },
    "F4": lambda c, d: {
        "after_minutes": _span(c, 10, 60),
        "wake_seconds": _span(c, 10, 300),
        "never": c.random() < 0.02,
    },
    "F5": lambda c, d: {"most": c.randint(12, 40)},
    "F6": lambda c, d: {},
    "F7": lambda c, d: {"side": "vehicle", "from_minutes": _some_time(c, d), "for_minutes": _span(c, 60, 600)},
    "F8": lambda c, d: {"off_pct": c.choice((-1, 1)) * _span(c, 5, 50), "for_minutes": _span(c, 0, 480)},
    "F9": lambda c, d: {"minutes": _span(c, 3, 30)},
    "F10": lambda c, d: {
        "side": _side(c),
        "when": c.choice(("stopped", "full", "no_power", "not_charging", "flaps")),
    },
    "F11": lambda c, d: {"seconds": _span(c, 5, 90)},
    "F12": lambda c, d: {"side": _side(c), "how": c.choice(("null", "frozen"))},
    "F13": lambda c, d: {"share": 0.01, "dark_from_minutes": _some_time(c, d)},
    "F14": lambda c, d: {
        "side": _side(c),
        "what": c.choice(("unreachable", "unplugged")),
        "at_minutes": _some_time(c, d),
    },
    "F15": lambda c, d: {"share": c.choice((0.05, 0.3, 1.0))},
    "F16": lambda c, d: {"side": _either(c), "p": _span(c, 0.05, 0.2)},
    "F17": lambda c, d: {"side": _side(c), "p": c.choice((0.5, 1.0))},
    "F18": lambda c, d: {"side": _side(c)},
    "F19": lambda c, d: {"side": _side(c), "rest_minutes": _span(c, 1, 10)},
    "F21": lambda c, d: {"side": _either(c), "longest_minutes": c.choice((2.0, 10.0, 30.0))},
    "F22": lambda c, d: {"lasts": c.random() < 0.2},
    "F23": lambda c, d: {"kw": c.choice((1.4, 4.1)), "times": c.randint(1, 3)},
    "F24": lambda c, d: {"minutes": _span(c, 10, 300)},
    "F25": lambda c, d: {"minutes": _span(c, 30, 240)},
    "F26": lambda c, d: {"seconds": _span(c, 5, 40)},
    "F27": lambda c, d: {"after_seconds": _span(c, 90, 120), "times": c.randint(1, 12)},
    "F28": lambda c, d: {
        "starts": c.choice(("00:00", "01:00", "02:00")),
        "ends": c.choice(("04:00", "05:00", "06:00")),
        "way": c.choice(("blocks", "only")),
    },
    "F29": lambda c, d: {"side": _side(c), "minutes": _span(c, 5, 60), "times": c.randint(1, 6)},
    "F31": lambda c, d: {
        "side": _side(c),
        "from_minutes": _some_time(c, d),
        "every_minutes": _span(c, 10, 60),
        "times": c.randint(2, 10),
    },
    "F33": lambda c, d: {"only": c.choice(("START", "STOP", None)), "for_minutes": c.choice((120.0, 2000.0))},
    "F34": lambda c, d: {
        "side": _side(c),
        "what": c.choice(("start", "stop", "both")),
        "at_minutes": _some_time(c, d),
    },
    "F38": lambda c, d: {
        "side": "charger",
        "at_minutes": _some_time(c, d),
        "by": c.choice(("vendor", "driver")),
    },
    "F39": lambda c, d: {"at_minutes": _some_time(c, d)},
    "F40": lambda c, d: {"repeat": 0.05, "shuffle_minutes": 30.0},
    "F44": lambda c, d: {"late_hours": _span(c, 1, 24)},
    "F45": lambda c, d: {"shape": c.choice(("gaps", "first_missing", "none"))},
    "F46": lambda c, d: {"from_minutes": _some_time(c, d)},
    "F47": lambda c, d: {"shape": c.choice(("negative", "zero"))},
    "F48": lambda c, d: {"factor": c.choice((1000, 100)), "rejected": True},
    "F51": lambda c, d: {"share": _span(c, 0.5, 0.8)},
    "F54": lambda c, d: {"kw": 1.4, "for_minutes": 90.0},
    "F55": lambda c, d: {
        "offer_kw": 4.2,
        "from_minutes": _some_time(c, d),
        "for_minutes": _span(c, 30, 300),
    },
    "F56": lambda c, d: {"kw": c.choice((3.7, 4.2)), "from_minutes": c.choice((0.0, _some_time(c, d)))},
    "F57": lambda c, d: {"every_minutes": 1.0, "for_minutes": _span(c, 30, 120)},
    "F61": lambda c, d: {
        "apart_seconds": _span(c, 0, 120),
        "swapped": c.random() < 0.5,
        "for_minutes": _span(c, 5, 240),
    },
    "F62": lambda c, d: {"at_minutes": _some_time(c, d), "for_minutes": _span(c, 2, 60)},
    "F63": lambda c, d: {},
    "F64": lambda c, d: {"at_minutes": _some_time(c, d)},
    "F66": lambda c, d: {},
    "F67": lambda c, d: {
        "from_minutes": _some_time(c, d),
        "for_minutes": _span(c, 1, 90),
        "returns": c.choice(("as_before", "offering", "holding")),
    },
    "F68": lambda c, d: {"from_minutes": _some_time(c, d), "for_minutes": _span(c, 60, 600)},
    "F69": lambda c, d: {
        "side": _side(c),
        "from_minutes": _some_time(c, d),
        "for_minutes": c.choice((30.0, 480.0, 4320.0)),
    },
    "F70": lambda c, d: {
        "side": _side(c),
        "from_minutes": _some_time(c, d),
        "for_minutes": c.choice((30.0, 480.0)),
        "how": c.choice(("400", "403", "timeout")),
    },
    "F71": lambda c, d: {"side": _side(c), "from_minutes": _some_time(c, d), "for_minutes": 120.0},
    "F72": lambda c, d: {"after_seconds": _span(c, 0, 90), "times": c.randint(1, 6)},
    "F74": lambda c, d: {"every_seconds": 60.0, "for_minutes": _span(c, 120, 600)},
}
"""Failures that are parameters alone."""


def plugged_late(chance: Chance, draft: Draft) -> None:
    """F20: the plug-in is told late, or happens after the cheapest hours."""
    if chance.random() < 0.5:
        latest = draft.spec.departs_at - timedelta(hours=chance.uniform(2, 5))
        if latest > draft.spec.plug_in_at:
            draft.change(plug_in_at=latest)
    draft.add("F20", minutes=_span(chance, 0, 20))


def starts_at_once(chance: Chance, draft: Draft) -> None:
    """F30: charges at once on plug-in, four times in five."""
    at_once = chance.random() < 0.8
    draft.change_car(auto_start=at_once)
    draft.add("F30", at_once=at_once)


def own_limit(chance: Chance, draft: Draft) -> None:
    """F32: the car's own limit is below the target."""
    limit_pct = max(draft.spec.wish.target_pct - chance.choice((5.0, 10.0, 20.0)), 50.0)
    draft.change_car(limit_pct=limit_pct)
    draft.add("F32", limit_pct=limit_pct)


def odd_night(chance: Chance, draft: Draft) -> None:
    """F49: the night of a clock change, in one of several zones."""
    name, day = chance.choice(
        (
            ("Europe/Amsterdam", (2022, 3, 26)),
            ("Europe/Amsterdam", (2022, 10, 29)),
            ("America/New_York", (2022, 3, 12)),
            ("America/New_York", (2022, 11, 5)),
            ("Australia/Sydney", (2022, 4, 2)),
            ("Australia/Sydney", (2022, 10, 1)),
        )
    )
    _move(draft, datetime(*day, tzinfo=ZoneInfo(name)), name, draft.spec.wish.ready_by)
    draft.add("F49", zone=name)


def odd_hour(chance: Chance, draft: Draft) -> None:
    """F50: a host, a box or a driver on another clock; a departure just after midnight."""
    name = chance.choice(("America/Los_Angeles", "Asia/Tokyo", "Europe/Amsterdam"))
    ready_by = chance.choice(("00:10", "04:30", draft.spec.wish.ready_by))
    _move(draft, draft.spec.plug_in_at.astimezone(ZoneInfo(name)), name, ready_by)
    draft.add("F50", zone=name)


def _move(draft: Draft, day: datetime, zone_name: str, ready_by: str) -> None:
    """Put the night on an evening of another zone."""
    zone = ZoneInfo(zone_name)
    minute = (draft.spec.plug_in_at.hour * 60 + draft.spec.plug_in_at.minute) % 240 + 17 * 60
    plug_in = datetime.combine(day.date(), time(minute // 60, minute % 60), tzinfo=zone).astimezone(ZoneInfo("UTC"))
    wall = time.fromisoformat(ready_by)
    departs = datetime.combine(day.date() + timedelta(days=1), wall, tzinfo=zone).astimezone(ZoneInfo("UTC"))
    stays = draft.spec.unplugs_at - draft.spec.departs_at
    draft.change(plug_in_at=plug_in, departs_at=departs, unplugs_at=departs + stays)
    draft.change_wish(ready_by=ready_by, zone=zone_name)


def late_finish(chance: Chance, draft: Draft) -> None:
    """F52: the night is too short for the target, and the driver leaves later than planned."""
    needed_kwh = draft.spec.car.capacity_kwh * max(draft.spec.wish.target_pct - draft.spec.car.soc_pct, 5) / 100
    hours = needed_kwh / 11 * chance.uniform(0.6, 1.1)
    plug_in = max(draft.spec.departs_at - timedelta(hours=hours), draft.spec.plug_in_at)
    draft.change(plug_in_at=plug_in, unplugs_at=draft.spec.departs_at + timedelta(hours=chance.uniform(1, 4)))
    draft.add("F52")


def small_need(chance: Chance, draft: Draft) -> None:
    """F53: a few minutes of need."""
    minutes = _span(chance, 3, 20)
    kwh = minutes / 60 * 7.4 * draft.spec.car.efficiency
    soc_pct = draft.spec.wish.target_pct - 100 * kwh / draft.spec.car.capacity_kwh
    draft.change_car(soc_pct=round(max(soc_pct, 5.0), 2))
    draft.add("F53", minutes=minutes)


def slow_minimum(chance: Chance, draft: Draft) -> None:
    """F55: below the car's minimum nothing flows, and for a while the box offers no more."""
    draft.change_car(min_kw=5.5)
    PARAMETERS_MARK["F55"](chance, draft)


def another_wish(chance: Chance, draft: Draft) -> None:
    """F58: target or departure change at some moment."""
    at = draft.spec.plug_in_at + timedelta(minutes=_some_time(chance, draft) * 0.8)
    zone = ZoneInfo(draft.spec.wish.zone)
    departs = draft.spec.departs_at + timedelta(minutes=chance.choice((-60, -30, 0, 30, 60)))
    if departs <= at + timedelta(minutes=10):
        departs = draft.spec.departs_at
    target_pct = float(chance.choice((60, 70, 80, 90)))
    ready_by = f"{departs.astimezone(zone):%H:%M}"
    wish = draft.spec.wish.model_copy(update={"target_pct": target_pct, "ready_by": ready_by})
    stays = draft.spec.unplugs_at - draft.spec.departs_at
    draft.change(
        acts=(*draft.spec.acts, ActSpec(at=at, act="set_wish", wish=wish)),
        departs_at=departs,
        unplugs_at=departs + stays,
    )
    draft.add("F58")


def early_unplug(chance: Chance, draft: Draft) -> None:
    """F59: the cable is pulled hours early; or it is out for some minutes only."""
    if chance.random() < 0.5:
        at = max(draft.spec.departs_at - timedelta(hours=chance.uniform(0, 8)), draft.spec.plug_in_at)
        draft.change(unplugs_at=at + timedelta(minutes=15))
        draft.add("F59", at_minutes=DAY_MINUTES * 30.0, for_minutes=1.0)
    else:
        draft.add("F59", at_minutes=_some_time(chance, draft), for_minutes=_span(chance, 1, 30))


def by_the_driver(chance: Chance, draft: Draft) -> None:
    """F60: the driver starts or stops, in the app or at the devices."""
    at_minutes = _some_time(chance, draft)
    if chance.random() < 0.5:
        at = draft.spec.plug_in_at + timedelta(minutes=at_minutes)
        act = ActSpec(at=at, act=chance.choice(("charge_now", "stay_stopped", "skip_night")))
        draft.change(acts=(*draft.spec.acts, act))
        draft.add("F60", side="vehicle", what="nothing", at_minutes=at_minutes)
    else:
        draft.add("F60", side=_side(chance), what=chance.choice(("start", "stop")), at_minutes=at_minutes)


def _mark(name: str, draws: Draws) -> Mark:
    return lambda chance, draft: draft.add(name, **draws(chance, draft))


PARAMETERS_MARK: dict[str, Mark] = {name: _mark(name, draws) for name, draws in PARAMETERS.items()}

CATALOGUE: dict[str, Mark] = PARAMETERS_MARK | {
    "F20": plugged_late,
    "F30": starts_at_once,
    "F32": own_limit,
    "F49": odd_night,
    "F50": odd_hour,
    "F52": late_finish,
    "F53": small_need,
    "F55": slow_minimum,
    "F58": another_wish,
    "F59": early_unplug,
    "F60": by_the_driver,
}
CATALOGUE = {name: CATALOGUE[name] for name in sorted(CATALOGUE, key=lambda name: int(name[1:]))}
"""Every failure that can be drawn, in the catalogue's order; each has the same weight."""
