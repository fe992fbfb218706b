"""Programs, roster and reliability record in SQL: one origin one version, stable pages, the same sums as by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.factories import EVENING, make_device, make_reading
from support.fleet import NAME, Town, device_of, driver_ids, open_town

from domain.account import NightAccount
from domain.capabilities import SHIPPED_BRANDS
from domain.commands import CommandIntent, CommandOrder, CommandOutcome, CommandResult, Goal, Proof
from domain.devices import Side
from domain.errors import CallerError
from domain.program import Program
from domain.requirement import Requirement
from domain.rollout.asking import Member
from domain.rollout.evidence import NightRecord, evidence_of
from domain.rollout.tickets import Ticket
from storage.erasure import SqlErasure
from storage.sql import SqlStore
from storage.tenants import DriverRecord, Tenants

NIGHT = timedelta(days=1)


def make_night(driver_id: str = "d1", n: int = 0, **changes) -> NightRecord:
    values = {
        "session_id": f"{driver_id}:{n}",
        "number": 1,
        "driver_id": driver_id,
        "brand": "Jeep",
        "model": "Avenger",
        "closed_at": EVENING,
        "has_charger": False,
        "is_ready": True,
        "commands_sent": 4,
        "commands_proven": 3,
        "api_calls": 5,
        "api_errors": 1,
        "quarters": 40,
        "fresh_quarters": 30,
    }
    return NightRecord(**{**values, **changes})


async def test_one_origin_makes_one_version_and_the_newest_is_what_new_drivers_start_with(town: Town):
    program = Program(name=NAME)
    first = await town.programs.publish(program, reason="one", origin="a", at=EVENING)
    again = await town.programs.publish(program, reason="else", origin="a", at=EVENING)
    second = await town.programs.publish(program, reason="two", origin="b", at=EVENING)
    assert (first.version, again, second.version) == (1, first, 2)
    assert await town.programs.program(NAME) == second
    assert await town.programs.program(NAME, 1) == first
    assert await town.programs.program("another") is None
    assert [stored.reason for stored in await town.programs.versions(NAME)] == ["one", "two"]
    assert await Tenants(town.database).program(NAME) == second
    with pytest.raises(CallerError, match="at version 2 by now, and no longer at 1"):
        await town.programs.publish(program, reason="late", origin="c", at=EVENING, follows=1)


async def test_pages_cut_the_roster_without_gap_or_overlap_and_do_not_move_when_drivers_come(town: Town):
    old, new = driver_ids(300)[:200], driver_ids(300)[200:]
    await town.roster.enter(NAME, dict.fromkeys(old, ("north", "enrolled")), EVENING)
    pages = [{m.driver_id for m in await town.roster.members(NAME, page, 7)} for page in range(7)]
    assert sorted(d for page in pages for d in page) == sorted(old)
    await town.roster.enter(NAME, dict.fromkeys(new, (None, "enrolled")), EVENING)
    later = [{m.driver_id for m in await town.roster.members(NAME, page, 7)} for page in range(7)]
    assert all(before <= after for before, after in zip(pages, later, strict=True))


async def test_who_is_not_seen_again_has_left_and_comes_back_when_seen(town: Town):
    await town.roster.enter(NAME, {"d1": ("north", "enrolled"), "d2": (None, "")}, EVENING)
    await town.roster.enter(NAME, {"d1": (None, "enrolled")}, EVENING + NIGHT)
    assert await town.roster.leave_out(NAME, EVENING + NIGHT, EVENING + NIGHT) == 1
    (member,) = await town.roster.members(NAME, 0, 1)
    assert (member.driver_id, member.region) == ("d1", "north")
    await town.roster.enter(NAME, {"d2": (None, "")}, EVENING + 2 * NIGHT)
    assert await town.roster.count(NAME) == 2


async def test_what_a_vehicle_can_do_itself_is_not_raised_by_a_linked_charger(town: Town):
    town.devices["d1"] = [device_of("d1", brand="Jeep", can_control=False)]
    await town.keep_devices()
    await town.roster.enter(NAME, {"d1": (None, "")}, EVENING)
    await town.roster.refresh(NAME, 0, 1, SHIPPED_BRANDS)
    town.devices["d1"] = [device_of("d1", brand="Jeep", can_control=True), device_of("d1", Side.CHARGER)]
    await town.keep_devices()
    await town.roster.refresh(NAME, 0, 1, SHIPPED_BRANDS)
    (member,) = await town.roster.members(NAME, 0, 1)
    assert member.has_charger
    assert "start charging" in member.vehicles[0].own.missing


async def test_a_changed_garage_makes_unknown_what_was_asked_and_an_older_word_does_not_count(town: Town):
    town.devices["d1"] = [device_of("d1")]
    await town.keep_devices()
    await town.roster.enter(NAME, {"d1": (None, "")}, EVENING)
    await town.roster.refresh(NAME, 0, 1, SHIPPED_BRANDS)
    told = Member(driver_id="d1", version=3, asked=(Requirement.MANDATORY.value,), reason="three", told_at=EVENING)
    await town.roster.tell([told])
    await town.roster.tell([told.model_copy(update={"version": 2, "reason": "two"})])
    (member,) = await town.roster.members(NAME, 0, 1)
    assert (member.version, member.reason, member.asked) == (3, "three", ("mandatory",))
    town.devices["d1"].append(device_of("d1").model_copy(update={"id": "second"}))
    await town.keep_devices()
    await town.roster.refresh(NAME, 0, 1, SHIPPED_BRANDS)
    (member,) = await town.roster.members(NAME, 0, 1)
    assert member.asked is None


NIGHTS = st.lists(
    st.builds(
        make_night,
        st.sampled_from(["d1", "d2", "d3"]),
        st.integers(0, 5),
        brand=st.sampled_from(["Jeep", "Fiat"]),
        is_ready=st.booleans(),
        commands_sent=st.integers(3, 6),
        commands_proven=st.integers(0, 3),
    ),
    max_size=12,
    unique_by=lambda night: night.session_id,
)


@settings(max_examples=25, deadline=None)
@given(nights=NIGHTS)
async def test_sums_taken_in_sql_are_those_taken_by_hand(tmp_path_factory, nights):
    town = await open_town(tmp_path_factory.mktemp("books"))
    await town.reliability.add_nights(NAME, nights)
    found = await town.reliability.by_brand(NAME, EVENING, EVENING + NIGHT)
    for brand in ("Jeep", "Fiat"):
        mine = [night for night in nights if night.brand == brand]
        assert found.get(brand) == (evidence_of(mine) if mine else None)
    drivers = await town.reliability.of_drivers(["d1", "d2"], EVENING)
    for driver in ("d1", "d2"):
        mine = [night for night in nights if night.driver_id == driver]
        assert drivers.get(driver) == (evidence_of(mine) if mine else None)
    await town.database.close()


async def test_the_record_is_kept_per_driver_brand_and_model_and_within_its_time(town: Town):
    nights = [
        make_night("d1", 0),
        make_night("d2", 0, model="Compass", has_charger=True),
        make_night("d2", 1, closed_at=EVENING - NIGHT),
    ]
    await town.reliability.add_nights(NAME, nights)
    book, until = town.reliability, EVENING + NIGHT
    assert set(await book.by_brand(NAME, EVENING, until, by_model=True)) == {"Jeep Avenger", "Jeep Compass"}
    assert (await book.by_brand(NAME, EVENING, until))["Jeep"].nights == 2
    assert (await book.by_brand(NAME, EVENING, until, has_charger=True))["Jeep"].commands.drivers == 1
    assert (await book.by_brand(NAME, EVENING, until, brand="jeep"))["Jeep"].nights == 2
    assert await book.by_brand("another", EVENING, until) == {}


async def test_tickets_count_once_for_the_brand_of_their_driver(town: Town):
    town.devices["d1"] = [device_of("d1", brand="Jeep")]
    await town.keep_devices()
    await town.roster.enter(NAME, {"d1": (None, "")}, EVENING)
    await town.roster.refresh(NAME, 0, 1, SHIPPED_BRANDS)
    await town.reliability.add_nights(NAME, [make_night("d1")])
    ticket = Ticket(ticket_id="7", driver_id="d1", opened_at=EVENING)
    assert await town.reliability.add_tickets(NAME, [ticket]) == 1
    assert await town.reliability.add_tickets(NAME, [ticket]) == 0
    (evidence,) = (await town.reliability.by_brand(NAME, EVENING, EVENING + NIGHT)).values()
    assert (evidence.tickets, evidence.tickets_per_1000_nights) == (1, 1000.0)


async def test_nights_are_collected_once_from_accounts_commands_and_readings(town: Town):
    store = SqlStore(str(town.database.engine.url))
    await store.create()
    await store.save_device(make_device(brand="Jeep", model="Avenger", id="car", driver_id="d1"))
    account = NightAccount(
        session_id="car:1",
        number=1,
        driver_id="d1",
        vehicle_id="car",
        charger_id="box",
        route="charger",
        plugged_in_at=EVENING,
        departs_at=EVENING + timedelta(hours=2),
        closed_at=EVENING + timedelta(hours=2),
        ready_at=None,
        is_ready=False,
        why="",
        soc_start_pct=None,
        soc_end_pct=None,
        target_soc_pct=80,
        currency="EUR",
        energy_ac_kwh=Decimal(0),
        cost=Decimal(0),
        baseline_cost=Decimal(0),
        saving=Decimal(0),
        commands_sent=2,
        commands_proven=1,
    )
    await store.save_night(account, [])
    results = (CommandResult.PROVEN, CommandResult.UNPROVEN, CommandResult.UNREACHABLE, CommandResult.SUPERSEDED)
    for number, result in enumerate(results, 1):
        await _command(store, number, result)
    at = [EVENING + timedelta(minutes=minutes) for minutes in (1, 5, 20, 119, 130)]
    readings = [make_reading(device_id="car", observed_at=when, received_at=when) for when in at]
    await store.add_readings(readings)
    assert await town.reliability.collect(NAME, 10) == 0  # nobody of ours yet
    await town.roster.enter(NAME, {"d1": (None, "")}, EVENING)
    assert await town.reliability.collect(NAME, 10) == 1
    assert await town.reliability.collect(NAME, 10) == 0
    (evidence,) = (await town.reliability.by_brand(NAME, EVENING, EVENING + NIGHT, has_charger=True)).values()
    assert (evidence.commands.hits, evidence.commands.trials) == (1, 2)
    assert (evidence.plans.hits, evidence.plans.trials) == (0, 1)
    assert (evidence.api_errors.hits, evidence.api_errors.trials) == (1, 3)  # what was superseded says nothing
    assert (evidence.freshness.hits, evidence.freshness.trials) == (3, 8)  # quarters 0, 1 and 7 of 8
    await store.close()


async def _command(store: SqlStore, number: int, result: CommandResult) -> None:
    key = f"car:1/1/{number}"
    order = CommandOrder(
        key=key,
        number=number,
        goal=Goal.STOP,
        side=Side.CHARGER,
        device_id="box",
        driver_id="d1",
        proof=Proof.NO_FLOW,
        prove_by=EVENING,
        witness_ids={},
    )
    await store.open_intent(CommandIntent(key=key, session_id="car:1", order=order, intended_at=EVENING))
    outcome = CommandOutcome(
        number=number, key=key, goal=order.goal, side=order.side, result=result, sent_at=EVENING, ended_at=EVENING
    )
    await store.close_intent(key, outcome)


async def test_registered_drivers_count_before_any_rollout_has_looked(town: Town):
    tenants = Tenants(town.database)
    await tenants.save_program(Program(name=NAME), EVENING)
    driver = DriverRecord(id="d1", program=NAME, reference="a-reference", since=EVENING)
    await tenants.add_driver(driver)
    await town.roster.enter_registered(NAME, EVENING)
    await town.roster.enter_registered(NAME, EVENING)
    assert await town.reliability.known_drivers(NAME) == {driver.id}
    await SqlErasure(town.database).erase(driver.id, [], EVENING)
    await town.roster.enter_registered(NAME, EVENING)
    assert await town.reliability.known_drivers(NAME) == set()


async def test_an_erased_driver_leaves_neither_roster_nor_record_nor_tickets(town: Town):
    for driver in ("d1", "d2"):
        await town.roster.enter(NAME, {driver: (None, "")}, EVENING)
        await town.reliability.add_nights(NAME, [make_night(driver)])
        ticket = Ticket(ticket_id=driver, driver_id=driver, opened_at=EVENING)
        await town.reliability.add_tickets(NAME, [ticket])
    await SqlErasure(town.database).erase("d1", [], EVENING)
    assert await town.reliability.known_drivers(NAME) == {"d2"}
    assert set(await town.reliability.of_drivers(["d1", "d2"], EVENING)) == {"d2"}
