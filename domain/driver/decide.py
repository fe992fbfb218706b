"""`decide(state, now) -> DriverDecision`: what a driver's workflow does next, and why."""

import zlib
from collections.abc import Iterator
from datetime import datetime

from domain.devices import Device, Side
from domain.driver import erasing, linking, program_change, standing, tonight, unlinking
from domain.driver.apply import begun
from domain.driver.effects import (
    GONE,
    LEFT_THE_PROGRAM,
    AskForRelease,
    BeginSession,
    DriverDecision,
    DriverEffect,
    LabelDriver,
    ListDevices,
    Renew,
    SetPlace,
    StartLink,
    Unlink,
    Vitals,
    WakeAt,
)
from domain.driver.linked import is_login_dead, standing_chargers, twins
from domain.driver.outcomes import is_pending
from domain.driver.plugged import is_plugged_in
from domain.driver.state import DriverLabels, DriverState, Todo
from domain.energy_flow import measured_power_kw
from domain.journey import VehicleJourney, journey_of
from domain.machine import to_rest
from domain.session.state import Box, Car, SessionState

TYPICAL_BATTERY_KWH = 60.0
"""Usable battery energy assumed for a car that does not report its own [kWh]."""


def decide(
    state: DriverState, now: datetime, seen: int = 0, vitals: Vitals | None = None, attempt: int = 0
) -> DriverDecision:
    """All that is to be done at `now`, to rest."""
    state, effects = to_rest(state, now, _rules, begun)
    effects.extend(_wake(state, now))
    if (vitals or Vitals()).continue_as_new_suggested and not is_pending(state):
        effects.append(Renew(reason="the history has grown long and nothing is under way"))
    return DriverDecision(at=now, seen=seen, attempt=attempt, effects=tuple(effects))


def _wake(state: DriverState, now: datetime) -> list[DriverEffect]:
    """The next instant at which something may have to be done although nothing is heard."""
    leaving = state.unlinking
    waits: list[tuple[datetime | None, str]] = [
        (erasing.wakes_at(state), "go on with the erasure"),
        (standing.next_judgement(state), "a charger has been out of reach for long"),
        *((link.expires_at, "a link page expires") for link in state.links.values() if linking.is_waiting(link)),
    ]
    if leaving is not None and not leaving.is_under_way:
        waits.append((leaving.go_on_at, "unlink without waiting any longer"))
    due = [(at, reason) for at, reason in waits if at is not None and at > now]
    return [WakeAt(at=at, reason=reason) for at, reason in sorted(due)[:1]]


def _rules(state: DriverState, now: datetime) -> Iterator[DriverEffect]:
    if state.erasing is not None:
        yield from erasing.go_on(state, now)
        return
    yield from do_what_was_asked(state)
    yield from look_once_more(state, now)
    yield from standing.judge_chargers(state, now)
    yield from standing.tell_of_dead_logins(state)
    yield from let_go_of_what_vanished(state)
    yield from let_go_after_withdrawal(state)
    yield from program_change.let_go_after_the_night(state)
    yield from unlink_once_released(state, now)
    yield from open_a_session(state, now)
    yield from tonight.pass_on(state, now)
    yield from label_for_operators(state)


def do_what_was_asked(state: DriverState) -> Iterator[DriverEffect]:
    """Accepted actions that need the outside world."""
    for todo in state.todo:
        yield _effect_of(todo)


def _effect_of(todo: Todo) -> DriverEffect:
    side = todo.side or Side.VEHICLE
    match todo.act:
        case "link":
            return StartLink(
                action_id=todo.action_id,
                side=side,
                redirect_uri=todo.redirect_uri or "",
                language=todo.language or "en-GB",
                relink_device_id=todo.relink_device_id,
                reason=f"the driver links a {side.value}",
            )
        case "list_devices":
            return ListDevices(
                action_id=todo.action_id, side=side, reason="the driver came back from the vendor's page"
            )
        case "place_charger":
            return SetPlace(
                action_id=todo.action_id,
                charger_id=todo.charger_id or "",
                place_id=todo.place_id,
                reason="the driver said where the charger is",
            )


def look_once_more(state: DriverState, now: datetime) -> Iterator[DriverEffect]:
    """A link page that expired may have done its work without a word."""
    for attempt in state.links.values():
        look = linking.last_look(attempt, now)
        if look is not None:
            yield look


def let_go_of_what_vanished(state: DriverState) -> Iterator[DriverEffect]:
    """Devices gone at the vendor can no longer be released, only left alone; the other side takes over (F38)."""
    if not state.vanished:
        return
    for session in state.sessions.values():
        yield AskForRelease(
            session_id=session.session_id,
            device_ids=state.vanished,
            why=GONE,
            reason=f"{len(state.vanished)} device(s) vanished from the driver's account",
        )


