"""What a session learns from a reading. Order is by observation, never by arrival."""

from datetime import timedelta

from domain.devices import Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, Hold, measured_power_kw
from domain.level import metered, told
from domain.pairing import SAME_EDGE, UNTRACED, find_match, is_disproved, traced, word_of_the_vendor
from domain.session.ladder import unsure_sides
from domain.session.picture import picture_by_word, picture_of, says_done
from domain.session.plug import note_plug
from domain.session.rivals import seen
from domain.session.state import Box, Car, Night, SessionState

SETTLED_AFTER = timedelta(minutes=5)
"""Power is taken for what the car draws once it has flowed this long: a ramp is over, a slow start shows (F23)."""


READY_LOST_PCT = 5.0
"""A car's own word this far below its last one takes back that the target was reached (F8) [%]."""


def hear_reading(state: SessionState, reading: Reading) -> SessionState:
    """The state after a reading of one of its devices."""
    if reading.device_id not in state.device_ids:
        return state
    reading = in_our_names(state, reading)
    state = state.model_copy(update={"reads_open": state.reads_open - {reading.device_id}})
    if _is_older(reading, state.readings.get(reading.device_id)):
        return state
    trace = traced(state.traces.get(reading.device_id, UNTRACED), reading)
    fell = _fell(state.readings.get(reading.device_id), reading)
    state = state.model_copy(
        update={
            "readings": {**state.readings, reading.device_id: reading},
            "traces": {**state.traces, reading.device_id: trace},
            "no_login": state.no_login - {reading.device_id},
        }
    )
    state = note_match(state)
    state = _note_lie(_note_level(state, reading), reading)
    picture = picture_by_word(state, reading.received_at)
    state = seen(note_plug(state, picture, reading), picture)
    return _note_power(_note_ready(_without_disproved_holds(state, reading), reading, fell=fell), reading)


def in_our_names(state: SessionState, reading: Reading) -> Reading:
    """The reading, whichever account of a device its vendor named as the other end of the cable (F65)."""
    named = reading.paired_with
    if named is None:
        return reading
    known: tuple[Car | Box, ...] = (state.car, *state.boxes)
    ours = next((device.device_id for device in known if named in device.aliases), named)
    return reading if ours == named else reading.model_copy(update={"paired_with": ours})


def note_match(state: SessionState) -> SessionState:
    """The likeliest charger of this car, by all that is known now (F61-F64)."""
    state = _doubt_word(state)
    match = find_match(
        state.car.device_id,
        state.readings,
        state.traces,
        state.plugged_in_at,
        named=state.named_charger,
        before=state.match,
        doubted=state.doubted_chargers,
    )
    if match != state.match:
        state = state.model_copy(update={"match": match})
    return state if state.night is None else _note_box(state, state.night)


def _doubt_word(state: SessionState) -> SessionState:
    """Until we switch it ourselves, power shows whether the vendor named the right charger."""
    told = word_of_the_vendor(state.car.device_id, state.readings)
    if told is None or told in state.doubted_chargers or (state.night is not None and state.night.commands):
        return state
    car, charger = state.readings.get(state.car.device_id), state.readings.get(told)
    if not is_disproved(car, charger, state.traces.get(state.car.device_id, UNTRACED)):
        return state
    return state.model_copy(update={"doubted_chargers": state.doubted_chargers | {told}})


def _note_box(state: SessionState, night: Night) -> SessionState:
    """What the night's account and the driver's record say of the charger."""
    is_plugged = night.is_box_plugged or any(
        state.readings[box.device_id].is_plugged_in for box in state.boxes if box.device_id in state.readings
    )
    charger_id = night.charger_id if state.box is None else state.charger_id
    if is_plugged is night.is_box_plugged and charger_id == night.charger_id:
        return state
    return with_night(state, is_box_plugged=is_plugged, charger_id=charger_id)


def with_night(state: SessionState, **changes: object) -> SessionState:
    """The state with a changed night, if one is open."""
    if state.night is None:
        return state
    return state.model_copy(update={"night": state.night.model_copy(update=changes)})


def _is_older(reading: Reading, known: Reading | None) -> bool:
    if known is None or known.observed_at is None:
        return False
    return reading.observed_at is None or reading.observed_at < known.observed_at


def _speaks_for_this_car(state: SessionState, reading: Reading) -> bool:
    """A charger's meter counts only if the car is surely in it."""
    if reading.side is Side.VEHICLE:
        return reading.device_id not in state.lying
    return reading.device_id == state.charger_id and _speaks(state, reading.device_id)


def _note_level(state: SessionState, reading: Reading) -> SessionState:
    at = reading.observed_at
    if at is None:
        return state
    level, power = state.level, measured_power_kw(reading)
    per_kw = 100 * state.car.efficiency / state.car.battery_capacity_kwh
    if level is not None and power is not None and _speaks_for_this_car(state, reading):
        level = metered(level, at, power * per_kw, most_pct_per_hour=state.car.max_power_kw * per_kw)
    if reading.side is Side.VEHICLE and reading.soc_pct is not None:
        level = told(level, at, reading.soc_pct, state.plugged_in_at)
        if level.metered_at is None and power is not None:
            level = level.model_copy(update={"metered_at": at, "power_pct_per_hour": power * per_kw})
    return state if level == state.level else state.model_copy(update={"level": level})


