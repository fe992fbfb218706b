"""The law of energy flow, one obstacle at a time, with its sums."""

from datetime import timedelta

import pytest

from simulator.physics import Box, Car, flow_kw, integrate, span_to_next_change, taper_fraction


def make_pair(**car: object) -> tuple[Car, Box]:
    known: dict[str, object] = {"capacity_kwh": 60.0, "stored_kwh": 24.0, "max_kw": 11.0}
    battery = Car(id="car", auto_start=True, **{**known, **car})  # type: ignore[arg-type]
    box = Box(id="box", max_kw=22.0, auto_start=True)
    battery.box, box.car = box, battery
    return battery, box


def test_power_is_the_lesser_of_car_and_box() -> None:
    car, box = make_pair()
    assert flow_kw(car) == 11.0
    box.max_kw = 7.4
    assert flow_kw(car) == 7.4


@pytest.mark.parametrize(
    "obstacle",
    ["unplugged", "box held", "car held", "both held", "box blocked", "car blocked", "full", "below minimum"],
)
def test_one_obstacle_is_enough_to_keep_energy_from_flowing(obstacle: str) -> None:
    car, box = make_pair()
    if obstacle == "unplugged":
        car.box, box.car = None, None
    if obstacle in ("box held", "both held"):
        box.hold = "command"
    if obstacle in ("car held", "both held"):
        car.hold = "command"
    if obstacle == "box blocked":
        box.blocks.add("fault")
    if obstacle == "car blocked":
        car.blocks.add("asleep")
    if obstacle == "full":
        car.limit_pct = 40.0
    if obstacle == "below minimum":
        box.max_current_a, box.phases = 5.9, 1
    assert flow_kw(car) == 0.0


def test_a_current_ceiling_limits_the_power_of_all_phases() -> None:
    car, box = make_pair()
    box.max_current_a = 10.0
    # 10 A x 230 V x 3 phases
    assert flow_kw(car) == pytest.approx(6.9)


def test_energy_is_power_times_time_and_the_battery_gets_it_less_the_losses() -> None:
    car, box = make_pair()
    car.power_kw = flow_kw(car)
    integrate(car, timedelta(minutes=30))
    # 11 kW x 0.5 h = 5.5 kWh at the meter, 0.9 of it in the battery
    assert box.meter_kwh == pytest.approx(5.5)
    assert car.drawn_kwh == pytest.approx(5.5)
    assert car.stored_kwh == pytest.approx(24.0 + 4.95)


def test_the_limit_is_reached_when_the_missing_energy_has_flowed() -> None:
    car, _ = make_pair(limit_pct=80.0)
    car.power_kw = flow_kw(car)
    span = span_to_next_change(car)
    # (48 - 24) kWh / (11 kW x 0.9)
    assert span is not None
    assert span.total_seconds() == pytest.approx(24 / 9.9 * 3600)
    integrate(car, span)
    assert car.is_full
    assert car.stored_kwh == 48.0


def test_power_falls_by_steps_of_one_percent_within_the_taper() -> None:
    assert taper_fraction(79.9, 80.0) == 1.0
    assert taper_fraction(80.0, 80.0) == 1.0
    # at 90 % eleven of twenty-one steps are left
    assert taper_fraction(90.5, 80.0) == pytest.approx(11 / 21)
    assert taper_fraction(99.0, None) == 1.0


def test_nothing_changes_by_itself_while_nothing_flows() -> None:
    car, box = make_pair()
    box.hold = "command"
    car.power_kw = flow_kw(car)
    assert span_to_next_change(car) is None
