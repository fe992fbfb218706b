"""The rollout's machine by itself: it comes to rest, hears everything in any order, and asks when it should."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import EVENING

from domain.machine import MAX_CHAIN
from domain.program import Limits, Program
from domain.rollout.apply import apply, begun
from domain.rollout.asking import Rehearsal
from domain.rollout.begin import rollout_of, telling_of
from domain.rollout.decide import decide
from domain.rollout.details import rollout_details
from domain.rollout.effects import Close, Gather, MoveOn, Publish, Rehearse, Renew, TellPage, Vitals, WakeAt
from domain.rollout.events import (
    BrandConfirmed,
    Gathered,
    Go,
    PageLost,
    PageTold,
    Published,
    Rehearsed,
    Resume,
    SkipBrand,
    StepLost,
    Stop,
    TakeBack,
)
from domain.rollout.evidence import Evidence
from domain.rollout.measures import Measures
from domain.rollout.rates import Tally
from domain.rollout.standing import Phase, Standing
from domain.rollout.state import RolloutState

LIMITS = Limits(shares=(0.2, 1.0), soak_nights=2, longest_soak_nights=3, window=2)
NIGHT = timedelta(days=1)


def make_state(phase: Phase = Phase.TARGETED, **changes) -> RolloutState:
    before = {Phase.OPTIONAL: Phase.VEHICLE_ONLY, Phase.TARGETED: Phase.OPTIONAL, Phase.EXTENDED: Phase.TARGETED}
    program = Program(name="town", limits=LIMITS, standing=Standing(phase=before[phase]))
    return rollout_of(program, phase, 1).model_copy(update=changes)


def decided(state: RolloutState, now=EVENING, **vitals):
    """The effects, and the state once they are under way."""
    effects = decide(state, now, vitals=Vitals(**{"history_events": 0, **vitals})).effects
    for effect in effects:
        state = begun(state, effect, now)
    return state, effects


def rehearsed(*brands: str) -> Rehearsed:
    return Rehearsed(rehearsal=Rehearsal(drivers=9), brands=brands, at=EVENING)


def told(page: int, version: int = 2) -> PageTold:
    return PageTold(page=page, version=version, told=3, at=EVENING)


def gathered(proven: int, nights: int) -> Gathered:
    tally = Tally.of([(proven, 10)] * 40)
    return Gathered(
        evidence=Evidence(nights=40, commands=tally),
        measures=Measures(phase=Phase.TARGETED),
        at=EVENING + nights * NIGHT,
    )


GO = Go(by="ann", at=EVENING)
STOP = Stop(by="ann", at=EVENING)
RESUME = Resume(by="ann", at=EVENING)
BACK = TakeBack(by="ann", at=EVENING)


def soaking(**changes) -> RolloutState:
    """Jeep's first share was told and soaks."""
    state, _ = decided(make_state())
    state, _ = decided(apply(apply(state, rehearsed("Jeep", "Fiat")), GO))
    state, _ = decided(apply(state, Published(version=2, pages=1, at=EVENING)))
    return apply(state, told(0)).model_copy(update=changes)


def test_nothing_is_published_before_the_dry_run_and_the_operators_word():
    state, effects = decided(make_state())
    assert [type(effect) for effect in effects] == [Rehearse]
    state, effects = decided(apply(state, rehearsed("Jeep")))
    assert effects == ()
    state, effects = decided(apply(state, GO))
    assert [type(effect) for effect in effects] == [MoveOn, Publish]


def test_a_program_may_go_on_without_an_operators_word():
    alone = LIMITS.model_copy(update={"goes_alone": True})
    state, _ = decided(make_state(limits=alone))
    _, effects = decided(apply(state, rehearsed("Jeep")))
    assert Publish in {type(effect) for effect in effects}


def test_pages_are_told_in_a_window_that_slides_with_each_page_that_ends():
    state, _ = decided(make_state())
    state, _ = decided(apply(apply(state, rehearsed("Jeep")), GO))
    state, effects = decided(apply(state, Published(version=2, pages=5, at=EVENING)))
    assert [effect.page for effect in effects if isinstance(effect, TellPage)] == [0, 1]
    state, effects = decided(apply(state, told(1)))
    assert [effect.page for effect in effects if isinstance(effect, TellPage)] == [2]
    late = apply(state, told(1))
    assert late == state  # told twice
    assert apply(state, told(0, version=1)) == state  # of an older version


