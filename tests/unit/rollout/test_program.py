"""Programs as data: what is written is checked, what changes is shown, what a driver carries is its part."""

from decimal import Decimal

import pytest
import yaml
from support.factories import CAR, EVENING, make_device, make_driver

from domain.driver.apply import apply, begun
from domain.driver.decide import decide
from domain.driver.effects import AskForRelease
from domain.driver.events import DeviceSeen, Enroll, NightReported, ProgramChanged
from domain.driver.state import DriverState, OpenSession
from domain.driver.state import Program as ProgramOfStoredHistories
from domain.errors import CallerError
from domain.journey import journey_of
from domain.program import Program
from domain.program_document import differences, next_version, read_program
from domain.requirement import Requirement
from domain.rollout.begin import rollout_of, telling_of
from domain.rollout.standing import Phase, Share, Standing, Target
from domain.story import driver_details
from domain.wording import say

WRITTEN = """
name: spring
mode: own
phase: vehicle_only
regions: [north, south]
tariff: {area: NL, fees_per_kwh: "0.15"}
tariffs: {south: {area: BE, fees_per_kwh: "0.12"}}
brands:
  - {brand: Jeep, can_start: false, can_stop: false, reliability: 1, source: our own nights}
  - {brand: Slowmobil, reliability: 1, source: a rating}
rules: {lowest_reliability: 2, lowest_success: 0.8, most_tickets: 3}
enabled_brands: [Jeep, Finecar]
limits: {shares: [0.1, 1], soak_nights: 7, pass_mark: 0.95}
budgets: {commands: 20}
texts:
  en: {prompt.charger_required: "Link your wallbox, please"}
"""


def written(text: str = WRITTEN) -> Program:
    return read_program(yaml.safe_load(text))


