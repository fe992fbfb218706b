"""Every text exists in every language, with the same placeholders, and no key of the product lacks one."""

import inspect
import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import at, make_device, make_driver, make_reading

from domain.devices import Side
from domain.driver.apply import apply
from domain.driver.events import CredentialsDied, DeviceSeen, DismissPrompt, Enroll, Erase
from domain.driver.state import DriverState, LinkStatus
from domain.journey import Stage, journey_of
from domain.plan import SlotReason
from domain.program import Program
from domain.resets import ResetCause
from domain.rollout.standing import Phase, Standing
from domain.session import telling
from domain.session.state import ControlMode
from domain.wording import LANGUAGES, catalogue, say

KNOWN_PLACEHOLDERS = {"brand", "at", "by", "start", "end", "kwh", "money", "price", "why"}
SAMPLE = dict.fromkeys(KNOWN_PLACEHOLDERS, "Jeep")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_has_the_same_keys() -> None:
    keys = {language: set(catalogue(language)) for language in LANGUAGES}
    assert all(these == keys["en"] for these in keys.values())


@pytest.mark.parametrize("key", sorted(catalogue("en")))
def test_a_text_has_the_same_placeholders_in_every_language_and_words_in_each(key: str) -> None:
    english = placeholders(catalogue("en")[key])
    assert english <= KNOWN_PLACEHOLDERS
    for language in LANGUAGES:
        assert placeholders(catalogue(language)[key]) == english
        assert re.search(r"\w\w", say(key, language, **SAMPLE))


def test_a_region_falls_back_to_its_language_and_an_unknown_language_to_english() -> None:
    assert catalogue("de-AT") == catalogue("de")
    assert catalogue("xx-YY") == catalogue("en")


def test_every_reason_stage_reset_and_link_can_be_said() -> None:
    for language in LANGUAGES:
        for reason in SlotReason:
            say(f"reason.{reason.value}", language, brand="Jeep")
        for stage in Stage:
            say(f"stage.{stage.value}", language, brand="Jeep")
        for cause in ResetCause:
            say(f"why.reset_{cause.value}", language, brand="Jeep")
        for status in LinkStatus:
            say(f"link.{status.value}", language)


def reachable() -> list[DriverState]:
    """A driver at each turn of both journeys."""
    states = [make_driver()]
    for can_control in (True, False):
        linked = apply(make_driver(), DeviceSeen(device=make_device(can_control=can_control)))
        charger = make_device(Side.CHARGER)
        boxed = apply(linked, DeviceSeen(device=charger))
        moved = charger.model_copy(update={"reading": make_reading(Side.CHARGER, hours=1, location_id="home")})
        placed = apply(boxed, DeviceSeen(device=moved))
        enrolled = apply(placed, Enroll(action_id="e", at=moved.reading.received_at, text_version="1"))
        dismissed = apply(linked, DismissPrompt(action_id="d", prompt="prompt.charger_recommended"))
        states += [linked, boxed, placed, enrolled, dismissed]
    dead = CredentialsDied(vendor="JEEP", at=at(1))
    states.append(apply(apply(make_driver(), DeviceSeen(device=make_device())), dead))
    states.append(apply(make_driver(), Erase(action_id="gone", at=at(1))))
    helpless = make_device(Side.CHARGER, can_control=False)
    for mode in ControlMode:  # a charger that unlocks nothing, and a platform that has not unlocked anything yet
        linked = apply(
            make_driver(program=Program(name="test", mode=mode)), DeviceSeen(device=make_device(can_control=False))
        )
        states.append(apply(linked, DeviceSeen(device=helpless)))
    waiting = Program(name="live", standing=Standing(phase=Phase.OPTIONAL))
    states.append(apply(make_driver(program=waiting), DeviceSeen(device=make_device(can_control=False))))
    return states


@given(state=st.sampled_from(reachable()), language=st.sampled_from(LANGUAGES))
def test_whatever_a_journey_shows_can_be_said(state: DriverState, language: str) -> None:
    journey = journey_of(state)
    keys = [f"setting.{offer}" for offer in journey.settings]
    if journey.prompt is not None:
        keys += [journey.prompt.key, journey.prompt.why, *journey.prompt.benefits]
        keys += [f"action.{action}" for action in journey.prompt.actions]
    for key in keys:
        say(key, language, brand="Jeep")


def test_the_reachable_states_cover_every_stage() -> None:
    assert {journey_of(state).stage for state in reachable()} == set(Stage)


START_CAUSES = ("aborts", "fault", "no_route", "login_dead", "foreign_control", "refused", "start_failed")
"""Causes of a start that failed: each is told as at risk, then as act now."""

TELLS = sorted(
    {tuple(found) for found in re.findall(r'_tell\("(\w+)", "(\w+)"', inspect.getsource(telling))}
    | {(kind, cause) for kind in ("at_risk", "act_now") for cause in START_CAUSES}
    | {("withdrawn", cause) for cause in telling.TO_DO}
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "cause"), TELLS)
def test_whatever_a_driver_is_told_can_be_said(kind: str, cause: str, language: str) -> None:
    say(f"tell.{kind}.{cause}", language, brand="Jeep")
    say(f"todo.{telling.TO_DO[cause]}", language)


def test_every_cause_that_a_failed_start_may_have_is_among_those_that_can_be_said() -> None:
    assert set(re.findall(r'Cause\("(\w+)"', inspect.getsource(telling))) == set(START_CAUSES)
