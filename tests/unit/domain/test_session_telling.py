"""What the driver is told, how often, and when it is withdrawn."""

from datetime import time

from support.by_hand import CHARGING, STOPPED, Played, both, held_at_the_charger, planned
from support.factories import CAR, CHARGER, at, make_plan, make_reading, make_session, outcome_of

from domain.commands import CommandResult, Goal, Proof
from domain.departure import Wish
from domain.devices import PowerDeliveryState, Side
from domain.session.effects import Read, Tell
from domain.session.events import CommandEnded, DevicesLeaving, NightAccounted, PlanReady, ReadingArrived
from domain.session.looking import witness_ids


def test_a_car_that_can_do_nothing_in_no_charger_gets_no_command_and_its_driver_is_told():
    car = make_reading(state=STOPPED, paired_with=None)
    session = make_session(car, with_charger=False)
    session = session.model_copy(update={"car": session.car.model_copy(update={"can_start": False, "can_stop": False})})
    played = Played(session)
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan((0, 3))), 0.1)
    assert played.sent() == []
    (told,) = played.of(Tell)
    assert (told.kind, told.cause) == ("at_risk", "no_route")


def test_p1_with_time_to_spare_the_ladder_is_climbed_twice_before_the_driver_is_told_once():
    played = planned(*both(STOPPED))
    played.decide(6.0)
    for hours in (6.2, 6.4):  # price stops counting at 8.7 h: there is time for another climb
        played.end(CommandResult.UNPROVEN, hours, *both(STOPPED, hours))
        assert played.of(Tell) == []
    played.decide(6.5)
    assert played.sent() == []
    played.decide(6.8)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]
    played.end(CommandResult.UNPROVEN, 7.0, *both(STOPPED, 7.0))
    played.end(CommandResult.UNPROVEN, 7.2, *both(STOPPED, 7.2))
    assert [(t.kind, t.cause) for t in played.of(Tell)] == [("at_risk", "start_failed")]
    played.decide(7.3)
    assert played.of(Tell) == []


def test_from_the_last_safe_start_on_the_driver_is_told_to_act_now():
    played = planned(*both(STOPPED))
    played.decide(9.0)
    played.end(CommandResult.UNPROVEN, 9.2, *both(STOPPED, 9.2))
    told = [(t.kind, t.cause, t.what_to_do) for t in played.of(Tell)]
    assert told == [(kind, "start_failed", "start_at_charger") for kind in ("at_risk", "act_now")]
    played.end(CommandResult.UNPROVEN, 9.4, *both(STOPPED, 9.4))
    assert played.of(Tell) == []


def said(played: Played) -> list[tuple[str, str, str]]:
    return [(t.kind, t.cause, t.what_to_do) for t in played.of(Tell)]


def test_p1_a_target_that_time_does_not_allow_is_told_at_plug_in():
    wish = Wish(target_soc_pct=100, ready_by=time(20, 0), zone="Europe/Amsterdam")  # one hour
    played = Played(make_session(*both(STOPPED), wish=wish))
    played.decide(0.0)
    assert said(played) == [("at_risk", "too_late", "leave_later")]


def test_f32_the_cars_own_limit_below_the_target_is_told_then_and_not_in_the_morning():
    charger, car = both(STOPPED)
    played = Played(make_session(charger, car.model_copy(update={"charge_limit_pct": 70.0})))
    played.decide(0.0)
    assert said(played) == [("at_risk", "own_limit", "raise_limit")]


def test_f32_a_car_that_ends_below_the_target_has_a_limit_that_nobody_told():
    played = planned(*both(STOPPED))
    done = make_reading(hours=1, state=PowerDeliveryState.COMPLETE, soc_pct=40)
    played.hear(ReadingArrived(reading=done), 1)
    assert said(played) == [("at_risk", "own_limit", "raise_limit")]


def test_a_fault_that_only_a_person_can_clear_is_told_early():
    played = planned(*both(STOPPED))
    played.readings(1, STOPPED, charger=PowerDeliveryState.FAULT)
    assert said(played) == [("at_risk", "fault", "check_plug")]


def test_f6_f7_a_level_that_stands_still_while_energy_flows_is_told():
    played = planned(*both(STOPPED))
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.1, *both(CHARGING, 6.1))
    played.readings(6.6, CHARGING)  # 8 % by the meter, and the car still says 40 %
    assert said(played) == [("notice", "level_frozen", "check_level")]
    assert played.state.level.at_least_pct > 46


