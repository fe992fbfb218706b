"""Somebody else is in control: what is theirs, what is ours, and when to give way (F26-F31, F60)."""

from support.by_hand import CHARGING, STOPPED, Played, both, held_at_the_charger, planned
from support.factories import at, make_plan, outcome_of

from domain.commands import CommandResult, Goal, Proof
from domain.devices import Side
from domain.session.effects import Tell
from domain.session.events import CommandEnded, DriverActed, PlanReady
from domain.session.ladder import DEAF_AFTER_AT_A_HOLD
from domain.session.rivals import is_conceded, starts_of_theirs


def told(played: Played) -> list[tuple[str, str]]:
    return [(t.kind, t.cause) for t in played.of(Tell)]


def restart_by_others(played: Played, hours: float) -> None:
    """The car charges again by somebody else's doing."""
    played.readings(hours, CHARGING)


def test_f29_what_restarts_by_itself_is_stopped_twice_more_and_then_left_at_its_price() -> None:
    played = held_at_the_charger()
    for n, hours in enumerate((1.0, 2.0), start=1):
        restart_by_others(played, hours)
        assert starts_of_theirs(played.state.night) == n
        assert [goal for goal, _, _ in played.sent()] == [Goal.STOP]
        played.end(CommandResult.PROVEN, hours + 0.1, *both(STOPPED, hours + 0.1))
    restart_by_others(played, 3.0)
    assert played.sent() == []
    assert told(played) == [("cost", "foreign_control"), ("question", "foreign_control")]


def test_f30_a_car_that_starts_at_plug_in_is_nobodys_rival() -> None:
    assert planned(*both(CHARGING)).state.night.undone == ()


def test_f31_somebody_who_switches_both_ways_is_left_in_control_until_the_last_safe_start() -> None:
    played = held_at_the_charger()
    restart_by_others(played, 1.0)
    played.end(CommandResult.PROVEN, 1.1, *both(STOPPED, 1.1))
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.1, *both(CHARGING, 6.1))
    played.readings(6.5, STOPPED)  # not by us: in the cheap hours
    assert is_conceded(played.state.night)
    assert played.sent() == []
    assert ("question", "foreign_control") in told(played)
    played.decide(10.0)  # the deadline is watched all the same
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]


def test_f21_an_effect_that_comes_late_is_ours() -> None:
    played = planned(*both(CHARGING))
    played.end(CommandResult.UNPROVEN, 0.4, *both(CHARGING, 0.4))
    played.end(CommandResult.UNPROVEN, 0.6, *both(CHARGING, 0.6))
    played.readings(0.7, STOPPED)
    assert played.state.night.undone == ()
    assert played.state.acted_within_seconds[Side.VEHICLE] > 600  # and this device is slow


def test_f27_three_short_starts_end_the_trying_and_call_the_driver() -> None:
    played = planned(*both(STOPPED))
    played.decide(6.0)
    for n in range(3):
        begun = 6.0 + n * 0.06
        assert [goal for goal, _, _ in played.sent()] == [Goal.START], n
        played.end(CommandResult.PROVEN, begun + 0.005, *both(CHARGING, begun + 0.005))
        played.readings(begun + 0.05, STOPPED)
    assert played.sent() == []
    assert ("act_now", "aborts") in told(played)


def test_f60_a_new_word_of_the_drivers_ends_what_was_conceded() -> None:
    played = held_at_the_charger()
    for hours in (1.0, 2.0, 3.0):
        restart_by_others(played, hours)
        if played.sent():
            played.end(CommandResult.PROVEN, hours + 0.1, *both(STOPPED, hours + 0.1))
    played.hear(DriverActed(action_id="a", at=at(3.2), act="stay_stopped"), 3.2)
    assert [goal for goal, _, _ in played.sent()] == [Goal.STOP]


def test_f23_a_car_that_resumes_far_too_slowly_is_started_anew_once() -> None:
    played = planned(*both(STOPPED))
    played.decide(6.0)
    slow = [r.model_copy(update={"charge_rate_kw": 1.4}) for r in both(CHARGING, 6.05)]
    played.end(CommandResult.PROVEN, 6.05, *slow)
    settled = [r.model_copy(update={"charge_rate_kw": 1.4}) for r in both(CHARGING, 6.2)]
    for reading in settled:
        played.hear_reading(reading)
    played.decide(6.2)
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.NO_FLOW)]
    played.end(CommandResult.PROVEN, 6.3, *both(STOPPED, 6.3))
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]
    assert played.state.night.restarts == 1


