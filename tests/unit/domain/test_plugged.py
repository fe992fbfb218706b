"""What the app shows of a plugged-in car, and that either end tells of it: S42-S45."""

from support.factories import CAR, CHARGER, at, make_device, make_driver, make_reading
from support.journeys import HOME, Played, enrolled, placed_charger, plugged

from domain.devices import Device, PowerDeliveryState, Side
from domain.driver.effects import BeginSession
from domain.driver.events import SessionEnded
from domain.driver.plugged import VehicleNow

CHARGING, STOPPED, UNPLUGGED = PowerDeliveryState.CHARGING, PowerDeliveryState.STOPPED, PowerDeliveryState.UNPLUGGED


def box(*, hours: float, paired_with: str | None = None, state: PowerDeliveryState = STOPPED) -> Device:
    """The charger with something plugged in."""
    reading = make_reading(Side.CHARGER, hours=hours, state=state, paired_with=paired_with, location_id=HOME)
    return make_device(Side.CHARGER, reading=reading)


def car(*, hours: float, state: PowerDeliveryState = STOPPED, **reading) -> Device:
    return make_device(reading=make_reading(hours=hours, state=state, **reading))


def now(played: Played) -> VehicleNow:
    return played.journey.vehicles[0].now


def test_s42_the_charger_that_holds_the_car_is_named():
    assert now(enrolled().see(plugged())).plugged_in_charger_id == CHARGER


def test_s43_no_charger_is_named_unless_it_is_linked_to_the_same_driver():
    alone = enrolled(with_charger=False).see(plugged())
    assert now(alone).plugged_in_charger_id is None
    unsure = enrolled().see(car(hours=0, paired_with=None))
    assert now(unsure).plugged_in_charger_id is None


def test_s44_the_chargers_rate_is_shown_where_the_car_gives_none():
    silent = car(hours=0, state=CHARGING, charge_rate_kw=None)
    played = enrolled().see(silent).see(box(hours=0, paired_with=CAR, state=CHARGING))
    assert (now(played).charge_rate_kw, now(played).charge_rate_from) == (11.0, Side.CHARGER)
    told = played.see(car(hours=0.1, state=CHARGING, charge_rate_kw=7.4))
    assert (now(told).charge_rate_kw, now(told).charge_rate_from) == (7.4, Side.VEHICLE)


def test_s44_the_rate_of_a_charger_that_holds_another_car_is_not_this_cars():
    silent = car(hours=0, state=CHARGING, charge_rate_kw=None, paired_with=None)
    played = enrolled().see(silent).see(box(hours=0, paired_with="somebody's", state=CHARGING))
    assert now(played).charge_rate_kw is None


def test_s45_a_plug_in_told_by_the_charger_opens_the_session_before_the_car_says_a_word():
    for paired_with in (CAR, None):
        played = enrolled().see(car(hours=-1, state=UNPLUGGED, paired_with=None))
        (begun,) = played.see(box(hours=0, paired_with=paired_with), 0).of(BeginSession)
        assert begun.session.plugged_in_at == at(0)
        assert now(played).is_plugged_in


def test_s45_a_plug_in_told_by_the_car_alone_opens_it_too():
    assert enrolled().see(car(hours=0, paired_with=None)).of(BeginSession)


def test_s45_another_car_in_the_charger_opens_nothing():
    played = enrolled().see(car(hours=-1, state=UNPLUGGED, paired_with=None))
    assert not played.see(box(hours=0, paired_with="somebody's"), 0).of(BeginSession)


def test_s45_with_two_cars_a_charger_that_names_none_speaks_for_none():
    played = enrolled().see(make_device(id="car-2")).see(car(hours=-1, state=UNPLUGGED, paired_with=None))
    assert not played.see(box(hours=0), 0).of(BeginSession)


def test_s45_a_car_that_said_unplugged_since_is_believed_and_no_session_opens_again():
    played = enrolled().see(car(hours=-1, state=UNPLUGGED, paired_with=None)).see(box(hours=0), 0)
    looked = make_reading(hours=0.1, state=UNPLUGGED, paired_with=None)
    ended = SessionEnded(session_id=f"{CAR}:1", vehicle_id=CAR, readings=(looked,))
    assert not played.hear(ended, 0.2).of(BeginSession)
    assert not played.see(box(hours=0.5), 0.5).of(BeginSession)
    played.see(placed_charger(hours=1), 1)
    assert played.see(box(hours=2), 2).of(BeginSession)


def test_a_driver_without_a_car_has_nothing_to_show():
    assert Played(make_driver()).journey.vehicles == ()
