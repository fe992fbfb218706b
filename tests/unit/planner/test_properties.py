"""What must hold for every night, whatever its numbers."""

from datetime import timedelta
from itertools import pairwise

import brute
import pytest
from factories import START, make_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan import ChargingPlan, ControlKind, PlanProblem, PlanStatus
from domain.site import SitePlan, SiteProblem
from planner import plan, plan_site
from planner.explain import why_not

MINUTES = timedelta(minutes=1)
SLOTS = st.sampled_from([15, 60, 3.2, 37.5])
PRICES = st.one_of(st.sampled_from([0.1, 0.2, 0.3, -0.05, 0.0]), st.floats(-0.5, 2.0))
EASY = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def problems(draw: st.DrawFn, *, most: int = 30, control: ControlKind | None = None) -> PlanProblem:
    """Any valid night: mixed slots, any prices, states and limits."""
    n = draw(st.integers(1, most))
    slot = draw(SLOTS)
    minutes = [draw(SLOTS)] + [slot] * (n - 1) if draw(st.booleans()) else [slot] * n
    cap = draw(st.floats(1.0, 100.0))
    return make_problem(
        draw(st.lists(PRICES, min_size=n, max_size=n)),
        minutes=minutes,
        battery_capacity_kwh=cap,
        soc_dc_kwh=draw(st.floats(0.0, 1.1)) * cap,
        target_dc_kwh=draw(st.floats(0.0, 1.0)) * cap,
        min_dc_kwh=draw(st.one_of(st.just(0.0), st.floats(0.0, 1.0))) * cap,
        max_power_kw=draw(st.sampled_from([1.4, 3.7, 11.0, 22.0])),
        efficiency=draw(st.sampled_from([1.0, 0.9, 0.5])),
        control=control or draw(st.sampled_from([ControlKind.MODULATED, ControlKind.ONOFF])),
        min_on=draw(st.sampled_from([0, 15, 30, 120])) * MINUTES,
        min_off=draw(st.sampled_from([0, 15, 30, 120])) * MINUTES,
        switch_cost=draw(st.sampled_from([0.0, 0.02, 1.0])),
        is_on_at_start=draw(st.booleans()),
        frozen_until=draw(st.sampled_from([None, START + MINUTES])),
    )


@given(problems())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_every_valid_problem_has_a_valid_plan(problem: PlanProblem) -> None:
    answer = plan(problem)
    hours = [(b - a) / timedelta(hours=1) for a, b in pairwise(problem.edges)]
    assert len(answer.energy_ac_kwh) == len(hours) == len(answer.reasons)
    for kwh, h in zip(answer.energy_ac_kwh, hours, strict=True):
        assert 0 <= kwh <= problem.max_power_kw * h + 1e-9
    assert answer.status in (PlanStatus.OPTIMAL, PlanStatus.BEST_EFFORT)
    assert answer.lower_bound <= answer.cost + 1e-9
    assert answer.cost - answer.lower_bound <= 1e-3
    need = max(0.0, problem.target_dc_kwh - problem.soc_dc_kwh) / problem.efficiency
    assert sum(answer.energy_ac_kwh) + answer.shortfall_ac_kwh >= need - 1e-6
    assert (answer.shortfall_ac_kwh > 0) == (answer.status is PlanStatus.BEST_EFFORT)


@st.composite
def wild_problems(draw: st.DrawFn) -> PlanProblem:
    """Nights with everything that can be said of them: taper, premium, carbon, few switches, any control."""
    problem = draw(problems(most=12, control=draw(st.sampled_from(ControlKind))))
    n, cap, power = len(problem.price_per_kwh), problem.battery_capacity_kwh, problem.max_power_kw
    changes = {
        "min_power_kw": power * draw(st.sampled_from([0.0, 0.3, 1.0])),
        "risk_premium": draw(st.sampled_from([(), (0.1,) * n, tuple(0.7 * t / n for t in range(n))])),
        "carbon_g_per_kwh": draw(st.sampled_from([(), tuple(400.0 - 30 * t for t in range(n))])),
        "carbon_cost_per_kg": draw(st.sampled_from([0.0, 0.5])),
        "missing_cost_per_kwh": draw(st.sampled_from([10.0, 0.01, 1e6])),
        "most_switches": draw(st.sampled_from([None, 0, 1, 2, 6])),
    }
    if problem.control is ControlKind.MODULATED:
        taper = st.sampled_from([None, (0.5, 0.0), (0.8, 0.4)])
        if (drawn := draw(taper)) is not None:
            changes |= {"taper_from_dc_kwh": drawn[0] * cap, "taper_end_power_kw": drawn[1] * power}
    return PlanProblem(**(problem.model_dump() | changes))


