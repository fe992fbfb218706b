"""Rates with bounds: few data prove little, and drivers are not coins."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.program import Limits
from domain.rollout.evidence import Evidence
from domain.rollout.judge import Move, judge
from domain.rollout.rates import CERTAIN, Tally

COUNTS = st.lists(st.integers(0, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=30)


def test_nothing_tried_leaves_everything_open():
    assert (Tally().rate, Tally().at_least(), Tally().at_most()) == (None, 0.0, 1.0)
    assert Tally.of([(0, 0)]) == Tally()


def test_the_bounds_are_wilsons_where_every_driver_is_a_trial():
    # 9 of 10: centre (0.9 + 1.96^2/20) / (1 + 1.96^2/10) = 0.7889, reach 0.1933
    tally = Tally.of([(1, 1)] * 9 + [(0, 1)])
    assert tally.design_effect == pytest.approx(10 / 9)
    alone = Tally.of([(9, 10)])
    assert alone.at_least() == pytest.approx(0.5958, abs=1e-4)
    assert alone.at_most() == pytest.approx(0.9821, abs=1e-4)


def test_ten_drivers_who_always_or_never_succeed_prove_no_more_than_ten_trials():
    extremes = Tally.of([(100, 100)] * 8 + [(0, 100)] * 2)
    even = Tally.of([(80, 100)] * 10)
    assert extremes.rate == even.rate
    assert extremes.at_most() - extremes.at_least() > 4 * (even.at_most() - even.at_least())
    assert extremes.design_effect == pytest.approx(1000 / 9)  # 100 x 10/9: as if each driver had one trial


@given(COUNTS, COUNTS)
def test_tallies_of_disjoint_drivers_add_up(one, two):
    assert Tally.of(one) + Tally.of(two) == Tally.of(one + two)


@given(COUNTS)
def test_the_rate_lies_within_its_bounds_and_these_within_0_and_1(counts):
    tally = Tally.of(counts)
    rate = 0.5 if tally.rate is None else tally.rate
    assert 0 <= tally.at_least(CERTAIN) <= tally.at_least() <= rate + 1e-9
    assert rate - 1e-9 <= tally.at_most() <= tally.at_most(CERTAIN) <= 1


def test_the_95_percent_bound_holds_for_drivers_that_differ():
    rng, missed, rounds = random.Random(1), 0, 400
    for _ in range(rounds):
        chances = [rng.betavariate(9, 1) for _ in range(60)]
        tally = Tally.of([(sum(rng.random() < chance for _ in range(12)), 12) for chance in chances])
        missed += not tally.at_least() <= 0.9 <= tally.at_most()
    assert missed <= 0.09 * rounds  # plain Wilson on the commands misses it in more than one of ten


@pytest.mark.parametrize(
    ("counts", "nights", "move"),
    [
        ([(3, 6)] * 40, 1, Move.TAKE_BACK),  # surely bad: at once
        ([(0, 6)] * 5, 5, Move.HOLD),  # bad, but of five drivers only
        ([(6, 6)] * 40, 4, Move.HOLD),  # good, but not soaked
        ([(6, 6)] * 40, 5, Move.WIDEN),
        ([(11, 12)] * 12, 5, Move.HOLD),  # 92 % on average, and as low as 86 %: the mean passes, the bound does not
        ([(11, 12)] * 12, 14, Move.ASK_OPERATOR),
        ([], 14, Move.ASK_OPERATOR),  # nobody linked a charger
    ],
)
def test_the_judge_goes_by_the_bound_and_not_by_the_mean(counts, nights, move):
    judgement = judge(Evidence(commands=Tally.of(counts)), Limits(), nights)
    assert judgement.move is move
    assert "pass mark 90%" in judgement.reason
