"""The three phases, played on real driver machines and real books: S28-S41 of the source document."""

from datetime import timedelta

import pytest
from support.fleet import NAME, QUICK, Town, device_of, driver_ids, make_rollout

from domain.capabilities import BrandRow, BrandTable
from domain.driver.apply import apply as apply_to_driver
from domain.driver.events import DismissPrompt
from domain.journey import Stage, journey_of
from domain.program import Program
from domain.requirement import Requirement, Rules
from domain.rollout.apply import apply
from domain.rollout.events import BrandConfirmed, Go, Resume, Stop, TakeBack
from domain.rollout.rates import Tally
from domain.rollout.standing import TARGETED_DRIVERS, Phase, Share, Standing
from domain.rollout.tickets import Ticket

TABLE = BrandTable(
    version="test",
    rows=(
        BrandRow(brand="Jeep", can_stop=False, source="a document"),
        BrandRow(brand="Slowmobil", reliability=1, source="a rating"),
        BrandRow(brand="Finecar", reliability=3, source="a rating"),
    ),
)


def make_program(phase: Phase, **changes) -> Program:
    values = {"name": NAME, "brands": TABLE, "limits": QUICK, "standing": Standing(phase=phase)}
    return Program(**{**values, **changes})


def homes(**counts: int):
    """Drivers by brand, none with a charger."""
    brands = [brand for brand, count in counts.items() for _ in range(count)]
    return [
        (driver_id, device_of(driver_id, brand=brand, can_control=brand != "Jeep"), False)
        for driver_id, brand in zip(driver_ids(len(brands)), brands, strict=True)
    ]


def go(town: Town) -> Go:
    return Go(by="an operator", at=town.now)


async def rolled_out(town: Town, program: Program, phase: Phase, **changes):
    """The rollout of a phase, from dry run to the end or a question."""
    state = await town.play(make_rollout(program, phase, **changes))
    return await town.play(apply(state, go(town)))


async def test_s28_a_new_launch_has_both_flows_from_day_one_without_any_rollout(town: Town):
    program = Program(name=NAME, brands=TABLE)
    assert program.standing.phase is Phase.LAUNCH
    await town.settle(program, homes(Jeep=1, Finecar=1))
    asked = {town.vehicle(d).brand: town.vehicle(d).requirement for d in town.drivers}
    assert asked == {"Jeep": Requirement.MANDATORY, "Finecar": Requirement.RECOMMENDED}


async def test_s29_a_live_product_goes_through_the_phases_and_each_builds_on_the_one_before(town: Town):
    program = await town.settle(make_program(Phase.VEHICLE_ONLY), homes(Jeep=2, Slowmobil=20, Finecar=4))
    seen = [set(town.requirements().values())]
    for phase in (Phase.OPTIONAL, Phase.TARGETED, Phase.EXTENDED):
        newest = await town.programs.program(NAME)
        assert newest is not None
        confirmed = {"jeep": "an operator"} if phase is Phase.EXTENDED else {}
        program = newest.model_copy(update={"rules": Rules(lowest_reliability=2)})
        program = await town.programs.publish(program, reason="rules", origin=phase.value, at=town.now)
        state = await rolled_out(town, program, phase, confirmed=confirmed)
        while state.is_asking:
            state = await town.play(apply(state, go(town)))
        assert state.ends_because == "every brand was treated"
        seen.append(set(town.requirements().values()))
    assert seen == [
        {"not_asked", "not_eligible"},
        {"recommended", "not_eligible"},
        {"recommended", "not_eligible", "mandatory"},
        {"recommended", "mandatory"},
    ]


async def test_s30_phase_1_measures_reliability_with_a_charger_and_the_trial_of_its_flows(town: Town):
    program = await town.settle(make_program(Phase.VEHICLE_ONLY), homes(Finecar=30))
    state = await town.play(make_rollout(program, Phase.OPTIONAL))
    state = await town.play(apply(state, go(town)), nights=1)
    for driver_id in list(town.drivers)[:12]:
        await town.link_charger(driver_id)
    state = await town.play(state)
    assert state.measures is not None
    assert (state.measures.counts.asked, state.measures.counts.linked) == (30, 12)
    assert state.measures.with_charger.commands.drivers == 12
    assert state.measures.alone.commands.drivers == 30  # before they linked, the twelve were alone, too
    told = "\n".join(state.measures.lines())
    assert "S30 trial of the flows: 12 of 30 (40%) of those asked linked a charger" in told
    assert "S30 reliability: with a charger" in told


