"""Which device events are heard, by session and driver (F40, F57)."""

import pytest
from support.factories import CAR, CHARGER, DRIVER, make_device, make_reading

from domain.devices import PowerDeliveryState, Side
from domain.relevance import Watch, hearing

CHARGING, STOPPED = PowerDeliveryState.CHARGING, PowerDeliveryState.STOPPED
WATCH = Watch(session_id=f"{CAR}:1", driver_id=DRIVER, device_ids=(CAR, CHARGER), soc_above_pct=80)


def told(before: dict, after: dict, *, side: Side = Side.VEHICLE, watch: Watch | None = WATCH):
    devices = [
        make_device(side, reading=make_reading(side, **{"hours": h, **changes}))
        for h, changes in ((0, before), (1, after))
    ]
    return hearing(*devices, watch)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({}, {"is_plugged_in": False}, "plug state"),
        ({"state": STOPPED}, {"state": CHARGING}, "flow of energy"),
        ({"state": CHARGING}, {"state": CHARGING, "charge_rate_kw": 3.7}, "power"),
        ({}, {"paired_with": None}, "which charger holds the car"),
        ({}, {"is_reachable": False}, "flow of energy"),
        ({}, {"state": PowerDeliveryState.FAULT}, "state fault"),
        ({}, {"charge_limit_pct": 70.0}, "the car's own limit"),
        ({"soc_pct": 79.0}, {"soc_pct": 80.0}, "level reached 80 %"),
    ],
)
def test_a_session_hears_what_matters_to_its_night(before: dict, after: dict, why: str) -> None:
    heard = told(before, after)
    assert (heard.to_session, heard.why) == (True, why)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"soc_pct": 50.0}, {"soc_pct": 51.0}),
        ({}, {}),
        ({"state": CHARGING}, {"state": CHARGING, "charge_rate_kw": 10.2}),
    ],
)
def test_f57_a_session_does_not_hear_what_changes_nothing(before: dict, after: dict) -> None:
    assert not told(before, after).to_session


def test_f40_what_was_observed_earlier_is_heard_by_nobody() -> None:
    old, new = make_device(reading=make_reading(hours=1)), make_device(reading=make_reading(hours=0, state=CHARGING))
    heard = hearing(old, new, WATCH)
    assert (heard.is_newer, heard.to_session, heard.to_driver) == (False, False, False)


def test_s26_while_no_session_listens_the_driver_hears_of_plug_pairing_and_a_chargers_reach() -> None:
    assert told({}, {"is_plugged_in": False}, watch=None).to_driver
    assert told({}, {"paired_with": None}, watch=None).to_driver
    assert told({}, {"is_reachable": False}, side=Side.CHARGER, watch=None).to_driver
    assert not told({}, {"is_reachable": False}, watch=None).to_driver
    assert not told({}, {"paired_with": None}).to_driver


def test_f8_a_level_that_falls_is_heard() -> None:
    heard = told({"soc_pct": 95.0}, {"soc_pct": 60.0})
    assert (heard.to_session, heard.why) == (True, "level fell to 60 %")
