"""What is remembered of each linked charger: its place, and whether it held one of the driver's cars lately."""

from datetime import datetime

from domain.devices import Side
from domain.driver.linked import twins
from domain.driver.state import DriverState
from domain.resets import ChargerRecord


def placed_by_driver(state: DriverState, charger_id: str, place_id: str | None, at: datetime | None) -> DriverState:
    """The driver set the place; pictures taken before it was known at the vendor say nothing against it.

    Who says where a charger stands means to use it.
    """
    if charger_id not in state.devices:  # it left while the vendor was asked
        return state
    record = state.chargers.get(charger_id, ChargerRecord())
    state = with_record(state, charger_id, record.model_copy(update={"placed_at": at}))
    return matched(placed(state, charger_id, place_id), charger_id)


def placed(state: DriverState, charger_id: str, place_id: str | None) -> DriverState:
    """The charger stands at this place of the vendor; None: it has none any more."""
    places = {key: value for key, value in state.places.items() if key != charger_id}
    if place_id is not None:
        places[charger_id] = place_id
    return state.model_copy(update={"places": places})


def matched(state: DriverState, charger_id: str) -> DriverState:
    """A charger that holds a car of the driver is no stranger to it, through whichever vendor it is named."""
    for charger in twins(state, charger_id):
        record = state.chargers.get(charger.id, ChargerRecord())
        if record.unmatched_nights:
            state = with_record(state, charger.id, record.model_copy(update={"unmatched_nights": 0}))
    return state


def not_matched(state: DriverState) -> DriverState:
    """A night in which none of the driver's chargers held the car."""
    for charger in state.of_side(Side.CHARGER):
        record = state.chargers.get(charger.id, ChargerRecord())
        changed = record.model_copy(update={"unmatched_nights": record.unmatched_nights + 1})
        state = with_record(state, charger.id, changed)
    return state


def with_record(state: DriverState, charger_id: str, record: ChargerRecord) -> DriverState:
    return state.model_copy(update={"chargers": {**state.chargers, charger_id: record}})
