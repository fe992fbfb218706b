import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.devices import PowerDeliveryState, Reading, Side
from domain.metering import Meter, Plug, power_profile, soc_points

EVENING = datetime(2022, 12, 14, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return EVENING + hours * HOUR


def charger(hours: float, kw: float | None = None, **fields: Any) -> Reading:
    when = at(hours)
    return Reading(
        side=Side.CHARGER, device_id="c1", observed_at=when, received_at=when, **{"charge_rate_kw": kw} | fields
    )


def car(hours: float, kw: float | None = None, soc_pct: float | None = None, **fields: Any) -> Reading:
    return Reading(
        side=Side.VEHICLE,
        device_id="v1",
        observed_at=at(hours),
        received_at=at(hours),
        **{"charge_rate_kw": kw, "soc_pct": soc_pct} | fields,
    )


def make_plug(hours: float = 6, **fields: Any) -> Plug:
    values = {"max_power_kw": 10.0, "ac_kwh_per_pct": 0.5, "soc_start_pct": None} | fields
    return Plug(vehicle_id="v1", charger_id="c1", starts_at=EVENING, ends_at=at(hours), **values)


def drawn(readings: list[Reading], plug: Plug | None = None) -> list[tuple[float, float, float]]:
    """The profile as (start [h], end [h], power [kW]), equal neighbours joined, rest left out."""
    joined: list[tuple[float, float, float]] = []
    for stretch in power_profile(plug or make_plug(), readings):
        start, end = (stretch.starts_at - EVENING) / HOUR, (stretch.ends_at - EVENING) / HOUR
        if joined and joined[-1][1:] == (start, stretch.power_kw):
            joined[-1] = (joined[-1][0], end, stretch.power_kw)
        else:
            joined.append((start, end, stretch.power_kw))
    return [part for part in joined if part[2] > 0]


def test_power_holds_until_the_next_reading() -> None:
    assert drawn([charger(1, 4.0), charger(1.5, 8.0), charger(2, 0.0)]) == [(1, 1.5, 4.0), (1.5, 2, 8.0)]


def test_last_power_before_the_plug_in_holds_into_it() -> None:
    assert drawn([charger(-0.25, 4.0), charger(0.5, 0.0)]) == [(0, 0.5, 4.0)]


def test_charger_figure_counts_before_the_cars() -> None:
    assert drawn([charger(0, 7.4), car(0.25, 6.9), charger(0.5, 7.4), car(0.75, 6.9), charger(1, 0.0)]) == [(0, 1, 7.4)]


def test_car_speaks_while_the_charger_is_silent() -> None:
    readings = [charger(0, None, state=PowerDeliveryState.CHARGING), car(0, 6.9), car(1, 0.0)]
    assert drawn(readings) == [(0, 1, 6.9)]


def test_newer_reading_tells_whether_energy_flows_at_all() -> None:
    """The charger went offline at 7.4 kW; the car stopped at 0.5 h."""
    assert drawn([charger(0, 7.4), car(0.5, 0.0)]) == [(0, 0.5, 7.4)]
    assert drawn([charger(0, 0.0), car(0.5, 6.9), car(1, 0.0)]) == [(0.5, 1, 6.9)]


def test_charger_is_believed_before_a_car_of_the_same_moment() -> None:
    """The car's zero is 20 seconds newer than the charger's 7.4 kW; no such difference means anything."""
    assert drawn([charger(0.5, 7.4), car(0.5 + 20 / 3600, 0.0), charger(1, 0.0)]) == [(0.5, 1, 7.4)]


@pytest.mark.parametrize("state", ["unplugged", "stopped", "complete", "no_power", "fault"])
def test_resting_state_without_a_rate_is_a_measured_zero(state: str) -> None:
    assert drawn([charger(0, 7.0), charger(0.5, None, state=PowerDeliveryState(state))]) == [(0, 0.5, 7.0)]


def test_charging_without_a_rate_changes_nothing() -> None:
    readings = [charger(0, 7.0), charger(0.5, None, state=PowerDeliveryState.CHARGING), charger(1, 0.0)]
    assert drawn(readings) == [(0, 1, 7.0)]


def test_long_silence_is_not_filled_with_power() -> None:
    """7 kW at 0 h, then nothing until 4 h, and no state of charge: one hour counts."""
    profile = power_profile(make_plug(), [charger(0, 7.0), charger(4, 0.0)])
    assert Meter(profile).until(at(6)) == pytest.approx(7.0)
    assert [s.is_measured for s in profile if s.starts_at == at(1)] == [False]


def test_long_silence_is_filled_by_the_state_of_charge() -> None:
    """40 % to 76 % is 36 * 0.5 = 18 kWh; 7 of them were measured in the first hour, 11 are placed at 7 kW after it."""
    parts = drawn([charger(0, 7.0), car(0, None, 40), car(4, None, 76), charger(4, 0.0)])
    assert [(start, round(end, 6), kw) for start, end, kw in parts] == [(0, round(1 + 11 / 7, 6), 7.0)]


def test_silence_holds_no_more_than_the_maximum_power() -> None:
    """40 % to 100 % would be 30 kWh; in 0.5 h at 10 kW at most 5 fit beside the measured 7."""
    profile = power_profile(make_plug(), [charger(0, 7.0), car(0, None, 40), car(1.5, None, 100), charger(1.5, 0.0)])
    assert Meter(profile).until(at(6)) == pytest.approx(12.0)


def test_energy_before_a_late_reading_goes_up_to_it() -> None:
    """At rest at 0 h, flowing at 4 h with 10 % = 5 kWh more: the hour and a quarter before 4 h at 4 kW."""
    readings = [charger(0, 0.0), car(0, None, 40), car(4, None, 50), charger(4, 4.0), charger(5, 0.0)]
    assert drawn(readings) == [(2.75, 5, 4.0)]


def test_level_that_wavers_at_rest_is_no_energy() -> None:
    assert drawn([charger(0, 0.0), car(0, None, 40), car(4, None, 41), charger(4, 0.0)]) == []


def test_meter_wins_where_the_level_says_a_little_more() -> None:
    """36 * 0.5 = 18 kWh by the level, 16 by the meter: the car is larger than thought, nothing flowed at rest."""
    readings = [charger(0, 0.0), car(0, None, 40), charger(4, 8.0), charger(5, 8.0), charger(6, 0.0), car(6, None, 76)]
    assert drawn(readings) == [(4, 6, 8.0)]


def test_null_rates_all_night_are_metered_by_the_state_of_charge_between_its_readings() -> None:
    """Nothing tells a rate; the level rises by 10 % = 5 kWh from 2 h to 3 h."""
    readings = [car(hours, None, soc) for hours, soc in ((0, 40), (2, 40), (3, 50), (4, 50))]
    assert drawn(readings) == [(2, 3, 5.0)]


def test_rest_of_any_length_needs_no_reading() -> None:
    profile = power_profile(make_plug(), [charger(0, 0.0)])
    assert all(stretch.is_measured for stretch in profile)


def test_other_devices_and_readings_without_time_do_not_count() -> None:
    other = charger(0, 7.0).model_copy(update={"device_id": "c2"})
    timeless = charger(0, 7.0).model_copy(update={"observed_at": None})
    assert drawn([other, timeless]) == []


def test_discharge_is_no_charge() -> None:
    assert drawn([charger(0, -3.0), charger(1, 0.0)]) == []


def test_levels_are_those_of_the_plug_in() -> None:
    readings = [car(-1, None, 90), car(0, None, 40), car(2, None, 50), car(7, None, 80)]
    assert soc_points(make_plug(), readings) == [(at(0), 40), (at(2), 50)]


def test_profile_is_gapless_over_the_whole_span() -> None:
    profile = power_profile(make_plug(), [charger(1, 4.0), car(3, 2.0), charger(5, 0.0)])
    assert profile[0].starts_at == at(0)
    assert profile[-1].ends_at == at(6)
    assert all(a.ends_at == b.starts_at for a, b in itertools.pairwise(profile))
