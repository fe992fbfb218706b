"""The driver wins: now, stop, skip, pause, target, departure."""

import pytest
from support.by_hand import CHARGING, STOPPED, both, held_at_the_charger, planned
from support.factories import at, outcome_of

from domain.commands import CommandResult, Goal, Proof
from domain.devices import Side
from domain.session.apply import apply
from domain.session.events import CommandEnded, DriverActed, NightAccounted


def test_charge_now_wins_at_once_over_a_stop_that_is_under_way():
    played = planned(*both(CHARGING))
    played.hear(DriverActed(action_id="a", at=at(0.2), act="charge_now"), 0.2)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]
    stop = played.state.night.commands[0]
    assert stop.outcome.result is CommandResult.SUPERSEDED
    played.hear(CommandEnded(outcome=outcome_of(stop.order, CommandResult.PROVEN, hours=0.3)), 0.3)
    assert played.state.night.commands[0].outcome.result is CommandResult.SUPERSEDED


def test_stay_stopped_is_not_undone_by_the_plan_or_the_last_safe_start():
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="a", at=at(1), act="stay_stopped"), 1)
    for hours in (6.5, 9, 11.5):
        played.decide(hours)
        assert played.sent() == []


def test_a_repeated_action_changes_nothing():
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="a", at=at(1), act="charge_now"), 1)
    played.hear(DriverActed(action_id="b", at=at(2), act="follow_plan"), 2)
    before = played.state
    assert apply(before, DriverActed(action_id="a", at=at(1), act="charge_now")) == before


@pytest.mark.parametrize("kind", ["charge_now", "stay_stopped"])
def test_the_drivers_word_outlives_the_plan_until_taken_back(kind):
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="a", at=at(1), act=kind), 1)
    assert played.state.override.kind == kind
    played.hear(DriverActed(action_id="b", at=at(2), act="follow_plan"), 2)
    assert played.state.override is None


def test_charge_now_after_departure_does_not_wait_for_the_next_night():
    played = held_at_the_charger()
    played.decide(12.0)
    played.hear(NightAccounted(number=1, is_ready=True, saving="0", why="ready"), 12.1)
    played.hear(DriverActed(action_id="a", at=at(12.2), act="charge_now"), 12.2)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_a_raised_target_is_not_reached_yet_and_a_lowered_one_may_be():
    played = planned(*both(STOPPED))
    for target, ready_at in ((40, at(0)), (90, None)):
        wish = played.state.wish.model_copy(update={"target_soc_pct": target})
        played.hear(DriverActed(action_id=str(target), at=at(2), act="set_wish", wish=wish), 2)
        assert played.state.night.ready_at == ready_at