async def test_s31_s32_phase_1_recommends_a_charger_to_all_who_linked_a_vehicle_and_demands_none(town: Town):
    program = await town.settle(make_program(Phase.VEHICLE_ONLY), homes(Finecar=8, Slowmobil=3))
    assert all(journey_of(state).prompt is None for state in town.drivers.values())
    state = await rolled_out(town, program, Phase.OPTIONAL)
    assert state.ends_because == "every brand was treated"
    for driver in town.drivers.values():
        journey = journey_of(driver)
        assert journey.prompt is not None
        assert (journey.prompt.key, journey.prompt.is_blocking) == ("prompt.charger_recommended", False)
        assert journey.is_enabled  # S32: optional
        dismissed = apply_to_driver(driver, DismissPrompt(action_id="d", prompt=journey.prompt.key))
        assert journey_of(dismissed).prompt is None


async def test_s33_phase_2_measures_reliability_tickets_and_retention_of_those_asked(town: Town):
    town.chance = {"Slowmobil": 0.7}
    program = await town.settle(make_program(Phase.OPTIONAL), homes(Slowmobil=12, Finecar=12))
    for night in range(5):
        town.now += timedelta(days=1)
        await town.night(night)
    ticket = Ticket(ticket_id="1", driver_id=next(iter(town.drivers)), opened_at=town.now - timedelta(days=1))
    await town.reliability.add_tickets(NAME, [ticket])
    state = await town.play(make_rollout(program, Phase.TARGETED, limits=_at_once()))
    assert state.brands == ("Slowmobil",)  # found by our own accounts, not by any table
    state = await town.play(apply(state, go(town)), nights=0)
    asked = [d for d, what in town.requirements().items() if what == "mandatory"]
    assert {town.vehicle(d).brand for d in asked} == {"Slowmobil"}
    town.chance = {}
    for driver_id in asked[:-1]:
        await town.link_charger(driver_id)
    town.gone.add(asked[-1])
    state = await town.play(state, nights=2)
    assert state.measures is not None
    counts = state.measures.counts
    assert (counts.mandatory, counts.mandatory_linked, counts.kept) == (len(asked), len(asked) - 1, len(asked) - 1)
    assert state.measures.before.tickets == int(ticket.driver_id in asked)
    told = "\n".join(state.measures.lines())
    for goal in ("S33 reliability: before", "S33 satisfaction and cost to serve", "S33 retention"):
        assert goal in told


@pytest.mark.parametrize(
    ("rules", "trouble"),
    [
        (Rules(lowest_success=0.8), "commands proven"),
        (Rules(lowest_plan_success=0.8), "nights ready"),
        (Rules(most_api_errors=0.2), "commands failed at the vendor's interface"),
        (Rules(most_tickets=1), "support tickets"),
    ],
)
async def test_s34_a_driver_in_trouble_is_found_by_each_of_the_signs_and_told_which(town: Town, rules, trouble):
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Finecar=4))
    unlucky, *others = town.drivers
    for night in range(10):
        town.now += timedelta(days=1)
        await town.night(night)
    await town.bad_nights(unlucky, 10)
    tickets = [Ticket(ticket_id=str(n), driver_id=unlucky, opened_at=town.now) for n in range(2)]
    if rules.most_tickets is not None:
        await town.reliability.add_tickets(NAME, tickets)
    limits = program.limits.model_copy(update={"shares": (1.0,)})
    state = await town.play(make_rollout(program, Phase.TARGETED, limits=limits))
    assert state.brands == (TARGETED_DRIVERS,)
    await town.play(apply(state, go(town)), nights=0)
    assert town.vehicle(unlucky).requirement is Requirement.MANDATORY
    assert "this driver's own nights" in town.vehicle(unlucky).requirement_reason
    assert trouble in town.vehicle(unlucky).requirement_reason
    assert {town.vehicle(d).requirement for d in others} == {Requirement.RECOMMENDED}


