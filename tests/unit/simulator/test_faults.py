"""Each fault does what it says, for its target and within its window, and no more."""

import pytest

from simulator.faults import FAULT
from simulator.problems import Refused

CHARGING, STOPPED, NO_POWER = "PLUGGED_IN:CHARGING", "PLUGGED_IN:STOPPED", "PLUGGED_IN:NO_POWER"


def test_an_ignored_command_has_no_effect_and_fails_in_the_end(stage) -> None:
    s = stage()
    s.fault("ignore_command", s.charger.id)
    action = s.stop(s.charger)
    s.wait(minutes=6)
    assert s.car.power_kw == 11.0
    assert (action.state, action.failure[0]) == ("FAILED", "NO_RESPONSE")


def test_a_lying_box_confirms_a_stop_and_goes_on_delivering(stage) -> None:
    s = stage()
    s.fault("ignore_command", s.charger.id, only="STOP", lie=True)
    action = s.stop(s.charger)
    s.wait(minutes=1)
    assert action.state == "CONFIRMED"
    assert s.car.power_kw == 11.0
    s.wait(minutes=5)
    assert s.state(s.charger) == CHARGING
    # The car side still works, and so does a start on the box.
    s.stop(s.vehicle)
    s.wait(minutes=1)
    assert s.car.power_kw == 0.0
    assert s.state(s.charger) == NO_POWER


def test_a_command_that_is_ignored_by_chance_stays_ignored_at_every_try(stage) -> None:
    ends = set()
    for seed in range(12):
        s = stage(seed=seed)
        s.fault("ignore_command", s.charger.id, p=0.5)
        action = s.stop(s.charger)
        s.wait(minutes=1)
        early = s.car.power_kw
        s.wait(minutes=5)
        assert s.car.power_kw == early
        ends.add((action.state, early))
    assert ends == {("CONFIRMED", 0.0), ("FAILED", 11.0)}


def test_a_fault_of_one_device_leaves_the_other_alone(stage) -> None:
    s = stage()
    s.fault("ignore_command", s.vehicle.id)
    s.stop(s.charger)
    s.wait(minutes=1)
    assert s.car.power_kw == 0.0


def test_a_fault_holds_only_within_its_window(stage) -> None:
    s = stage()
    s.fault(
        "ignore_command", s.charger.id, **{"from": "2022-12-12T18:00:00Z", "until": "2022-12-12T19:00:00Z"}, lie=True
    )
    s.stop(s.charger)
    s.wait(minutes=30)
    assert s.car.power_kw == 0.0
    s.start(s.charger)
    s.wait(minutes=31)
    assert s.car.power_kw == 11.0
    s.stop(s.charger)
    s.wait(minutes=30)
    assert s.car.power_kw == 11.0
    s.wait(minutes=30)
    s.stop(s.charger)
    s.wait(minutes=1)
    assert s.car.power_kw == 0.0


def test_an_offline_device_freezes_and_answers_nothing_while_the_truth_goes_on(stage) -> None:
    s = stage()
    s.wait(minutes=2)
    fault_id = s.fault("offline", s.charger.id)
    s.wait(minutes=10)
    told = s.told(s.charger)
    assert told["isReachable"] is False
    assert told["chargeState"]["chargeRate"] == 11.0
    action = s.stop(s.charger)
    s.wait(minutes=6)
    assert (action.state, action.failure[0]) == ("FAILED", "NO_RESPONSE")
    assert s.car.power_kw == 11.0
    assert s.told(s.charger)["chargeState"]["lastUpdated"] == told["chargeState"]["lastUpdated"]
    s.sim.faults.remove(fault_id)
    s.wait(seconds=10)
    assert s.told(s.charger)["isReachable"] is True


def test_commands_can_be_lost_while_readings_keep_coming(stage) -> None:
    s = stage()
    s.fault("command_offline", s.vehicle.id, only="STOP")
    action = s.stop(s.vehicle)
    s.wait(minutes=6)
    assert action.state == "FAILED"
    assert s.told(s.vehicle)["isReachable"] is True


def test_a_null_rate_is_null_on_the_silent_charger(stage) -> None:
    s = stage()
    s.fault("null_charge_rate", s.charger.id)
    s.wait(minutes=3)
    assert s.told(s.charger)["chargeState"]["chargeRate"] is None
    assert s.told(s.vehicle)["chargeState"]["chargeRate"] == 11.0


