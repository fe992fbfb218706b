"""What a session sees: its readings, fused by what it knows of charger, level and places."""

from datetime import datetime

from domain.devices import PowerDeliveryState, Reading, Side
from domain.fusion import Picture, fuse
from domain.memo import remembered
from domain.session.ladder import unsure_sides
from domain.session.state import SessionState


@remembered
def picture_of(state: SessionState, now: datetime) -> Picture:
    """The picture at `now`. An unplug that is doubted is unknown."""
    picture = picture_by_word(state, now)
    is_doubted = state.is_unplug_doubted and picture.is_plugged is False
    return picture._replace(is_plugged=None) if is_doubted else picture


def picture_by_word(state: SessionState, now: datetime) -> Picture:
    """The picture at `now` for who asks for the mere word, doubted or not."""
    car = _heard_of_this_plug_in(state, state.readings.get(state.car.device_id))
    charger = state.readings.get(state.charger_id or "")
    says_nothing = {"charge_rate_kw": None, "state": PowerDeliveryState.UNKNOWN}
    if charger is not None and (charger.device_id in state.lying or Side.CHARGER in unsure_sides(state)):
        charger = charger.model_copy(update=says_nothing)
    elif charger is not None and car is not None and car.device_id in state.lying:
        car = car.model_copy(update=says_nothing)
    # Where it is says only of a car in no charger of the driver's whether it is away.
    places = charging_places(state) if charger is None else frozenset()
    return fuse(car, charger, state.level, now, places=places)


def _heard_of_this_plug_in(state: SessionState, car: Reading | None) -> Reading | None:
    """The car's reading; its "unplugged" from before the plug-in says nothing once a charger told of that (S45)."""
    if (
        car is None
        or car.is_plugged_in is not False
        or car.observed_at is None
        or car.observed_at >= state.plugged_in_at
    ):
        return car
    told = (state.readings.get(box.device_id) for box in state.boxes)
    if not any(r is not None and r.is_plugged_in and r.paired_with in (None, car.device_id) for r in told):
        return car
    return car.model_copy(update={"is_plugged_in": None})


def charging_places(state: SessionState) -> frozenset[str]:
    """Where the driver's chargers stand, by the vendor's ids."""
    ids = (state.readings[box.device_id].location_id for box in state.boxes if box.device_id in state.readings)
    return frozenset(place for place in ids if place is not None)


def says_done(picture: Picture, target_pct: float) -> bool:
    """Whether the car itself ended the charge at a limit that covers the target, and the meter allows it: true also
    where the level it tells is frozen (F6)."""
    limit, most = picture.charge_limit_pct, picture.soc_high_pct
    if not picture.is_full or picture.is_flowing or limit is None or most is None:
        return False
    return min(limit, most) >= target_pct


def own_limit_pct(state: SessionState, picture: Picture) -> float | None:
    """The level at which the car itself ends the charge [%]: its limit, or where it stopped as complete."""
    if picture.charge_limit_pct is not None:
        return picture.charge_limit_pct
    car = state.readings.get(state.car.device_id)
    is_done = car is not None and car.state is PowerDeliveryState.COMPLETE
    return car.soc_pct if is_done and car is not None else None
