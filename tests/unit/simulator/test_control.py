"""Commands: what each side's hold does, how actions end, what is refused."""

import pytest

from simulator.problems import Refused

CHARGING, STOPPED, NO_POWER = "PLUGGED_IN:CHARGING", "PLUGGED_IN:STOPPED", "PLUGGED_IN:NO_POWER"


def test_a_stop_is_pending_then_done_and_seen_by_both_sides(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    action = s.stop(s.charger)
    assert action.state == "PENDING"
    s.wait(minutes=1)
    assert action.state == "CONFIRMED"
    assert action.completed_at is not None
    assert s.state(s.charger) == STOPPED
    assert s.state(s.vehicle) == STOPPED


def test_the_effect_comes_within_the_vendor_s_delay(stage) -> None:
    s = stage(settings={"command_seconds": [5, 6]})
    s.stop(s.charger)
    s.wait(seconds=4.9)
    assert s.car.power_kw == 11.0
    s.wait(seconds=1.2)
    assert s.car.power_kw == 0.0


def test_a_start_on_the_charger_does_not_clear_the_hold_on_the_car(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.stop(s.vehicle)
    s.wait(minutes=1)
    assert (s.state(s.vehicle), s.state(s.charger)) == (STOPPED, NO_POWER)
    action = s.start(s.charger)
    s.wait(minutes=6)
    assert s.car.power_kw == 0.0
    assert (action.state, action.failure[0]) == ("FAILED", "NO_RESPONSE")
    s.start(s.vehicle)
    s.wait(minutes=1)
    assert s.state(s.vehicle) == CHARGING


def test_a_start_on_the_car_does_not_clear_the_hold_on_the_charger(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.stop(s.charger)
    s.wait(minutes=1)
    action = s.start(s.vehicle)
    s.wait(minutes=6)
    assert s.car.power_kw == 0.0
    assert action.state == "FAILED"


def test_with_both_sides_held_energy_flows_only_after_both_starts(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.stop(s.vehicle)
    s.wait(minutes=1)
    s.stop(s.charger)
    s.wait(minutes=1)
    assert s.car.hold == s.box.hold == "command"
    first = s.start(s.charger)
    s.wait(minutes=1)
    assert s.car.power_kw == 0.0
    second = s.start(s.vehicle)
    s.wait(minutes=1)
    assert s.car.power_kw == 11.0
    assert first.state == second.state == "CONFIRMED"


@pytest.mark.parametrize("side", ["vehicle", "charger"])
def test_a_car_at_rest_is_started_from_either_side(stage, side) -> None:
    s = stage(car={"auto_start": False})
    assert s.state(s.vehicle) == s.state(s.charger) == STOPPED
    s.start(getattr(s, side))
    s.wait(minutes=1)
    assert s.state(s.vehicle) == s.state(s.charger) == CHARGING


def test_repeating_a_pending_vehicle_command_returns_the_same_action(stage) -> None:
    s = stage()
    assert s.stop(s.vehicle) is s.stop(s.vehicle)


def test_a_second_charger_command_replaces_the_pending_one(stage) -> None:
    s = stage()
    first, second = s.stop(s.charger), s.stop(s.charger)
    assert first is not second
    assert (first.state, first.failure[0]) == ("CANCELLED", "CONFLICT")


def test_the_other_kind_replaces_a_pending_vehicle_command(stage) -> None:
    s = stage()
    stop = s.stop(s.vehicle)
    start = s.start(s.vehicle)
    s.wait(minutes=1)
    assert (stop.state, stop.failure[0]) == ("CANCELLED", "CONFLICT")
    assert start.state == "CONFIRMED"
    assert s.relays(s.car.id) == []


def test_a_cancelled_command_is_no_longer_sent(stage) -> None:
    s = stage()
    action = s.stop(s.charger)
    assert s.sim.control.cancel(action)
    s.wait(minutes=10)
    assert (action.state, action.failure[0]) == ("CANCELLED", "REQUESTED_CANCELLATION")
    assert s.car.power_kw == 11.0
    assert not s.sim.control.cancel(action)


@pytest.mark.parametrize("refusals", ["http", "action"])
@pytest.mark.parametrize("case", ["unplugged", "already charging", "already stopped", "full"])
def test_an_outcome_known_at_once_is_told_in_either_of_two_ways(stage, refusals, case) -> None:
    car = {"unplugged": {"plugged_into": None}, "full": {"soc_pct": 100}, "already stopped": {"auto_start": False}}
    s = stage(car=car.get(case), settings={"refusals": refusals})
    command = s.stop if case == "already stopped" else s.start
    if refusals == "http":
        with pytest.raises(Refused) as refused:
            command(s.vehicle)
        assert refused.value.status == 400
        assert s.sim.cloud.actions == {}
        return
    action = command(s.vehicle)
    reason = "UNNECESSARY" if case.startswith("already") else "FAILED_PRECONDITION"
    assert (action.state, action.failure[0]) == ("CANCELLED", reason)


def test_pulling_the_plug_cancels_a_pending_command(stage) -> None:
    s = stage(settings={"command_seconds": [60, 60]})
    action = s.stop(s.charger)
    s.sim.world.unplug(s.car, "test")
    s.wait(minutes=2)
    assert (action.state, action.failure[0]) == ("CANCELLED", "FAILED_PRECONDITION")


def test_a_device_without_the_capability_refuses_commands(stage) -> None:
    s = stage(car={"capabilities": {"startCharging": False, "stopCharging": False}})
    with pytest.raises(Refused) as refused:
        s.stop(s.vehicle)
    assert refused.value.status == 400


def test_a_maximum_current_lowers_the_power(stage) -> None:
    s = stage()
    action = s.sim.control.request_max_current(s.charger, 10.0)
    s.wait(minutes=1)
    # 10 A x 230 V x 3
    assert s.car.power_kw == pytest.approx(6.9)
    assert action.state == "CONFIRMED"
    assert s.told(s.charger)["chargeState"]["maxCurrent"] == 10.0


# -- delegated control ----------------------------------------------------------------------------------------------

DELEGATED = {"control": "delegated"}
INCAPABLE = {
    "capabilities": {
        "startCharging": {"is_capable": False, "intervention_ids": ["tesla-phone-key"]},
        "stopCharging": False,
        "location": False,
        "smartCharging": False,
    }
}


def able(s) -> dict[str, bool]:
    return {name: entry["isCapable"] for name, entry in s.told(s.vehicle)["capabilities"].items()}


def test_own_control_never_flips_a_vehicle_s_capabilities(stage) -> None:
    s = stage(car=INCAPABLE)
    assert not able(s)["startCharging"]
    assert not able(s)["location"]
    assert len(s.told(s.vehicle)["capabilities"]["startCharging"]["interventionIds"]) == 1


def test_delegated_control_unlocks_start_and_stop_with_a_charger_and_hides_interventions(stage) -> None:
    s = stage(car=INCAPABLE, settings=DELEGATED)
    assert able(s)["startCharging"]
    assert able(s)["stopCharging"]
    assert s.told(s.vehicle)["capabilities"]["startCharging"]["interventionIds"] == []


def test_delegated_control_unlocks_location_only_once_the_charger_has_one(stage) -> None:
    s = stage(car=INCAPABLE, settings=DELEGATED)
    home = s.charger.location_id
    s.charger.location_id = None
    assert not able(s)["location"]
    assert not able(s)["smartCharging"]
    s.charger.location_id = home
    assert able(s)["location"]
    assert able(s)["smartCharging"]


def test_unlinking_the_charger_takes_back_what_it_unlocked(stage) -> None:
    s = stage(car=INCAPABLE, settings=DELEGATED)
    s.sim.linking.unlink(s.charger.user, "ZAPTEC", ["charger"])
    assert not able(s)["startCharging"]
    assert len(s.told(s.vehicle)["capabilities"]["startCharging"]["interventionIds"]) == 1


def test_a_pairing_reset_takes_the_unlocked_capabilities_back(stage) -> None:
    s = stage(car=INCAPABLE, settings=DELEGATED)
    s.vehicle.user.is_pairing_reset = True
    assert not able(s)["startCharging"]


def test_a_delegated_vehicle_command_goes_to_the_charger_first(stage) -> None:
    s = stage(settings=DELEGATED)
    s.wait(minutes=1)
    action = s.stop(s.vehicle)
    s.wait(minutes=1)
    assert action.state == "CONFIRMED"
    assert (s.box.hold, s.car.hold) == ("command", None)
    s.start(s.vehicle)
    s.wait(minutes=1)
    assert s.state(s.vehicle) == CHARGING


def test_a_delegated_stop_falls_back_to_the_car_when_the_charger_ignores_it(stage) -> None:
    s = stage(settings=DELEGATED)
    s.wait(minutes=1)
    s.fault("ignore_command", s.charger.id)
    action = s.stop(s.vehicle)
    s.wait(minutes=3)
    assert (s.box.hold, s.car.hold) == (None, "command")
    assert action.state == "CONFIRMED"


def test_a_delegated_start_clears_the_holds_on_both_sides(stage) -> None:
    s = stage(settings=DELEGATED)
    s.sim.world.set_hold(s.car, "command", "test")
    s.sim.world.set_hold(s.box, "command", "test")
    s.wait(minutes=1)
    s.start(s.vehicle)
    s.wait(minutes=1)
    assert s.car.power_kw == 11.0


def test_own_control_sends_a_vehicle_command_to_the_car_alone(stage) -> None:
    s = stage()
    s.wait(minutes=1)
    s.stop(s.vehicle)
    s.wait(minutes=1)
    assert (s.box.hold, s.car.hold) == (None, "command")
