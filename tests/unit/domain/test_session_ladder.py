"""The ladder: time limits per rung, deadlock freedom, toggles, bans, and the end before the last safe start."""

import itertools
from datetime import timedelta

import pytest
from support.by_hand import CHARGING, NO_POWER, STOPPED, Played, both, held_at_the_charger, planned
from support.factories import CHARGER, at, make_plan, make_reading, make_session, outcome_of

from domain.commands import CommandResult, Goal, Proof
from domain.devices import Side
from domain.session.effects import Tell
from domain.session.events import CommandEnded, DriverActed, PlanReady, ReadFailed, ReadingArrived
from domain.session.ladder import climb_time, proof_limit
from domain.session.picture import picture_of
from domain.session.state import Box, ControlMode
from domain.session.wants import last_safe_start, must_start_at
from domain.traits import SLOW, traits_of


def slow_session(**changes):
    """Car and charger of a brand that takes a quarter of an hour to act."""
    session = make_session(*both(STOPPED), **changes)
    car = session.car.model_copy(update={"acts_within_seconds": SLOW.total_seconds()})
    boxes = tuple(b.model_copy(update={"acts_within_seconds": SLOW.total_seconds()}) for b in session.boxes)
    return session.model_copy(update={"car": car, "boxes": boxes})


def test_p1_on_the_slowest_brand_the_ladder_still_ends_before_the_last_safe_start() -> None:
    played = Played(slow_session())
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan((11, 12))), 0.1)
    state, night = played.state, played.state.night
    picture = picture_of(state, at(0.1))
    assert climb_time(state, Goal.START) >= 2 * SLOW
    begins, latest = must_start_at(state, night, picture), last_safe_start(state, night, picture)
    hours = (begins - at(0)) / timedelta(hours=1)
    played.decide(hours)
    for side in (Side.CHARGER, Side.VEHICLE):
        order = played.last_order
        assert order.side is side
        assert order.prove_by <= latest
        hours = (order.prove_by - at(0)) / timedelta(hours=1)
        played.end(CommandResult.UNPROVEN, hours, *both(STOPPED, hours))
    assert "act_now:start_failed" in played.state.told
    assert at(hours) <= latest < night.departs_at  # and the driver has time to act


def test_a_brand_known_to_be_slow_gets_its_time() -> None:
    session = make_session(*both(STOPPED))
    slow = session.model_copy(update={"car": session.car.model_copy(update={"vendor": "KIA"})})
    assert proof_limit(slow, Side.VEHICLE) > proof_limit(session, Side.VEHICLE)
    assert traits_of(Side.CHARGER, "hypervolt").toggles


def test_f35_a_banned_device_is_left_alone_until_the_ban_ends() -> None:
    played = planned(*both(STOPPED))
    played.decide(6.0)
    outcome = outcome_of(played.last_order, CommandResult.UNREACHABLE, hours=6.0)
    banned = outcome.model_copy(update={"sent_at": None, "error": "RateLimited", "retry_at": at(8)})
    played.hear(CommandEnded(outcome=banned), 6.0)
    assert [side for _, side, _ in played.sent()] == [Side.VEHICLE]
    played.end(CommandResult.UNPROVEN, 6.2, *both(STOPPED, 6.2))
    played.decide(7.9)
    assert Side.CHARGER not in [side for _, side, _ in played.sent()]


def test_f34_what_a_device_can_no_longer_do_is_not_asked_again_tonight() -> None:
    played = planned(*both(STOPPED))
    played.decide(6.0)
    outcome = outcome_of(played.last_order, CommandResult.REFUSED, hours=6.0)
    played.hear(CommandEnded(outcome=outcome.model_copy(update={"error": "MissingCapability"})), 6.0)
    assert [side for _, side, _ in played.sent()] == [Side.VEHICLE]
    played.end(CommandResult.UNPROVEN, 6.2, *both(STOPPED, 6.2))
    played.decide(7.0)
    assert [side for _, side, _ in played.sent()] == [Side.VEHICLE]


