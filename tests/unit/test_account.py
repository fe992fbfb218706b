import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.account import NightAccount, NightFacts, settle_night
from domain.commands import CommandOutcome, CommandResult, Goal
from domain.devices import PowerDeliveryState, Reading, Side
from domain.prices import PriceSeries, PriceSlot
from domain.reliability import RouteRecord
from domain.tariff import Tariff

EVENING = datetime(2022, 12, 14, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
TARIFF = Tariff(fees_per_kwh=Decimal("0.10"))


def at(hours: float) -> datetime:
    return EVENING + hours * HOUR


def make_night(**fields: Any) -> NightFacts:
    return NightFacts(
        **{
            "session_id": "session:v1:1",
            "number": 1,
            "driver_id": "d1",
            "vehicle_id": "v1",
            "charger_id": "c1",
            "plugged_in_at": EVENING,
            "departs_at": at(12),
            "closed_at": at(12),
            "target_soc_pct": 80.0,
            "max_power_kw": 10.0,
            "battery_capacity_kwh": 45.0,
        }
        | fields
    )


def charger(hours: float, kw: float | None) -> Reading:
    return Reading(side=Side.CHARGER, device_id="c1", observed_at=at(hours), received_at=at(hours), charge_rate_kw=kw)


def car(hours: float, soc_pct: float | None, **fields: Any) -> Reading:
    return Reading(
        side=Side.VEHICLE, device_id="v1", observed_at=at(hours), received_at=at(hours), soc_pct=soc_pct, **fields
    )


def make_prices(*per_kwh: float | None) -> PriceSeries:
    """Hourly prices from the evening on; None leaves the hour out."""
    slots = tuple(
        PriceSlot(starts_at=at(n), ends_at=at(n + 1), price_per_kwh=price)
        for n, price in enumerate(per_kwh)
        if price is not None
    )
    return PriceSeries(area="NL", source="test", slots=slots)


def make_outcome(number: int, result: CommandResult, side: Side = Side.CHARGER, *, sent: bool = True) -> CommandOutcome:
    return CommandOutcome(
        number=number,
        key=f"session:v1:1/1/{number}",
        goal=Goal.STOP,
        side=side,
        result=result,
        sent_at=at(number) if sent else None,
        ended_at=at(number),
    )


PRICES = make_prices(0.5, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.1, 0.2, 0.3, 0.4)
SHIFTED = [charger(0, 0.0), car(0, 40), charger(6, 8.0), charger(7, 8.0), car(8, 80), charger(8, 0.0)]


def settle(readings: list[Reading] = SHIFTED, outcomes: tuple[CommandOutcome, ...] = (), **fields: Any) -> NightAccount:
    return settle_night(make_night(**fields), readings, outcomes, PRICES, TARIFF)


def test_cost_is_measured_energy_at_the_price_of_its_slot() -> None:
    """Two hours of 8 kW at 0.10 + 0.10."""
    account = settle()
    assert account.energy_ac_kwh == Decimal("16.0000")
    assert account.cost == Decimal("3.200000")
    assert [slot.energy_ac_kwh for slot in account.slots[5:9]] == [0, 8, 8, 0]


def test_baseline_is_the_same_energy_at_full_power_from_plug_in_on() -> None:
    """10 kWh at 0.60 and 6 kWh at 0.50 make 9.00; 9.00 - 3.20 were saved."""
    account = settle()
    assert [slot.baseline_ac_kwh for slot in account.slots[:3]] == [10, 6, 0]
    assert account.baseline_cost == Decimal("9.000000")
    assert account.saving == Decimal("5.800000")


def test_baseline_begins_with_the_minute_of_the_plug_in() -> None:
    """Plugged at 18:30: 5 kWh fit into the first slot, 10 into the second, 1 into the third."""
    account = settle(plugged_in_at=at(0.5))
    assert [slot.baseline_ac_kwh for slot in account.slots[:4]] == [5, 10, 1, 0]
    assert account.slots[0].starts_at == at(0.5)


def test_baseline_draws_no_less_than_was_measured() -> None:
    """12 kW measured over the whole night of two hours, though the car is said to take 10 at most."""
    account = settle([charger(0, 12.0), charger(1, 12.0), charger(2, 0.0)], closed_at=at(2))
    assert [slot.baseline_ac_kwh for slot in account.slots] == [12, 12]
    assert account.saving == 0


def test_second_night_begins_where_the_first_was_closed() -> None:
    account = settle(begins_at=at(7), number=2)
    assert account.energy_ac_kwh == Decimal("8.0000")
    assert account.slots[0].starts_at == at(7)
    assert account.plugged_in_at == EVENING


def test_charging_while_paid_brings_a_negative_cost() -> None:
    account = settle_night(make_night(), SHIFTED, (), make_prices(*[-0.5] * 12), TARIFF)
    assert account.cost == Decimal("-6.400000")
    assert account.saving == 0


def test_missing_prices_are_the_mean_of_the_others_and_said_so() -> None:
    """Known: 0.5 and 0.1 for an hour each, mean 0.3; the hours 2 to 12 carry 0.3 + 0.1."""
    account = settle_night(make_night(), SHIFTED, (), make_prices(0.5, 0.1), TARIFF)
    assert account.cost == Decimal("6.400000")
    assert "no market price for 10.00 h, taken as the mean of the others" in account.why


def test_night_without_any_price_counts_fees_alone_and_says_so() -> None:
    account = settle_night(make_night(), SHIFTED, (), make_prices(), TARIFF)
    assert account.cost == Decimal("1.600000")
    assert account.saving == 0
    assert "no market price for 12.00 h, fees alone counted" in account.why


def test_ready_when_a_reading_showed_the_target_in_time() -> None:
    account = settle()
    assert (account.is_ready, account.ready_at) == (True, at(8))
    assert account.why == "target 80 % reached at 2022-12-15 02:00Z"
    assert (account.soc_start_pct, account.soc_end_pct) == (40, 80)


def test_target_reached_after_departure_is_not_ready() -> None:
    account = settle(departs_at=at(7), closed_at=at(9))
    assert (account.is_ready, account.ready_at) == (False, at(8))
    assert "after the departure" in account.why


def test_short_night_says_how_far_it_came() -> None:
    account = settle([car(0, 40), car(6, 73)])
    assert (account.is_ready, account.ready_at) == (False, None)
    assert account.why.startswith("73 % by the last reading, target 80 %")


def test_night_without_levels_is_not_called_ready() -> None:
    account = settle([charger(0, 8.0), charger(1, 0.0)])
    assert not account.is_ready
    assert account.why.startswith("no level was read")
    assert account.soc_end_pct is None


def test_own_limit_below_the_target_is_named() -> None:
    full = car(6, 70, state=PowerDeliveryState.COMPLETE, charge_limit_pct=70)
    assert settle([car(0, 40), full]).why.startswith("the car's own limit of 70 % is below the target 80 %")


def test_silence_is_named_with_the_energy_it_may_hold() -> None:
    """40 % to 60 % of 45 kWh at efficiency 0.9 are 10 kWh, of which 8 were measured before the silence."""
    account = settle([charger(0, 8.0), car(0, 40), car(5, 60), charger(5, 0.0)])
    assert account.energy_ac_kwh == Decimal("10.0000")
    assert "no measurement for 4.00 h, 2.00 kWh there by the state of charge" in account.why


def test_commands_are_counted_by_what_became_of_them() -> None:
    outcomes = (
        make_outcome(1, CommandResult.UNPROVEN),
        make_outcome(2, CommandResult.PROVEN, Side.VEHICLE),
        make_outcome(3, CommandResult.ALREADY_SO, sent=False),
        make_outcome(4, CommandResult.REFUSED),
    )
    account = settle(outcomes=outcomes)
    assert (account.commands_sent, account.commands_proven, account.route) == (3, 1, "vehicle")
    assert settle(outcomes=outcomes[:1]).route == "none"


def test_foresight_is_the_same_energy_in_the_cheapest_hours_before_departure() -> None:
    """16 kWh at 10 kW in two hours of 0.10 + 0.10: 3.20, what was paid. So all of the saving was reached."""
    account = settle()
    assert (account.best_cost, account.attainment) == (Decimal("3.200000"), 1)


def test_attainment_is_the_part_of_the_possible_saving() -> None:
    """At once 9.00, at best 3.20; an hour at 0.60 and one at 0.20 cost 8 * 0.8 = 6.40: 2.60 of 5.80."""
    account = settle([charger(0, 8.0), charger(1, 0.0), charger(6, 8.0), charger(7, 0.0)])
    assert account.cost == Decimal("6.400000")
    assert account.attainment == Decimal("0.4483")


def test_nothing_to_save_has_no_attainment() -> None:
    assert settle_night(make_night(), SHIFTED, (), make_prices(*[0.3] * 12), TARIFF).attainment is None


def test_foresight_ends_at_the_departure() -> None:
    """Gone at hour 4: 8 kWh at 0.60 against 8 kWh at 0.40 in hour 2 or 3; the 8 kWh after it stay where they were."""
    account = settle([charger(0, 8.0), charger(1, 0.0), charger(6, 8.0), charger(7, 0.0)], departs_at=at(4))
    assert account.best_cost == Decimal("3.200000") + Decimal("1.600000")


def test_fixed_tariff_costs_the_same_at_every_hour() -> None:
    """16 kWh at (0.20 + 0.10) * 1.21 = 0.363; no market price is needed."""
    fixed = Tariff(kind="fixed", fixed_per_kwh="0.20", fees_per_kwh="0.10", vat_fraction="0.21")
    account = settle_night(make_night(), SHIFTED, (), make_prices(), fixed)
    assert (account.cost, account.saving) == (Decimal("5.808000"), 0)
    assert "market price" not in account.why


def test_time_of_use_is_cut_where_the_wall_clock_changes_the_price() -> None:
    """Night from 23:00 in Amsterdam, 22:00 UTC, 4 h after the plug-in; 16 kWh at 0.1 against 16 at 0.3."""
    bands = ({"since": "23:00", "price_per_kwh": "0.1"}, {"since": "07:00", "price_per_kwh": "0.3"})
    by_time = Tariff(kind="time_of_use", bands=bands, fees_per_kwh=0)
    account = settle_night(make_night(), SHIFTED, (), make_prices(), by_time)
    assert [(slot.starts_at, slot.price_per_kwh) for slot in account.slots if slot.starts_at in (EVENING, at(4))] == [
        (EVENING, Decimal("0.300000")),
        (at(4), Decimal("0.100000")),
    ]
    assert (account.cost, account.baseline_cost, account.attainment) == (Decimal("1.6"), Decimal("4.8"), 1)


def test_commands_are_told_by_side_and_as_success() -> None:
    outcomes = (make_outcome(1, CommandResult.UNPROVEN), make_outcome(2, CommandResult.PROVEN, Side.VEHICLE))
    account = settle(outcomes=outcomes)
    assert account.command_success == 0.5
    assert account.routes == {Side.CHARGER: RouteRecord(tried=1), Side.VEHICLE: RouteRecord(tried=1, proven=1)}
    assert settle().command_success is None


def test_night_of_no_length_is_settled_to_nothing() -> None:
    account = settle(closed_at=EVENING)
    assert (account.energy_ac_kwh, account.cost, account.saving, account.slots) == (0, 0, 0, ())


minutes = st.integers(min_value=0, max_value=12 * 60)
rates = st.one_of(st.none(), st.floats(min_value=0, max_value=22))
states = st.sampled_from(PowerDeliveryState)
readings_of_a_night = st.lists(
    st.builds(
        lambda minute, side, rate, state, soc: Reading(
            side=side,
            device_id="c1" if side is Side.CHARGER else "v1",
            observed_at=at(minute / 60),
            received_at=at(minute / 60),
            charge_rate_kw=rate,
            state=state,
            soc_pct=soc if side is Side.VEHICLE else None,
        ),
        minutes,
        st.sampled_from(Side),
        rates,
        states,
        st.one_of(st.none(), st.floats(min_value=0, max_value=100)),
    ),
    max_size=25,
)
some_prices = st.lists(st.one_of(st.none(), st.floats(min_value=-0.5, max_value=4)), min_size=12, max_size=12).map(
    lambda drawn: make_prices(*drawn)
)


@given(readings_of_a_night, some_prices, st.sampled_from([0.37, 3.7, 11.0, 22.0]))
@settings(max_examples=150, deadline=None)
def test_slots_add_up_and_saving_is_the_difference(readings: list[Reading], prices: PriceSeries, power: float) -> None:
    account = settle_night(make_night(max_power_kw=power), readings, (), prices, TARIFF)
    energies = [slot.energy_ac_kwh for slot in account.slots]
    baselines = [slot.baseline_ac_kwh for slot in account.slots]
    assert sum(energies) == account.energy_ac_kwh == sum(baselines)
    assert min(*energies, *baselines) >= 0
    costs = [slot.energy_ac_kwh * slot.price_per_kwh for slot in account.slots]
    assert abs(sum(costs) - account.cost) <= Decimal("0.0000005")
    assert account.saving == account.baseline_cost - account.cost
    assert account.best_cost is not None
    assert account.best_cost <= min(account.cost, account.baseline_cost)
    assert account.attainment is None or account.attainment <= 1
    assert account.slots[0].starts_at == EVENING
    assert all(a.ends_at == b.starts_at for a, b in itertools.pairwise(account.slots))
    assert account.slots[-1].ends_at == at(12)


@given(readings_of_a_night, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_order_and_repetition_of_readings_change_nothing(readings: list[Reading], dice: Any) -> None:
    shuffled = readings + dice.sample(readings, len(readings) // 2)
    dice.shuffle(shuffled)
    assert settle(shuffled) == settle(readings)


@given(st.permutations([1, 2, 3, 4, 4, 2]))
def test_order_and_repetition_of_outcomes_change_nothing(numbers: list[int]) -> None:
    results = {1: CommandResult.UNPROVEN, 2: CommandResult.PROVEN, 3: CommandResult.REFUSED, 4: CommandResult.PROVEN}
    account = settle(outcomes=tuple(make_outcome(n, results[n]) for n in numbers))
    assert (account.commands_sent, account.commands_proven, account.route) == (4, 2, "charger")


@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0.5, 11)), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_energy_is_the_integral_of_the_power_that_flowed(steps: list[tuple[int, float]]) -> None:
    """Every change of power is read, none lasts longer than an hour: the account knows the truth to the rounding."""
    now, truth, readings = 0.0, 0.0, []
    for length, kw in steps:
        readings.append(charger(now / 60, kw))
        now, truth = now + length, truth + kw * length / 60
    readings.append(charger(now / 60, 0.0))
    account = settle(readings)
    assert float(account.energy_ac_kwh) == pytest.approx(truth, abs=0.0001)
