"""The truth: who is plugged into what, what is held, what flows. Vendors only ever observe it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.physics import REST, Body, Box, Car, flow_after_ramp_kw, integrate, span_to_next_change
from simulator.timeline import Appointment, Timeline

SESSION_BLOCKS = ("asleep", "deaf", "finishing")
"""Obstacles that end when the plug is pulled."""

Watcher = Callable[[Body], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the world's log.

    Kinds: relay (a side opened or closed), hold (the reason of an open relay changed), flow (power at the meter [kW]),
    plug, block, command (received by the platform), action (its end), fault, link, pair.
    """

    at: datetime
    kind: str
    device_id: str
    side: str  # vehicle, charger, or "" where there is none
    was: Any
    now: Any
    cause: str


@dataclass(frozen=True, slots=True)
class Point:
    """The true power and level of a car from this instant on."""

    at: datetime
    kw: float
    soc_pct: float


class UnknownBody(LookupError):
    """No car or box has this id."""


class World:
    """All cars and boxes. Every change goes through here, is logged, and is told to the watchers."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.starts_at = timeline.now
        self.cars: dict[str, Car] = {}
        self.boxes: dict[str, Box] = {}
        self.log: list[Entry] = []
        self.series: dict[str, list[Point]] = {}
        self.watchers: list[Watcher] = []
        self._settled_at: dict[str, datetime] = {}
        self._next: dict[str, Appointment] = {}

    # -- bodies -----------------------------------------------------------------------------------------------------

    def add(self, body: Car | Box) -> None:
        if isinstance(body, Car):
            self.cars[body.id] = body
            self._settled_at[body.id] = self.timeline.now
            self.series[body.id] = [Point(self.timeline.now, 0.0, body.soc_pct)]
        else:
            self.boxes[body.id] = body

    def body(self, body_id: str) -> Car | Box:
        found = self.cars.get(body_id) or self.boxes.get(body_id)
        if found is None:
            raise UnknownBody(body_id)
        return found

    def note(self, kind: str, device_id: str, side: str, was: Any, now: Any, cause: str) -> None:
        self.log.append(Entry(self.timeline.now, kind, device_id, side, was, now, cause))

    # -- the cable --------------------------------------------------------------------------------------------------

    def plug(self, car: Car, box: Box, cause: str) -> None:
        """Connects; whatever was connected to either end is unplugged first. Habits decide who starts by itself."""
        if car.box is box:
            return
        self.unplug(car, cause)
        if box.car is not None:
            self.unplug(box.car, cause)
        car.box, box.car, car.place = box, car, box.place or car.place
        self.note("plug", car.id, "vehicle", None, box.id, cause)
        self._set_hold(car, None if car.auto_start else REST, cause)
        self._set_hold(box, None if box.auto_start else "authorisation", cause)
        self.changed(car, cause)

    def unplug(self, car: Car, cause: str) -> None:
        """Disconnects; holds end with the session they were made for."""
        box = car.box
        if box is None:
            return
        self.settle(car)
        car.box, box.car = None, None
        self.note("plug", car.id, "vehicle", box.id, None, cause)
        self._set_hold(car, None, cause)
        self._set_hold(box, None, cause)
        for body in (car, box):
            body.blocks.difference_update(SESSION_BLOCKS)
        self._set_power(car, cause)
        self._tell(car, box)

    # -- holds and other obstacles ----------------------------------------------------------------------------------

    def set_hold(self, body: Car | Box, hold: str | None, cause: str) -> None:
        """Opens (a reason) or closes (None) this side's relay. A hold lies on one side only."""
        if body.hold == hold:
            return
        self._set_hold(body, hold, cause)
        self.changed(body, cause)

    def set_block(self, body: Car | Box, reason: str, is_on: bool, cause: str) -> None:
        """Adds or removes an obstacle that no command can clear."""
        if (reason in body.blocks) == is_on:
            return
        self.note("block", body.id, side_of(body), sorted(body.blocks), reason if is_on else None, cause)
        (body.blocks.add if is_on else body.blocks.discard)(reason)
        self.changed(body, cause)

    def set_cap(self, body: Car | Box, reason: str, kw: float | None, cause: str) -> None:
        """Lowers this side's power to `kw` for a reason; None lifts it."""
        if kw is None:
            body.caps_kw.pop(reason, None)
        else:
            body.caps_kw[reason] = kw
        self.changed(body, cause)

    def set_max_current(self, box: Box, amperes: float | None, cause: str) -> None:
        box.max_current_a = amperes
        self.changed(box, cause)

    def set_soc(self, car: Car, soc_pct: float, cause: str) -> None:
        """Sets the battery level by hand, e.g. after a trip."""
        self.settle(car)
        car.stored_kwh = car.capacity_kwh * soc_pct / 100.0
        self.changed(car, cause)

    def set_limit(self, car: Car, limit_pct: float, cause: str) -> None:
        self.settle(car)
        car.limit_pct = limit_pct
        self.changed(car, cause)

    # -- energy -----------------------------------------------------------------------------------------------------

    def settle(self, car: Car) -> None:
        """Brings battery and meters up to the present instant."""
        integrate(car, self.timeline.now - self._settled_at[car.id])
        self._settled_at[car.id] = self.timeline.now

    def settle_all(self) -> None:
        for car in self.cars.values():
            self.settle(car)

    def changed(self, body: Car | Box, cause: str = "") -> None:
        """Applies the law anew where `body` is involved, and tells the watchers of both ends."""
        car = body if isinstance(body, Car) else body.car
        box = body if isinstance(body, Box) else body.box
        if car is not None:
            self.settle(car)
            self._set_power(car, cause)
        self._tell(car, box)

    def _set_power(self, car: Car, cause: str) -> None:
        kw = flow_after_ramp_kw(car, self.timeline.now)
        if kw != car.power_kw:
            self.note("flow", car.id, "vehicle", round(car.power_kw, 3), round(kw, 3), cause)
            car.power_kw = kw
        self._record(car)
        self._book_next(car)

    def _record(self, car: Car) -> None:
        points, point = self.series[car.id], Point(self.timeline.now, car.power_kw, car.soc_pct)
        if (points[-1].kw, points[-1].soc_pct) != (point.kw, point.soc_pct):
            points.append(point)

    def _book_next(self, car: Car) -> None:
        if (earlier := self._next.pop(car.id, None)) is not None:
            earlier.cancel()
        if car.ready_at is not None and car.ready_at > self.timeline.now:
            self._next[car.id] = self.timeline.at(car.ready_at, lambda: self.changed(car, "ramp"))
        elif (span := span_to_next_change(car)) is not None:
            self._next[car.id] = self.timeline.after(span, lambda: self.changed(car, "battery"))

    def _set_hold(self, body: Car | Box, hold: str | None, cause: str) -> None:
        if body.hold == hold:
            return
        was, now = _relay(body.hold), _relay(hold)
        if was == now:
            self.note("hold", body.id, side_of(body), body.hold, hold, cause)
        else:
            self.note("relay", body.id, side_of(body), was, now, cause)
        body.hold = hold

    def _tell(self, *bodies: Body | None) -> None:
        for body in bodies:
            if body is not None:
                for watcher in self.watchers:
                    watcher(body)


def side_of(body: Body) -> str:
    return "vehicle" if isinstance(body, Car) else "charger"


def _relay(hold: str | None) -> str:
    return "closed" if hold is None else "open"