def test_a_written_program_is_read_with_its_rows_in_place_of_the_shipped_ones():
    program = written()
    jeep = program.brands.row("jeep")
    assert jeep is not None
    assert (jeep.can_start, jeep.reliability, jeep.source) == (False, 1, "our own nights")
    assert program.standing.phase is Phase.VEHICLE_ONLY
    assert program.brands.version.startswith("2026-11-22+")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("mode: mine", "mode"),
        ("surprise: 1", "surprise"),
        ("phase: 4", "phases are launch"),
        ("version: 3", "not written by hand"),
        ("standing: {phase: targeted}", "not written by hand"),
        ("rules: {lowest_success: 1.5}", "rules.lowest_success"),
        ("limits: {shares: [0.5, 0.2, 1]}", "shares rise"),
        ("limits: {soak_nights: 9, longest_soak_nights: 2}", "longest_soak_nights"),
        ("tariffs: {east: {area: NL}}", "unknown region"),
        ("texts: {en: {prompt.unheard_of: x}}", "no text 'prompt.unheard_of' in the catalogue"),
        ("texts: {fr: {prompt.link_vehicle: x}}", "no catalogue for 'fr'"),
        ("texts: {en: {prompt.link_vehicle: 'Hello {name}'}}", "nothing fills {name}"),
        ("brands: [{brand: Jeep}]", "brands.0.source"),
        ("brands: {brand: Jeep}", "brands"),
        ("brands: [{brand: Jeep, source: a}, {brand: jeep, source: b}]", "more than one row"),
        ("limits: {shares: [.nan, 1]}", "shares rise"),
        ("tariff: {vat_fraction: -1}", "tariff.vat_fraction"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(line, reason):
    with pytest.raises(CallerError) as refused:
        written(f"name: spring\n{line}\n")
    assert reason in str(refused.value)


@pytest.mark.parametrize("text", ["", "- a\n", "name: ''\n", "just words"])
def test_what_is_no_program_is_refused(text):
    with pytest.raises(CallerError):
        written(text)


def test_the_diff_names_every_change_and_nothing_else():
    old = written()
    new = written(
        WRITTEN.replace("0.8", "0.9")
        .replace("commands: 20", "commands: 24")
        .replace("reliability: 1, source: a", "reliability: 2, source: a")
    )
    changed = [line for line in differences(old, new) if not line.startswith("brands.version")]
    assert changed == [
        "brands.rows.Slowmobil.reliability: 1 -> 2",
        "budgets.commands: 20 -> 24",
        "rules.lowest_success: 0.8 -> 0.9",
    ]
    assert differences(new, new) == []
    assert 'name: nothing -> "spring"' in differences(None, old)


def test_a_written_program_does_not_undo_how_far_its_rollout_has_come():
    stored = written().model_copy(update={"version": 7, "standing": Standing(phase=Phase.TARGETED)})
    after = next_version(written(), stored)
    assert after.standing.phase is Phase.TARGETED
    assert not [line for line in differences(stored, after) if "standing" in line]


def test_a_program_speaks_in_its_own_words_where_it_has_some():
    program = written()
    assert program.say("prompt.charger_required", "en-GB") == "Link your wallbox, please"
    assert program.say("prompt.charger_required", "de") == say("prompt.charger_required", "de")


def test_a_driver_carries_the_part_of_its_region():
    carried = written().for_driver("south")
    assert (carried.tariff.area, carried.tariff.fees_per_kwh) == ("BE", Decimal("0.12"))
    assert (carried.texts, carried.tariffs, carried.region) == ({}, {}, "south")
    assert written().for_driver("north").tariff.area == "NL"


def test_a_changed_program_keeps_the_region_of_the_driver():
    state = make_driver(program=written().for_driver("south"))
    newer = written(WRITTEN.replace('"0.12"', '"0.20"')).model_copy(update={"version": 1})
    state = apply(state, ProgramChanged(program=newer.for_driver(), reason="dearer"))
    assert (state.program.region, state.program.tariff.fees_per_kwh) == ("south", Decimal("0.20"))


def test_programs_of_stored_histories_are_found_under_their_old_name():
    assert ProgramOfStoredHistories is Program
    assert Program.model_validate({"name": "old", "mode": "own"}).version == 0


def changed(version: int, *demands: Share, target: Target | None = None) -> ProgramChanged:
    standing = Standing(phase=Phase.TARGETED, demands=demands)
    return ProgramChanged(
        program=Program(name="test", version=version, standing=standing, target=target), reason=f"change {version}"
    )


ALL_JEEPS = Share(brand="Jeep", fraction=1.0, reason="61 of 85 commands proven")


def test_late_and_repeated_pages_never_undo_a_newer_change():
    state = apply(make_driver(), DeviceSeen(device=make_device()))
    newer = apply(state, changed(3))
    assert apply(newer, changed(2, ALL_JEEPS)) == newer
    assert apply(newer, changed(3)) == newer
    other = changed(9).program.model_copy(update={"name": "another"})
    assert apply(newer, ProgramChanged(program=other, reason="")) == newer


def in_a_session() -> DriverState:
    """Enrolled, with a night under way."""
    state = apply(make_driver(), DeviceSeen(device=make_device()))
    state = apply(state, Enroll(action_id="e", at=EVENING, text_version="1"))
    opened = OpenSession(session_id=f"{CAR}:1", vehicle_id=CAR, opened_at=EVENING)
    return state.model_copy(update={"sessions": {CAR: opened}})


def told_night(number: int) -> NightReported:
    return NightReported(
        session_id=f"{CAR}:1", vehicle_id=CAR, number=number, is_ready=True, saving="1", why="as measured"
    )


def released(state: DriverState) -> list[str]:
    return [effect.reason for effect in decide(state, EVENING).effects if isinstance(effect, AskForRelease)]


def test_a_driver_moved_to_mandatory_keeps_the_night_and_is_told_the_reason():
    state = in_a_session()
    moved = apply(state, changed(1, ALL_JEEPS))
    vehicle = journey_of(moved).vehicles[0]
    assert vehicle.requirement is Requirement.MANDATORY
    assert "61 of 85 commands proven" in vehicle.requirement_reason
    assert not vehicle.is_enabled
    assert moved.sessions == state.sessions  # the night goes on
    assert released(moved) == []
    assert "program version 1: change 1" in driver_details(moved)


def test_after_that_night_the_session_is_asked_to_let_go_once():
    state = apply(apply(in_a_session(), told_night(1)), changed(1, ALL_JEEPS))
    assert released(state) == []  # the night before is not the one under way
    state = apply(state, told_night(2))
    assert released(state) == ["the night is over, and a charger is asked for now"]
    for effect in decide(state, EVENING).effects:
        state = begun(state, effect, EVENING)
    assert released(state) == []


def test_a_change_taken_back_during_the_night_lets_the_session_go_on():
    state = apply(apply(in_a_session(), changed(1, ALL_JEEPS)), changed(2))
    state = apply(state, told_night(1))
    assert released(state) == []
    assert state.last_nights == {}


def test_the_brand_table_of_a_newer_program_counts_where_the_car_said_nothing_itself():
    silent = make_device(capabilities={})
    spoken = make_device(id="other", can_control=True)
    state = apply(apply(make_driver(), DeviceSeen(device=silent)), DeviceSeen(device=spoken))
    assert state.own[CAR].missing == ("stop charging",)
    table = written().brands
    state = apply(state, ProgramChanged(program=Program(name="test", version=1, brands=table), reason="rows"))
    assert state.own[CAR].missing == ("start charging", "stop charging")
    assert state.own["other"].missing == ()


@pytest.mark.parametrize(
    ("now", "phase", "may"),
    [
        (Phase.VEHICLE_ONLY, Phase.OPTIONAL, True),
        (Phase.OPTIONAL, Phase.TARGETED, True),
        (Phase.TARGETED, Phase.TARGETED, True),
        (Phase.TARGETED, Phase.EXTENDED, True),
        (Phase.VEHICLE_ONLY, Phase.TARGETED, False),
        (Phase.EXTENDED, Phase.OPTIONAL, False),
        (Phase.LAUNCH, Phase.OPTIONAL, False),
        (Phase.OPTIONAL, Phase.VEHICLE_ONLY, False),
    ],
)
def test_s29_a_phase_follows_on_the_one_before(now, phase, may):
    program = Program(name="test", standing=Standing(phase=now))
    if may:
        assert rollout_of(program, phase, 1).rollout_id == f"test:{phase.value}:1"
    else:
        with pytest.raises(CallerError):
            rollout_of(program, phase, 1)


def test_a_version_can_be_told_to_everyone_without_asking_anything_new():
    program = Program(name="test", version=4, standing=Standing(phase=Phase.OPTIONAL))
    assert telling_of(program, 1).brands == ()
