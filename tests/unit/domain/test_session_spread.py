"""Switches spread at random, per car and switch, the same in every engine (P12, F73)."""

from datetime import timedelta

import pytest
from support.by_hand import STOPPED, both, planned
from support.factories import at, make_plan, make_session

from domain.session.events import DriverActed
from domain.session.picture import picture_of
from domain.session.spread import delay_of, delayed_edge, is_on_at, next_switch_after
from domain.session.state import Night
from domain.session.wants import wanted

CEILING = 600
NIGHT = Night(number=1, opened_at=at(0), departs_at=at(12), target_soc_pct=80, min_soc_pct=0)


def delays(cars: int) -> list[float]:
    found = []
    for n in range(cars):
        state = make_session(session_id=f"car-{n}:1", seed=n, spread_seconds=CEILING)
        found.append(delay_of(state, NIGHT, at(6)).total_seconds())
    return found


def test_p12_ten_thousand_cars_with_one_cheap_slot_are_spread_evenly_to_the_ceiling() -> None:
    drawn = delays(10_000)
    assert (min(drawn), max(drawn)) == (0, CEILING)
    per_minute = [sum(60 * m <= d < 60 * (m + 1) for d in drawn) for m in range(10)]
    # 10,000 draws over ten minutes: 1,000 each, standard deviation 30; five of them either way.
    assert all(850 < count < 1150 for count in per_minute)


def test_p12_every_switch_is_drawn_anew_and_always_the_same() -> None:
    state = make_session(spread_seconds=CEILING)
    drawn = [delay_of(state, NIGHT, at(h)) for h in range(12)]
    assert len(set(drawn)) > 6
    assert drawn == [delay_of(state, NIGHT, at(h)) for h in range(12)]
    assert delay_of(make_session(spread_seconds=0), NIGHT, at(6)) == timedelta(0)


def test_p12_start_and_stop_are_delayed_and_the_delay_is_recorded_with_the_command() -> None:
    played = planned(*both(STOPPED), spread_seconds=CEILING)
    night, plan = played.state.night, played.state.night.plan
    begins = next_switch_after(played.state, night, plan, at(1))
    assert at(6) < begins <= at(6) + timedelta(seconds=CEILING)
    played.decide(6.0)
    assert played.sent() == []
    played.decide((begins - at(0)) / timedelta(hours=1))
    assert len(played.sent()) == 1
    assert played.last_order.spread_seconds == delay_of(played.state, night, at(6)).total_seconds()
    ends = next_switch_after(played.state, night, plan, at(7))
    assert at(9) <= ends <= at(9) + timedelta(seconds=CEILING)
    assert is_on_at(played.state, night, plan, at(9)) is True


def test_p12_the_drivers_word_is_not_delayed() -> None:
    played = planned(*both(STOPPED), spread_seconds=1800)
    played.hear(DriverActed(action_id="a", at=at(6.001), act="charge_now"), 6.001)
    assert len(played.sent()) == 1
    assert played.last_order.spread_seconds == 0


def test_p12_the_last_safe_start_is_not_delayed() -> None:
    played = planned(*both(STOPPED), spread_seconds=1800)
    played.decide(9.5)
    assert len(played.sent()) == 1
    assert wanted(played.state, picture_of(played.state, at(9.5)), at(9.5)).spread_seconds == 0


def test_a_delay_takes_at_most_half_of_a_run() -> None:
    state = make_session(spread_seconds=1800)
    plan = make_plan((6, 6.5), until=12)
    short = plan.model_copy(update={"edges": tuple(at(h * 0.25) for h in range(13))})
    t = short.slot_at(at(6 * 0.25))
    assert delayed_edge(state, NIGHT, short, t) <= at(6 * 0.25) + timedelta(minutes=7.5)


def test_p12_the_planner_knows_the_ceiling() -> None:
    played = planned(*both(STOPPED), spread_seconds=300)
    played.hear(DriverActed(action_id="w", at=at(1), act="set_wish", wish=played.state.wish), 1)
    (plan,) = (e for e in played.effects if e.type == "plan")
    assert plan.request.spread_seconds == pytest.approx(300)


def test_p8_while_a_switch_is_delayed_the_car_is_left_as_it_is() -> None:
    session = make_session(*both(STOPPED), spread_seconds=CEILING)
    night = NIGHT.model_copy(update={"plan": make_plan()})
    edge = delayed_edge(session, night, make_plan(), 6)
    between = at(6) + (edge - at(6)) / 2
    assert at(6) < edge
    assert wanted(session.model_copy(update={"night": night}), picture_of(session, between), between).on is None
