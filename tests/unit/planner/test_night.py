"""One tiny night per constraint, the arithmetic above the assert. 10 kW, no losses, hours: 10 kWh a slot."""

from datetime import timedelta

import pytest
from factories import at, drawn, make_problem
from pydantic import ValidationError

from domain.plan import ControlKind, PlanProblem, PlanStatus, SlotReason
from planner import plan

FREE = ControlKind.MODULATED
HOUR = timedelta(hours=1)


# --- free power ---


def test_free_power_fills_the_cheapest_slots() -> None:
    # 15 kWh: 10 at 0.10, the rest at 0.20 -> 1.00 + 1.00.
    answer = plan(make_problem([0.3, 0.1, 0.2], control=FREE, target_dc_kwh=15.0))
    assert drawn(answer.energy_ac_kwh) == [0, 10, 5]
    assert answer.cost == pytest.approx(2.0)
    assert answer.lower_bound == pytest.approx(2.0)
    assert answer.status is PlanStatus.OPTIMAL


def test_losses_are_drawn_at_the_meter() -> None:
    # 9 kWh in the battery at 90 %: 10 kWh at the meter, 1.00.
    answer = plan(make_problem([0.3, 0.1], control=FREE, target_dc_kwh=9.0, efficiency=0.9))
    assert drawn(answer.energy_ac_kwh) == [0, 10]


def test_plan_prefers_earlier_slot_at_equal_price() -> None:
    answer = plan(make_problem([0.2, 0.2, 0.2], control=FREE, target_dc_kwh=15.0))
    assert drawn(answer.energy_ac_kwh) == [10, 5, 0]


def test_price_below_zero_fills_beyond_the_target_but_not_beyond_the_battery() -> None:
    # Target 10, room 25: three slots pay, two and a half fit: -0.5 - 0.4 - 0.15.
    problem = make_problem([-0.05, 0.2, -0.04, -0.03], control=FREE, battery_capacity_kwh=25.0)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [10, 0, 10, 5]
    assert answer.cost == pytest.approx(-1.05)
    assert answer.reasons[0] is SlotReason.PAID_TO_CHARGE


def test_minimum_level_comes_first_whatever_the_price() -> None:
    # 14 kWh at once: 10 + 4; 6 more of the target 20 at 0.10.
    problem = make_problem([0.9, 0.8, 0.1], control=FREE, min_dc_kwh=14.0, target_dc_kwh=20.0)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [10, 4, 6]
    assert answer.reasons[:2] == (SlotReason.MINIMUM_FIRST, SlotReason.MINIMUM_FIRST)


def test_target_out_of_reach_is_best_effort_with_its_shortfall() -> None:
    # 2 slots give 20 of 30 kWh: 0.3 * 10 + 0.1 * 10 + 10 kWh * 10.
    answer = plan(make_problem([0.3, 0.1], control=FREE, target_dc_kwh=30.0))
    assert answer.status is PlanStatus.BEST_EFFORT
    assert answer.shortfall_ac_kwh == pytest.approx(10.0)
    assert answer.cost == pytest.approx(104.0)
    assert answer.lower_bound == pytest.approx(104.0)


def test_energy_dearer_than_missing_it_is_not_bought() -> None:
    # 10 kWh wanted: 5 kWh at 0.10 in half an hour; an hour at 3.00 would cost more than 2.00 for missing.
    problem = make_problem([0.1, 3.0], minutes=[30, 60], control=FREE, missing_cost_per_kwh=2.0)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [5, 0]
    assert answer.cost == pytest.approx(0.5 + 10.0)


def test_frozen_slot_keeps_running_at_full_power() -> None:
    problem = make_problem([0.9, 0.1, 0.2], control=FREE, is_on_at_start=True, frozen_until=at(1))
    assert drawn(plan(problem).energy_ac_kwh) == [10, 0, 0]


def test_full_car_draws_nothing() -> None:
    answer = plan(make_problem([0.1, -0.1], control=FREE, soc_dc_kwh=100.0, target_dc_kwh=100.0))
    assert drawn(answer.energy_ac_kwh) == [0, 0]
    assert set(answer.reasons) == {SlotReason.FULL}


