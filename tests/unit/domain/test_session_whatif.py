"""What an action would cost and whether departure is at risk, before and after it (P7)."""

from datetime import timedelta
from decimal import Decimal

from support.by_hand import STOPPED, both, planned
from support.factories import at, make_reading

from domain.departure import Wish
from domain.session.apply import apply
from domain.session.events import DriverActed
from domain.session.whatif import preview_of

# The plan charges 33 kWh at 0.20 in the hours 6 to 9; the other hours cost 0.40. Needed: 40 % of 60 kWh at 90 %, which
# is 26.67 kWh.


def asked(act: str, played=None, hours: float = 1.0, **changes):
    played = played or planned(*both(STOPPED))
    return preview_of(played.state, DriverActed(action_id="a", at=at(hours), act=act, **changes), at(hours))


def test_p7_charge_now_costs_the_dear_hours_and_is_ready_early() -> None:
    preview = asked("charge_now")
    assert preview.cost == Decimal("10.67")  # 26.67 kWh at 0.40
    assert preview.cost_as_planned == Decimal("6.60")
    assert preview.extra_cost == Decimal("4.07")
    assert abs(preview.ready_at - (at(1) + timedelta(hours=26.667 / 11))) < timedelta(minutes=1)
    assert not preview.is_at_risk


def test_p7_staying_stopped_costs_nothing_and_puts_the_departure_at_risk() -> None:
    preview = asked("stay_stopped")
    assert (preview.cost, preview.is_at_risk, preview.ready_at) == (Decimal("0.00"), True, None)
    assert preview.soc_at_departure_pct == 40


def test_p7_a_pause_costs_the_cheapest_hours_that_are_left() -> None:
    preview = asked("pause_until", until=at(7))
    # 22 kWh at 0.20 in the hours 7 and 8, 4.67 kWh at 0.40 behind them.
    assert preview.cost == Decimal("6.27")
    assert not preview.is_at_risk
    assert asked("pause_until", until=at(11)).is_at_risk


def test_p7_a_higher_target_and_an_earlier_departure_are_priced() -> None:
    higher = asked("set_wish", wish=Wish(target_soc_pct=100))
    assert higher.cost > asked("follow_plan").cost
    soon = asked("set_wish", wish=Wish(target_soc_pct=80, ready_by="22:00"), hours=1.0)  # two hours are too few
    assert soon.is_at_risk
    assert soon.departs_at == at(3)


def test_a_target_beyond_the_cars_own_limit_is_at_risk() -> None:
    limited = make_reading(charge_limit_pct=70.0)
    assert asked("follow_plan", planned(both(STOPPED)[0], limited)).is_at_risk


def test_p7_the_outcome_tells_the_same_as_the_question_and_a_repeat_changes_nothing() -> None:
    played = planned(*both(STOPPED))
    action = DriverActed(action_id="a", at=at(1), act="charge_now")
    before = preview_of(played.state, action, at(1))
    played.state = apply(played.state, action)
    assert played.state.answers["a"] == before
    assert apply(played.state, action) == played.state


def test_the_answers_kept_are_few() -> None:
    played = planned(*both(STOPPED))
    for n in range(30):
        played.state = apply(played.state, DriverActed(action_id=str(n), at=at(1), act="charge_now"))
    assert list(played.state.answers) == [str(n) for n in range(20, 30)]


def test_without_a_night_there_is_nothing_to_price() -> None:
    played = planned(*both(STOPPED))
    state = played.state.model_copy(update={"night": None})
    assert preview_of(state, DriverActed(action_id="a", at=at(1), act="charge_now"), at(1)).cost is None
