"""What must not come of a killed worker, told from what the relays did."""

from datetime import timedelta

from support.factories import CAR, CHARGER, DRIVER, EVENING, at

from domain.commands import CommandOrder, Goal, Proof
from domain.devices import Side
from nights.judge.truth import Relay
from nights.kills import Ending, moved_twice


def an_order(number: int, goal: Goal, hours: float) -> tuple:
    order = CommandOrder(
        key=f"car-1:1/1/{number}",
        number=number,
        goal=goal,
        side=Side.CHARGER,
        device_id=CHARGER,
        driver_id=DRIVER,
        proof=Proof.FLOW,
        prove_by=EVENING + timedelta(hours=hours, minutes=10),
        witness_ids={Side.CHARGER: CHARGER, Side.VEHICLE: CAR},
    )
    return at(hours), order


ORDERS = [an_order(1, Goal.STOP, 0), an_order(2, Goal.START, 6), an_order(3, Goal.STOP, 8)]


def moved(hours: float, goal: str) -> Relay:
    return Relay(at(hours), "charger", "open" if goal == "STOP" else "closed", f"client:{goal}:box/1")


def test_one_change_of_the_relay_for_each_order_is_as_it_must_be() -> None:
    assert moved_twice([moved(0.1, "STOP"), moved(6.1, "START"), moved(8.1, "STOP")], ORDERS) == ()


def test_p5_a_relay_that_changes_twice_for_one_order_is_told() -> None:
    assert moved_twice([moved(6.1, "START"), moved(6.2, "START")], ORDERS) == ("car-1:1/1/2",)


def test_p5_changes_that_nobody_ordered_are_told_if_they_come_twice() -> None:
    assert moved_twice([moved(0.1, "START"), moved(0.2, "START")], ORDERS) == ("no order of ours: charger closed",)


def test_p5_an_ending_differs_in_every_order_that_falls_into_another_slot() -> None:
    meant = Ending(True, False, (("start", "charger", "01:00"),), (("charger", "closed"),))
    late = Ending(True, False, (("start", "charger", "02:00"),), (("charger", "closed"),))
    assert (meant.differs_in(meant), meant.differs_in(late)) == ([], ["orders"])