def test_f18_a_toggling_box_gets_no_second_start_before_it_has_spoken() -> None:
    played = planned(*both(STOPPED))
    boxes = tuple(box.model_copy(update={"toggles": True}) for box in played.state.boxes)
    car = played.state.car.model_copy(update={"can_start": False})
    played.state = played.state.model_copy(update={"boxes": boxes, "car": car})
    played.decide(6.0)
    assert played.last_order.toggles
    played.end(CommandResult.UNPROVEN, 6.2)
    played.decide(7.0)  # the rest after a failed rung is over
    assert played.sent() == []
    played.readings(7.1, STOPPED)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_f22_a_box_that_did_not_resume_is_not_paused_again() -> None:
    played = held_at_the_charger()
    played.decide(6.0)
    played.end(CommandResult.UNPROVEN, 6.2, *both(STOPPED, 6.2))
    played.end(CommandResult.PROVEN, 6.3, *both(CHARGING, 6.3))
    assert Side.CHARGER in played.state.stuck_sides
    pausing = make_plan((10, 12))
    night = played.state.night
    revision = night.plan_revision
    played.hear(PlanReady(revision=revision, plan=pausing), 6.5)
    assert played.sent() == []


def test_p8_the_plan_leaves_a_start_and_a_stop_within_six_switches() -> None:
    played = planned(*both(STOPPED))
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.1, *both(CHARGING, 6.1))
    night = played.state.night
    spent = tuple(night.commands[:1]) * 4
    played.state = played.state.model_copy(update={"night": night.model_copy(update={"commands": spent})})
    revision = night.plan_revision
    played.hear(PlanReady(revision=revision, plan=make_plan((11, 12))), 6.3)
    assert played.sent() == []


def test_f27_after_a_rest_one_more_start_is_tried() -> None:
    played = planned(*both(STOPPED))
    played.decide(6.0)
    for n in range(3):
        begun = 6.0 + n * 0.06
        played.end(CommandResult.PROVEN, begun + 0.005, *both(CHARGING, begun + 0.005))
        played.readings(begun + 0.05, STOPPED)
    assert not is_conceded(played.state.night)  # what breaks off is no rival
    assert played.sent() == []
    played.decide(7.0)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]


def test_p8_what_others_stop_beyond_six_switches_is_left_to_them() -> None:
    played = planned(*both(STOPPED))
    played.decide(9.3)
    for n in range(6):
        begun = 9.3 + n * 0.2
        assert [goal for goal, _, _ in played.sent()] == [Goal.START], n
        played.end(CommandResult.PROVEN, begun + 0.05, *both(CHARGING, begun + 0.05))
        played.readings(begun + 0.2, STOPPED)
    assert played.sent() == []
    assert any(kind == "act_now" for kind, _ in told(played)) or any(t.startswith("act_now") for t in played.state.told)


def test_f21_a_proven_effect_that_came_late_is_a_slow_devices() -> None:
    played = planned(*both(CHARGING))
    order = played.last_order
    outcome = outcome_of(order, CommandResult.PROVEN, hours=0.3, evidence=both(STOPPED, 0.3))
    played.hear(CommandEnded(outcome=outcome.model_copy(update={"sent_at": at(0.2)})), 0.3)
    assert played.state.acted_within_seconds == {Side.CHARGER: 900.0}


def test_p8_f27_charge_now_is_worth_a_start_and_no_endless_row_of_them() -> None:
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="a", at=at(0.2), act="charge_now"), 0.2)
    for n in range(3):
        begun = 0.2 + n * 0.06
        assert [goal for goal, _, _ in played.sent()] == [Goal.START], n
        played.end(CommandResult.PROVEN, begun + 0.005, *both(CHARGING, begun + 0.005))
        assert ("withdrawn", "aborts") not in told(played)
        played.readings(begun + 0.05, STOPPED)
    assert played.sent() == []
    assert ("act_now", "aborts") in told(played)
    played.decide(1.5)  # after a rest one more is tried: only a charge that lasts takes the warning back
    played.end(CommandResult.PROVEN, 1.51, *both(CHARGING, 1.51))
    assert ("withdrawn", "aborts") not in told(played)
    played.decide(1.7)
    assert ("withdrawn", "aborts") in told(played)


def test_p8_f18_a_car_that_obeys_no_start_while_its_charger_holds_it_is_left_alone() -> None:
    played = held_at_the_charger()
    asked = []
    for n in range(12):
        hours = 6.0 + 0.4 * n
        played.decide(hours)
        while played.sent():
            side = played.last_order.side
            asked.append(side)
            failed = CommandResult.UNPROVEN if side is Side.VEHICLE else CommandResult.UNREACHABLE
            played.end(failed, hours + 0.1, *both(STOPPED, hours + 0.1))
    assert asked.count(Side.VEHICLE) == DEAF_AFTER_AT_A_HOLD
    assert asked.count(Side.CHARGER) > DEAF_AFTER_AT_A_HOLD  # a hold of ours is always released
