"""How the charger is asked for: S1-S4 and S12 of the source document."""

import pytest
from support.factories import at, make_device, make_driver, make_reading

from domain.capabilities import BrandRow, BrandTable, OwnCapability
from domain.devices import Capability, CapabilityKind, PowerDeliveryState, Side
from domain.driver.apply import apply
from domain.driver.events import CredentialsDied, DeviceSeen, DismissPrompt, NightReported
from domain.driver.state import Program
from domain.journey import Stage, journey_of
from domain.program import overridden
from domain.requirement import Record, Requirement, Rules, announced, requirement_of
from domain.rollout.standing import Phase, Standing

CAPABLE = OwnCapability(evidence="by hand")
TABLE = BrandTable(
    version="test",
    rows=(
        BrandRow(brand="Jeep", can_stop=False, source="a document"),
        BrandRow(brand="Slowmobil", reliability=1, source="a rating"),
        BrandRow(brand="Finecar", reliability=3, source="a rating"),
    ),
)


def test_s1_every_driver_with_a_vehicle_and_no_charger_is_asked_to_link_one():
    for can_control in (True, False):
        state = apply(make_driver(), DeviceSeen(device=make_device(can_control=can_control)))
        prompt = journey_of(state).prompt
        assert prompt is not None
        assert "link_charger" in prompt.actions


@pytest.mark.parametrize("missing", ["can_start", "can_stop", "can_locate"])
def test_s2_s3_a_vehicle_that_cannot_do_everything_by_itself_makes_the_charger_mandatory(missing):
    verdict = requirement_of(CAPABLE.model_copy(update={missing: False}), None, Rules(), Record())
    assert verdict.requirement is Requirement.MANDATORY
    assert verdict.why == ("why.vehicle_unlocated" if missing == "can_locate" else "why.vehicle_incapable")
    assert "by hand" in verdict.reason


def test_s2_s4_a_capable_vehicle_makes_the_charger_recommended_with_the_evidence():
    verdict = requirement_of(CAPABLE, None, Rules(), Record())
    assert (verdict.requirement, verdict.why) == (Requirement.RECOMMENDED, "why.charger_helps")
    assert "by hand" in verdict.reason


@pytest.mark.parametrize(
    ("brand", "lowest", "expected"),
    [
        ("Slowmobil", 2, Requirement.MANDATORY),
        ("Slowmobil", None, Requirement.RECOMMENDED),
        ("Finecar", 2, Requirement.RECOMMENDED),
        ("Unheard-of", 2, Requirement.RECOMMENDED),
    ],
)
def test_s3_an_unreliable_brand_makes_it_mandatory_if_the_program_says_so(brand, lowest, expected):
    rules = Rules(lowest_reliability=lowest)
    assert requirement_of(CAPABLE, TABLE.row(brand), rules, Record()).requirement is expected


@pytest.mark.parametrize("brand", ["Finecar", "Unheard-of"])
def test_a_program_may_demand_it_of_a_brand_listed_or_not(brand):
    rules = Rules(demanded_brands=frozenset({"finecar", "unheard-OF"}))
    program = Program(name="test", brands=TABLE, rules=rules)
    verdict = program.ask("driver", brand, CAPABLE, Record())
    assert verdict == announced(brand, TABLE, rules).model_copy(update={"reason": verdict.reason})
    assert brand in verdict.reason
    assert (verdict.requirement, verdict.why) == (Requirement.MANDATORY, "why.vehicle_unreliable")


@pytest.mark.parametrize(
    ("proven", "sent", "expected"),
    [
        (0, 2, Requirement.RECOMMENDED),  # the bound of 0 of 2 is 66 %: too few to tell
        (6, 12, Requirement.MANDATORY),  # the bound of 6 of 12 is 75 %, below 80 %
        (11, 12, Requirement.RECOMMENDED),  # the bound is 99 %
    ],
)
def test_a_drivers_own_record_counts_once_there_is_enough_of_it(proven, sent, expected):
    lowest = 0.6 if sent == 2 else 0.8
    record = Record(commands_sent=sent, commands_proven=proven)
    assert requirement_of(CAPABLE, None, Rules(lowest_success=lowest), record).requirement is expected


def test_s12_the_requirement_is_told_before_a_vehicle_is_linked():
    assert announced("Jeep", TABLE, Rules()).requirement is Requirement.MANDATORY
    assert announced("jeep", TABLE, Rules()).why == "why.vehicle_incapable"
    assert announced("Finecar", TABLE, Rules()).requirement is Requirement.RECOMMENDED
    assert "not listed" in announced("Unheard-of", TABLE, Rules()).reason


def test_s12_a_model_may_be_told_otherwise_than_its_brand():
    rows = (*TABLE.rows, BrandRow(brand="Jeep", model="Avenger", source="our own nights"))
    table = BrandTable(version="test", rows=rows)
    program = Program(name="test", brands=table)
    for model, expected in ((None, Requirement.MANDATORY), ("avenger", Requirement.RECOMMENDED)):
        assert announced("Jeep", table, Rules(), model).requirement is expected
        assert program.announce("driver", "Jeep", model, Record()).requirement is expected
        linked = apply(make_driver(program=program), DeviceSeen(device=make_device(model=model, capabilities={})))
        assert journey_of(linked).vehicles[0].requirement is expected


def test_s12_what_is_announced_is_what_the_phase_asks():
    program = Program(name="live", brands=TABLE, standing=Standing(phase=Phase.OPTIONAL))
    verdict = program.announce("driver", "Jeep", None, Record())
    assert (verdict.requirement, verdict.why) == (Requirement.NOT_ELIGIBLE, "why.not_eligible")


