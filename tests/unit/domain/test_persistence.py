"""What a charger unlocked stays unlocked while both stay linked: S23 and S24."""

import pytest
from support.factories import at, make_device, make_driver, make_reading

from domain.devices import PowerDeliveryState, Side
from domain.driver.apply import apply, begun
from domain.driver.decide import decide
from domain.driver.events import DeviceGone, DeviceSeen, Enroll, SessionEnded
from domain.driver.state import DriverState
from domain.journey import Stage, journey_of

UNPLUGGED = PowerDeliveryState.UNPLUGGED


@pytest.fixture
def enrolled() -> DriverState:
    """A driver whose incapable car takes part through a placed charger, plugged in, with a session open."""
    box = make_reading(Side.CHARGER, hours=-1, location_id="home")
    state = make_driver()
    for device in (make_device(can_control=False), make_device(Side.CHARGER, reading=box)):
        state = apply(state, DeviceSeen(device=device))
    state = apply(state, Enroll(action_id="enroll", at=at(0), text_version="1"))
    state = apply(state, DeviceSeen(device=make_device(can_control=False, reading=make_reading(hours=0.5))))
    for effect in decide(state, at(1)).effects:
        state = begun(state, effect, at(1))
    assert state.sessions
    return state


def away(state: DriverState) -> DriverState:
    """Unplugged and driven off: neither end names the other, no vendor place."""
    for side in Side:
        gone = make_reading(side, hours=9, state=UNPLUGGED, paired_with=None)
        if side is Side.CHARGER:
            gone = gone.model_copy(update={"location_id": "home"})
        known = state.devices[gone.device_id]
        state = apply(state, DeviceSeen(device=known.model_copy(update={"reading": gone})))
    return state


def test_s23_what_the_charger_unlocked_outlives_the_session(enrolled: DriverState) -> None:
    (session,) = enrolled.sessions.values()
    ended = apply(away(enrolled), SessionEnded(session_id=session.session_id, vehicle_id=session.vehicle_id))
    assert ended.sessions == {}
    assert journey_of(ended).vehicles[0].effective == journey_of(enrolled).vehicles[0].effective


def test_s24_the_driver_stays_shown_as_enrolled_unplugged_and_away(enrolled: DriverState) -> None:
    journey = journey_of(away(enrolled))
    assert (journey.stage, journey.is_enabled, journey.is_enrolled) == (Stage.ENROLLED, True, True)
    assert journey.prompt is None


def test_s23_it_ends_when_the_charger_is_no_longer_linked(enrolled: DriverState) -> None:
    alone = apply(enrolled, DeviceGone(device_id="charger-1"))
    assert not journey_of(alone).vehicles[0].effective.can_start
    assert journey_of(alone).stage is Stage.CHARGER_REQUIRED
