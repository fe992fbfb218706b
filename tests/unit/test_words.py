"""Words speak of the car they are about, in the reader's language."""

import pytest
from support.factories import make_device, make_driver

from domain.devices import Side
from domain.driver.apply import apply
from domain.driver.events import DeviceSeen
from domain.journey import journey_of
from domain.program import Program
from domain.requirement import VehicleAsked
from domain.rollout.standing import Phase, Standing
from gateway.api.words import prompts_of, requirement_in_words
from gateway.pages.words import Speaker

KIA = make_device(id="car-2", vendor="KIA", brand="Kia")
JEEP = make_device(can_control=False)


def driver(*devices, program=None):
    state = make_driver(program=program or Program(name="test"))
    for device in devices:
        state = apply(state, DeviceSeen(device=device))
    return state


def test_a_prompt_names_the_car_it_is_about_and_not_the_first_one():
    state = driver(KIA, JEEP)
    prompt = prompts_of(state, journey_of(state), "en").prompt
    assert "Jeep" in prompt.why
    assert "Kia" not in prompt.why
    assert all("Kia" not in benefit for benefit in prompt.benefits)


@pytest.mark.parametrize(("language", "word"), [("en", "car"), ("de", "Auto")])
def test_a_car_without_a_brand_is_called_a_car(language, word):
    state = driver(make_device(brand=None, can_control=False))
    assert word in prompts_of(state, journey_of(state), language).prompt.why


@pytest.mark.parametrize(("language", "another"), [("en", "Link another car"), ("de", "Weiteres Auto verbinden")])
def test_whose_car_is_not_admitted_is_offered_another(language, another):
    program = Program(name="live", standing=Standing(phase=Phase.OPTIONAL))
    state = driver(JEEP, program=program)
    prompt = prompts_of(state, journey_of(state), language).prompt
    assert "Jeep" in prompt.title
    assert [action.label for action in prompt.actions] == [another]


def test_s12_what_is_announced_is_said_of_the_brand_that_was_asked_about():
    program = Program(name="test")
    asked = VehicleAsked(brand="Jeep", model="Avenger")
    verdict = program.announce("driver", asked.brand, asked.model, make_driver().record)
    told = requirement_in_words(asked, verdict, "de", program)
    assert told.words.startswith("Ihr Jeep")
    assert (told.requirement, told.brand, told.model) == (verdict.requirement, "Jeep", "Avenger")


@pytest.mark.parametrize(
    ("language", "brands", "words"),
    [("en", ["Kia"], "Kia"), ("en", ["Kia", "Jeep", "Kia"], "Kia and Jeep"), ("de", ["Kia", None], "Kia und Auto")],
)
def test_several_cars_are_named_together(language, brands, words):
    assert Speaker(language).joined(brands, "and") == words


def test_the_side_of_a_device_that_is_no_car_lends_no_brand():
    state = driver(make_device(Side.CHARGER))
    assert "Zaptec" not in prompts_of(state, journey_of(state), "en").prompt.why