async def test_s34_s35_a_brand_known_for_low_reliability_is_asked_mandatorily(town: Town):
    rules = Rules(lowest_reliability=2)
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Slowmobil=6, Finecar=3))
    limits = program.limits.model_copy(update={"shares": (1.0,)})
    state = await town.play(make_rollout(program, Phase.TARGETED, limits=limits))
    assert state.brands == ("Slowmobil",)
    state = apply(state, go(town))  # nobody in trouble of one's own
    await town.play(state, nights=0)
    for driver_id, driver in town.drivers.items():
        journey = journey_of(driver)
        is_slow = town.vehicle(driver_id).brand == "Slowmobil"
        assert journey.is_enabled is not is_slow  # S35: charging waits for the charger
        assert journey.prompt is not None
        assert journey.prompt.is_blocking is is_slow


async def test_s36_a_brand_is_asked_in_a_random_subset_first_and_widened_on_evidence_one_brand_at_a_time(town: Town):
    rules = Rules(demanded_brands=frozenset({"Slowmobil", "Finecar"}))
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Slowmobil=40, Finecar=40))
    state = await town.play(make_rollout(program, Phase.TARGETED))
    state = await town.play(apply(state, go(town)), nights=0)
    first = {d for d, what in town.requirements().items() if what == "mandatory"}
    assert state.brand == "Finecar"
    assert {town.vehicle(d).brand for d in first} == {"Finecar"}
    assert 2 <= len(first) <= 16  # a fifth of 40
    for driver_id in first:
        await town.link_charger(driver_id)
    nights, second = 0, first
    while second == first and nights < QUICK.longest_soak_nights:
        state, nights = await town.play(state, nights=1), nights + 1
        second = {d for d, what in town.requirements().items() if what == "mandatory"}
    assert nights >= QUICK.soak_nights
    assert first < second
    assert {town.vehicle(d).brand for d in second} == {"Finecar"}
    assert len(second) == 40
    assert any("widen: surely above the pass mark" in step.words for step in state.steps)


async def test_s36_a_brand_that_fails_its_mark_in_the_soak_is_taken_back_and_the_next_one_begins(town: Town):
    town.chance = {"Finecar": 0.4}
    rules = Rules(demanded_brands=frozenset({"Finecar", "Slowmobil"}))
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Finecar=60, Slowmobil=10))
    state = await town.play(make_rollout(program, Phase.TARGETED))
    state = await town.play(apply(state, go(town)), nights=0)
    for driver_id in [d for d, what in town.requirements().items() if what == "mandatory"]:
        await town.link_charger(driver_id)
    state = await town.play(state, nights=QUICK.soak_nights)
    assert [(t.brand, t.result) for t in state.treated if t.brand == "Finecar"] == [("Finecar", "taken back")]
    assert "surely below the pass mark" in next(t.reason for t in state.treated if t.brand == "Finecar")
    assert {town.vehicle(d).brand for d, what in town.requirements().items() if what == "mandatory"} <= {"Slowmobil"}
    assert state.brand == "Slowmobil"


async def test_s37_phase_3_measures_how_many_incapable_vehicles_are_reached(town: Town):
    program = await town.settle(make_program(Phase.OPTIONAL), homes(Jeep=10, Finecar=5))
    state = make_rollout(program, Phase.EXTENDED, confirmed={"jeep": "an operator"}, limits=_at_once())
    state = await town.play(apply(await town.play(state), go(town)), nights=0)
    for driver_id in [d for d in town.drivers if town.vehicle(d).brand == "Jeep"][:4]:
        await town.link_charger(driver_id)
    state = await town.play(state, nights=1)
    assert state.measures is not None
    counts = state.measures.counts
    assert (counts.incapable, counts.admitted, counts.incapable_linked) == (10, 10, 4)
    assert "4 of 10 (40%) take part with a charger" in "\n".join(state.measures.lines())


def _at_once():
    return QUICK.model_copy(update={"shares": (1.0,)})