def let_go_after_withdrawal(state: DriverState) -> Iterator[DriverEffect]:
    """Without consent nothing of ours holds, plans or commands: every session under way lets go and ends."""
    if state.enrolment is not None:
        return
    for session in state.sessions.values():
        if session.session_id not in state.let_go:
            yield AskForRelease(
                session_id=session.session_id,
                device_ids=tuple(sorted(state.devices)),
                why=LEFT_THE_PROGRAM,
                reason="the driver withdrew",
            )


def unlink_once_released(state: DriverState, now: datetime) -> Iterator[DriverEffect]:
    """A confirmed unlinking waits until no session holds anything of ours on what leaves, but not for ever."""
    leaving = state.unlinking
    if leaving is None or leaving.action_id is None:
        return
    for session_id in sorted(leaving.waits_for - leaving.told):
        yield AskForRelease(
            session_id=session_id, device_ids=leaving.device_ids, reason="release our holds before they are unlinked"
        )
    if unlinking.is_due(leaving, now):
        yield Unlink(
            action_id=leaving.action_id,
            side=leaving.side,
            vendor=leaving.vendor,
            reason=f"the driver confirmed to unlink {len(leaving.device_ids)} {leaving.side.value}(s)",
        )


def open_a_session(state: DriverState, now: datetime) -> Iterator[DriverEffect]:
    """A plug-in of an enrolled driver's enabled vehicle opens its session, at most one per vehicle."""
    if state.enrolment is None or (state.unlinking is not None and state.unlinking.action_id is not None):
        return
    for vehicle in journey_of(state).vehicles:
        device = state.devices[vehicle.vehicle_id]
        if vehicle.is_enabled and vehicle.session_id is None and is_plugged_in(state, device):
            session = _session_of(state, vehicle, device, now)
            session = tonight.with_kept_words(state, session, now)
            yield BeginSession(session=session, reason="the car was plugged in")


def _session_of(state: DriverState, vehicle: VehicleJourney, device: Device, now: datetime) -> SessionState:
    session_id = f"{device.id}:{state.next_seq.get(device.id, 1)}"
    chargers = standing_chargers(state)
    is_cut_off = is_login_dead(state, device)  # then only the charger can be commanded
    return SessionState(
        session_id=session_id,
        driver_id=state.driver_id,
        program=state.program.name,
        mode=state.program.mode,
        seed=zlib.crc32(session_id.encode()),
        spread_seconds=state.program.spread_seconds,
        budgets=state.program.budgets,
        car=Car(
            device_id=device.id,
            vendor=device.vendor,
            brand=device.brand,
            battery_capacity_kwh=device.reading.battery_capacity_kwh or TYPICAL_BATTERY_KWH,
            can_start=vehicle.own.can_start and not is_cut_off,
            can_stop=vehicle.own.can_stop and not is_cut_off,
            aliases=_other_ids(state, device),
        ),
        boxes=tuple(Box(device_id=c.id, vendor=c.vendor, aliases=_other_ids(state, c)) for c in chargers),
        wish=state.wish,
        tariff=state.program.tariff,
        plugged_in_at=_plugged_in_at(state, device) or now,
        record=state.record,
        readings={d.id: d.reading for d in (device, *chargers) if d.reading.observed_at is not None},
        seen_kw=_power_at_plug_in(device),
    )


def _other_ids(state: DriverState, device: Device) -> tuple[str, ...]:
    """Ids of the same physical device at other vendors (F65)."""
    return tuple(twin.id for twin in twins(state, device.id) if twin.id != device.id)


def _power_at_plug_in(vehicle: Device) -> float | None:
    """What the car draws already [kW]: then its power need not be tried out later."""
    power = measured_power_kw(vehicle.reading)
    return power if vehicle.reading.is_plugged_in and power else None


def _plugged_in_at(state: DriverState, device: Device) -> datetime | None:
    """When the end that told of the plug-in saw it."""
    if device.reading.is_plugged_in:
        return device.reading.observed_at
    told = (record.plugged_since for key, record in state.chargers.items() if key in state.devices)
    return max(filter(None, told), default=None)


def label_for_operators(state: DriverState) -> Iterator[DriverEffect]:
    """Search attributes follow stage and brand."""
    journey = journey_of(state)
    brands = [vehicle.brand or "unknown" for vehicle in journey.vehicles]
    labels = DriverLabels(stage=journey.stage.value, brand=brands[0] if brands else "none")
    if labels != state.labels:
        yield LabelDriver(labels=labels, reason=f"stage {labels.stage}")