def test_f6_a_frozen_level_is_stopped_by_the_meter():
    played = planned(*both(STOPPED))
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.0, *both(CHARGING, 6.0))
    for tenths in range(60, 91, 5):
        played.readings(tenths / 10 + 0.05, CHARGING)
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.NO_FLOW)]


def test_f12_a_meter_that_runs_on_after_our_stop_while_the_car_rests_is_ignored():
    played = planned(*both(CHARGING))
    frozen = (both(CHARGING, 0.4)[0], make_reading(hours=0.4, state=STOPPED))
    played.end(CommandResult.UNPROVEN, 0.35, *frozen)
    assert played.state.lying == {CHARGER}
    played.decide(6.0)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]
    assert CHARGER not in played.last_order.witness_ids.values()


def test_f33_a_side_that_refuses_on_both_ends_names_the_mode():
    played = planned(*both(STOPPED))
    played.decide(9.5)
    for _ in range(2):
        played.end(CommandResult.REFUSED, 9.5, *both(STOPPED, 9.5))
    assert "act_now:refused" in played.state.told


def test_f28_f31_a_device_that_another_master_holds_is_told_as_such():
    played = planned(*both(STOPPED))
    played.decide(9.5)
    for _ in range(2):
        outcome = outcome_of(played.last_order, CommandResult.REFUSED, hours=9.5)
        played.hear(CommandEnded(outcome=outcome.model_copy(update={"error": "ControlledElsewhere"})), 9.5)
    assert "act_now:foreign_control" in played.state.told


def test_what_was_told_is_withdrawn_once_energy_flows_in_time_and_may_be_told_anew():
    played = planned(*both(STOPPED))
    played.decide(8.8)
    played.end(CommandResult.UNPROVEN, 8.9, *both(STOPPED, 8.9))
    assert said(played) == []  # the other side is asked in time
    played.decide(9.06)  # the last safe start
    assert ("at_risk", "start_failed", "start_at_charger") in said(played)
    played.end(CommandResult.PROVEN, 9.1, *both(CHARGING, 9.1))
    assert said(played) == [("withdrawn", "start_failed", "nothing")]
    assert "at_risk:start_failed" not in played.state.told
    played.readings(9.2, STOPPED)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]
    played.end(CommandResult.UNPROVEN, 9.4, *both(STOPPED, 9.4))
    assert {"at_risk:start_failed", "act_now:start_failed"} <= set(played.state.told)


def test_a_new_night_may_tell_what_the_last_one_told():
    played = planned(*both(STOPPED))
    played.state = played.state.model_copy(update={"told": ("at_risk:start_failed",)})
    played.decide(12.0)
    played.hear(NightAccounted(number=1, is_ready=True, saving="0", why="ready"), 12.1)
    played.decide(13.0)
    assert played.state.night.number == 2
    assert played.state.told == ()


def test_nobody_is_called_while_the_time_of_one_command_runs():
    played = planned(*both(CHARGING))
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    played.decide(8.8)
    played.end(CommandResult.PROVEN, 8.9, *both(CHARGING, 8.9))
    played.readings(10.2, STOPPED)  # breaks off behind the last safe start
    assert [kind for kind, _, _ in said(played) if kind != "notice"] == []
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]


def test_f61_a_question_is_asked_once_and_only_if_a_charger_may_hold_the_car():
    played = planned(make_reading(paired_with=None), with_charger=False)
    played.decide(1)
    assert said(played) == []


def test_f8_until_a_late_level_would_have_been_put_right_one_that_stands_still_is_a_risk():
    wish = Wish(target_soc_pct=80, ready_by=time(2, 0), zone="Europe/Amsterdam")  # seven hours after the plug-in
    played = Played(make_session(*both(CHARGING), wish=wish))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan((0, 7))), 0.1)
    played.readings(0.6, CHARGING)
    assert ("at_risk", "level_frozen", "check_level") in said(played)


def test_f8_a_level_that_falls_takes_back_that_the_car_is_ready():
    played = planned(make_reading(soc_pct=85.0), make_reading(Side.CHARGER))
    played.hear_reading(make_reading(hours=0.3, soc_pct=85.0))
    assert played.state.night.ready_at is not None
    played.hear_reading(make_reading(hours=4.0, soc_pct=45.0))
    assert played.state.night.ready_at is None
    played.decide(9.5)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]


