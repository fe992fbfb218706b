"""The judge on nights written by hand: a battery of 60 kWh at 11 kW, plugged in at 18:00, wanted by 06:00."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nights.judge.optimum import least_cost
from nights.judge.promises import broken_promises, our_holds, wait_ends_at
from nights.judge.summary import Summary, is_even
from nights.judge.truth import (
    Acted,
    Band,
    Billed,
    Claim,
    Command,
    Gone,
    Point,
    Priced,
    Relay,
    Truth,
    Wished,
    Word,
)
from nights.judge.verdict import judge, no_return_at


def at(hours: float) -> datetime:
    """So many hours after the plug-in."""
    return datetime(2022, 12, 12, 18, tzinfo=UTC) + timedelta(hours=hours)


def make_truth(*points: tuple[float, float, float], **changes: object) -> Truth:
    """A night of 12 h; a point is hour, power [kW], level [%] from then on. 0.50 per kWh until 02:00, then 0.20."""
    values: dict[str, object] = {
        "k": 0,
        "faults": (),
        "plugged": ((at(0), at(12.5)),),
        "points": tuple(Point(at(hour), kw, soc) for hour, kw, soc in points),
        "capacity_kwh": 60.0,
        "efficiency": 1.0,
        "limit_pct": 100.0,
        "bands": (Band(100.0, 12.0),),
        "wishes": (Wished(at(0), 80.0, 0.0, at(12)),),
        "prices": (Priced(at(-2), at(8), 0.5), Priced(at(8), at(14), 0.2)),
        "possible_pct": 100.0,
    }
    return Truth(**{**values, **changes})  # type: ignore[arg-type]


READY = ((0.0, 0.0, 40.0), (9.0, 12.0, 40.0), (11.0, 0.0, 80.0))  # 24 kWh at 12 kW from 03:00 to 05:00
EMPTY = ((0.0, 0.0, 40.0),)


def test_a_level_between_two_points_is_what_flowed_since() -> None:
    truth = make_truth(*READY)
    # After half an hour at 12 kW: 6 of 60 kWh more.
    assert truth.soc_pct(at(9.5)) == pytest.approx(50)
    assert truth.energy_kwh(at(0), at(12)) == pytest.approx(24)


def test_a_ready_night_needs_no_words_and_a_warning_would_be_a_false_alarm() -> None:
    quiet = judge(make_truth(*READY), ())
    assert (quiet.is_ready, quiet.is_silent_miss, quiet.is_false_alarm) == (True, False, False)
    warned = judge(make_truth(*READY, words=(Word(at(5), "at_risk", "x", "y"),)), ())
    assert warned.is_false_alarm


def test_an_empty_car_without_a_word_is_a_silent_miss_p1() -> None:
    verdict = judge(make_truth(*EMPTY), ())
    assert verdict.is_silent_miss
    assert verdict.broken == ("P1",)


def test_words_after_the_point_of_no_return_are_late_p1() -> None:
    # 40 % of 60 kWh are 24 kWh, two hours at 12 kW: from 04:00 on the target is out of reach.
    truth = make_truth(*EMPTY)
    assert no_return_at(truth) == at(10) + timedelta(minutes=5)
    in_time = judge(replace(truth, words=(Word(at(10.4), "act_now", "x", "y"),)), ())
    assert (in_time.is_told_late, in_time.broken) == (False, ())
    late = judge(replace(truth, words=(Word(at(11), "act_now", "x", "y"),)), ())
    assert (late.is_told_late, late.is_silent_miss, late.broken) == (True, False, ("P1",))


def test_a_driver_who_leaves_early_or_wants_no_charge_is_no_miss() -> None:
    early = make_truth(*EMPTY, plugged=((at(0), at(6)),))
    assert judge(early, ()).broken == ()
    stopped = make_truth(*EMPTY, acts=(Acted(at(1), "stay_stopped"),))
    assert judge(stopped, ()).broken == ()


def test_the_least_cost_uses_the_cheapest_hours_and_the_minimum_at_once() -> None:
    truth = make_truth(*READY)
    # 24 kWh at 0.20.
    assert least_cost(truth, 40, 80, at(0), at(12)) == pytest.approx(4.8)
    wish = Wished(at(0), 80.0, 50.0, at(12))
    # 6 kWh at once at 0.50, 18 kWh at 0.20.
    assert least_cost(replace(truth, wishes=(wish,)), 40, 80, at(0), at(12)) == pytest.approx(3.0 + 3.6)


def test_the_least_cost_puts_the_highest_power_into_the_cheapest_hours() -> None:
    bands = (Band(60.0, 12.0), Band(80.0, 6.0))
    truth = make_truth(*READY, bands=bands, prices=(Priced(at(0), at(1), 0.2), Priced(at(1), at(12), 0.5)))
    # 12 kWh in one hour at 12 kW and 12 kWh in two hours at 6 kW: the cheap hour takes the 12 kW.
    assert least_cost(truth, 40, 80, at(0), at(12)) == pytest.approx(12 * 0.2 + 12 * 0.5)


def stop(hour: float, side: str = "charger") -> tuple[Command, Relay]:
    cause = f"client:STOP:{side}/1"
    return Command(at(hour), side, "STOP"), Relay(at(hour), side, "open", cause)


def test_a_hold_left_alone_after_the_last_safe_start_breaks_p2() -> None:
    command, relay = stop(0.1)
    truth = make_truth(*EMPTY, commands=(command,), relays=(relay,))
    assert our_holds(truth, at(10), at(12)) == timedelta(hours=2)
    assert "P2" in broken_promises(truth)
    asked = replace(truth, commands=(command, Command(at(9.8), "charger", "START")))
    assert "P2" not in broken_promises(asked)


def test_a_start_on_one_side_with_our_hold_on_the_other_breaks_p4() -> None:
    command, relay = stop(0.1, "vehicle")
    starts = (command, Command(at(6), "charger", "START"))
    assert "P4" in broken_promises(make_truth(*EMPTY, commands=starts, relays=(relay,)))
    both = (*starts, Command(at(6.5), "vehicle", "START"))
    assert "P4" not in broken_promises(make_truth(*EMPTY, commands=both, relays=(relay,)))


def test_a_proof_without_energy_breaks_p3() -> None:
    claim = Claim("start", "charger", "proven", at(5), at(5.1))
    assert "P3" in broken_promises(make_truth(*READY, claims=(claim,)))
    true = Claim("start", "charger", "proven", at(9), at(9.05))
    assert "P3" not in broken_promises(make_truth(*READY, claims=(true,)))


def test_a_relay_moved_twice_or_against_its_command_breaks_p6() -> None:
    _, relay = stop(0.1)
    again = relay._replace(at=at(0.2))
    assert "P6" in broken_promises(make_truth(*READY, relays=(relay, again)))
    flipped = relay._replace(now="closed")
    assert "P6" in broken_promises(make_truth(*READY, relays=(flipped,)))


def test_a_stop_after_charge_now_breaks_p7() -> None:
    command, relay = stop(3)
    truth = make_truth(*EMPTY, acts=(Acted(at(2), "charge_now"),), commands=(command,), relays=(relay,))
    assert "P7" in broken_promises(truth)


def test_a_seventh_switch_breaks_p8() -> None:
    relays = tuple(
        Relay(at(n), "charger", "open" if n % 2 else "closed", f"client:{'STOP' if n % 2 else 'START'}:box/{n}")
        for n in range(1, 8)
    )
    assert "P8" not in broken_promises(make_truth(*READY, relays=relays[:6]))
    assert "P8" in broken_promises(make_truth(*READY, relays=relays))


def test_a_bill_that_does_not_add_up_breaks_p10() -> None:
    right = Billed(True, 24.0, 4.8, ((at(9), at(11), 0.2, 24.0),))
    assert "P10" not in broken_promises(make_truth(*READY, bills=(right,)))
    assert "P10" in broken_promises(make_truth(*READY, bills=(replace(right, cost=4.9),)))
    assert "P10" in broken_promises(make_truth(*READY, bills=(replace(right, energy_kwh=12.0),)))


def test_a_stop_of_another_car_breaks_p11_and_a_command_without_a_reason_p17() -> None:
    assert "P11" in broken_promises(make_truth(*READY, wrong_stops=1))
    command, _ = stop(0.1)
    assert "P17" in broken_promises(make_truth(*READY, commands=(command,)))
    assert "P17" not in broken_promises(make_truth(*READY, commands=(command, command), reasons=(command,)))


def test_random_delays_must_be_even_and_below_the_ceiling_p12() -> None:
    even = [600 * n / 500 for n in range(500)]
    assert is_even(even)
    assert not is_even([*even, 601.0])
    assert not is_even([second / 2 for second in even])


def test_the_summary_counts_what_was_possible_and_who_was_left_empty() -> None:
    summary = Summary()
    summary.add(judge(make_truth(*READY), ()))
    summary.add(judge(make_truth(*EMPTY, faults=("F16",)), ("P2",)))
    summary.add(judge(make_truth(*EMPTY, possible_pct=60.0, words=(Word(at(0.1), "at_risk", "x", "y"),)), ()))
    figures = summary.figures()
    assert (figures["ready"], figures["ready_possible"], figures["silent_misses"]) == (1, 2, 1)
    assert figures["promises"]["P2"] == {"held": False, "failing": [0]}
    assert not summary.is_kept


def test_p3_a_side_called_released_claims_no_flow_but_must_not_hold() -> None:
    claim = Claim("start", "charger", "proven", at(8), at(8.1), "released")
    assert "P3" not in broken_promises(make_truth(*EMPTY, claims=(claim,)))
    held = (Relay(at(1), "charger", "open", "client:STOP:1"),)
    assert "P3" in broken_promises(make_truth(*EMPTY, claims=(claim,), relays=held))


def test_p2_f38_a_device_that_left_without_a_word_can_be_asked_no_more_one_that_was_announced_must_be() -> None:
    held = (Relay(at(1), "charger", "open", "client:STOP:1"),)
    without_a_word = make_truth(*EMPTY, relays=held, gone=(Gone(at(3), "charger", None),))
    assert "P2" not in broken_promises(without_a_word)
    announced = replace(without_a_word, gone=(Gone(at(3), "charger", at(2.5)),))
    assert "P2" in broken_promises(announced)
    asked = replace(announced, commands=(Command(at(2.6), "charger", "START"),))
    assert "P2" not in broken_promises(asked)


def test_p8_counts_a_night_from_plug_in_to_departure_or_unplug() -> None:
    switched = tuple(Relay(at(n), "charger", "open" if n % 2 else "closed", f"client:X:{n}") for n in range(1, 9))
    assert "P8" in broken_promises(make_truth(*READY, relays=switched))
    replugged = ((at(0), at(4.2)), (at(4.7), at(12.5)))
    assert "P8" not in broken_promises(make_truth(*READY, relays=switched, plugged=replugged))


def test_p1_words_are_late_only_from_the_first_true_level_on() -> None:
    truth = make_truth(*EMPTY, words=(Word(at(11), "at_risk", "too_late", "leave_later"),))
    assert judge(truth, ()).is_told_late
    assert not judge(replace(truth, misled_until=at(10.9)), ()).is_told_late


def test_a_slow_top_is_known_once_it_shows() -> None:
    bands = (Band(90.0, 12.0), *(Band(pct + 1.0, 1.2) for pct in range(90, 100)))
    wishes = (Wished(at(0), 100.0, 0.0, at(12)),)
    # 60 % of 60 kWh are three hours at 12 kW; the last 10 % take five at 1.2 kW instead of half an hour.
    assert no_return_at(make_truth(*EMPTY, bands=bands, wishes=wishes)) == at(9) + timedelta(minutes=5)


def test_a_night_lost_while_waiting_is_possible_and_counted_apart() -> None:
    held = (Relay(at(1), "charger", "open", "client:STOP:1"),)
    truth = make_truth(
        *EMPTY, relays=held, commands=(Command(at(5), "charger", "START"),), possible_after_waiting_pct=40.0
    )
    assert wait_ends_at(truth) == at(5)
    summary = Summary()
    summary.add(judge(truth, ()))
    figures = summary.figures()
    assert (figures["ready_possible"], figures["ready"], figures["lost_while_waiting"]) == (1, 0, 1)


def test_p8_a_night_that_more_than_six_switches_alone_could_save_is_possible_and_counted_apart() -> None:
    """F27 breaks off more starts than are promised at most: neither figure is taken out of what was possible."""
    summary = Summary()
    summary.add(judge(make_truth(*EMPTY, possible_in_six_pct=40.0), ()))
    summary.add(judge(make_truth(*EMPTY, possible_in_six_pct=40.0, possible_after_waiting_pct=40.0), ()))
    figures = summary.figures()
    assert (figures["ready_possible"], figures["ready"]) == (2, 0)
    assert (figures["lost_while_waiting"], figures["beyond_six_switches"]) == (1, 1)