def test_a_page_that_is_lost_waits_for_an_operator_and_is_told_again():
    state, _ = decided(make_state())
    state, _ = decided(apply(apply(state, rehearsed("Jeep")), GO))
    state, _ = decided(apply(state, Published(version=2, pages=2, at=EVENING)))
    state = apply(apply(state, PageLost(page=0, version=2, why="Bug", at=EVENING)), told(1))
    state, effects = decided(state)
    assert effects == ()
    assert "page 0 could not be told: Bug" in rollout_details(state)
    state, effects = decided(apply(state, GO))
    assert [effect.page for effect in effects if isinstance(effect, TellPage)] == [0]
    assert apply(state, told(0)).soak is not None


@pytest.mark.parametrize("step", ["rehearse", "publish", "gather"])
def test_a_step_that_is_lost_waits_for_an_operator_and_is_done_again(step):
    if step == "rehearse":
        state, _ = decided(make_state())
        wanted = Rehearse
    elif step == "publish":
        state, _ = decided(make_state())
        state, _ = decided(apply(apply(state, rehearsed("Jeep")), GO))
        wanted = Publish
    else:
        state, _ = decided(soaking(), EVENING + NIGHT)
        wanted = Gather
    state, effects = decided(apply(state, StepLost(step=step, why="Bug", at=EVENING)), EVENING + NIGHT)
    assert not [effect for effect in effects if not isinstance(effect, WakeAt)]
    state, effects = decided(apply(state, GO), EVENING + NIGHT)
    assert wanted in {type(effect) for effect in effects}


def test_it_looks_once_a_night_while_a_share_soaks():
    state, effects = decided(soaking())
    assert [effect.at for effect in effects if isinstance(effect, WakeAt)] == [EVENING + NIGHT]
    state, effects = decided(state, EVENING + NIGHT)
    assert [type(effect) for effect in effects] == [Gather]
    state, effects = decided(apply(state, gathered(10, 1)), EVENING + NIGHT)
    assert [effect.at for effect in effects if isinstance(effect, WakeAt)] == [EVENING + 2 * NIGHT]


def test_a_good_brand_is_widened_until_it_is_whole_and_the_next_one_begins():
    state = soaking()
    for version, fraction in ((3, 1.0), (4, 0.2)):
        state, _ = decided(apply(decided(state, EVENING + 2 * NIGHT)[0], gathered(10, 2)), EVENING)
        assert state.publishing is not None
        assert state.publishing.standing.demands[-1].fraction == fraction
        state, _ = decided(apply(state, Published(version=version, pages=1, at=EVENING)))
        state = apply(state, told(0, version))
    assert [treated.brand for treated in state.treated] == ["Jeep"]
    assert state.brand == "Fiat"
    assert [share.brand for share in state.wanted.demands] == ["Jeep", "Fiat"]


def test_a_brand_that_surely_fails_is_taken_back_before_the_soak_is_over():
    state, _ = decided(apply(decided(soaking(), EVENING + NIGHT)[0], gathered(5, 1)), EVENING + NIGHT)
    assert [(treated.brand, treated.result) for treated in state.treated] == [("Jeep", "taken back")]
    assert state.publishing is not None
    assert state.publishing.standing.demands == ()
    assert "Jeep taken back: surely below the pass mark" in state.publishing.reason


@pytest.mark.parametrize(("word", "result"), [(GO, "widen"), (SkipBrand(by="ann", at=EVENING), "take_back")])
def test_what_stays_open_is_the_operators_to_decide(word, result):
    state = apply(decided(soaking(), EVENING + 3 * NIGHT)[0], gathered(9, 3))
    state, _ = decided(state, EVENING + 3 * NIGHT)
    assert "still open after 3 nights" in state.is_asking
    _, effects = decided(apply(state, word), EVENING + 3 * NIGHT)
    assert next(effect.move.value for effect in effects if isinstance(effect, MoveOn)) == result