async def test_s38_s39_s41_incapable_vehicles_are_refused_before_phase_3_and_admitted_with_a_charger_in_it(town: Town):
    program = await town.settle(make_program(Phase.OPTIONAL), homes(Jeep=5))
    for driver in town.drivers.values():
        assert journey_of(driver).stage is Stage.NOT_ELIGIBLE
        told = journey_of(driver).prompt
        assert told is not None
        assert (told.key, told.why, told.actions) == ("prompt.not_eligible", "why.not_eligible", ("link_vehicle",))
    await rolled_out(town, program, Phase.EXTENDED, confirmed={"jeep": "an operator"}, limits=_at_once())
    for driver_id in list(town.drivers):
        journey = journey_of(town.drivers[driver_id])
        assert journey.vehicles[0].requirement is Requirement.MANDATORY  # S41
        assert not journey.is_enabled
        await town.link_charger(driver_id)
        assert journey_of(town.drivers[driver_id]).stage is Stage.ENROLLED  # S38, S39


@pytest.mark.parametrize("enabled", [None, frozenset({"Finecar"})])
async def test_s40_a_brand_begins_only_if_it_is_enabled_here_and_confirmed_at_the_vendor(town: Town, enabled):
    program = await town.settle(make_program(Phase.OPTIONAL, enabled_brands=enabled), homes(Jeep=5))
    state = await rolled_out(town, program, Phase.EXTENDED, limits=_at_once())
    wanted = "at the vendor" if enabled is None else "not enabled for linking here"
    assert wanted in state.is_asking
    if enabled is not None:
        wider = program.model_copy(update={"enabled_brands": frozenset({"Finecar", "Jeep"})})
        await town.programs.publish(wider, reason="Jeep enabled here", origin="operator", at=town.now)
        state = await town.play(apply(state, go(town)))
        assert "at the vendor" in state.is_asking
    assert set(town.requirements().values()) == {"not_eligible"}
    confirmation = BrandConfirmed(by="an operator", at=town.now, brand="jeep")
    state = await town.play(apply(state, confirmation), nights=0)
    assert set(town.requirements().values()) == {"mandatory"}


async def test_a_dry_run_tells_who_would_be_asked_what_and_why_and_asks_nobody(town: Town):
    rules = Rules(lowest_reliability=2)
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Slowmobil=3, Finecar=2))
    state = await town.play(make_rollout(program, Phase.TARGETED, is_dry=True))
    assert state.ends_because == "a dry run: nobody was asked"
    assert state.rehearsal is not None
    assert state.rehearsal.changes == {"Slowmobil: recommended -> mandatory": 3}
    named = state.rehearsal.named["Slowmobil: recommended -> mandatory"]
    assert len(named) == 3
    assert all(" because a charger is demanded of Slowmobil" in one for one in named)
    assert not town.told
    assert town.versions() == {1}


async def test_a_rollout_stopped_half_way_and_taken_back_leaves_everyone_as_before_and_on_one_version(town: Town):
    rules = Rules(demanded_brands=frozenset({"Slowmobil"}))
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Slowmobil=60))
    before = town.requirements()
    state = await town.play(make_rollout(program, Phase.TARGETED, limits=_at_once()))
    state = apply(state, go(town))
    state = await town.play(state, pages=3)
    assert 0 < sum(what == "mandatory" for what in town.requirements().values()) < 60
    state = apply(state, Stop(by="an operator", at=town.now))
    stopped = town.requirements()
    state = await town.play(state)
    assert town.requirements() == stopped
    state = apply(state, TakeBack(by="an operator", at=town.now, reason="complaints"))
    state = await town.play(state)
    assert state.ends_because == "taken back by an operator: complaints"
    assert town.requirements() == before
    assert len(town.versions()) == 1
    assert all("complaints" in driver.change.reason for driver in town.drivers.values() if driver.change)


async def test_a_stopped_rollout_that_is_resumed_ends_as_an_uninterrupted_one(town: Town):
    rules = Rules(demanded_brands=frozenset({"Slowmobil"}))
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Slowmobil=60))
    state = await town.play(make_rollout(program, Phase.TARGETED, limits=_at_once()))
    state = await town.play(apply(state, go(town)), pages=3)
    state = await town.play(apply(state, Stop(by="an operator", at=town.now)))
    state = await town.play(apply(state, Resume(by="an operator", at=town.now)), nights=0)
    assert set(town.requirements().values()) == {"mandatory"}
    assert state.soak is not None


