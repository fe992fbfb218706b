"""What commands showed finds its way from a night's account to the plans of the nights after it."""

from support.factories import CAR, at, make_driver, make_reading, make_session

from domain.commands import CommandOrder, CommandOutcome, CommandResult, Goal, Proof
from domain.devices import Side
from domain.driver.apply import apply
from domain.driver.events import NightReported
from domain.reliability import RouteRecord
from domain.requirement import Record
from domain.session.picture import picture_of
from domain.session.planning import plan_request
from domain.session.state import Car, Command, Night, SessionState
from domain.session.trust import route_record

POOR = {Side.CHARGER: RouteRecord(tried=10, proven=2), Side.VEHICLE: RouteRecord(tried=4, proven=4)}


def a_night(*results: CommandResult) -> Night:
    return Night(
        number=1,
        opened_at=at(0),
        departs_at=at(12),
        target_soc_pct=80,
        min_soc_pct=0,
        commands=tuple(ended(number, result) for number, result in enumerate(results, 1)),
    )


def ended(number: int, result: CommandResult) -> Command:
    order = CommandOrder(
        key=f"k{number}",
        number=number,
        goal=Goal.STOP,
        side=Side.CHARGER,
        device_id="charger-1",
        driver_id="driver-1",
        proof=Proof.NO_FLOW,
        prove_by=at(1),
        witness_ids={},
    )
    outcome = CommandOutcome(
        number=number, key=order.key, goal=order.goal, side=order.side, result=result, sent_at=at(0), ended_at=at(0)
    )
    return Command(order=order, begun_at=at(0), outcome=outcome)


def plugged(**changes) -> SessionState:
    return make_session(make_reading(), make_reading(Side.CHARGER), **changes)


def test_the_record_of_the_side_that_will_be_commanded_counts_with_tonight():
    session = plugged(
        record=Record(routes=POOR), night=a_night(CommandResult.PROVEN, CommandResult.UNPROVEN), with_charger=False
    )
    assert route_record(session) == RouteRecord(tried=4, proven=4)


def test_a_plan_is_asked_for_with_the_record_and_the_cars_taper():
    car = Car(device_id=CAR, vendor="TESLA", taper_from_pct=80, taper_end_power_kw=3.0)
    session = plugged(record=Record(routes=POOR), night=a_night(), car=car, with_charger=False)
    assert session.night is not None
    asked = plan_request(session, session.night, picture_of(session, at(0)), at(0))
    assert asked.route == POOR[Side.VEHICLE]
    assert (asked.taper_from_pct, asked.taper_end_power_kw) == (80, 3.0)


def test_nights_reported_add_up_in_the_drivers_record():
    report = NightReported(
        session_id="s", vehicle_id=CAR, number=1, is_ready=True, saving="1", why="", commands_sent=10, routes=POOR
    )
    driver = apply(make_driver(), report)
    driver = apply(driver, report.model_copy(update={"number": 2}))
    driver = apply(driver, report)  # told twice
    assert driver.record.routes[Side.CHARGER] == RouteRecord(tried=20, proven=4)
    assert driver.record.commands_sent == 20