def test_nothing_new_begins_while_it_is_stopped_and_it_goes_on_when_resumed():
    state = apply(soaking(), STOP)
    assert decided(state, EVENING + 5 * NIGHT)[1] == ()
    assert [type(effect) for effect in decided(apply(state, RESUME), EVENING + 5 * NIGHT)[1]] == [Gather]


def test_taking_back_returns_to_what_was_before_and_tells_everyone():
    state, effects = decided(apply(soaking(), BACK))
    (publication,) = [effect for effect in effects if isinstance(effect, Publish)]
    assert publication.standing == state.before
    assert publication.is_everyone
    state, _ = decided(apply(state, Published(version=3, pages=1, at=EVENING)))
    _, effects = decided(apply(state, told(0, 3)))
    assert [effect.reason for effect in effects if isinstance(effect, Close)] == ["taken back by ann"]


def test_a_publication_under_way_is_given_up_when_it_is_taken_back():
    state, _ = decided(make_state())
    state, _ = decided(apply(apply(state, rehearsed("Jeep")), GO))
    state = apply(state, BACK)
    state, effects = decided(apply(state, Published(version=2, pages=9, at=EVENING)))
    assert [type(effect) for effect in effects] == [Publish]
    assert state.publishing is not None
    assert state.publishing.standing == state.before


def test_taken_back_before_anything_was_published_it_just_ends():
    state, _ = decided(make_state())
    _, effects = decided(apply(apply(state, rehearsed("Jeep")), BACK))
    assert [type(effect) for effect in effects] == [Close]


def test_a_publication_that_another_rollout_prevents_tells_nobody_and_waits_for_an_operator():
    state, _ = decided(make_state())
    state, _ = decided(apply(apply(state, rehearsed("Jeep")), GO))
    refused = Published(version=3, pages=0, refused="town:targeted:2/1 has moved town", at=EVENING)
    state, effects = decided(apply(state, refused))
    assert effects == ()
    assert "town:targeted:2/1 has moved town" in rollout_details(state)
    assert Publish in {type(effect) for effect in decided(apply(state, GO))[1]}
    assert [type(effect) for effect in decided(apply(state, BACK))[1]] == [Close]  # nobody was told anything


def test_a_publication_that_was_lost_may_have_been_stored_and_is_undone_when_taken_back():
    state, _ = decided(make_state())
    state, _ = decided(apply(apply(state, rehearsed("Jeep")), GO))
    state = apply(state, StepLost(step="publish", why="timed out", at=EVENING))
    _, effects = decided(apply(state, BACK))
    (publication,) = [effect for effect in effects if isinstance(effect, Publish)]
    assert (publication.standing, publication.change, publication.is_everyone) == (state.before, 2, True)


@pytest.mark.parametrize("phase", [Phase.TARGETED, Phase.EXTENDED])
def test_s29_a_phase_that_asks_nobody_is_reached_all_the_same_so_that_the_next_can_follow(phase):
    state, _ = decided(make_state(phase))
    state, effects = decided(apply(apply(state, rehearsed()), GO))
    (publication,) = [effect for effect in effects if isinstance(effect, Publish)]
    assert publication.standing == state.before.model_copy(update={"phase": phase})
    state, _ = decided(apply(state, Published(version=2, pages=1, at=EVENING)))
    _, effects = decided(apply(state, told(0)))
    assert [e.reason for e in effects if isinstance(e, Close)] == [
        f"phase {phase.value}: no brand is asked anything else"
    ]


def test_a_brand_skipped_twice_by_a_hasty_hand_does_not_cost_the_next_one():
    word = SkipBrand(by="ann", at=EVENING, brand="jeep")
    state, _ = decided(apply(soaking(), word))
    again = apply(state, word)
    assert (again.brand, again.word) == ("Fiat", "")


