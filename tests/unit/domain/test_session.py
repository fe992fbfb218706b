"""The session's policy, rule by rule, and whole nights without any engine."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import (
    CAR,
    CHARGER,
    MORNING,
    at,
    make_plan,
    make_reading,
    make_session,
    outcome_of,
)

from domain.commands import CommandResult, Goal, Proof
from domain.devices import PowerDeliveryState, Side
from domain.fusion import fuse
from domain.machine import MAX_CHAIN
from domain.session.apply import apply, begun
from domain.session.decide import _rules, decide
from domain.session.effects import (
    CloseNight,
    CloseSession,
    Decision,
    OpenNight,
    Plan,
    Read,
    Report,
    ReportReleased,
    Send,
    SessionEffect,
    Tell,
    WakeAt,
)
from domain.session.events import (
    CommandEnded,
    DevicesLeaving,
    DriverActed,
    NightAccounted,
    PlanFailed,
    PlanReady,
    ReadingArrived,
    SessionEvent,
)
from domain.session.ladder import MAX_COMMANDS_PER_NIGHT
from domain.session.state import SessionState

CHARGING, STOPPED, UNPLUGGED = PowerDeliveryState.CHARGING, PowerDeliveryState.STOPPED, PowerDeliveryState.UNPLUGGED
NO_POWER = PowerDeliveryState.NO_POWER


class Played:
    """A session played by hand: hear, decide, remember what was decided."""

    def __init__(self, state: SessionState) -> None:
        self.state = state
        self.effects: list[SessionEffect] = []

    def decide(self, hours: float) -> Decision:
        decision = decide(self.state, at(hours))
        for effect in decision.effects:
            self.state = begun(self.state, effect, at(hours))
        self.effects = list(decision.effects)
        return decision

    def hear(self, event: SessionEvent, hours: float) -> Decision:
        self.state = apply(self.state, event)
        return self.decide(hours)

    def readings(self, hours: float, state: PowerDeliveryState, charger: PowerDeliveryState | None = None) -> Decision:
        for side, side_state in ((Side.CHARGER, charger or state), (Side.VEHICLE, state)):
            reading = make_reading(side, hours=hours, state=side_state)
            self.state = apply(self.state, ReadingArrived(reading=reading))
        return self.decide(hours)

    def of(self, kind: type[SessionEffect]) -> list[SessionEffect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sent(self) -> list[tuple[Goal, Side, Proof]]:
        return [(e.order.goal, e.order.side, e.order.proof) for e in self.effects if isinstance(e, Send)]

    def order(self):
        (send,) = (e for e in self.effects if isinstance(e, Send))
        return send.order

    def end(self, result: CommandResult, hours: float, *evidence) -> Decision:
        order = self.last_order
        return self.hear(CommandEnded(outcome=outcome_of(order, result, hours=hours, evidence=evidence)), hours)

    @property
    def last_order(self):
        assert self.state.night is not None
        return self.state.night.commands[-1].order


def planned(*readings, **changes) -> Played:
    """A session half an hour in, with a plan that charges from 00:00 to 03:00 UTC."""
    played = Played(make_session(*readings, **changes))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.1)
    return played


def both(state: PowerDeliveryState, hours: float = 0.0, charger: PowerDeliveryState | None = None):
    return make_reading(Side.CHARGER, hours=hours, state=charger or state), make_reading(hours=hours, state=state)


def test_plug_in_opens_a_night_to_the_next_departure_and_asks_for_a_plan():
    played = Played(make_session(*both(STOPPED)))
    played.decide(0.0)
    (opened,), (plan,) = played.of(OpenNight), played.of(Plan)
    assert opened.departs_at == MORNING
    assert plan.request.soc_pct == 40
    assert plan.request.target_soc_pct == 80
    assert played.sent() == []


def test_a_car_that_charges_at_plug_in_is_stopped_through_the_charger_first():
    played = planned(*both(CHARGING))
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.NO_FLOW)]


def test_a_car_without_charger_is_stopped_through_the_car():
    car = make_reading(state=CHARGING, paired_with=None)
    played = planned(car, with_charger=False)
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


def test_a_charger_that_is_not_surely_holding_the_car_is_not_commanded():
    car = make_reading(state=CHARGING, paired_with=None)
    charger = make_reading(Side.CHARGER, state=CHARGING, paired_with=None)
    assert planned(charger, car).sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


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


def test_a_lying_charger_gives_way_to_the_car_and_both_holds_are_cleared_charger_first():
    played = planned(*both(CHARGING))
    played.end(CommandResult.UNPROVEN, 0.4, *both(CHARGING, 0.4))
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]
    played.end(CommandResult.PROVEN, 0.5, *both(STOPPED, 0.5, charger=NO_POWER))
    assert {(h.side, h.is_certain) for h in played.state.holds} == {(Side.CHARGER, False), (Side.VEHICLE, True)}
    assert played.sent() == []

    played.decide(6.0)  # the cheap hour
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.RELEASED)]
    played.end(CommandResult.ALREADY_SO, 6.0, *both(STOPPED, 6.0, charger=NO_POWER))
    assert played.sent() == [(Goal.START, Side.VEHICLE, Proof.FLOW)]
    played.end(CommandResult.PROVEN, 6.1, *both(CHARGING, 6.1))
    assert played.state.holds == ()
    assert played.sent() == []


def test_energy_that_flows_disproves_a_certain_hold():
    played = planned(*both(CHARGING))
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    assert [h.side for h in played.state.holds] == [Side.CHARGER]
    played.readings(6.2, CHARGING)
    assert played.state.holds == ()


def test_nothing_is_sent_when_what_is_measured_is_what_is_wanted():
    assert planned(*both(STOPPED)).sent() == []


def test_unknown_power_is_asked_for_before_anything_is_sent():
    quiet = make_reading(state=PowerDeliveryState.UNKNOWN, hours=-1, paired_with=None)
    played = planned(quiet, with_charger=False)
    assert played.sent() == []
    played = Played(make_session(quiet, with_charger=False))
    played.decide(0.0)
    assert [effect.device_id for effect in played.of(Read)] == [CAR]


def test_after_every_rung_failed_the_driver_is_told_once_and_the_ladder_is_climbed_again_later():
    played = planned(*both(STOPPED))
    played.decide(6.0)
    played.end(CommandResult.UNPROVEN, 6.2, *both(STOPPED, 6.2))
    assert played.sent() == [(Goal.START, Side.VEHICLE, Proof.FLOW)]
    played.end(CommandResult.UNPROVEN, 6.4, *both(STOPPED, 6.4))
    assert [(t.kind, t.cause) for t in played.of(Tell)] == [("at_risk", "start_failed")]
    played.decide(6.5)
    assert played.of(Tell) == []
    assert played.sent() == []
    played.decide(6.8)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


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


def test_from_the_last_safe_start_on_price_no_longer_counts():
    # 40 % of 60 kWh at 90 % efficiency is 26.7 kWh; at 0.9 * 11 kW that takes 2.7 h; with 0.5 h margin: 8.8 h in.
    played = Played(make_session(*both(STOPPED)))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan((11, 12))), 0.1)
    played.decide(8.7)
    assert played.sent() == []
    played.decide(8.9)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_without_a_plan_the_car_charges_at_once():
    played = Played(make_session(*both(STOPPED)))
    played.decide(0.0)
    played.hear(PlanFailed(revision=1, why="MalformedReply"), 0.1)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_at_the_target_the_charge_is_stopped():
    played = planned(*both(STOPPED))
    played.readings(8.0, CHARGING)
    assert played.sent() == []
    full = make_reading(hours=8.5, state=CHARGING, soc_pct=80)
    played.hear(ReadingArrived(reading=full), 8.5)
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.NO_FLOW)]
    assert played.state.night.ready_at == at(8.5)


def test_a_plan_for_an_older_question_is_not_taken():
    played = planned(*both(STOPPED))
    before = played.state.night.plan
    played.hear(PlanReady(revision=7, plan=make_plan((0, 1))), 0.2)
    assert played.state.night.plan == before


def test_an_older_reading_changes_nothing():
    played = planned(*both(STOPPED, 1.0))
    before = played.state.readings[CAR]
    played.hear(ReadingArrived(reading=make_reading(hours=0.5, state=CHARGING)), 1.1)
    assert played.state.readings[CAR] == before


def test_an_unplug_said_by_one_side_only_is_no_unplug():
    played = planned(*both(STOPPED))
    played.hear(ReadingArrived(reading=make_reading(hours=1, state=UNPLUGGED)), 1.0)
    played.decide(1.5)
    assert played.of(CloseNight) == []


def test_a_sure_unplug_closes_the_night_then_the_session_after_its_report():
    played = planned(*both(STOPPED))
    for side in Side:
        gone = make_reading(side, hours=1, state=UNPLUGGED, paired_with=None)
        played.state = apply(played.state, ReadingArrived(reading=gone))
    played.decide(1.0)
    assert played.of(CloseNight) == []
    played.decide(1.0 + 61 / 3600)
    assert [effect.reason for effect in played.of(CloseNight)] == ["unplugged"]
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="unplugged early"), 1.1)
    assert [type(effect) for effect in played.effects] == [Report, CloseSession]


def test_at_departure_the_night_closes_and_a_car_that_stays_gets_the_next_one():
    played = planned(*both(STOPPED))
    played.decide(12.0)
    assert [effect.reason for effect in played.of(CloseNight)] == ["departure"]
    played.hear(NightAccounted(number=1, is_ready=True, saving="1.50", why="ready"), 12.1)
    assert played.of(OpenNight) == []
    played.decide(13.0)
    (opened,) = played.of(OpenNight)
    assert opened.number == 2
    assert opened.departs_at == MORNING + timedelta(days=1)


def test_a_late_result_of_an_old_command_changes_nothing():
    played = planned(*both(CHARGING))
    old = played.order()
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    before = played.state
    assert apply(before, CommandEnded(outcome=outcome_of(old, CommandResult.UNPROVEN, hours=0.4))) == before


def test_the_next_instant_is_the_earliest_of_interest():
    wake = planned(*both(STOPPED)).decide(0.2).effects[-1]
    assert isinstance(wake, WakeAt)
    assert (wake.at, wake.reason) == (at(6.0), "the plan switches")


STATES = st.sampled_from(list(PowerDeliveryState))
READINGS = st.builds(
    lambda side, hours, state, soc, paired: make_reading(
        side,
        hours=hours,
        state=state,
        soc_pct=soc if side is Side.VEHICLE else None,
        paired_with=(CHARGER if side is Side.VEHICLE else CAR) if paired else None,
    ),
    st.sampled_from(list(Side)),
    st.floats(-1, 14),
    STATES,
    st.none() | st.floats(0, 100),
    st.booleans(),
)


@given(
    readings=st.lists(READINGS, max_size=6),
    acts=st.lists(st.sampled_from(["charge_now", "stay_stopped", "skip_night", "follow_plan"]), max_size=2),
    results=st.lists(st.sampled_from(list(CommandResult)), max_size=4),
    hours=st.floats(0, 15),
    has_plan=st.booleans(),
)
def test_every_chain_comes_to_rest_and_no_device_has_two_open_commands(readings, acts, results, hours, has_plan):
    played = Played(make_session(*readings[:2]))
    played.decide(0.0)
    if has_plan:
        played.hear(PlanReady(revision=1, plan=make_plan()), 0.1)
    for reading in readings[2:]:
        played.hear(ReadingArrived(reading=reading), max(0.1, hours))
    for n, act in enumerate(acts):
        played.hear(DriverActed(action_id=str(n), at=at(hours), act=act), hours)
    for result in results:
        for command in played.state.open_commands():
            played.hear(CommandEnded(outcome=outcome_of(command.order, result, hours=hours)), hours)
            _assert_sound(played.state, at(hours))


def _assert_sound(state: SessionState, now: datetime) -> None:
    steps = 0
    while step := list(_rules(state, now)):
        steps += 1
        assert steps < MAX_CHAIN
        for effect in step:
            state = begun(state, effect, now)
    devices = [command.order.device_id for command in state.open_commands()]
    assert len(devices) == len(set(devices))


def test_events_of_unknown_devices_are_left_alone():
    session = make_session(*both(STOPPED))
    stranger = make_reading(device_id="car-2")
    assert apply(session, ReadingArrived(reading=stranger)) == session


@pytest.mark.parametrize("kind", ["charge_now", "stay_stopped"])
def test_the_drivers_word_outlives_the_plan_until_taken_back(kind):
    played = planned(*both(STOPPED))
    played.hear(DriverActed(action_id="a", at=at(1), act=kind), 1)
    assert played.state.override.kind == kind
    played.hear(DriverActed(action_id="b", at=at(2), act="follow_plan"), 2)
    assert played.state.override is None


def test_a_level_off_the_plan_asks_for_a_new_plan_once_the_old_one_has_settled():
    # The plan was asked for at 40 %, charges nothing before hour 6, and the car is then seen at 47 %.
    played = planned(*both(STOPPED))
    higher = make_reading(hours=0.2, soc_pct=47)
    played.hear(ReadingArrived(reading=higher), 0.2)
    assert played.of(Plan) == []
    assert [e.reason for e in played.of(WakeAt)] == ["plan again: the level is off the plan"]
    played.decide(0.25)
    (plan,) = played.of(Plan)
    assert (plan.request.soc_pct, plan.reason) == (47, "level is +7 % off the plan")
    assert played.of(WakeAt)[0].reason == "the plan switches"


def test_a_level_that_follows_the_plan_asks_for_nothing():
    # After one of three planned hours: 11 kWh * 0.9 / 60 kWh = 16.5 % above 40 %.
    played = planned(*both(STOPPED))
    played.hear(ReadingArrived(reading=make_reading(hours=7, state=CHARGING, soc_pct=56)), 7)
    assert played.of(Plan) == []


def test_a_car_that_says_it_charges_without_a_rate_is_stopped_but_never_taken_as_proven():
    silent = make_reading(state=CHARGING, charge_rate_kw=None, paired_with=None)
    played = planned(silent, with_charger=False)
    assert fuse(CAR, played.state.readings).is_flowing is None
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


def test_from_the_last_safe_start_on_the_driver_is_told_to_act_now():
    played = planned(*both(STOPPED))
    played.decide(9.0)
    played.end(CommandResult.UNPROVEN, 9.2, *both(STOPPED, 9.2))
    played.end(CommandResult.UNPROVEN, 9.4, *both(STOPPED, 9.4))
    assert [(t.kind, t.what_to_do) for t in played.of(Tell)] == [("act_now", "start_at_charger")]


def held_at_the_charger() -> Played:
    """Stopped by us through the charger, waiting for the cheap hour."""
    played = planned(*both(CHARGING))
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    return played


def test_f38_a_leaving_charger_is_released_then_left_alone_and_the_car_takes_over():
    played = held_at_the_charger()
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 1.0)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]
    assert played.of(ReportReleased) == []
    played.end(CommandResult.PROVEN, 1.1, *both(CHARGING, 1.1))
    assert [e.device_ids for e in played.of(ReportReleased)] == [(CHARGER,)]
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]
    assert CHARGER not in played.state.device_ids


def test_f38_a_leaving_charger_that_does_not_obey_is_given_up_after_one_try():
    played = held_at_the_charger()
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 1.0)
    played.end(CommandResult.UNPROVEN, 1.2)
    (report,) = played.of(ReportReleased)
    assert (report.device_ids, report.reason) == ((CHARGER,), "our hold could not be released in time")


def test_a_leaving_charger_without_a_hold_of_ours_is_reported_at_once():
    played = planned(*both(STOPPED))
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 1.0)
    assert played.sent() == []
    assert len(played.of(ReportReleased)) == 1


def test_a_car_that_cannot_do_without_its_charger_ends_its_session_when_the_charger_leaves():
    session = make_session(*both(STOPPED))
    played = Played(session.model_copy(update={"car": session.car.model_copy(update={"can_stop": False})}))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.1)
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 1.0)
    assert [e.reason for e in played.of(CloseNight)] == ["without its charger this car cannot be controlled"]


def test_an_unlinked_car_ends_its_session():
    played = planned(*both(STOPPED))
    played.hear(DevicesLeaving(device_ids=(CAR,)), 1.0)
    assert [e.reason for e in played.of(CloseNight)] == ["the car was unlinked"]
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="unlinked"), 1.1)
    assert len(played.of(CloseSession)) == 1


def test_a_hold_between_nights_is_released_too_when_its_device_leaves():
    played = held_at_the_charger()
    played.decide(12.0)
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="short"), 12.1)
    played.hear(DevicesLeaving(device_ids=(CHARGER,)), 12.2)
    assert len(played.of(OpenNight)) == 1
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_s43_after_a_plug_in_the_word_which_charger_holds_the_car_is_waited_for_and_asked_for_once():
    unmatched = (
        make_reading(Side.CHARGER, state=CHARGING, paired_with=None),
        make_reading(state=CHARGING, paired_with=None),
    )
    played = Played(make_session(*unmatched))
    played.decide(0.0)
    assert [(e.device_id, e.reason) for e in played.of(Read)] == [(CAR, "not known yet which charger holds the car")]
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.02)
    assert played.sent() == []
    assert played.of(Read) == []
    played.readings(0.05, CHARGING)  # now both ends name each other
    assert played.sent() == [(Goal.STOP, Side.CHARGER, Proof.NO_FLOW)]


def test_a_car_that_no_charger_of_ours_claims_in_time_is_controlled_through_itself():
    unmatched = (
        make_reading(Side.CHARGER, state=CHARGING, paired_with=None),
        make_reading(state=CHARGING, paired_with=None),
    )
    played = Played(make_session(*unmatched))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.02)
    played.decide(0.0 + 5 / 60)
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


def test_a_replug_while_the_night_is_being_closed_opens_the_next_one_at_once():
    played = planned(*both(STOPPED))
    for side in Side:
        gone = make_reading(side, hours=1, state=UNPLUGGED, paired_with=None)
        played.state = apply(played.state, ReadingArrived(reading=gone))
    played.decide(1.02)
    assert len(played.of(CloseNight)) == 1
    played.readings(1.03, STOPPED)
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="unplugged early"), 1.04)
    (opened,) = played.of(OpenNight)
    assert (opened.number, opened.departs_at) == (2, MORNING)


def test_an_unplug_that_was_observed_long_ago_is_still_given_its_minute():
    played = planned(*both(STOPPED, 0.5))
    for side in Side:
        late = make_reading(side, hours=1, state=UNPLUGGED, paired_with=None, received_at=at(3))
        played.state = apply(played.state, ReadingArrived(reading=late))
    played.decide(3.0)
    assert played.of(CloseNight) == []


@pytest.mark.parametrize("why", ["cheap hour", "charge now", "last safe start"])
def test_a_held_car_is_started_although_nobody_tells_its_power(why):
    played = held_at_the_charger()
    for side in Side:
        silent = make_reading(side, hours=0.5, is_reachable=False)
        played.state = apply(played.state, ReadingArrived(reading=silent))
    hours = {"cheap hour": 6.0, "charge now": 1.0, "last safe start": 10.0}[why]
    if why == "charge now":
        played.hear(DriverActed(action_id="a", at=at(hours), act="charge_now"), hours)
    else:
        played.decide(hours)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_charge_now_after_departure_does_not_wait_for_the_next_night():
    played = held_at_the_charger()
    played.decide(12.0)
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="short"), 12.1)
    played.hear(DriverActed(action_id="a", at=at(12.2), act="charge_now"), 12.2)
    assert played.sent() == [(Goal.START, Side.CHARGER, Proof.FLOW)]


def test_nothing_follows_the_closing_of_a_session():
    played = planned(*both(STOPPED))
    for side in Side:
        gone = make_reading(side, hours=1, state=UNPLUGGED, paired_with=None)
        played.state = apply(played.state, ReadingArrived(reading=gone))
    played.decide(1.1)
    played.state = apply(played.state, DevicesLeaving(device_ids=(CHARGER,)))
    played.hear(NightAccounted(number=1, is_ready=False, saving="0", why="unplugged"), 1.2)
    assert isinstance(played.effects[-1], CloseSession)


def test_a_charger_that_names_another_car_is_not_commanded():
    car = make_reading(state=CHARGING)
    charger = make_reading(Side.CHARGER, state=CHARGING, paired_with="car-2")
    played = planned(charger, car)
    assert played.sent() == [(Goal.STOP, Side.VEHICLE, Proof.NO_FLOW)]


def test_commands_are_kept_for_the_last_safe_start():
    played = planned(*both(STOPPED))
    played.decide(6.0)
    played.end(CommandResult.UNPROVEN, 6.1, *both(STOPPED, 6.1))
    spent = (played.state.night.commands[0],) * MAX_COMMANDS_PER_NIGHT
    night = played.state.night.model_copy(update={"commands": spent})
    played.state = played.state.model_copy(update={"night": night})
    played.decide(8.7)
    assert played.sent() == []
    played.decide(9.5)
    assert [goal for goal, _, _ in played.sent()] == [Goal.START]


def test_beyond_the_cars_own_limit_nothing_is_commanded():
    readings = [r.model_copy(update={"soc_pct": 70.0, "charge_limit_pct": 70.0}) for r in both(STOPPED)[1:]]
    played = planned(both(STOPPED)[0], *readings)
    for hours in (6.5, 11.5):
        played.decide(hours)
        assert played.sent() == []


def test_a_raised_target_is_not_reached_yet_and_a_lowered_one_may_be():
    played = planned(*both(STOPPED))
    level = make_reading(hours=1, soc_pct=60)
    played.hear(ReadingArrived(reading=level), 1)
    for target, ready_at in ((50, at(1)), (90, None)):
        wish = played.state.wish.model_copy(update={"target_soc_pct": target})
        played.hear(DriverActed(action_id=str(target), at=at(2), act="set_wish", wish=wish), 2)
        assert played.state.night.ready_at == ready_at
