"""Observation: what the platform knows is what was last seen, and when."""

from datetime import timedelta

import pytest


def test_a_read_shows_the_last_observation_and_not_the_truth(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.sim.world.set_hold(s.box, "command", "test")
    assert s.car.power_kw == 0.0
    assert s.state(s.charger) == "PLUGGED_IN:CHARGING"
    s.wait(seconds=10)
    assert s.state(s.charger) == "PLUGGED_IN:STOPPED"


@pytest.mark.parametrize(("auto_start", "longest"), [(True, 120), (False, 420)])
def test_readings_age_at_most_one_refresh_interval(stage, auto_start, longest) -> None:
    s = stage(car={"auto_start": auto_start})
    s.wait(minutes=15)
    ages = []
    for _ in range(60):
        s.wait(seconds=17)
        ages.append((s.sim.timeline.now - s.vehicle.observed_at).total_seconds())
    assert longest - 17 <= max(ages) <= longest


def test_a_refresh_hint_brings_a_fresh_reading_within_seconds(stage) -> None:
    s = stage(car={"auto_start": False})
    s.wait(minutes=30)
    s.sim.telemetry.observe_soon(s.vehicle, 3)
    s.wait(seconds=3)
    assert s.vehicle.observed_at == s.sim.timeline.now


def test_an_event_is_sent_only_when_what_is_shown_has_changed(stage) -> None:
    s = stage(car={"auto_start": False})
    s.wait(hours=3)
    assert s.names() == []
    s.sim.world.set_hold(s.car, None, "test")
    s.wait(seconds=10)
    assert sorted(s.names()) == ["user:charger:updated", "user:vehicle:updated"]
    vehicle = next(event for event in s.events if event["event"] == "user:vehicle:updated")
    assert "chargeState.powerDeliveryState" in vehicle["updatedFields"]
    assert "chargeState.lastUpdated" not in vehicle["updatedFields"]
    assert vehicle["vehicle"]["chargeState"]["isCharging"] is True


def test_the_battery_level_is_a_whole_number_and_power_is_measured(stage) -> None:
    s = stage(box={"max_kw": 7.4})
    s.wait(minutes=30)
    state = s.told(s.vehicle)["chargeState"]
    # 7.4 kW x 0.5 h x 0.9 = 3.33 kWh = 5.5 % of 60 kWh
    assert state["batteryLevel"] == 45
    assert state["chargeRate"] == 7.4
    assert s.told(s.charger)["chargeState"]["chargeRate"] == 7.4


def test_rate_and_time_left_are_null_while_nothing_flows(stage) -> None:
    s = stage(car={"auto_start": False})
    state = s.told(s.vehicle)["chargeState"]
    assert state["chargeRate"] is None
    assert state["chargeTimeRemaining"] is None


def test_the_pair_is_detected_a_minute_after_both_were_seen_plugged_in(stage) -> None:
    s = stage(car={"plugged_into": None})
    s.sim.world.plug(s.car, s.box, "test")
    s.wait(seconds=60)
    assert s.told(s.vehicle)["chargeState"]["pluggedInChargerId"] is None
    s.wait(seconds=11)
    assert s.told(s.vehicle)["chargeState"]["pluggedInChargerId"] == s.charger.id
    assert s.told(s.charger)["chargeState"]["pluggedInVehicleId"] == s.vehicle.id


def test_the_pair_ends_when_one_side_is_seen_unplugged(stage) -> None:
    s = stage()
    assert s.vehicle.paired is s.charger
    s.sim.world.unplug(s.car, "test")
    s.wait(seconds=10)
    assert s.vehicle.paired is None
    assert s.told(s.charger)["chargeState"]["pluggedInVehicleId"] is None


def test_a_car_in_a_foreign_box_is_never_paired(stage) -> None:
    s = stage(car={"plugged_into": None})
    s.sim.world.plug(s.car, s.sim.cloud.foreign_box(), "test")
    s.wait(minutes=30)
    assert s.told(s.vehicle)["chargeState"]["isPluggedIn"] is True
    assert s.told(s.vehicle)["chargeState"]["pluggedInChargerId"] is None


def test_a_paired_vehicle_without_a_place_of_its_own_is_where_its_charger_is(stage) -> None:
    s = stage(car={"capabilities": {"location": False}})
    assert s.told(s.vehicle)["location"]["id"] == s.charger.location_id
    assert s.told(s.vehicle)["location"]["latitude"] is None


def test_a_newly_linked_device_is_unknown_until_its_first_reading(stage) -> None:
    s = stage(linked=False)
    tenant = s.sim.cloud.tenants["sim"]
    scopes = ["vehicle:read:data", "vehicle:control:charging"]
    session = s.sim.linking.open_session(tenant, "ann", scopes=scopes, language="en-US", redirect_uri="app:x")
    (device,) = s.sim.linking.complete(session, "TESLA")
    assert s.state(device) == "UNKNOWN"
    assert s.told(device)["chargeState"]["isPluggedIn"] is None
    s.wait(seconds=5)
    assert s.state(device) == "PLUGGED_IN:CHARGING"
    assert s.names() == ["user:vehicle:discovered", "user:vehicle:updated"]
    assert s.events[0]["vehicle"]["chargeState"] is None


def test_habits_repeat_every_day_in_wall_clock_time(stage) -> None:
    habit = {"plug_in": "18:30", "unplug": "07:30", "trip_km": 60}
    s = stage(car={"plugged_into": None, "habits": [habit], "soc_pct": 80})
    s.wait(days=2)
    plugs = [(e.at.strftime("%H:%M"), e.now is not None) for e in s.sim.world.log if e.kind == "plug"]
    # Amsterdam is an hour ahead of UTC in December
    assert plugs == [("17:30", True), ("06:30", False), ("17:30", True), ("06:30", False)]
    assert s.car.odometer_km == pytest.approx(12120)


def test_an_occurrence_happens_at_its_instant(stage) -> None:
    at = "2022-12-12T21:00:00Z"
    s = stage(events=[{"at": at, "do": "unplug", "vehicle_id": "ann/car"}])
    s.wait(hours=3, minutes=59)
    assert s.car.box is s.box
    s.wait(minutes=1)
    assert s.car.box is None
    assert s.sim.timeline.now - s.sim.world.log[-1].at < timedelta(seconds=1)


def test_two_cars_in_each_other_s_boxes_are_paired_as_they_stand(stage) -> None:
    s = stage()
    user, home = s.vehicle.user, s.vehicle.prepared.home
    for spec in (s.vehicle.spec, s.charger.spec):
        changes = (
            {"key": f"second-{spec.key}", "plugged_into": None} if spec is s.vehicle.spec else {"key": "second-box"}
        )
        prepared = s.sim.cloud.prepare_device("sim", "ann", spec.model_copy(update=changes), home)
        s.sim.cloud.add_device(prepared, user, user.accounts[spec.vendor])
    second_car, second_box = (s.sim.cloud.body_named(f"ann/second-{what}") for what in ("car", "box"))
    s.sim.world.unplug(s.car, "test")
    s.wait(minutes=1)
    s.sim.world.plug(s.car, second_box, "test")
    s.sim.world.plug(second_car, s.box, "test")
    s.wait(minutes=10)
    pairs = {device.body.id: device.paired.body.id for device in s.sim.cloud.devices_of(user, "vehicle")}
    assert pairs == {s.car.id: second_box.id, second_car.id: s.box.id}


def test_a_swap_faster_than_any_observation_goes_unseen(stage) -> None:
    s = stage()
    s.sim.world.unplug(s.car, "test")
    s.sim.world.plug(s.car, s.sim.cloud.foreign_box(), "test")
    other = s.sim.cloud.prepare_device("sim", "bob", s.vehicle.spec, None).body
    s.sim.world.plug(other, s.box, "test")
    s.wait(minutes=30)
    assert s.told(s.vehicle)["chargeState"]["pluggedInChargerId"] == s.charger.id


def test_a_late_reading_does_not_settle_a_command_it_is_older_than(stage) -> None:
    s = stage(settings={"action_window_seconds": 1800})
    s.wait(minutes=1)
    s.sim.world.set_hold(s.box, "command", "test")
    s.fault("slow_reading", s.charger.id, minutes=10, until="2022-12-12T17:01:20Z")
    s.wait(seconds=15)
    # The stop was observed, but is still on its way; meanwhile the box starts again and we ask it to stop.
    s.sim.world.set_hold(s.box, None, "test")
    s.fault("ignore_command", s.charger.id)
    action = s.stop(s.charger)
    s.wait(minutes=11)
    assert action.state == "PENDING"