# --- on or off ---


def test_rest_too_short_for_a_slot_is_rounded_toward_charging() -> None:
    # 11 kWh: one slot is 1 kWh short, so two.
    answer = plan(make_problem([0.3, 0.1, 0.2], target_dc_kwh=11.0))
    assert drawn(answer.energy_ac_kwh) == [0, 10, 10]


def test_switch_cost_keeps_a_run_together() -> None:
    # Apart (slots 0 and 2): 1.0 + 1.0 + 3 switches * 0.4 = 3.2 (off at departure is free: on, off, on).
    # Together (slots 0 and 1): 1.0 + 1.5 + 2 switches * 0.4 = 3.3; slots 1 and 2: 1.5 + 1.0 + 1 * 0.4 = 2.9.
    answer = plan(make_problem([0.1, 0.15, 0.1], target_dc_kwh=20.0, switch_cost=0.4))
    assert drawn(answer.energy_ac_kwh) == [0, 10, 10]
    assert answer.cost == pytest.approx(2.9)
    assert answer.energy_cost == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("most", "energies"), [(None, [10, 0, 10, 0, 0]), (2, [10, 10, 0, 0, 0]), (4, [10, 0, 10, 0, 0])]
)
def test_few_switches_keep_a_run_together(most: int | None, energies: list[float]) -> None:
    # 20 kWh at 0.1: four switches. With two: 10 * (0.1 + 0.3) = 4.0, before 0.3 + 0.1 at the same cost.
    problem = make_problem([0.1, 0.3, 0.1, 0.4, 0.4], target_dc_kwh=20.0, most_switches=most)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == energies
    assert answer.cost == pytest.approx(2.0 if most != 2 else 4.0)


def test_run_is_at_least_the_shortest_run() -> None:
    # Cheapest single slots are 1 and 4; two-hour runs: slots 3 and 4 cost 3.0, slots 1 and 2 cost 6.0.
    problem = make_problem([0.5, 0.1, 0.5, 0.2, 0.1, 0.5], target_dc_kwh=20.0, min_on=2 * HOUR)
    assert drawn(plan(problem).energy_ac_kwh) == [0, 0, 0, 10, 10, 0]


def test_run_cut_off_by_departure_may_be_shorter() -> None:
    problem = make_problem([0.5, 0.5, 0.1], min_on=2 * HOUR, target_dc_kwh=10.0)
    assert drawn(plan(problem).energy_ac_kwh) == [0, 0, 10]


def test_pause_is_at_least_the_shortest_pause() -> None:
    # 0 and 2 are cheapest, 2.5, but only an hour apart; 0 and 3 keep two hours: 1 + 2 = 3; 2 and 3 together 3.5.
    problem = make_problem([0.1, 0.9, 0.15, 0.2], target_dc_kwh=20.0, min_off=2 * HOUR)
    assert drawn(plan(problem).energy_ac_kwh) == [10, 0, 0, 10]


@pytest.mark.parametrize(("switch_cost", "energies"), [(0.2, [0, 10]), (1.2, [10, 0])])
def test_running_car_pays_to_stop(switch_cost: float, energies: list[float]) -> None:
    # On, room for one slot. Slot 0: 2.0 and a stop. Slot 1: 1.0, a stop and a start. So up to 1.0 a switch it waits.
    problem = make_problem([0.2, 0.1], is_on_at_start=True, switch_cost=switch_cost, battery_capacity_kwh=10.0)
    assert drawn(plan(problem).energy_ac_kwh) == energies


def test_running_car_may_stay_on_because_a_stop_costs_more_than_the_energy() -> None:
    # Slot 0 and a stop: 2.0 + 1.2; both slots: 3.0.
    answer = plan(make_problem([0.2, 0.1], is_on_at_start=True, switch_cost=1.2))
    assert drawn(answer.energy_ac_kwh) == [10, 10]
    assert answer.cost == pytest.approx(3.0)