def test_f6_a_car_that_says_it_is_done_at_a_limit_above_the_target_is_ready_whatever_level_it_tells():
    complete = PowerDeliveryState.COMPLETE
    played = planned(*both(CHARGING))
    for hours in (0.5, 1.5, 2.5):
        played.readings(hours, CHARGING)
    played.hear_reading(make_reading(hours=3.0, state=complete, charge_limit_pct=100.0))
    played.decide(11.9)
    assert played.state.night.ready_at is not None
    assert [kind for kind, _, _ in said(played)] == []


def test_f32_a_car_that_says_it_is_done_below_the_target_is_not_ready():
    played = planned(*both(CHARGING))
    played.readings(2.5, CHARGING)
    done = make_reading(hours=3.0, state=PowerDeliveryState.COMPLETE, charge_limit_pct=70.0, soc_pct=70.0)
    played.hear_reading(done)
    assert played.state.night.ready_at is None


def test_f6_a_meter_that_rests_with_the_car_does_not_lie():
    played = planned(*both(CHARGING))
    for hours in (0.5, 1.5):
        played.readings(hours, CHARGING)
    played.readings(2.0, STOPPED)
    assert played.state.level.is_frozen
    assert played.state.lying == frozenset()


def test_p1_the_driver_is_not_called_in_the_decision_that_sends_the_first_start():
    played = planned(*both(STOPPED))
    played.decide(9.2)  # behind the last safe start: nothing has failed yet
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]
    assert said(played) == []
    played.decide(9.45)
    assert ("act_now", "start_failed", "start_at_charger") in said(played)


def test_f38_a_charger_that_left_with_our_hold_on_it_is_told_at_once():
    played = planned(*both(CHARGING))
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 3.0)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]
    played.end(CommandResult.REFUSED, 3.0)
    assert ("act_now", "start_failed", "start_at_charger") in said(played)


def test_p1_f7_a_meter_that_rose_after_the_car_came_to_rest_is_believed_against_old_values():
    played = held_at_the_charger()
    played.decide(6.0)
    played.end(CommandResult.PROVEN, 6.02, make_reading(Side.CHARGER, hours=6.02, state=CHARGING))
    for hours in (6.3, 6.6, 6.9):
        played.hear_reading(make_reading(Side.CHARGER, hours=hours, state=CHARGING))
        played.hear_reading(make_reading(hours=hours + 0.1, state=STOPPED))  # as it was at the stop, newly dated
    assert played.state.lying == {CAR}
    played.decide(7.1)
    assert played.sent() == []  # it charges: nobody needs to be asked, or called
    assert {kind for kind, _, _ in said(played)} <= {"notice"}
    assert CAR not in witness_ids(played.state).values()
    played.hear_reading(make_reading(hours=7.2, state=CHARGING, soc_pct=60.0))
    assert played.state.lying == set()


def test_p1_a_plan_that_falls_short_alarms_nobody_before_the_car_was_asked():
    played = planned(*both(CHARGING))
    short = make_plan((0, 12)).model_copy(update={"shortfall_ac_kwh": 3.0})
    night = played.state.night.model_copy(update={"plan": short, "plan_power_kw": 11.0, "plan_requested_at": None})
    level = played.state.level.model_copy(update={"told_pct": 30.0, "metered_at": at(9.4), "power_pct_per_hour": 16.5})
    state = played.state.model_copy(update={"night": night, "level": level, "measured_kw": 11.0, "told": ()})
    played.state = state
    played.decide(9.5)
    assert said(played) == []
    assert CAR in [read.device_id for read in played.of(Read)]


def test_what_is_ready_by_the_cars_own_word_is_not_called_short():
    played = planned(*both(CHARGING))
    night = played.state.night.model_copy(update={"ready_at": at(0.2)})
    level = played.state.level.model_copy(update={"told_pct": 70.0})
    played.state = played.state.model_copy(update={"night": night, "level": level, "measured_kw": 1.4})
    played.decide(9.9)
    assert [cause for _, cause, _ in said(played)] == []


def test_p1_f15_energy_is_not_certain_after_a_stop_that_nobody_saw_work():
    """Else hours of rest count as charging once power is told again, and the target as reached."""
    played = planned(*both(CHARGING))
    assert played.last_order.goal is Goal.STOP
    played.end(CommandResult.UNPROVEN, 0.3)
    before = played.state.level.at_least_pct
    played.hear_reading(make_reading(Side.CHARGER, hours=6.0, state=CHARGING))
    assert played.state.level.at_least_pct == before
    assert played.state.level.at_most_pct > before + 10  # it may have gone on all the same
    played.hear_reading(make_reading(Side.CHARGER, hours=6.5, state=CHARGING))
    assert played.state.level.at_least_pct > before + 5
