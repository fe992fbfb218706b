"""How the charger is asked for: S1-S4 and S12 of the source document."""

import pytest
from support.factories import make_device, make_driver

from domain.capabilities import BrandRow, BrandTable, OwnCapability
from domain.driver.apply import apply
from domain.driver.events import DeviceSeen, NightReported
from domain.driver.state import Program
from domain.journey import journey_of
from domain.requirement import Record, Requirement, Rules, announced, requirement_of

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
    assert verdict.why == "why.vehicle_incapable"
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


def test_a_program_may_demand_it_of_a_brand():
    rules = Rules(demanded_brands=frozenset({"finecar"}))
    verdict = requirement_of(CAPABLE, TABLE.row("Finecar"), rules, Record())
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