@given(wild_problems())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_nothing_that_validates_is_left_without_a_plan_that_can_be_stored(problem: PlanProblem) -> None:
    answer = plan(problem)
    for kwh, (a, b) in zip(answer.energy_ac_kwh, pairwise(problem.edges), strict=True):
        assert -1e-9 <= kwh <= problem.max_power_kw * ((b - a) / timedelta(hours=1)) + 1e-9
    room = max(0.0, problem.battery_capacity_kwh - problem.soc_dc_kwh) / problem.efficiency
    if problem.control is ControlKind.MODULATED:
        assert sum(answer.energy_ac_kwh) <= room + 1e-6
    assert answer.lower_bound <= answer.cost + 1e-6
    assert ChargingPlan.model_validate_json(answer.model_dump_json()) == answer


@given(problems(most=8, control=ControlKind.ONOFF))
@EASY
def test_on_off_plans_are_those_that_trying_every_pattern_finds(problem: PlanProblem) -> None:
    cost, pattern = brute.best_onoff(problem)
    answer = plan(problem)
    assert answer.cost == pytest.approx(cost, abs=1e-6)
    assert brute.pattern_cost(problem, [kwh > 0 for kwh in answer.energy_ac_kwh]) == pytest.approx(
        brute.pattern_cost(problem, pattern), abs=1e-6
    )


@given(problems(most=8, control=ControlKind.ONOFF), st.integers(0, 4))
@EASY
def test_with_few_switches_no_pattern_of_as_few_costs_less(problem: PlanProblem, most: int) -> None:
    problem = problem.model_copy(update={"most_switches": most})
    cost, pattern = brute.best_onoff(problem)
    answer = plan(problem)
    assert answer.cost == pytest.approx(cost, rel=1e-4, abs=1e-4)
    allowed = max(most, brute.switches(problem, tuple(pattern)))
    assert brute.switches(problem, tuple(kwh > 0 for kwh in answer.energy_ac_kwh)) <= allowed
    assert answer.lower_bound <= answer.cost + 1e-9


@given(problems(), st.data())
@EASY
def test_a_dearer_slot_is_never_used_more(problem: PlanProblem, data: st.DataObject) -> None:
    t = data.draw(st.integers(0, len(problem.price_per_kwh) - 1))
    prices = list(problem.price_per_kwh)
    prices[t] += data.draw(st.floats(0.001, 1.0))
    before, after = plan(problem), plan(problem.model_copy(update={"price_per_kwh": tuple(prices)}))
    assert after.energy_ac_kwh[t] <= before.energy_ac_kwh[t] + 1e-6


@given(problems(), st.floats(0.0, 2.0))
@EASY
def test_a_later_departure_never_costs_more(problem: PlanProblem, price: float) -> None:
    longer = problem.model_copy(
        update={
            "edges": (*problem.edges, problem.edges[-1] + 15 * MINUTES),
            "price_per_kwh": (*problem.price_per_kwh, price),
        }
    )
    problem, longer = (p.model_copy(update={"min_dc_kwh": 0.0}) for p in (problem, longer))
    before, after = plan(problem), plan(longer)
    if problem.control is ControlKind.ONOFF:
        # A stop that departure gave for free, a run that it cut short, or a rounding that it changed may cost.
        uniform = len({b - a for a, b in pairwise(longer.edges)}) == 1
        if uniform and before.status is PlanStatus.OPTIMAL and problem.min_on <= 15 * MINUTES:
            assert after.cost <= before.cost + problem.switch_cost + 1e-6
    else:
        assert after.cost <= before.cost + 1e-3 * abs(before.cost) + 1e-3


@given(problems(), st.sampled_from([0.5, 2.0, 4.0]))
@EASY
def test_scaling_all_money_scales_the_cost(problem: PlanProblem, factor: float) -> None:
    scaled = problem.model_copy(
        update={
            "price_per_kwh": tuple(price * factor for price in problem.price_per_kwh),
            "switch_cost": problem.switch_cost * factor,
            "missing_cost_per_kwh": problem.missing_cost_per_kwh * factor,
        }
    )
    assert plan(scaled).cost == pytest.approx(plan(problem).cost * factor, rel=1e-4, abs=1e-3)


