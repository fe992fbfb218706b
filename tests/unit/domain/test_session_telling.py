"""What the driver is told, how often, and when it is withdrawn."""

from support.by_hand import STOPPED, Played, both, planned
from support.factories import make_plan, make_reading, make_session

from domain.commands import CommandResult, Goal, Proof
from domain.devices import Side
from domain.session.effects import Tell
from domain.session.events import PlanReady


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