def test_frozen_slot_keeps_its_state() -> None:
    off = make_problem([0.1, 0.5, 0.2], frozen_until=at(1))
    on = make_problem([0.5, 0.1, 0.2], frozen_until=at(1), is_on_at_start=True)
    assert drawn(plan(off).energy_ac_kwh) == [0, 0, 10]
    assert drawn(plan(on).energy_ac_kwh) == [10, 0, 0]
    assert plan(on).reasons[0] is SlotReason.FROZEN


def test_unreachable_need_charges_every_slot() -> None:
    # 20 of 30 kWh; the 10 missing cost 10 each.
    answer = plan(make_problem([0.3, 0.1], target_dc_kwh=30.0))
    assert drawn(answer.energy_ac_kwh) == [10, 10]
    assert answer.status is PlanStatus.BEST_EFFORT
    assert answer.shortfall_ac_kwh == pytest.approx(10.0)
    assert answer.missing_cost == pytest.approx(100.0)


def test_hours_and_quarters_mix() -> None:
    # 12.5 kWh: the dear hour alone is too little; five quarters at 0.1 give it: 1.25.
    problem = make_problem([0.3, *[0.1] * 4, 0.1], minutes=[60, 15, 15, 15, 15, 15], target_dc_kwh=12.5)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [0, 2.5, 2.5, 2.5, 2.5, 2.5]
    assert answer.cost == pytest.approx(1.25)


def test_planning_begins_now_with_a_part_of_a_slot() -> None:
    # 4 kWh: 3 min (0.5 kWh) and a quarter (2.5) are too little; two quarters at 0.1 = 0.5 beat anything dearer.
    problem = make_problem([0.1, 0.4, 0.1, 0.1], minutes=[3, 15, 15, 15], target_dc_kwh=4.0)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [0, 0, 2.5, 2.5]


def test_equal_cost_takes_fewer_starts_then_earlier_slots() -> None:
    # Switching is free: 0+1, 0+3 and 3+4 cost the same; one start and early wins.
    problem = make_problem([0.1, 0.1, 0.5, 0.1, 0.1], target_dc_kwh=20.0)
    assert drawn(plan(problem).energy_ac_kwh) == [10, 10, 0, 0, 0]
    # 0+1 would be earlier than 2+3, but slot 1 is dearer; 0+2 takes two starts.
    problem = make_problem([0.1, 0.5, 0.1, 0.1], target_dc_kwh=20.0)
    assert drawn(plan(problem).energy_ac_kwh) == [0, 0, 10, 10]


def test_runs_that_fit_no_allowed_energy_overshoot_by_the_least() -> None:
    # The minimum level forces slot 0, runs last two hours, yet only 10 kWh have room: two slots it is.
    problem = make_problem([0.5, 0.4, 0.1], battery_capacity_kwh=10.0, min_dc_kwh=5.0, min_on=2 * HOUR)
    assert drawn(plan(problem).energy_ac_kwh) == [10, 10, 0]


def test_forced_run_that_departure_would_end_for_free_stops_when_nothing_more_fits() -> None:
    # Minimum level takes hours 0 and 1; staying on to departure would spare the stop of 5.0 but does not fit: the
    # price of on-time is negative although every price is above zero. 2 * 1.0 + start and stop 10.0.
    problem = make_problem([0.1] * 4, min_dc_kwh=20.0, target_dc_kwh=10.0, battery_capacity_kwh=20.0, switch_cost=5.0)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [10, 10, 0, 0]
    assert answer.cost == pytest.approx(12.0)
    assert answer.status is PlanStatus.OPTIMAL


# --- reasons ---


def test_reasons_tell_bridge_and_too_short_apart() -> None:
    # 30 kWh in one run 0-2: slot 1 is kept on although slot 4 is cheaper; slot 4 alone would cost two more switches.
    problem = make_problem([0.1, 0.3, 0.1, 0.5, 0.2, 0.5], target_dc_kwh=30.0, switch_cost=1.0)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [10, 10, 10, 0, 0, 0]
    assert answer.reasons[1] is SlotReason.BRIDGE
    assert answer.reasons[0] is SlotReason.CHEAPEST
    assert set(answer.reasons[3:]) == {SlotReason.FULL}
    problem = make_problem([0.5, 0.2, 0.5, 0.1, 0.3, 0.1], target_dc_kwh=30.0, switch_cost=1.0)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [0, 0, 0, 10, 10, 10]
    assert answer.reasons[1] is SlotReason.TOO_SHORT
    assert answer.reasons[0] is SlotReason.WAIT_CHEAPER