def test_s40_a_brand_that_is_disabled_here_while_it_soaks_waits_for_an_operator_and_is_looked_at_again():
    state = soaking()
    extended = {"phase": Phase.EXTENDED, "enabled_brands": frozenset({"Jeep"})}
    state, _ = decided(state.model_copy(update=extended), EVENING + 3 * NIGHT)
    gone = gathered(10, 3).model_copy(update={"enabled_brands": frozenset({"Fiat"})})
    state, effects = decided(apply(state, gone), EVENING + 3 * NIGHT)
    assert state.is_asking == "Jeep is no longer enabled for linking here"
    assert Publish not in {type(effect) for effect in effects}
    state, effects = decided(apply(state, GO.model_copy(update={"at": EVENING + 3 * NIGHT})), EVENING + 3 * NIGHT)
    assert [type(effect) for effect in effects] == [Gather]
    _, effects = decided(apply(state, gathered(10, 3)), EVENING + 3 * NIGHT)
    assert [e.move.value for e in effects if isinstance(e, MoveOn)] == ["widen"]


def test_a_word_of_taking_back_said_twice_loses_no_page():
    state, _ = decided(apply(soaking(), BACK))
    state, _ = decided(apply(state, Published(version=3, pages=5, at=EVENING)))
    again, effects = decided(apply(state, BACK))
    assert again.spread == state.spread
    assert effects == ()


def test_it_renews_itself_between_pages_and_loses_none():
    state, _ = decided(make_state())
    state, _ = decided(apply(apply(state, rehearsed("Jeep")), GO))
    state, _ = decided(apply(state, Published(version=2, pages=5, at=EVENING)))
    state, effects = decided(apply(state, told(0)), continue_as_new_suggested=True)
    assert effects == ()  # the other page is under way
    state, effects = decided(apply(state, told(1)), continue_as_new_suggested=True)
    assert [type(effect) for effect in effects] == [Renew]
    _, effects = decided(state)
    assert [effect.page for effect in effects if isinstance(effect, TellPage)] == [2, 3]


def test_telling_a_version_asks_nobody_anything_and_ends_once_everyone_was_told():
    program = Program(name="town", version=4, standing=Standing(phase=Phase.OPTIONAL))
    state, _ = decided(telling_of(program, 1))
    state, effects = decided(apply(apply(state, rehearsed()), GO))
    (publication,) = [effect for effect in effects if isinstance(effect, Publish)]
    assert (publication.standing, publication.is_everyone) == (program.standing, True)
    state, _ = decided(apply(state, Published(version=5, pages=1, at=EVENING)))
    assert Close in {type(effect) for effect in decided(apply(state, told(0, 5)))[1]}


EVENTS = st.sampled_from(
    [
        *(GO, STOP, RESUME, BACK, SkipBrand(by="ann", at=EVENING), BrandConfirmed(by="ann", at=EVENING, brand="Jeep")),
        *(rehearsed("Jeep", "Fiat"), rehearsed(), Published(version=2, pages=3, at=EVENING)),
        Published(version=2, pages=0, refused="another", at=EVENING),
        *(StepLost(step="publish", why="x", at=EVENING), SkipBrand(by="ann", at=EVENING, brand="Fiat")),
        *(told(page, version) for page in range(3) for version in (2, 3)),
        *(PageLost(page=1, version=2, why="x", at=EVENING), StepLost(step="gather", why="x", at=EVENING)),
        *(gathered(proven, nights) for proven in (5, 9, 10) for nights in (1, 3)),
    ]
)


@given(
    st.sampled_from([Phase.OPTIONAL, Phase.TARGETED, Phase.EXTENDED]),
    st.lists(st.tuples(EVENTS, st.integers(0, 5)), max_size=25),
)
def test_every_chain_of_decisions_comes_to_rest_and_can_be_told(phase, heard):
    state = make_state(phase)
    for event, nights in heard:
        now = EVENING + nights * NIGHT
        state, effects = decided(apply(state, event), now)
        assert len([effect for effect in effects if not isinstance(effect, TellPage)]) <= MAX_CHAIN
        again = decide(state, now).effects
        assert not [effect for effect in again if not isinstance(effect, WakeAt)]
        assert all(effect.at > now for effect in again if isinstance(effect, WakeAt))
        assert rollout_details(state)
        if state.spread is not None:
            assert len(state.spread.in_flight) <= LIMITS.window
