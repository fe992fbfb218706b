"""Cars, boxes and the law of energy flow. No time, no vendor, no randomness in here."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

PHASE_V = 230.0
"""Voltage of one phase [V]."""

MIN_CURRENT_A = 6.0
"""Below this current [A] a car takes nothing (IEC 61851)."""

REST = "rest"
"""Hold of a plugged-in car that nobody has started yet. A start on either side ends it."""

_EPSILON_KWH = 1e-9


@dataclass(kw_only=True, eq=False)
class Body:
    """What car and box share: one hold, and whatever else keeps this side from charging."""

    id: str
    max_kw: float
    auto_start: bool
    hold: str | None = None  # why this side was told not to charge; None: it lets energy through
    blocks: set[str] = field(default_factory=set)  # other reasons, e.g. "fault", "asleep", "mains"
    caps_kw: dict[str, float] = field(default_factory=dict)  # lower ceilings by cause [kW]

    @property
    def lets_through(self) -> bool:
        return self.hold is None and not self.blocks

    @property
    def ceiling_kw(self) -> float:
        return min([self.max_kw, *self.caps_kw.values()])


@dataclass(kw_only=True, eq=False)
class Box(Body):
    """A charging box with a meter. `max_current_a` is the ceiling somebody set; None: none was set."""

    phases: int = 3
    max_current_a: float | None = None
    place: tuple[float, float] | None = None  # latitude, longitude
    meter_kwh: float = 0.0  # AC energy since the start of the world
    car: "Car | None" = None

    @property
    def ceiling_kw(self) -> float:
        if self.max_current_a is None:
            return super().ceiling_kw
        return min(super().ceiling_kw, self.max_current_a * PHASE_V * self.phases / 1000)


@dataclass(kw_only=True, eq=False)
class Car(Body):
    """A battery on wheels. Energy in the battery is DC; `power_kw` is AC, at the meter."""

    capacity_kwh: float
    stored_kwh: float
    limit_pct: float = 100.0
    efficiency: float = 0.9  # DC energy stored per AC energy drawn
    taper_from_pct: float | None = None  # from here on power falls linearly, in steps of one percent
    min_kw: float = 0.0  # below this offer the car takes nothing
    box: Box | None = None
    power_kw: float = 0.0
    drawn_kwh: float = 0.0  # AC energy since the start of the world
    place: tuple[float, float] | None = None
    odometer_km: float = 0.0
    max_current_a: float | None = None  # ceiling set by a client [A]
    ramp: timedelta = timedelta(0)  # from an accepted offer to the first power
    ready_at: datetime | None = None  # end of the ramp; None: nothing is offered and accepted

    @property
    def soc_pct(self) -> float:
        return 100.0 * self.stored_kwh / self.capacity_kwh

    @property
    def limit_kwh(self) -> float:
        return self.capacity_kwh * self.limit_pct / 100.0

    @property
    def is_full(self) -> bool:
        return self.stored_kwh >= self.limit_kwh - _EPSILON_KWH


def taper_fraction(soc_pct: float, taper_from_pct: float | None) -> float:
    """Share of the power a battery still takes at `soc_pct`: 1 below the taper, then down by whole percents."""
    if taper_from_pct is None or soc_pct < taper_from_pct:
        return 1.0
    whole = int(soc_pct + 1e-9)
    return max((101.0 - whole) / (101.0 - taper_from_pct), 0.02)


def flow_kw(car: Car) -> float:
    """The law: AC power [kW] flows only if plugged, the box offers, the car accepts, and it is below its limit."""
    box = car.box
    if box is None or not box.lets_through or not car.lets_through or car.is_full:
        return 0.0
    offer = box.ceiling_kw
    if offer < max(MIN_CURRENT_A * PHASE_V / 1000, car.min_kw):
        return 0.0
    return min(offer, car.ceiling_kw) * taper_fraction(car.soc_pct, car.taper_from_pct)


def flow_after_ramp_kw(car: Car, now: datetime) -> float:
    """The law, and the handshake before it: power [kW] once offer and acceptance have lasted for the ramp."""
    kw = flow_kw(car)
    if kw == 0.0:
        car.ready_at = None
        return 0.0
    car.ready_at = car.ready_at or now + car.ramp
    return kw if now >= car.ready_at else 0.0


def integrate(car: Car, span: timedelta) -> None:
    """Books the energy of `span` at the present power into battery and meters."""
    ac_kwh = car.power_kw * span.total_seconds() / 3600
    if ac_kwh == 0.0:
        return
    car.stored_kwh += ac_kwh * car.efficiency
    car.drawn_kwh += ac_kwh
    if car.box is not None:
        car.box.meter_kwh += ac_kwh
    # The instant of a full battery is rounded to a microsecond: do not let that leave a crumb.
    if abs(car.stored_kwh - car.limit_kwh) < 1e-6:
        car.stored_kwh = car.limit_kwh


def span_to_next_change(car: Car) -> timedelta | None:
    """How long the present power lasts by itself: until the limit, or until the next step of the taper."""
    if car.power_kw <= 0.0:
        return None
    goal_kwh = car.limit_kwh
    if car.taper_from_pct is not None:
        whole = int(car.soc_pct + 1e-9)
        step_pct = max(float(whole + 1), car.taper_from_pct)
        goal_kwh = min(goal_kwh, car.capacity_kwh * step_pct / 100.0)
    hours = (goal_kwh - car.stored_kwh) / (car.power_kw * car.efficiency)
    return max(timedelta(hours=hours), timedelta(microseconds=1))
