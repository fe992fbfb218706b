"""Every failure of the catalogue that concerns a session: injected by its number, and the promise that no car is left
silently empty (P1) held through it."""

import pytest

from nights.desk_faults import AT_DESK
from nights.draw_faults import CATALOGUE, PARAMETERS
from nights.runner import Nights, Wanted
from nights.world.faults import install
from nights.world.faults.registry import INJECTIONS
from nights.world.night import NightWorld

SERIES = Nights(Wanted(count=1, seed=1)).series

OUTSIDE_A_SESSION = {"F35", "F36", "F37", "F41", "F42", "F43", "F65", "F73", "F75"}
"""Quotas, logins and hooks lie before a session; one device through two vendors is the driver's affair; the spread of
many cars (F73) is judged over all nights (P12)."""


def test_every_failure_in_scope_can_be_drawn() -> None:
    in_scope = {f"F{number}" for number in range(1, 76)} - OUTSIDE_A_SESSION
    assert set(CATALOGUE) == in_scope


def test_every_failure_that_is_drawn_does_something() -> None:
    """What is parameters alone must be injected into the world or at the desk; the others change the draft itself."""
    assert {name for name in PARAMETERS if name not in INJECTIONS and name not in AT_DESK} == set()


@pytest.mark.parametrize("failure", CATALOGUE)
def test_no_car_is_left_silently_empty_under(failure: str) -> None:
    """P1 through each failure by itself, in the first night drawn for it."""
    nights = Nights(Wanted(count=1, seed=1, faults=(1, 1), only=(failure,)), series=SERIES)
    verdict = nights.judged(0).verdict
    assert verdict.faults == (failure,)
    assert not verdict.is_silent_miss


def test_a_world_forgets_nothing_of_what_was_drawn() -> None:
    """All failures at once still make a world whose laws hold: energy is conserved."""
    nights = Nights(Wanted(count=1, seed=3, faults=(20, 20)), series=SERIES)
    world = NightWorld(nights.spec(0))
    install(world)
    world.timeline.advance(world.spec.unplugs_at)
    car = world.car
    gained = car.stored_kwh - car.capacity_kwh * world.spec.car.soc_pct / 100
    assert gained == pytest.approx(car.drawn_kwh * car.efficiency)
