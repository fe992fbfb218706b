"""When a session asks the devices itself: something is unknown, contradictory, or too old to act on."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.devices import Side
from domain.fusion import Picture
from domain.routing import box_in_use
from domain.session.effects import Read, SessionEffect
from domain.session.state import Night, SessionState
from domain.session.wants import wanted

LOOK_AGAIN_AFTER = timedelta(minutes=60)
"""A running charge is looked at when nothing relevant was heard for this long."""

READ_AGAIN_AFTER = timedelta(minutes=15)
"""An unknown is not asked for more often than this."""

MATCH_WAIT = timedelta(minutes=5)
"""After a plug-in: how long to wait for the word which charger holds the car, before it is taken for none of ours.
Vendors compare plug times and power edges of both ends first; acting at once would leave the charger out (S43)."""

READS_PER_NIGHT = 24
"""Budget of reads of our own [count] (F5)."""


def witness_ids(state: SessionState) -> dict[Side, str]:
    """The devices whose readings can prove something: the car, and the charger that surely holds it."""
    box = box_in_use(state)
    ids = {Side.VEHICLE: state.car.device_id}
    return ids if box is None else {Side.CHARGER: box.device_id, **ids}


def waits_for_match(state: SessionState, now: datetime) -> bool:
    """Whether the car may still turn out to be in one of the driver's own chargers."""
    night = state.night
    return (
        night is not None
        and night.number == 1
        and bool(state.boxes)
        and box_in_use(state) is None
        and now < night.opened_at + MATCH_WAIT
    )


def look_when_unsure(state: SessionState, picture: Picture, now: datetime) -> Iterator[SessionEffect]:
    """Ask the devices when plug, level or flow is unknown, contradictory or too old to act on."""
    night = state.night
    if night is None or night.is_closing or night.reads >= READS_PER_NIGHT:
        return
    doubt = doubt_of(state, night, picture, now)
    if doubt is None:
        return
    for device_id in doubt.ask:
        is_allowed = doubt.is_urgent or now >= _may_ask_at(state, device_id, now)
        if device_id not in state.reads_open and is_allowed:
            yield Read(side=state.side_of(device_id), device_id=device_id, reason=doubt.why)


class Doubt(NamedTuple):
    """What is not known well enough to act on, and who can tell."""

    why: str
    ask: tuple[str, ...]
    is_urgent: bool = False  # ask although something was heard just now


def _may_ask_at(state: SessionState, device_id: str, now: datetime) -> datetime:
    """The instant from which this device may be asked again."""
    heard = state.readings[device_id].received_at if device_id in state.readings else None
    last = max((at for at in (heard, state.asked_at.get(device_id)) if at is not None), default=None)
    return now if last is None else last + READ_AGAIN_AFTER


def doubt_of(state: SessionState, night: Night, picture: Picture, now: datetime) -> Doubt | None:
    witnesses = witness_ids(state)
    everyone = tuple(witnesses.values())
    meter = everyone[:1]  # the charger's, if the car is surely in one
    if picture.is_plugged is None:
        return Doubt("plug state unknown or contradictory", everyone)
    if picture.soc_pct is None and night.plan is None:
        return Doubt("level unknown", (state.car.device_id,))
    if picture.flow_kw is None:
        return Doubt("power unknown", everyone)
    asked_at = state.asked_at.get(state.car.device_id)
    if waits_for_match(state, now) and (asked_at is None or asked_at < night.opened_at):
        return Doubt("not known yet which charger holds the car", (state.car.device_id,), is_urgent=True)
    is_active = picture.is_flowing or wanted(state, picture, now).on
    if is_active and picture.flow_at is not None and now - picture.flow_at >= LOOK_AGAIN_AFTER:
        return Doubt("power last measured an hour ago", meter)
    return None


def when_to_look(state: SessionState, night: Night, picture: Picture, now: datetime) -> Iterator[tuple[datetime, str]]:
    if waits_for_match(state, now):
        yield night.opened_at + MATCH_WAIT, "no charger of ours seems to hold the car"
    doubt = doubt_of(state, night, picture, now)
    if doubt is not None:
        for device_id in doubt.ask:
            if device_id not in state.reads_open:
                yield _may_ask_at(state, device_id, now), "ask the device again"
    elif picture.flow_at is not None and (picture.is_flowing or wanted(state, picture, now).on):
        yield picture.flow_at + LOOK_AGAIN_AFTER, "look whether energy still flows"
