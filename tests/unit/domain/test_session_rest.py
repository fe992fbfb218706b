"""Whatever is heard in whatever order: decisions come to rest, and no device has two open commands."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from support.by_hand import Played
from support.factories import CAR, CHARGER, at, make_plan, make_reading, make_session, outcome_of

from domain.commands import CommandResult
from domain.devices import PowerDeliveryState, Side
from domain.machine import MAX_CHAIN
from domain.session.apply import begun
from domain.session.decide import _rules
from domain.session.events import CommandEnded, DriverActed, PlanReady, ReadingArrived
from domain.session.state import SessionState

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