def test_a_silent_vehicle_shows_its_charger_s_rate_once_paired(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.fault("null_charge_rate", s.vehicle.id)
    s.wait(minutes=3)
    assert s.told(s.vehicle)["chargeState"]["chargeRate"] == 11.0


def test_a_late_webhook_tells_later_what_a_read_shows_at_once(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.fault("late_webhook", s.charger.id, minutes=20)
    s.events.clear()
    s.stop(s.charger)
    s.wait(minutes=1)
    assert s.state(s.charger) == STOPPED
    assert "user:charger:updated" not in s.names()
    s.wait(minutes=20)
    assert "user:charger:updated" in s.names()


def test_events_late_at_random_overtake_each_other(stage) -> None:
    s = stage(faults=[{"kind": "late_webhook", "minutes": 30, "at_random": True}])
    s.wait(hours=3)
    levels = [e["vehicle"]["chargeState"]["batteryLevel"] for e in s.events if e["event"] == "user:vehicle:updated"]
    assert levels != sorted(levels)
    assert len(set(levels)) > 30


def test_dropped_and_repeated_events(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.fault("drop_webhook", s.vehicle.id)
    s.fault("repeat_webhook", s.charger.id, times=2, seconds=30)
    s.events.clear()
    s.sim.world.set_hold(s.box, "command", "test")
    s.wait(minutes=2)
    assert s.names() == ["user:charger:updated"] * 3
    assert s.events[0] == s.events[1] == s.events[2]


def test_a_frozen_level_keeps_its_value_under_new_time_stamps(stage) -> None:
    s = stage()
    s.fault("frozen_soc", s.vehicle.id)
    s.wait(hours=2)
    state = s.told(s.vehicle)["chargeState"]
    assert state["batteryLevel"] == 40
    assert s.car.soc_pct > 70
    assert state["lastUpdated"] > "2022-12-12T18:50"


def test_a_wrong_level_is_off_by_the_given_amount(stage) -> None:
    s = stage(car={"auto_start": False})
    s.fault("wrong_soc", s.vehicle.id, by_pct=-30)
    s.wait(minutes=1)
    assert s.told(s.vehicle)["chargeState"]["batteryLevel"] == 10


def test_a_stale_reading_repeats_everything(stage) -> None:
    s = stage()
    s.wait(minutes=5)
    s.fault("stale_reading", s.charger.id)
    s.sim.world.set_hold(s.box, "command", "test")
    s.wait(minutes=10)
    assert s.state(s.charger) == CHARGING
    assert s.charger.observed_at > s.sim.timeline.now - s.sim.timeline.now.resolution * 10**6 * 420


def test_a_slow_reading_arrives_late_with_its_own_time(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.fault("slow_reading", s.charger.id, minutes=10)
    stopped_at = s.sim.timeline.now
    s.sim.world.set_hold(s.box, "command", "test")
    s.wait(minutes=10)
    assert s.state(s.charger) == CHARGING
    s.wait(seconds=11)
    assert s.state(s.charger) == STOPPED
    assert (s.charger.observed_at - stopped_at).total_seconds() <= 10


@pytest.mark.parametrize(("when", "shown"), [("stopped", "UNPLUGGED"), ("full", "PLUGGED_IN:STOPPED")])
def test_a_false_unplug_shows_only_in_its_condition(stage, when, shown) -> None:
    s = stage(car={"auto_start": False})
    s.fault("false_unplug", s.vehicle.id, when=when)
    s.wait(minutes=1)
    assert s.state(s.vehicle) == shown
    assert s.told(s.vehicle)["chargeState"]["isPluggedIn"] is (shown != "UNPLUGGED")


def test_a_command_can_read_as_a_short_unplug(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.fault("false_unplug", s.charger.id, when="after_command", seconds=30)
    s.stop(s.charger)
    s.wait(seconds=26)
    assert s.state(s.charger) == "UNPLUGGED"
    s.wait(seconds=30)
    assert s.state(s.charger) == STOPPED


def test_dropped_fields_are_null_and_the_state_unknown(stage) -> None:
    s = stage()
    s.fault("drop_fields", s.vehicle.id, share=1.0)
    s.wait(minutes=1)
    state = s.told(s.vehicle)["chargeState"]
    assert state["batteryLevel"] is None
    assert state["powerDeliveryState"] == "UNKNOWN"


def test_a_new_enum_value_appears_with_a_new_key(stage) -> None:
    s = stage()
    s.fault("new_enum", s.vehicle.id)
    assert s.state(s.vehicle) == "PLUGGED_IN:PREHEATING"
    assert "extraFromTheFuture" in s.told(s.vehicle)


def test_an_error_can_hide_a_command_that_is_carried_out(stage) -> None:
    s = stage()
    s.fault("error_after_apply", s.charger.id, status=500)
    with pytest.raises(Refused) as refused:
        s.stop(s.charger)
    assert refused.value.status == 500
    s.wait(minutes=1)
    assert s.car.power_kw == 0.0


def test_a_toggling_box_flips_at_the_second_identical_command(stage) -> None:
    s = stage()
    s.fault("toggle", s.charger.id)
    s.stop(s.charger)
    s.wait(minutes=1)
    assert s.car.power_kw == 0.0
    s.stop(s.charger)
    s.wait(seconds=20)
    assert s.car.power_kw == 11.0


def test_a_box_in_a_blocking_mode_refuses_with_its_reason(stage) -> None:
    s = stage(car={"auto_start": False})
    s.fault("refuse", s.charger.id, only="START", title="Eco mode is on")
    with pytest.raises(Refused) as refused:
        s.start(s.charger)
    assert (refused.value.status, refused.value.body["title"]) == (400, "Eco mode is on")


def test_a_slow_command_takes_effect_within_its_bounds(stage) -> None:
    s = stage(settings={"action_window_seconds": 1800})
    s.fault("slow_command", s.charger.id, min_seconds=600, max_seconds=600)
    action = s.stop(s.charger)
    s.wait(seconds=599)
    assert s.car.power_kw == 11.0
    s.wait(minutes=1)
    assert s.car.power_kw == 0.0
    assert action.state == "CONFIRMED"


def test_a_stop_that_ends_the_session_makes_starts_futile_until_a_replug(stage) -> None:
    s = stage()
    s.fault("stop_ends_session", s.charger.id)
    s.stop(s.charger)
    s.wait(minutes=1)
    action = s.start(s.charger)
    s.wait(minutes=6)
    assert action.state == "FAILED"
    s.sim.world.unplug(s.car, "test")
    s.sim.world.plug(s.car, s.box, "test")
    assert s.car.power_kw == 11.0


def test_slow_power_caps_what_flows_and_ends(stage) -> None:
    s = stage()
    fault_id = s.fault("slow_power", s.car.id, kw=2.3)
    assert s.car.power_kw == pytest.approx(2.3)
    s.sim.faults.remove(fault_id)
    assert s.car.power_kw == 11.0


def test_a_sleeping_car_ignores_the_box_and_loses_the_command_that_wakes_it(stage) -> None:
    s = stage()
    s.fault("asleep", s.car.id, after_minutes=15, wake_seconds=60)
    s.stop(s.charger)
    s.wait(minutes=16)
    s.start(s.charger)
    s.wait(minutes=2)
    assert s.car.power_kw == 0.0
    assert (s.state(s.vehicle), s.state(s.charger)) == (STOPPED, NO_POWER)
    s.start(s.vehicle)
    s.wait(minutes=2)
    assert s.car.power_kw == 11.0


def test_a_car_that_was_held_too_long_needs_a_start_of_its_own(stage) -> None:
    s = stage()
    s.fault("deaf_after_hold", s.car.id, minutes=60)
    s.stop(s.charger)
    s.wait(minutes=62)
    s.start(s.charger)
    s.wait(minutes=2)
    assert s.car.power_kw == 0.0
    s.start(s.vehicle)
    s.wait(minutes=1)
    assert s.car.power_kw == 11.0


def test_a_car_held_for_a_short_while_resumes(stage) -> None:
    s = stage()
    s.fault("deaf_after_hold", s.car.id, minutes=60)
    s.stop(s.charger)
    s.wait(minutes=50)
    s.start(s.charger)
    s.wait(minutes=30)
    assert s.car.power_kw == 11.0


def test_charging_breaks_off_a_given_number_of_times(stage) -> None:
    s = stage(car={"auto_start": False})
    s.fault("abort", s.charger.id, after_seconds=100, times=2)
    for _ in range(2):
        s.start(s.charger)
        s.wait(minutes=4)
        assert s.car.power_kw == 0.0
    s.start(s.charger)
    s.wait(minutes=4)
    assert s.car.power_kw == 11.0


def test_a_car_timer_blocks_its_daily_window_in_local_time(stage) -> None:
    s = stage(car={"battery_capacity_kwh": 500})
    s.fault("car_timer", s.car.id, starts="02:00", ends="05:00")
    flows = []
    for _ in range(15):
        s.wait(hours=1)
        flows.append((s.sim.timeline.now.hour, s.car.power_kw > 0))
    # 02:00-05:00 in Amsterdam is 01:00-04:00 UTC
    assert [hour for hour, is_flowing in flows if not is_flowing] == [1, 2, 3]


def test_a_device_restarts_by_itself_after_our_stop(stage) -> None:
    s = stage()
    s.fault("self_restart", s.car.id, minutes=42)
    s.stop(s.vehicle)
    s.wait(minutes=42)
    assert s.car.power_kw == 0.0
    s.wait(minutes=1)
    assert s.car.power_kw == 11.0


def test_a_rival_flips_the_state_on_a_timer(stage) -> None:
    s = stage()
    s.fault("rival", s.box.id, minutes=20, until="2022-12-12T18:10:00Z")
    s.wait(hours=2)
    assert s.relays(s.box.id) == [("closed", "open"), ("open", "closed"), ("closed", "open")]


def test_a_withdrawn_function_shows_at_once_and_is_announced(stage) -> None:
    s = stage()
    s.fault("capability_off", "vendor:ZAPTEC", capabilities=["stopCharging"])
    assert s.told(s.charger)["capabilities"]["stopCharging"]["isCapable"] is False
    assert s.names() == ["user:charger:updated"]
    with pytest.raises(Refused):
        s.stop(s.charger)


def test_a_broken_box_shows_a_fault_and_delivers_nothing(stage) -> None:
    s = stage()
    fault_id = s.fault("broken", s.charger.id)
    s.wait(minutes=1)
    assert (s.state(s.vehicle), s.state(s.charger)) == (NO_POWER, "PLUGGED_IN:FAULT")
    s.sim.faults.remove(fault_id)
    assert s.car.power_kw == 11.0


@pytest.mark.parametrize(("returns", "kw"), [("as_before", 11.0), ("offering", 11.0), ("holding", 0.0)])
def test_after_a_power_cut_the_box_comes_back_as_told(stage, returns, kw) -> None:
    s = stage()
    fault_id = s.fault("power_cut", s.charger.id, returns=returns)
    s.wait(minutes=1)
    assert s.car.power_kw == 0.0
    assert s.told(s.charger)["isReachable"] is False
    s.sim.faults.remove(fault_id)
    assert s.car.power_kw == kw


def test_a_wrong_pair_is_believed_while_the_fault_lasts(stage) -> None:
    s = stage()
    fault_id = s.fault("wrong_pair", s.vehicle.id)
    s.wait(minutes=10)
    assert s.told(s.vehicle)["chargeState"]["pluggedInChargerId"] is None
    s.sim.faults.remove(fault_id)
    s.wait(minutes=10)
    assert s.told(s.vehicle)["chargeState"]["pluggedInChargerId"] == s.charger.id


def test_dead_credentials_block_everything_until_the_account_is_linked_again(stage) -> None:
    s = stage()
    s.fault("bad_credentials", "vendor:ZAPTEC")
    assert s.names()[0] == "user:credentials:invalidated"
    s.wait(seconds=10)
    told = s.told(s.charger)
    assert told["isReachable"] is False
    assert all(entry["interventionIds"] for entry in told["capabilities"].values())
    session = s.sim.linking.open_session(
        s.charger.user.tenant,
        "ann",
        scopes=sorted(s.charger.account.scopes),
        language="en-US",
        redirect_uri="app:back",
        vendor="ZAPTEC",
        relinks=s.charger,
    )
    assert s.sim.linking.complete(session, "ZAPTEC") == []
    s.wait(seconds=10)
    assert s.told(s.charger)["isReachable"] is True
    assert s.told(s.charger)["capabilities"]["stopCharging"] == {"isCapable": True, "interventionIds": []}


def test_an_unknown_fault_or_parameter_is_refused() -> None:
    for wrong in ({"kind": "gremlins"}, {"kind": "offline", "minutes": 5}):
        with pytest.raises(ValueError, match="validation error"):
            FAULT.validate_python(wrong)
