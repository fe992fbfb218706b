"""Plans and recurring wishes go through the charger without anybody saying so: S52 and S53."""

from support.by_hand import CHARGING, STOPPED, both, planned
from support.factories import CHARGER
from support.journeys import enrolled, plugged

from domain.commands import CommandResult, Goal
from domain.devices import PowerDeliveryState, Side
from domain.driver.effects import BeginSession
from domain.driver.events import SessionEnded


def test_s52_a_plans_slots_are_started_and_stopped_through_the_charger() -> None:
    played = planned(*both(STOPPED))
    played.decide(6.0)  # the plan's first cheap hour
    assert [(goal, side) for goal, side, _ in played.sent()] == [(Goal.START, Side.CHARGER)]
    played.end(CommandResult.PROVEN, 6.1, *both(CHARGING, 6.1))
    charger, car = both(CHARGING, 9.0)
    for reading in (charger, car.model_copy(update={"soc_pct": 85.0})):  # its end: the target is reached
        played.hear_reading(reading)
    played.decide(9.0)
    assert [(goal, side) for goal, side, _ in played.sent()] == [(Goal.STOP, Side.CHARGER)]


def test_s53_the_standing_wish_of_every_night_is_served_through_the_charger() -> None:
    played = enrolled()
    for night in (0, 24):
        (begun,) = played.see(plugged(hours=night), night).of(BeginSession)
        assert begun.session.wish == played.state.wish
        assert [box.device_id for box in begun.session.boxes] == [CHARGER]
        gone = plugged(hours=night + 12).reading.model_copy(
            update={"is_plugged_in": False, "state": PowerDeliveryState.UNPLUGGED, "paired_with": None}
        )
        session = begun.session
        played.hear(SessionEnded(session_id=session.session_id, vehicle_id=session.car.device_id, readings=(gone,)), 20)