@given(problems(), st.data())
@EASY
def test_a_plan_solved_again_from_its_middle_is_as_cheap(problem: PlanProblem, data: st.DataObject) -> None:
    problem = problem.model_copy(update={"frozen_until": None, "min_on": 0 * MINUTES, "min_off": 0 * MINUTES})
    whole = plan(problem)
    n = len(whole.energy_ac_kwh)
    t = data.draw(st.integers(0, n - 1))
    in_battery = problem.soc_dc_kwh + sum(whole.energy_ac_kwh[:t]) * problem.efficiency
    rest = problem.model_copy(
        update={
            "edges": problem.edges[t:],
            "price_per_kwh": problem.price_per_kwh[t:],
            "soc_dc_kwh": in_battery,
            "is_on_at_start": whole.is_on(t - 1) if t else problem.is_on_at_start,
        }
    )
    again = plan(rest)
    left = sum(p * e for p, e in zip(rest.price_per_kwh, whole.energy_ac_kwh[t:], strict=True))
    if problem.control is ControlKind.MODULATED:
        assert again.energy_cost == pytest.approx(left, abs=2e-3)
    elif len({b - a for a, b in pairwise(problem.edges)}) == 1 and in_battery <= problem.battery_capacity_kwh:
        # Slots of mixed lengths round the need to another grid once the odd slot is over.
        states = [rest.is_on_at_start] + [whole.is_on(s) for s in range(t, n)]
        left += problem.switch_cost * sum(a != b for a, b in pairwise(states))
        assert again.cost - again.missing_cost <= left + 1e-6


@given(wild_problems(), st.data())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_no_answer_to_why_not_here_is_cheaper_than_the_plan(problem: PlanProblem, data: st.DataObject) -> None:
    choice = why_not(problem, data.draw(st.sampled_from(problem.edges[:-1])))
    if choice is not None:
        assert choice.extra_cost >= -1e-4 * max(1.0, abs(choice.plan.cost))


@st.composite
def sites(draw: st.DrawFn) -> SiteProblem:
    """A few cars with stays of their own behind any limit, from none to plenty."""
    n = draw(st.integers(2, 10))
    edges = tuple(START + 30 * MINUTES * t for t in range(n + 1))
    prices = draw(st.lists(PRICES, min_size=n, max_size=n))
    cars = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, n - 1))
        last = draw(st.integers(first + 1, n))
        car = draw(problems(most=1, control=draw(st.sampled_from(ControlKind))))
        stay = {"edges": edges[first : last + 1], "price_per_kwh": tuple(prices[first:last])}
        cars.append(PlanProblem(**(car.model_dump() | stay | {"min_power_kw": 0.3 * car.max_power_kw})))
    limit = draw(st.sampled_from([0.0, 3.0, 8.0, 15.0, 100.0]))
    base = draw(st.sampled_from([(), (1.0,) * n]))
    return SiteProblem(edges=edges, limit_kw=(limit,) * n, base_load_kw=base, cars=tuple(cars))


@given(sites())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_every_valid_site_has_a_valid_plan(site: SiteProblem) -> None:
    answer = plan_site(site, time_limit=timedelta(seconds=0.5))
    total = [0.0] * len(site.limit_kw)
    for j, (car, found) in enumerate(zip(site.cars, answer.plans, strict=True)):
        first = site.first_slot(j)
        for t, kwh in enumerate(found.energy_ac_kwh):
            assert -1e-9 <= kwh <= car.max_power_kw * 0.5 + 1e-9
            total[first + t] += kwh
    for drawn, room in zip(total, site.room_kwh(), strict=True):
        assert drawn <= room + 1e-4
    assert answer.lower_bound <= answer.cost + 1e-6
    assert SitePlan.model_validate_json(answer.model_dump_json()) == answer


@given(st.data())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_free_cars_with_prices_of_their_own_are_proven_at_any_limit(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 6))
    edges = tuple(START + 30 * MINUTES * t for t in range(n + 1))
    missing = data.draw(st.sampled_from([10.0, 1.5]))
    cars = []
    for _ in range(data.draw(st.integers(1, 4))):
        car = data.draw(problems(most=1, control=ControlKind.MODULATED))
        prices = tuple(data.draw(st.lists(PRICES, min_size=n, max_size=n)))
        changes = {"edges": edges, "price_per_kwh": prices, "missing_cost_per_kwh": missing, "frozen_until": None}
        cars.append(PlanProblem(**(car.model_dump() | changes)))
    limit = tuple(data.draw(st.lists(st.sampled_from([0.0, 3.0, 8.0, 15.0, 100.0]), min_size=n, max_size=n)))
    answer = plan_site(SiteProblem(edges=edges, limit_kw=limit, cars=tuple(cars)))
    assert answer.cost - answer.lower_bound <= 1e-4 * max(1.0, abs(answer.cost)) + 1e-3
