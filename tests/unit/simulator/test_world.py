"""The truth: holds on two sides, the meter, the log, what the sides say of it."""

import pytest

from simulator.reported import state_of


def test_a_full_night_puts_exactly_the_missing_energy_through_the_meter(stage) -> None:
    s = stage(car={"charge_limit_pct": 80.0, "taper_from_pct": 60.0})
    s.wait(hours=12)
    s.sim.world.settle_all()
    # (80 - 40) % of 60 kWh, through 90 % efficiency
    assert s.box.meter_kwh == pytest.approx(24 / 0.9, abs=1e-6)
    assert s.car.soc_pct == pytest.approx(80.0, abs=1e-9)
    assert state_of(s.car) == "PLUGGED_IN:COMPLETE"


def test_energy_does_not_depend_on_how_often_one_looks(stage) -> None:
    seldom, often = stage(), stage()
    seldom.wait(hours=2)
    for _ in range(720):
        often.wait(seconds=10)
    seldom.sim.world.settle_all()
    often.sim.world.settle_all()
    assert often.box.meter_kwh == pytest.approx(seldom.box.meter_kwh, rel=1e-12)


@pytest.mark.parametrize(
    ("car_hold", "box_hold", "vehicle", "charger"),
    [
        (None, None, "PLUGGED_IN:CHARGING", "PLUGGED_IN:CHARGING"),
        ("command", None, "PLUGGED_IN:STOPPED", "PLUGGED_IN:NO_POWER"),
        (None, "command", "PLUGGED_IN:STOPPED", "PLUGGED_IN:STOPPED"),
        ("command", "command", "PLUGGED_IN:STOPPED", "PLUGGED_IN:STOPPED"),
        ("rest", None, "PLUGGED_IN:STOPPED", "PLUGGED_IN:STOPPED"),
    ],
)
def test_what_the_sides_say_of_each_pair_of_holds(stage, car_hold, box_hold, vehicle, charger) -> None:
    s = stage()
    s.sim.world.set_hold(s.car, car_hold, "test")
    s.sim.world.set_hold(s.box, box_hold, "test")
    assert (state_of(s.car), state_of(s.box)) == (vehicle, charger)


@pytest.mark.parametrize(
    ("side", "block", "vehicle", "charger"),
    [
        ("box", "fault", "PLUGGED_IN:NO_POWER", "PLUGGED_IN:FAULT"),
        ("box", "mains", "PLUGGED_IN:NO_POWER", "PLUGGED_IN:NO_POWER"),
        ("car", "fault", "PLUGGED_IN:FAULT", "PLUGGED_IN:NO_POWER"),
        ("car", "asleep", "PLUGGED_IN:STOPPED", "PLUGGED_IN:NO_POWER"),
    ],
)
def test_what_the_sides_say_of_each_obstacle(stage, side, block, vehicle, charger) -> None:
    s = stage()
    s.sim.world.set_block(getattr(s, side), block, True, "test")
    assert (state_of(s.car), state_of(s.box)) == (vehicle, charger)


def test_power_comes_after_the_ramp_and_the_wait_is_told(stage) -> None:
    s = stage(car={"ramp_seconds": 40, "auto_start": False})
    s.sim.world.set_hold(s.car, None, "test")
    s.wait(seconds=39)
    assert s.car.power_kw == 0.0
    assert (s.state(s.vehicle), s.state(s.charger)) == ("PLUGGED_IN:INITIALIZING", "PLUGGED_IN:INITIALIZING")
    s.wait(seconds=1)
    assert s.car.power_kw == 11.0
    s.sim.world.set_hold(s.box, "command", "test")
    s.sim.world.set_hold(s.box, None, "test")
    assert s.car.power_kw == 0.0


def test_a_full_car_is_complete_whether_the_box_offers_or_not(stage) -> None:
    s = stage(car={"soc_pct": 80, "charge_limit_pct": 80})
    assert (state_of(s.car), state_of(s.box)) == ("PLUGGED_IN:COMPLETE", "PLUGGED_IN:NO_POWER")
    s.sim.world.set_hold(s.box, "command", "test")
    assert (state_of(s.car), state_of(s.box)) == ("PLUGGED_IN:COMPLETE", "PLUGGED_IN:STOPPED")


def test_pulling_the_plug_ends_every_hold_of_the_session(stage) -> None:
    s = stage()
    s.sim.world.set_hold(s.car, "command", "test")
    s.sim.world.set_hold(s.box, "command", "test")
    s.sim.world.unplug(s.car, "test")
    assert s.car.hold is None
    assert s.box.hold is None
    assert state_of(s.car) == state_of(s.box) == "UNPLUGGED"


def test_a_car_that_does_not_start_by_itself_rests_after_plug_in(stage) -> None:
    s = stage(car={"auto_start": False, "plugged_into": None})
    s.sim.world.plug(s.car, s.box, "test")
    assert s.car.hold == "rest"
    assert s.car.power_kw == 0.0


def test_plugging_into_a_taken_box_pulls_the_other_car_out(stage) -> None:
    s = stage()
    other = s.sim.cloud.prepare_device("sim", "ann", s.vehicle.spec.model_copy(update={"key": "second"}), None).body
    s.sim.world.plug(other, s.box, "test")
    assert s.car.box is None
    assert s.box.car is other


def test_each_relay_change_is_logged_once_with_its_cause(stage) -> None:
    s = stage()
    before = len(s.relays(s.box.id))
    s.sim.world.set_hold(s.box, "command", "first")
    s.sim.world.set_hold(s.box, "command", "again")
    s.sim.world.set_hold(s.box, None, "second")
    assert s.relays(s.box.id)[before:] == [("closed", "open"), ("open", "closed")]
    assert [e.cause for e in s.sim.world.log if e.kind == "relay" and e.device_id == s.box.id][before:] == [
        "first",
        "second",
    ]


def test_the_series_has_a_point_at_each_change_of_power(stage) -> None:
    s = stage()
    s.wait(hours=1)
    s.sim.world.set_hold(s.box, "command", "test")
    s.wait(hours=1)
    s.sim.world.set_hold(s.box, None, "test")
    powers = [point.kw for point in s.sim.world.series[s.car.id]]
    assert powers == [0.0, 11.0, 0.0, 11.0]


def play(stage, seed: int) -> list:
    s = stage(
        settings={"refusals": "action"},
        seed=seed,
        faults=[{"kind": "ignore_command", "p": 0.5}, {"kind": "rival", "minutes": 37}],
    )
    for hour in range(8):
        device, kind = (s.charger, "STOP") if hour % 2 else (s.vehicle, "START")
        s.sim.control.request(device, kind)
        s.wait(hours=1)
    return s.sim.world.log


def test_the_same_seed_gives_the_same_log_and_another_seed_another(stage) -> None:
    assert play(stage, 1) == play(stage, 1)
    assert play(stage, 1) != play(stage, 2)
