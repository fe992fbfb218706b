"""The nights runner: drawn worlds, production machines on virtual time, a judge that knows no policy."""

from importlib import import_module

import pytest

from nights.mutants import MUTANTS, Mutant, planted
from nights.mutate import caught_by
from nights.runner import Nights, Wanted, canonical, explained, run


@pytest.fixture(scope="module")
def nights() -> Nights:
    """The nights of seed 1, with the shipped prices."""
    return Nights(Wanted(count=1, seed=1))


def test_a_night_depends_on_seed_and_number_only(nights: Nights) -> None:
    again = Nights(Wanted(count=900, seed=1))
    assert [canonical(nights.spec(k)) for k in (0, 7, 4711)] == [canonical(again.spec(k)) for k in (0, 7, 4711)]
    other = Nights(Wanted(count=1, seed=2))
    assert canonical(nights.spec(7)) != canonical(other.spec(7))


def test_the_same_night_played_twice_ends_the_same(nights: Nights) -> None:
    assert [nights.judged(k) for k in range(4)] == [nights.judged(k) for k in range(4)]


def test_the_report_has_every_figure() -> None:
    report, _ = run(Wanted(count=3, seed=1, faults=(1, 1), only=("F16",)))
    assert list(report) == [
        "seed",
        "count",
        "nights_per_s",
        "silent_misses",
        "false_alarms",
        "ready",
        "ready_possible",
        "missed",
        "lost_while_waiting",
        "beyond_six_switches",
        "cost_over_optimum_pct",
        "promises",
        "faults",
        "distribution_sha256",
    ]
    assert set(report["faults"]) == {"F16"}
    assert list(report["faults"]["F16"]) == ["nights", "ready", "told", "silent_misses", "commands", "extra_cost_pct"]
    assert report["faults"]["F16"]["nights"] == 3


def test_a_night_is_told_as_a_story() -> None:
    told, _ = explained(Wanted(count=1, seed=1, faults=(1, 1), only=("F30",)).of_one(2))
    assert "plugged in" in told
    assert "F30" in told
    assert "open night: the car is plugged in" in told


def test_both_engines_go_the_same_way_through_a_night() -> None:
    """The loop and Temporal's workflow: the same commands at nearly the same instants, with the same outcome."""
    report, _ = run(Wanted(count=1, seed=1, faults=(0, 0), engine="temporal"))
    assert report["against_loop"]["differing"] == []
    assert report["against_loop"]["same"] == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.category)
def test_a_planted_bug_replaces_what_it_names_and_nothing_stays(mutant: Mutant) -> None:
    module = import_module(mutant.target.partition(":")[0])
    name = mutant.target.partition(":")[2].partition(".")[0]
    before = dict(vars(getattr(module, name))) if "." in mutant.target.partition(":")[2] else getattr(module, name)
    with planted(mutant):
        owner = getattr(module, name)
        assert (dict(vars(owner)) if isinstance(before, dict) else owner) != before
    after = getattr(module, name)
    assert (dict(vars(after)) if isinstance(before, dict) else after) == before


def test_the_runner_catches_a_planted_bug() -> None:
    """A hold cleared on one side only strands the car (F24); `make mutate` plants one bug per category."""
    mutant = next(mutant for mutant in MUTANTS if mutant.category == "D")
    assert caught_by(mutant, nights=12) is not None
