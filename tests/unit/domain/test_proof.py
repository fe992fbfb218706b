"""A command has worked when energy flows, or has stopped, in readings younger than the command."""

import pytest
from support.factories import CAR, CHARGER, DRIVER, at, make_reading

from domain.commands import CommandOrder, Goal, Proof
from domain.devices import PowerDeliveryState, Reading, Side
from domain.proof import is_proven

CHARGING, STOPPED, NO_POWER = PowerDeliveryState.CHARGING, PowerDeliveryState.STOPPED, PowerDeliveryState.NO_POWER


def order(proof: Proof, side: Side = Side.CHARGER) -> CommandOrder:
    return CommandOrder(
        key="s/1/1",
        number=1,
        goal=Goal.STOP if proof is Proof.NO_FLOW else Goal.START,
        side=side,
        device_id=CHARGER if side is Side.CHARGER else CAR,
        driver_id=DRIVER,
        proof=proof,
        prove_by=at(1),
        witness_ids={Side.CHARGER: CHARGER, Side.VEHICLE: CAR},
    )


def seen(*readings: Reading) -> dict[Side, Reading]:
    return {reading.side: reading for reading in readings}


def test_flow_is_proven_by_either_meter_after_the_command() -> None:
    readings = seen(make_reading(Side.CHARGER, hours=0.1, state=CHARGING))
    assert is_proven(order(Proof.FLOW), readings, at(0), is_last_look=False)
    assert not is_proven(order(Proof.FLOW), readings, at(0.2), is_last_look=True)


def test_a_word_without_a_rate_is_no_proof_of_flow() -> None:
    word = seen(make_reading(hours=0.1, state=CHARGING, charge_rate_kw=None))
    assert not is_proven(order(Proof.FLOW), word, at(0), is_last_look=True)


@pytest.mark.parametrize(("level", "is_enough"), [(40.0, False), (40.9, False), (41.0, True)])
def test_without_a_rate_a_risen_level_proves_flow(level: float, is_enough: bool) -> None:
    readings = seen(make_reading(hours=0.1, state=CHARGING, charge_rate_kw=None, soc_pct=level))
    assert is_proven(order(Proof.FLOW), readings, at(0), is_last_look=False, soc_before_pct=40.0) is is_enough


def test_a_stop_needs_every_witness_until_the_last_look() -> None:
    one = seen(make_reading(Side.CHARGER, hours=0.1, state=STOPPED))
    assert not is_proven(order(Proof.NO_FLOW), one, at(0), is_last_look=False)
    assert is_proven(order(Proof.NO_FLOW), one, at(0), is_last_look=True)


def test_a_charger_that_says_stopped_while_the_car_draws_power_has_not_stopped() -> None:
    lie = seen(make_reading(Side.CHARGER, hours=0.1, state=STOPPED), make_reading(hours=0.1, state=CHARGING))
    assert not is_proven(order(Proof.NO_FLOW), lie, at(0), is_last_look=True)


def test_silence_proves_nothing() -> None:
    for proof in Proof:
        assert not is_proven(order(proof), {}, at(0), is_last_look=True)


@pytest.mark.parametrize(("state", "is_released"), [(NO_POWER, True), (CHARGING, True), (STOPPED, False)])
def test_a_charger_is_released_when_it_offers_whether_or_not_the_car_takes(
    state: PowerDeliveryState, is_released: bool
) -> None:
    readings = seen(make_reading(Side.CHARGER, hours=0.1, state=state))
    assert is_proven(order(Proof.RELEASED), readings, at(0), is_last_look=True) is is_released


def test_f7_p3_a_car_whose_charger_measures_nothing_is_not_proven_to_charge_by_its_own_word() -> None:
    stale = seen(make_reading(Side.CHARGER, hours=0.1, state=NO_POWER), make_reading(hours=0.1, state=CHARGING))
    assert not is_proven(order(Proof.FLOW), stale, at(0), is_last_look=True)
    alone = seen(make_reading(hours=0.1, state=CHARGING))
    assert is_proven(order(Proof.FLOW), alone, at(0), is_last_look=False)


def test_p3_f7_a_level_that_rises_proves_nothing_where_power_is_told_or_the_meter_was_ahead() -> None:
    """A car that told old values for hours makes up for them in one step, when it has long been full."""
    jumped = make_reading(hours=0.1, state=PowerDeliveryState.UNKNOWN, charge_rate_kw=None, soc_pct=100.0)
    start = order(Proof.FLOW)
    assert is_proven(start, seen(jumped), at(0), is_last_look=True, soc_before_pct=58.0)
    rests = make_reading(Side.CHARGER, hours=0.1, state=NO_POWER)
    assert not is_proven(start, seen(jumped, rests), at(0), is_last_look=True, soc_before_pct=58.0)
    behind = start.model_copy(update={"is_level_behind": True})
    assert not is_proven(behind, seen(jumped), at(0), is_last_look=True, soc_before_pct=58.0)