async def test_of_two_rollouts_at_once_the_second_overwrites_nothing_and_asks_an_operator(town: Town):
    rules = Rules(demanded_brands=frozenset({"Slowmobil"}))
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Slowmobil=6))
    first, second = (make_rollout(program, Phase.TARGETED, limits=_at_once(), rollout_id=f"town:{n}") for n in "12")
    second = await town.play(second)
    first = await town.play(apply(await town.play(first), go(town)), nights=0)
    assert first.soak is not None
    asked = town.requirements()
    second = await town.play(apply(second, go(town)))
    assert second.is_asking.startswith("town:1/1 has moved town meanwhile")
    assert town.requirements() == asked
    second = await town.play(apply(second, TakeBack(by="an operator", at=town.now)))
    assert second.ends_because
    assert town.requirements() == asked
    await town.play(apply(first, TakeBack(by="an operator", at=town.now)))
    assert set(town.requirements().values()) == {"recommended"}


async def test_what_operators_write_during_a_rollout_is_kept_and_in_the_end_everyone_has_it(town: Town):
    rules = Rules(demanded_brands=frozenset({"Slowmobil"}))
    program = await town.settle(make_program(Phase.OPTIONAL, rules=rules), homes(Slowmobil=6))
    state = await town.play(make_rollout(program, Phase.TARGETED, limits=_at_once()))
    state = await town.play(apply(state, go(town)), nights=0)
    newest = await town.programs.program(NAME)
    assert newest is not None
    written = newest.model_copy(update={"spread_seconds": 300})
    await town.programs.publish(written, reason="written", origin="cli", at=town.now, follows=newest.version)
    await town.play(apply(state, TakeBack(by="an operator", at=town.now)))
    assert {driver.program.spread_seconds for driver in town.drivers.values()} == {300}
    assert set(town.requirements().values()) == {"recommended"}


async def test_a_later_rollout_of_a_phase_does_not_let_go_of_brands_that_are_whole(town: Town):
    rules = Rules(demanded_brands=frozenset({"Slowmobil", "Finecar"}))
    whole = Standing(phase=Phase.TARGETED, demands=(Share(brand="slowmobil", fraction=1.0),))
    program = await town.settle(make_program(Phase.TARGETED, rules=rules, standing=whole), homes(Slowmobil=4))
    state = await town.play(make_rollout(program, Phase.TARGETED))
    assert state.brands == ("Finecar",)


async def test_a_dry_run_counts_a_driver_with_two_cars_once_and_names_some_of_every_change(town: Town):
    rules = Rules(lowest_reliability=2)
    slow, fine, jeep = (device_of("", brand=brand) for brand in ("Slowmobil", "Finecar", "Jeep"))
    one, *others = driver_ids(31)
    program = await town.settle(
        make_program(Phase.VEHICLE_ONLY, rules=rules),
        [(d, slow.model_copy(update={"id": d, "driver_id": d}), False) for d in (one, *others[:-1])]
        + [(others[-1], fine.model_copy(update={"id": "fine", "driver_id": others[-1]}), False)],
    )
    town.devices[one].append(jeep.model_copy(update={"id": "jeep", "driver_id": one}))
    town.devices[one].append(slow.model_copy(update={"id": "another", "driver_id": one}))
    await town.keep_devices()
    state = await town.play(make_rollout(program, Phase.OPTIONAL, is_dry=True))
    assert state.rehearsal is not None
    assert state.rehearsal.changes == {
        "Slowmobil: not asked -> recommended": 30,
        "Finecar: not asked -> recommended": 1,
        "Jeep: not asked -> recommended": 1,
    }
    assert {change: len(named) for change, named in state.rehearsal.named.items()} == {
        "Slowmobil: not asked -> recommended": 10,
        "Finecar: not asked -> recommended": 1,
        "Jeep: not asked -> recommended": 1,
    }


def test_a_wider_subset_contains_the_narrower_one_and_every_brand_has_its_own():
    ids = driver_ids(2000)
    small, wide = (Share(brand="Jeep", fraction=f, seed="r") for f in (0.05, 0.25))
    other = Share(brand="Fiat", fraction=0.05, seed="r")
    first = {d for d in ids if small.has(d)}
    assert first < {d for d in ids if wide.has(d)}
    assert first != {d for d in ids if other.has(d)}
    assert 60 <= len(first) <= 140
    assert Tally.of([(len(first), 2000)]).at_least(4) < 0.05 < Tally.of([(len(first), 2000)]).at_most(4)
