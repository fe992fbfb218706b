"""From a played night to what the judge sees of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from domain.prices import PriceSeries
from domain.session.effects import Decision, Send
from domain.session.events import CommandEnded
from nights.desk_faults import TO_LET_GO, install_at_desk
from nights.judge.possible import Moved, possible_after_waiting, possible_pct
from nights.judge.promises import SWITCHES, wait_ends_at
from nights.judge.truth import Acted, Band, Billed, Claim, Command, Gone, Point, Priced, Relay, Truth, Wished, Word
from nights.judge.verdict import is_ready
from nights.night_prices import between
from nights.play import PlayedNight
from nights.world.faults import install
from nights.world.spec import NightSpec
from simulator.physics import Box, Car, taper_fraction

AROUND = timedelta(hours=2)


def play(spec: NightSpec, series: PriceSeries) -> PlayedNight:
    """The night, played to its end."""
    night = PlayedNight(spec, series)
    install(night.world)
    install_at_desk(night)
    night.play()
    return night


def truth_of(night: PlayedNight) -> Truth:
    """What there is to judge of a night that was played. What became true was possible; else it is tried."""
    truth = _truth_of(night)
    if is_ready(truth):
        return truth
    after = possible_after_waiting(night.spec, tuple(_moved(night)), wait_ends_at(truth))
    return replace(
        truth,
        possible_pct=possible_pct(night.spec),
        possible_in_six_pct=possible_pct(night.spec, most_switches=SWITCHES),
        possible_after_waiting_pct=after,
    )


def _moved(night: PlayedNight) -> Iterator[Moved]:
    for entry in night.world.truth.log:
        if entry.kind == "relay" and entry.cause.startswith("client:"):
            yield Moved(entry.at, entry.device_id, entry.now == "open")


def _truth_of(night: PlayedNight) -> Truth:
    spec, world = night.spec, night.world
    return Truth(
        k=spec.k,
        faults=tuple(fault.f for fault in spec.faults),
        plugged=tuple(_plugged(night)),
        points=tuple(Point(p.at, p.kw, p.soc_pct) for p in world.truth.series[world.car.id]),
        capacity_kwh=spec.car.capacity_kwh,
        efficiency=spec.car.efficiency,
        limit_pct=spec.car.limit_pct,
        bands=_bands(world.car, world.box),
        wishes=_wishes(spec),
        prices=_prices(night),
        acts=tuple(Acted(act.at, act.act) for act in spec.acts),
        words=tuple(Word(*word) for word in night.told.words),
        commands=tuple(Command(e.at, e.side, e.now) for e in world.truth.log if e.kind == "command"),
        relays=tuple(
            Relay(e.at, e.side, e.now, e.cause)
            for e in world.truth.log
            if e.kind == "relay" and not e.device_id.startswith("guest")
        ),
        claims=tuple(_claims(night)),
        bills=_bills(night),
        possible_pct=100.0,
        reasons=tuple(Command(at, s.order.side.value, s.order.goal.value.upper()) for at, s in _sent(night)),
        wrong_stops=_wrong_stops(night),
        is_away=world.is_away,
        gone=tuple(_gone(night)),
        misled_until=_misled_until(spec),
        erased_at=night.erased_at,
        spread_seconds=tuple(send.order.spread_seconds for _, send in _sent(night) if send.order.spread_seconds > 0),
    )


def _plugged(night: PlayedNight) -> Iterator[tuple[datetime, datetime]]:
    begun: datetime | None = None
    for entry in night.world.truth.log:
        if entry.kind != "plug" or entry.device_id != night.world.car.id:
            continue
        if entry.now is not None:
            begun = entry.at
        elif begun is not None:
            yield begun, entry.at
            begun = None
    if begun is not None:
        yield begun, night.timeline.now


def _bands(car: Car, box: Box) -> tuple[Band, ...]:
    """What car and charger do when nothing is wrong with them."""
    kw = min(car.max_kw, box.max_kw)
    if car.taper_from_pct is None:
        return (Band(100.0, kw),)
    start = int(car.taper_from_pct)
    steps = [Band(pct + 1.0, kw * taper_fraction(float(pct), car.taper_from_pct)) for pct in range(start, 100)]
    return (Band(float(start), kw), *steps)


def _wishes(spec: NightSpec) -> tuple[Wished, ...]:
    """What was wanted, in order. Departures are as drawn: how the product reads a wall clock is its own affair."""
    stated = [(spec.plug_in_at, spec.wish), *((act.at, act.wish) for act in spec.acts if act.wish is not None)]
    return tuple(Wished(at, wish.target_pct, wish.min_pct, spec.departs_at) for at, wish in stated)


def _prices(night: PlayedNight) -> tuple[Priced, ...]:
    fees = float(night.spec.fees_per_kwh)
    slots = between(night.prices.slots, night.spec.plug_in_at - AROUND, night.spec.unplugs_at + AROUND)
    return tuple(Priced(slot.starts_at, slot.ends_at, slot.price_per_kwh + fees) for slot in slots)


def _claims(night: PlayedNight) -> Iterator[Claim]:
    proofs = {send.order.key: send.order.proof.value for _, send in _sent(night)}
    for session in night.sessions:
        for _, _, event, _ in session.record:
            if isinstance(event, CommandEnded):
                out = event.outcome
                yield Claim(
                    out.goal.value, out.side.value, out.result.value, out.sent_at, out.ended_at, proofs[out.key]
                )


def _gone(night: PlayedNight) -> Iterator[Gone]:
    """Devices that vanished from their account, and since when the product knew (F38)."""
    for fault in night.spec.faults:
        if fault.f != "F38":
            continue
        at = night.spec.plug_in_at + timedelta(minutes=fault.params["at_minutes"])
        by_driver = fault.params["by"] == "driver"
        side = "charger" if night.world.box_device is not None else "vehicle"
        yield Gone(at + TO_LET_GO if by_driver else at, side, at if by_driver else None)


def _misled_until(spec: NightSpec) -> datetime | None:
    """Until when the level of before the trip was told, where that was higher than the true one (F8), or a cold battery
    that charges at once hides what car and charger can do (F54): no vendor tells what a charger can do."""
    hides = [f for f in spec.faults if f.f == "F54" or (f.f == "F8" and f.params["off_pct"] > 0)]
    return max((spec.plug_in_at + timedelta(minutes=fault.params["for_minutes"]) for fault in hides), default=None)


def _bills(night: PlayedNight) -> tuple[Billed, ...]:
    return tuple(
        Billed(
            is_ready=account.is_ready,
            energy_kwh=float(account.energy_ac_kwh),
            cost=float(account.cost),
            slots=tuple(
                (slot.starts_at, slot.ends_at, float(slot.price_per_kwh), float(slot.energy_ac_kwh))
                for slot in account.slots
            ),
        )
        for account in night.accounts()
    )


def _wrong_stops(night: PlayedNight) -> int:
    """Stops of ours that took energy from a car the session was not about; away from a known place every command."""
    world = night.world
    if world.is_away and world.box_device is not None:
        return sum(entry.kind == "command" for entry in world.truth.log)
    if world.guest is None:
        return 0
    cause_of_ours = "client:STOP:"
    return sum(
        entry.kind == "flow" and entry.device_id == world.guest.id and entry.cause.startswith(cause_of_ours)
        for entry in world.truth.log
    )


def _sent(night: PlayedNight) -> list[tuple[datetime, Send]]:
    """Every command that a decision asked for, with its reason, and when."""
    return [
        (value.at, effect)
        for session in night.sessions
        for _, _, value, _ in session.record
        if isinstance(value, Decision)
        for effect in value.effects
        if isinstance(effect, Send)
    ]