# Cars that are not admitted yet

CLOSED = Program(name="live", standing=Standing(phase=Phase.OPTIONAL))
NO_PLACE = {
    kind: Capability(is_capable=kind is not CapabilityKind.LOCATION)
    for kind in (CapabilityKind.START_CHARGING, CapabilityKind.STOP_CHARGING, CapabilityKind.LOCATION)
}
OTHER_CAR = {"id": "car-2", "vendor": "KIA", "brand": "Kia"}


@pytest.mark.parametrize(
    ("car", "why"),
    [
        (make_device(can_control=False), "why.not_eligible"),
        (make_device(capabilities=NO_PLACE), "why.not_eligible_unlocated"),
    ],
    ids=["cannot be controlled", "does not tell where it is"],
)
def test_s38_a_car_that_is_not_admitted_is_told_what_it_misses_and_that_another_may_be_linked(car, why):
    journey = journey_of(apply(make_driver(program=CLOSED), DeviceSeen(device=car)))
    assert (journey.stage, journey.is_enabled) == (Stage.NOT_ELIGIBLE, False)
    prompt = journey.prompt
    assert (prompt.key, prompt.is_blocking, prompt.why) == ("prompt.not_eligible", True, why)
    assert (prompt.actions, prompt.vehicle_id) == (("link_vehicle",), "car-1")


def test_s38_beside_a_car_that_takes_part_it_is_told_once_and_again_of_the_next():
    state = make_driver(program=CLOSED)
    for event in (
        DeviceSeen(device=make_device(**OTHER_CAR)),
        DismissPrompt(action_id="d1", prompt="prompt.charger_recommended"),
        DeviceSeen(device=make_device(can_control=False)),
    ):
        state = apply(state, event)
    prompt = journey_of(state).prompt
    assert (prompt.key, prompt.is_blocking, prompt.vehicle_id) == ("prompt.not_eligible", False, "car-1")
    state = apply(state, DismissPrompt(action_id="d2", prompt="prompt.not_eligible"))
    assert journey_of(state).prompt is None
    state = apply(state, DeviceSeen(device=make_device(id="car-3", can_control=False)))
    assert journey_of(state).prompt.key == "prompt.not_eligible"


def test_a_prompt_is_about_the_car_that_needs_it():
    state = make_driver()
    for device in (make_device(**OTHER_CAR), make_device(can_control=False)):
        state = apply(state, DeviceSeen(device=device))
    assert journey_of(state).prompt.vehicle_id == "car-1"
    state = apply(state, DeviceSeen(device=make_device(Side.CHARGER)))
    prompt = journey_of(state).prompt
    assert (prompt.key, prompt.vehicle_id) == ("prompt.locate_charger", "car-1")
    for vendor, vehicle_id in (("ZAPTEC", None), ("JEEP", "car-1")):
        cut_off = journey_of(apply(state, CredentialsDied(vendor=vendor, at=at(1)))).prompt
        assert (cut_off.key, cut_off.vehicle_id) == ("prompt.relink", vehicle_id)


def test_a_programs_row_of_a_model_leaves_the_brands_row_alone():
    mine = BrandRow(brand="jeep", model="Avenger", source="our own nights")
    table = overridden(TABLE, (mine,), "own")
    assert table.row("Jeep").source == "a document"
    assert table.row("Jeep", "Avenger") == mine


# What the driver gains


def benefits(*events) -> tuple[str, ...]:
    state = make_driver()
    for event in events:
        state = apply(state, event)
    return journey_of(state).prompt.benefits


def test_s5_an_incapable_car_gains_a_part_and_no_fallback_it_never_had():
    assert benefits(DeviceSeen(device=make_device(can_control=False))) == (
        "benefit.takes_part",
        "benefit.faster_plug_in",
        "benefit.charge_rate",
    )


def test_s5_a_car_that_tells_its_power_is_not_promised_the_chargers():
    charging = make_reading(state=PowerDeliveryState.CHARGING, charge_rate_kw=7.4)
    assert benefits(DeviceSeen(device=make_device(reading=charging))) == ("benefit.faster_plug_in", "benefit.fallback")


def test_s3_a_capable_car_of_which_a_charger_is_demanded_gains_its_part_and_a_fallback():
    program = Program(name="test", rules=Rules(demanded_brands=frozenset({"Jeep"})))
    state = apply(make_driver(program=program), DeviceSeen(device=make_device()))
    assert journey_of(state).prompt.benefits[0] == "benefit.takes_part"
    assert "benefit.fallback" in journey_of(state).prompt.benefits


def test_a_capable_vehicle_of_a_demanded_brand_is_disabled_until_a_charger_is_linked():
    program = Program(name="test", brands=TABLE, rules=Rules(demanded_brands=frozenset({"Finecar"})))
    car = make_device(brand="Finecar")
    state = apply(make_driver(program=program), DeviceSeen(device=car))
    journey = journey_of(state)
    assert not journey.is_enabled
    assert journey.prompt is not None
    assert (journey.prompt.key, journey.prompt.is_blocking) == ("prompt.charger_required", True)


def test_nights_add_to_the_record_once_each():
    night = NightReported(
        session_id="s:1",
        vehicle_id="c",
        number=1,
        is_ready=True,
        saving="1",
        why="",
        commands_sent=4,
        commands_proven=3,
    )
    state = apply(apply(make_driver(), night), night)
    assert state.record == Record(commands_sent=4, commands_proven=3)