def test_f37_a_dead_login_hands_over_to_the_other_side_and_a_reading_re_arms_it() -> None:
    played = held_at_the_charger()
    played.hear(ReadFailed(device_id=CHARGER, why="LinkRevoked"), 1.0)
    assert [(t.kind, t.cause) for t in played.of(Tell)] == [("notice", "login_dead")]
    played.decide(6.0)
    assert [side for _, side, _ in played.sent()] == [Side.VEHICLE]
    played.hear(ReadingArrived(reading=both(STOPPED, 6.1)[0]), 6.1)
    assert played.state.no_login == frozenset()


def test_f24_charger_then_car_are_cleared_and_only_the_last_one_must_show_flow() -> None:
    played = held_at_the_charger()
    held = played.state.holds[0]
    both_sides = (held, held.model_copy(update={"side": Side.VEHICLE}))
    played.state = played.state.model_copy(update={"holds": both_sides})
    played.decide(6.0)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.RELEASED)]
    played.end(CommandResult.PROVEN, 6.1, *both(STOPPED, 6.1, charger=NO_POWER))
    assert played.sent() == [(Goal.START, Side.VEHICLE, Proof.FLOW)]


@pytest.mark.parametrize("script", list(itertools.product(("pause", "start", "unpair", "pair", "sleep"), repeat=3)))
def test_p4_no_sequence_leaves_our_hold_with_time_left(script: tuple[str, ...]) -> None:
    """Whatever was done to the pair before: when energy is wanted, a command toward it is under way or to come."""
    played = planned(*both(CHARGING))
    hours = 0.2
    for n, step in enumerate(script):
        hours += 0.3
        _do(played, step, hours, n)
    played.decide(10.0)
    for _ in range(6):
        if not played.state.holds:
            break
        assert played.state.open_commands(), "our hold lies there and nothing is tried"
        order = played.state.open_commands()[0].order
        assert order.goal is Goal.START
        shown = both(CHARGING, 10.1) if order.proof is Proof.FLOW else ()
        ended = outcome_of(order, CommandResult.PROVEN, hours=10.1, evidence=shown)
        played.hear(CommandEnded(outcome=ended), 10.1)
    assert played.state.holds == ()


def _do(played: Played, step: str, hours: float, n: int) -> None:
    for command in played.state.open_commands():
        before = hours - 0.1
        shown = both(CHARGING if command.order.goal is Goal.START else STOPPED, before)
        ended = outcome_of(command.order, CommandResult.PROVEN, hours=before, evidence=shown)
        played.hear(CommandEnded(outcome=ended), before)
    if step in ("pause", "start"):
        played.readings(hours, CHARGING if step == "start" else STOPPED)
    elif step == "sleep":
        played.hear_reading(both(STOPPED, hours)[1].model_copy(update={"is_reachable": False}))
    else:
        for reading in both(STOPPED, hours):
            played.hear_reading(reading.model_copy(update={} if step == "pair" else {"paired_with": None}))
    played.decide(hours)


def test_s49_s50_delegated_control_commands_the_vehicle_only_and_proves_by_both_ends() -> None:
    played = planned(*both(CHARGING), mode=ControlMode.DELEGATED)
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]
    assert set(played.last_order.witness_ids) == set(Side)
    played.end(CommandResult.UNPROVEN, 0.4, *both(CHARGING, 0.4))
    assert played.sent() == []


def test_s51_on_another_charger_or_none_control_goes_through_the_vehicle() -> None:
    charger, car = both(CHARGING)
    elsewhere = (charger.model_copy(update={"paired_with": "car-9"}), car.model_copy(update={"paired_with": None}))
    for mode in ControlMode:
        assert [side for _, side, _ in planned(*elsewhere, mode=mode).sent()] == [Side.VEHICLE]


def test_f65_one_command_per_device_however_many_boxes_are_linked() -> None:
    boxes = (Box(device_id=CHARGER, vendor="ZAPTEC"), Box(device_id="charger-2", vendor="EASEE"))
    played = planned(*both(CHARGING), boxes=boxes)
    assert [command.order.device_id for command in played.state.open_commands()] == [CHARGER]


