"""One picture from both ends of the cable: unknown stays unknown (F10-F15, F66)."""

from support.factories import CAR, at, make_reading

from domain.devices import PowerDeliveryState, Side
from domain.energy_flow import measured_power_kw
from domain.fusion import fuse

CHARGING, STOPPED, UNPLUGGED = PowerDeliveryState.CHARGING, PowerDeliveryState.STOPPED, PowerDeliveryState.UNPLUGGED
UNKNOWN = PowerDeliveryState.UNKNOWN


def picture(car=None, charger=None, **changes):
    return fuse(car, charger, None, at(1), **changes)


def test_f10_a_contradiction_about_the_plug_is_unknown() -> None:
    assert picture(make_reading(state=UNPLUGGED), make_reading(Side.CHARGER)).is_plugged is None
    assert picture(make_reading(), make_reading(Side.CHARGER)).is_plugged is True
    assert picture(make_reading(is_plugged_in=None)).is_plugged is None


def test_s44_without_a_rate_of_the_cars_the_chargers_is_used() -> None:
    silent = make_reading(state=CHARGING, charge_rate_kw=None)
    assert picture(silent, make_reading(Side.CHARGER, state=CHARGING)).flow_kw == 11


def test_f12_a_null_rate_is_unknown_and_the_last_power_of_an_offline_box_is_none() -> None:
    assert picture(make_reading(state=CHARGING, charge_rate_kw=None)).flow_kw is None
    dead = make_reading(Side.CHARGER, state=CHARGING, is_reachable=False)
    assert picture(make_reading(state=UNKNOWN), dead).flow_kw is None


def test_the_newest_word_on_whether_energy_flows_wins_over_the_preferred_meter() -> None:
    charger = make_reading(Side.CHARGER, hours=0.0, state=STOPPED)
    car = make_reading(hours=0.005, state=CHARGING, charge_rate_kw=10.0)
    assert picture(car, charger).flow_kw == 10
    later = make_reading(Side.CHARGER, hours=0.006, state=CHARGING)
    assert picture(car, later).flow_kw == 11  # of the same moment the charger's meter


def test_f15_an_unknown_state_says_nothing() -> None:
    seen = picture(make_reading(state=UNKNOWN, charge_rate_kw=None, is_plugged_in=None, soc_pct=None))
    assert (seen.is_plugged, seen.is_flowing, seen.soc_pct, seen.is_full) == (None, None, None, False)


def test_f66_a_car_at_another_known_place_is_away_unless_a_charger_of_the_drivers_holds_it() -> None:
    office, home = make_reading(location_id="office"), frozenset({"home"})
    assert picture(office, places=home).is_away
    assert not picture(office, make_reading(Side.CHARGER), places=home).is_away
    assert not picture(make_reading(location_id=None), places=home).is_away
    assert not picture(office).is_away
    assert office.device_id == CAR


def test_f12_f13_a_rate_beside_a_resting_state_is_a_contradiction_and_unknown() -> None:
    assert measured_power_kw(make_reading(state=PowerDeliveryState.STOPPED, charge_rate_kw=3.7)) is None
    assert measured_power_kw(make_reading(state=PowerDeliveryState.STOPPED, charge_rate_kw=0.0)) == 0.0
    assert measured_power_kw(make_reading(state=PowerDeliveryState.UNKNOWN, charge_rate_kw=3.7)) == 3.7