def test_dear_slots_the_target_needs_say_so() -> None:
    answer = plan(make_problem([0.1, 0.9, 0.8], target_dc_kwh=20.0, control=FREE))
    assert answer.reasons == (SlotReason.CHEAPEST, SlotReason.WAIT_CHEAPER, SlotReason.NEEDED_FOR_TARGET)


# --- refusals ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_dc_kwh": 101.0}, r"target_dc_kwh \[kWh\]"),
        ({"min_dc_kwh": 101.0}, r"min_dc_kwh \[kWh\]"),
        ({"min_power_kw": 11.0}, r"min_power_kw \[kW\]"),
        ({"max_power_kw": 0.0}, "max_power_kw"),
        ({"efficiency": 1.1}, "efficiency"),
        ({"soc_dc_kwh": float("nan")}, "soc_dc_kwh"),
        ({"price_per_kwh": (0.1, float("inf"))}, r"price_per_kwh \[currency/kWh\]"),
        ({"price_per_kwh": (0.1,)}, r"price_per_kwh \[currency/kWh\]: 1 values for 2 slots"),
        ({"edges": (at(0), at(60), at(60))}, r"edges \[instants\]: must rise"),
        ({"edges": tuple(at(t) for t in range(3_002))}, r"edges \[instants\]: 3001 slots"),
        ({"min_on": timedelta(minutes=-1)}, "min_on"),
        ({"switch_cost": float("nan")}, r"switch_cost \[currency\]"),
        ({"switch_cost": -0.1}, r"switch_cost \[currency\]"),
    ],
)
def test_bad_input_names_field_and_unit(changes: dict[str, object], message: str) -> None:
    good = make_problem([0.1, 0.2]).model_dump()
    with pytest.raises(ValidationError, match=message):
        PlanProblem(**(good | changes))


# --- steering: in the objective, on no bill ---


@pytest.mark.parametrize("control", [FREE, ControlKind.ONOFF])
def test_risk_premium_moves_charging_away_from_departure(control: ControlKind) -> None:
    # Last slot: 10 * 0.1 + premium 1.5 = 2.5; slot 0: 2.0.
    answer = plan(make_problem([0.2, 0.3, 0.1], control=control, risk_premium=(0.0, 0.0, 1.5)))
    assert drawn(answer.energy_ac_kwh) == [10, 0, 0]
    # At a premium of 0.5 the last slot stays cheapest; the bill is 1.0, the objective 1.5.
    answer = plan(make_problem([0.2, 0.3, 0.1], control=control, risk_premium=(0.0, 0.0, 0.5)))
    assert drawn(answer.energy_ac_kwh) == [0, 0, 10]
    assert answer.energy_cost == pytest.approx(1.0)
    assert answer.steering_cost == pytest.approx(0.5)
    assert answer.cost == answer.lower_bound == pytest.approx(1.5)
    assert answer.price_per_kwh == (0.2, 0.3, 0.1)


def test_carbon_weight_prefers_the_cleaner_slot() -> None:
    # 0.10 + 500 g * 0.2 per kg = 0.20 against 0.15 + 100 g * 0.2 = 0.17.
    problem = make_problem([0.1, 0.15], carbon_g_per_kwh=(500.0, 100.0), carbon_cost_per_kg=0.2)
    answer = plan(problem)
    assert drawn(answer.energy_ac_kwh) == [0, 10]
    assert answer.steering_cost == pytest.approx(0.2)


def test_one_more_kwh_costs_the_cheapest_idle_slot() -> None:
    assert plan(make_problem([0.3, 0.1, 0.2], control=FREE)).target_price_per_kwh == pytest.approx(0.2)
    assert plan(make_problem([0.3], control=FREE)).target_price_per_kwh == pytest.approx(10.0)
