"""A vehicle's own ability: learnt only from words of a time without a charger, in whatever order they arrive.

A platform lends the charger's ability to the vehicle from the moment a charger is linked, and may go on for a while
after it left. Its words travel beside the one that tells of the charger, and may overtake it or come after it.
"""

from datetime import timedelta

from domain.capabilities import evidence_of
from domain.devices import Device, Side
from domain.driver.linking import PAGE_LIVES
from domain.driver.state import DriverState, OwnBefore

WORDS_CROSS = timedelta(minutes=2)
"""Words of one change at the vendor arrive within this time of each other, in any order."""

LENT_FOR = timedelta(minutes=30)
"""So long after the last charger left, what a platform says may still be lent."""


def learn(state: DriverState, vehicle: Device) -> DriverState:
    """What a picture of the vehicle says of its own ability."""
    known, table = state.own.get(vehicle.id), state.program.brands
    left_at = state.charger_left_at
    own = evidence_of(
        vehicle,
        any_charger_linked=bool(state.of_side(Side.CHARGER)),
        is_just_alone=left_at is not None and vehicle.reading.received_at <= left_at + LENT_FOR,
        known=known,
        table=table,
    )
    changes: dict[str, object] = {"own": {**state.own, vehicle.id: own}}
    if known is not None and set(known.missing) - set(own.missing):  # perhaps by a charger that is still to be told of
        before = OwnBefore(own=known, at=vehicle.reading.received_at)
        changes["own_before"] = {**state.own_before, vehicle.id: before}
    return state.model_copy(update=changes)


def charger_came(state: DriverState, charger: Device) -> DriverState:
    """A charger that was not known: what rose while it was being linked was lent, and never the vehicle's own."""
    since = charger.reading.received_at - WORDS_CROSS
    page = state.links.get(Side.CHARGER)
    if page is not None and page.expires_at is not None and page.is_open:
        since = min(since, page.expires_at - PAGE_LIVES)
    lent = {key: before.own for key, before in state.own_before.items() if before.at >= since}
    return state.model_copy(update={"own": {**state.own, **lent}, "own_before": {}})