def test_f1_f25_a_charger_that_offers_in_vain_is_pulsed_once_per_failed_ladder() -> None:
    played = planned(*both(STOPPED))
    car = played.state.car.model_copy(update={"can_start": False, "can_stop": False})
    played.state = played.state.model_copy(update={"car": car})
    played.decide(6.0)
    played.end(CommandResult.UNPROVEN, 6.2, *both(STOPPED, 6.2, charger=NO_POWER))
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.HELD)]
    assert played.last_order.is_pulse
    played.end(CommandResult.PROVEN, 6.25, *both(STOPPED, 6.25))
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]
    played.end(CommandResult.UNPROVEN, 6.4, *both(STOPPED, 6.4, charger=NO_POWER))
    assert played.sent() == []  # the ladder has failed: not before its rest


def test_f4_a_charger_that_holds_is_not_pulsed() -> None:
    played = planned(*both(STOPPED))
    car = played.state.car.model_copy(update={"can_start": False, "can_stop": False})
    played.state = played.state.model_copy(update={"car": car})
    played.decide(6.0)
    played.end(CommandResult.UNPROVEN, 6.2, *both(STOPPED, 6.2))
    assert played.sent() == []


def test_f1_a_car_that_we_hold_and_that_only_woke_is_started_once_more_at_once() -> None:
    played = planned(make_reading(state=CHARGING, paired_with=None), with_charger=False)
    played.end(CommandResult.PROVEN, 0.3, make_reading(hours=0.3, paired_with=None))
    played.decide(6.0)
    played.end(CommandResult.UNPROVEN, 6.2, make_reading(hours=6.2, paired_with=None))
    assert played.sent() == [(Goal.START, Side.VEHICLE, Proof.FLOW)]
    played.end(CommandResult.UNPROVEN, 6.4, make_reading(hours=6.4, paired_with=None))
    assert played.sent() == []


def test_p2_a_start_that_found_flow_keeps_the_hold_of_a_stop_that_it_superseded() -> None:
    played = planned(*both(CHARGING))  # a stop is on its way
    played.hear(DriverActed(action_id="a", at=at(0.11), act="charge_now"), 0.11)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]
    played.end(CommandResult.ALREADY_SO, 0.12, *both(CHARGING, 0.12))
    assert [hold.is_certain for hold in played.state.holds] == [False]


def test_p11_f18_f62_a_charger_that_offers_and_may_hold_another_car_is_started_last() -> None:
    """It could toggle, unmarked: then a start would take the guest's energy."""
    other = make_reading(Side.CHARGER, state=CHARGING, device_id="charger-2", paired_with=None)
    session = make_session(*both(STOPPED, charger=NO_POWER), other)
    boxes = (*session.boxes, Box(device_id="charger-2", vendor="ZAPTEC"))
    played = Played(session.model_copy(update={"boxes": boxes}))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.1)
    played.decide(6.0)
    assert played.last_order.side is Side.VEHICLE
    alone = planned(*both(STOPPED, charger=NO_POWER))
    alone.decide(6.0)
    assert alone.last_order.side is Side.CHARGER


def test_f22_a_box_that_ended_its_transaction_at_our_stop_gets_a_second_start_at_once() -> None:
    played = held_at_the_charger()
    played.decide(6.0)
    played.end(CommandResult.UNPROVEN, 6.2, *both(STOPPED, 6.2))
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]
    played.end(CommandResult.UNPROVEN, 6.4, *both(STOPPED, 6.4))
    assert played.sent() == [(Goal.START, Side.VEHICLE, Proof.FLOW)]
    assert played.of(Tell) == []


def test_p2_f70_a_hold_on_a_side_whose_login_seems_dead_is_asked_for_from_the_last_safe_start_on() -> None:
    played = held_at_the_charger()
    played.hear(ReadFailed(device_id=CHARGER, why="LinkRevoked"), 5.9)
    played.decide(6.0)
    assert played.last_order.side is Side.VEHICLE
    played.end(CommandResult.UNPROVEN, 6.2, *both(STOPPED, 6.2))
    played.decide(9.5)
    sides = {command.order.side for command in played.state.open_commands()}
    if Side.CHARGER not in sides:
        played.end(CommandResult.UNPROVEN, 9.6, *both(STOPPED, 9.6))
    assert played.last_order.side is Side.CHARGER