def _note_lie(state: SessionState, reading: Reading) -> SessionState:
    """A charger's meter that runs on while the car rests and its level stands still: the car is right (F12, F13). One
    that rose anew since the car came to rest is alive: then the car tells old values (F7)."""
    level, box = state.level, state.box
    if reading.side is not Side.VEHICLE or level is None:
        return state
    if not level.is_frozen:
        is_cleared = reading.device_id in state.lying
        return state.model_copy(update={"lying": state.lying - {reading.device_id}}) if is_cleared else state
    if box is None or box.device_id in state.lying:
        return state
    power = measured_power_kw(reading)
    if power is None or power > FLOW_THRESHOLD_KW:
        return state
    if _rose_since(state, box.device_id, reading):
        return state.model_copy(update={"lying": state.lying | {reading.device_id}})
    if not _runs_on(state, box.device_id, reading):
        return state
    level = level.model_copy(update={"low_pct": 0.0, "unmoved_pct": 0.0, "power_pct_per_hour": 0.0})
    return state.model_copy(update={"lying": state.lying | {box.device_id}, "level": level})


def _rose_since(state: SessionState, charger_id: str, car: Reading) -> bool:
    """Whether power rose at the charger after the car came to rest, by its own word `car`, and flows on there."""
    own, box = state.traces.get(car.device_id), state.traces.get(charger_id)
    if own is None or box is None or not box.is_on or not box.edges or car.observed_at is None:
        return False
    ceased = own.edges[-1].at if own.edges else state.plugged_in_at
    began = box.edges[-1].at
    return ceased + SAME_EDGE < began and car.observed_at > began + SETTLED_AFTER and _speaks(state, charger_id)


def _speaks(state: SessionState, charger_id: str) -> bool:
    return charger_id not in state.lying and Side.CHARGER not in unsure_sides(state)


def _runs_on(state: SessionState, charger_id: str, car: Reading) -> bool:
    """Whether the charger's meter showed power well after the car had come to rest, and before its reading `car`; a
    meter that rose anew since is no frozen one."""
    meter, own, box = state.readings.get(charger_id), state.traces.get(car.device_id), state.traces.get(charger_id)
    if meter is None or own is None or box is None or not box.is_on:
        return False
    if car.observed_at is None or meter.observed_at is None:
        return False
    ceased = own.edges[-1].at if own.edges else state.plugged_in_at
    began = box.edges[-1].at if box.edges else state.plugged_in_at
    return began <= ceased + SAME_EDGE < meter.observed_at and car.observed_at > began + SAME_EDGE


def _without_disproved_holds(state: SessionState, reading: Reading) -> SessionState:
    if not state.holds or not _speaks_for_this_car(state, reading):
        return state
    holds = tuple(hold for hold in state.holds if not _flow_disproves(hold, reading))
    return state if holds == state.holds else state.model_copy(update={"holds": holds})


def _flow_disproves(hold: Hold, reading: Reading) -> bool:
    """Energy that flows after a certain hold was set shows that it is gone. A possible one may still take effect."""
    power = measured_power_kw(reading)
    flows = power is not None and power > FLOW_THRESHOLD_KW
    return hold.is_certain and flows and reading.observed_at is not None and reading.observed_at > hold.since


def _fell(before: Reading | None, reading: Reading) -> bool:
    """Whether the car takes back a level that it told (F8)."""
    if before is None or before.soc_pct is None or reading.soc_pct is None:
        return False
    return reading.soc_pct <= before.soc_pct - READY_LOST_PCT


def _note_ready(state: SessionState, reading: Reading, *, fell: bool) -> SessionState:
    night, level = state.night, state.level
    if night is None or reading.side is not Side.VEHICLE or reading.soc_pct is None or level is None:
        return state
    if night.soc_start_pct is None:
        state = with_night(state, soc_start_pct=reading.soc_pct)
    is_believed = level.told_pct == reading.soc_pct and not level.is_old
    is_there = is_believed and reading.soc_pct >= night.target_soc_pct
    if night.ready_at is None:
        is_there = is_there or says_done(picture_of(state, reading.received_at), night.target_soc_pct)
        return with_night(state, ready_at=reading.observed_at or reading.received_at) if is_there else state
    is_lost = is_believed and fell and reading.soc_pct < night.target_soc_pct
    return with_night(state, ready_at=None) if is_lost else state


def _note_power(state: SessionState, reading: Reading) -> SessionState:
    """The power that can be counted on, once it has settled."""
    power, at, flow = measured_power_kw(reading), reading.observed_at, state.flow
    if power is None or at is None or power <= FLOW_THRESHOLD_KW or not _speaks_for_this_car(state, reading):
        return state
    if power > (state.seen_kw or 0.0):
        state = state.model_copy(update={"seen_kw": power})
    if flow is None or not flow.is_on or at - flow.since < SETTLED_AFTER:
        return state
    return state.model_copy(update={"measured_kw": power})


def soc_at_opening(state: SessionState) -> float | None:
    """The level with which a night begins, for its account [%]."""
    car = state.readings.get(state.car.device_id)
    return car.soc_pct if car is not None else None
