"""Several cars behind one limit: problem in, plan out (docs/planner.md, tables 4 and 5).

Only free power: one flow, exact. With on/off cars: the limit gets prices and a bound from `columns`; whole plans are
built car by car at those prices, each exact in what the others leave, and mended car by car and pair by pair until the
bound is near or time is up. The gap that is left stands in the plan.
"""

import random
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from time import perf_counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from domain.plan import ChargingPlan, ControlKind, PlanStatus
from domain.site import SitePlan, SiteProblem
from planner import closed_form, cpsat, site_flow
from planner.columns import OnOffCar, limit_prices, sharpened
from planner.night import Solved, answer_of, onoff_energies
from planner.onoff import has_pattern, solve_onoff
from planner.problem import MS_PER_HOUR, Night, OnOff, SolverFailed, lengths_ms, read, scale_onoff
from planner.site_flow import Shared

Floats = npt.NDArray[np.float64]
Pattern = list[bool]

DEFAULT_TIME_LIMIT = timedelta(seconds=3)
NEAR_ENOUGH = 1e-3  # of the cost: a plan this near the bound is not mended further
FAR_FROM_BOUND = 4e-3  # of the cost: a plan this far from the bound goes to the constraint programme
PROGRAMME_GAP = 1e-3  # of the cost: where the constraint programme stops
PRICING_PART = 0.3  # of the time limit goes to prices and bound at most
SHARPENING_PART = 0.5  # of the time limit is over at the latest when the bound is as sharp as it gets
MENDING = timedelta(milliseconds=60)
WHOLE_PART = 0.4  # of the time left goes to the programme of all cars, the rest to a few cars at a time
FEW_CARS = 3
FEW_SECONDS = 0.5
LIMIT_NOISE_KWH = 1e-6
CRUMB_SAVING = 8e-3  # of the site's cost: a rest below a slot is left missing only if that saves more
MISSING_NOISE_KWH = 1e-3
PROVEN = 2e-4  # of the cost: a site's plan this near its bound is called optimal
SOLVER = "or-tools glop columns, min-cost flows"


def plan_site(problem: SiteProblem, *, time_limit: timedelta = DEFAULT_TIME_LIMIT) -> SitePlan:
    """The cheapest plan found for the cars together, with a proven bound on any plan of the site.

    Nothing that can be charged is left missing, unless a crumb of a slot costs more than the site can bear
    (CRUMB_SAVING). Never raises for a valid problem.
    """
    begun = perf_counter()
    site = _Site(problem, begun + time_limit.total_seconds())
    try:
        found = _solved(site, begun)
    except SolverFailed:
        draft = _in_turn(site)
        found = _Found(draft.patterns, draft.shared, -np.inf, closed_form.IN_TURN)
    return _answer(site, found, begun)


class _Found(NamedTuple):
    """A pattern per on/off car, the free cars' energies, a bound on any plan, and what found them."""

    patterns: list[Pattern]
    shared: Shared
    bound: float
    solver: str


def _solved(site: "_Site", begun: float) -> _Found:
    if not site.cars:
        shared = _shared(site, site.room)
        return _Found([], shared, shared.bound, site_flow.SOLVER)
    deadline = site.deadline
    prices = limit_prices(site.cars, site.free, site.room, begun + PRICING_PART * (deadline - begun))
    bound = sharpened(site.cars, prices, begun + SHARPENING_PART * (deadline - begun))
    drafts = [_built(site, order, prices.slot_price) for order in _orders(site)]
    draft = min(drafts, key=lambda d: (round(d.missing_kwh, 2), d.cost))
    quick = min(deadline, perf_counter() + MENDING.total_seconds())
    draft, solver = _mended(site, draft, prices.slot_price, bound * (1 + NEAR_ENOUGH), quick), SOLVER
    if draft.cost - bound > FAR_FROM_BOUND * abs(draft.cost):
        draft, bound, solver = _programmed(site, draft, bound, deadline)
    draft = _filled(site, draft)
    return _Found(draft.patterns, draft.shared, bound, solver)


def _in_turn(site: "_Site") -> "_Draft":
    """The fallback: cars by departure, each by its closed form in what is left; free cars first come, first served."""
    left = site.room.copy()
    patterns: list[Pattern] = [[] for _ in site.cars]
    for i in sorted(range(len(site.cars)), key=lambda i: site.cars[i].stay.stop):
        car = site.cars[i]
        patterns[i] = closed_form.onoff(_within(car.night, left[car.stay] < car.step_kwh - 1e-9))[0]
        left = left - site.load_of(car, patterns[i])
    return _Draft(site, patterns)


class _Site:
    """The site in numbers: on/off cars and free cars apart."""

    def __init__(self, problem: SiteProblem, deadline: float) -> None:
        self.problem = problem
        self.deadline = deadline  # on perf_counter's scale
        self.firsts = [problem.first_slot(j) for j in range(len(problem.cars))]
        lengths = lengths_ms(problem.edges)  # once for all: a car's slots are the site's
        self.nights = [
            read(car, lengths[first : first + len(car.price_per_kwh)])
            for car, first in zip(problem.cars, self.firsts, strict=True)
        ]
        load = np.array(problem.base_load_kw or 0.0)
        self.room = np.maximum(0.0, np.array(problem.limit_kw) - load) * np.array(lengths) / MS_PER_HOUR
        # A car with a minimum power takes all or nothing here: valid, and its limits are near each other at home.
        self.fixed = [j for j, car in enumerate(problem.cars) if car.control is not ControlKind.MODULATED]
        self.loose = [j for j, car in enumerate(problem.cars) if car.control is ControlKind.MODULATED]
        self.cars = [self._onoff(j) for j in self.fixed]
        self.free = site_flow.free_cars(
            [self.nights[j] for j in self.loose], [self.firsts[j] for j in self.loose], len(self.room)
        )

    def _onoff(self, j: int) -> OnOffCar:
        night = self.nights[j]
        if night.problem.control is ControlKind.SEMICONTINUOUS:
            free = {"min_on": timedelta(0), "min_off": timedelta(0), "switch_cost": 0.0}
            night = replace(night, problem=night.problem.model_copy(update=free))
        step = np.array(night.step_kwh)
        extra = 2.0 * max(car.missing_cost_per_kwh for car in self.problem.cars)
        first = self.firsts[j]
        too_much = self.room[first : first + night.n] < step - 1e-9
        scaled = _within(scale_onoff(night, extra), too_much)
        if night.problem.control is ControlKind.SEMICONTINUOUS and night.problem.min_power_kw > 0:
            # Slots are trimmed to the minimum later; no more of them than the room holds at the minimum.
            most = max(1, int(night.room_kwh / night.problem.min_power_kw * MS_PER_HOUR))
            scaled = replace(scaled, least_ms=min(scaled.least_ms, most), most_ms=min(scaled.most_ms, most))
        if not has_pattern(scaled):
            scaled = replace(scaled, must_on=[False] * night.n)
        return OnOffCar(scaled, first, step, night.need_kwh, night.problem.missing_cost_per_kwh)

    def load_of(self, car: OnOffCar, pattern: Pattern) -> Floats:
        """What a pattern draws per slot of the site [kWh]."""
        load = np.zeros(len(self.room))
        load[car.stay] = car.step_kwh * np.array(pattern)
        return load

    def respond(self, i: int, left: Floats, price: Floats) -> Pattern:
        """The best pattern of on/off car `i` in what is left of the limit, if slots cost `price` more.

        When time is up, the closed form's.
        """
        car = self.cars[i]
        night = _within(car.priced(price), left[car.stay] < car.step_kwh - 1e-9)
        if perf_counter() > self.deadline:
            return closed_form.onoff(night)[0]
        # What must be on may have no run long enough between blocked slots: then it gives way.
        for attempt in (night, replace(night, must_on=[False] * night.n)):
            try:
                return solve_onoff(attempt, may_overshoot=False).is_on
            except SolverFailed:
                continue
        return [False] * night.n

    def free_cost(self, shared: Shared) -> float:
        """Energy and missing energy of the free cars [currency]."""
        drawn = shared.energy_kwh.sum(axis=1)
        wanted = self.free.need + self.free.low.sum(axis=1)
        missing = np.maximum(0.0, wanted - drawn - 1e-6)
        return float((self.free.price * shared.energy_kwh).sum() + self.free.missing @ missing)


def _within(o: OnOff, blocked: npt.NDArray[np.bool_]) -> OnOff:
    """The night without the blocked slots; where a slot that must be on is blocked, no later slot must be."""
    if not blocked.any():
        return o
    must_on = list(o.must_on)
    for t in np.flatnonzero(blocked).tolist():
        if must_on[t]:
            must_on[t:] = [False] * (o.n - t)
    return replace(o, must_on=must_on, must_off=[a or b for a, b in zip(o.must_off, blocked.tolist(), strict=True)])


def _shared(site: _Site, left: Floats) -> Shared:
    try:
        return site_flow.share(site.free, left)
    except SolverFailed:
        return site_flow.share_in_turn(site.free, left)


class _Draft:
    """A whole plan of the site: a pattern per on/off car, and the free cars' best answer to them."""

    def __init__(self, site: _Site, patterns: list[Pattern]) -> None:
        self.site, self.patterns = site, patterns
        self.loads = [site.load_of(car, pattern) for car, pattern in zip(site.cars, patterns, strict=True)]
        self.left = site.room - sum(self.loads, np.zeros(len(site.room)))
        self.shared = _shared(site, np.maximum(0.0, self.left))
        self.cost = site.free_cost(self.shared)
        self.cost += sum(car.cost_of(pattern) for car, pattern in zip(site.cars, patterns, strict=True))
        self.missing = [
            max(0.0, car.need_kwh - float(load.sum())) for car, load in zip(site.cars, self.loads, strict=True)
        ]
        wanted = site.free.need + site.free.low.sum(axis=1)
        self.missing_kwh = sum(self.missing) + float(np.maximum(0.0, wanted - self.shared.energy_kwh.sum(axis=1)).sum())

    def without(self, *cars: int) -> Floats:
        """What is left of the limit if these on/off cars drew nothing; the free cars would give way."""
        left: Floats = self.left + sum((self.loads[i] for i in cars), np.zeros(len(self.left)))
        return left


def _built(site: _Site, order: list[int], price: Floats) -> _Draft:
    """Car by car in `order`, each exact in what is left, keeping clear of what later cars must draw."""
    patterns: list[Pattern] = [[] for _ in site.cars]
    forced = [site.load_of(car, car.night.must_on) for car in site.cars]
    left = site.room - sum(forced, np.zeros(len(site.room))) - site.free.low.sum(axis=0)
    for i in order:
        left += forced[i]
        patterns[i] = site.respond(i, left, price)
        left -= site.load_of(site.cars[i], patterns[i])
    return _Draft(site, patterns)


def _mended(site: _Site, draft: _Draft, price: Floats, target: float, deadline: float) -> _Draft:
    """Cars one by one, then two by two, answer anew to the others, as long as that makes the site cheaper."""
    count = len(site.cars)
    moves = [(i,) for i in range(count)] + [pair for a, b in combinations(range(count), 2) for pair in ((a, b), (b, a))]
    since = 0
    while since < len(moves):
        for move in moves:
            if draft.cost <= target or perf_counter() > deadline:
                return draft
            changed = _answered(site, draft, move, price)
            since += 1
            if changed.cost < draft.cost - 1e-9:
                draft, since = changed, 0
            if since >= len(moves):
                break
    return draft


def _answered(site: _Site, draft: _Draft, move: tuple[int, ...], price: Floats) -> _Draft:
    patterns = list(draft.patterns)
    left = draft.without(*move)
    for k, i in enumerate(move):
        # The last car pays only for what the free cars lose; earlier ones also for what the next could use.
        steer = price if k < len(move) - 1 or site.loose else np.zeros_like(price)
        patterns[i] = site.respond(i, left, steer)
        left = left - site.load_of(site.cars[i], patterns[i])
    return draft if patterns == draft.patterns else _Draft(site, patterns)


def _orders(site: _Site) -> list[list[int]]:
    """Cars with the least slots to spare first; and the other way round. Those that must charge at once always lead."""
    by_slack = sorted(
        range(len(site.cars)),
        key=lambda i: (site.cars[i].free_kwh - site.cars[i].need_kwh) / float(site.cars[i].step_kwh[0]),
    )
    orders = [by_slack, by_slack[::-1]] if len(by_slack) > 1 else [by_slack]
    return [sorted(order, key=lambda i: not any(site.cars[i].night.must_on)) for order in orders]


def _programmed(site: _Site, draft: _Draft, bound: float, deadline: float) -> tuple[_Draft, float, str]:
    """The draft improved by the constraint programme: all cars at once, then a few at a time, till near the bound."""
    everyone = tuple(range(len(site.cars)))
    draft, proven = _reprogrammed(site, draft, everyone, bound, WHOLE_PART * (deadline - perf_counter()))
    bound = max(bound, proven)
    few = min(FEW_CARS, len(everyone))
    dice = random.Random(len(everyone))
    while few < len(everyone) and draft.cost - bound > FAR_FROM_BOUND * abs(draft.cost):
        left = deadline - perf_counter()
        if left <= 0:
            break
        chosen = tuple(sorted(dice.sample(everyone, few)))
        draft, _ = _reprogrammed(site, draft, chosen, -np.inf, min(left, FEW_SECONDS))
    return draft, bound, cpsat.SOLVER


def _reprogrammed(
    site: _Site, draft: _Draft, chosen: tuple[int, ...], bound: float, seconds: float
) -> tuple[_Draft, float]:
    """The draft with the chosen on/off cars (and all free cars) planned anew, never dearer; and the model's bound."""
    cars = []
    for i in chosen:
        car = site.cars[i]
        cars.append(
            cpsat.ModelCar(
                car.night, car.first, car.step_kwh.tolist(), car.need_kwh, car.missing_per_kwh, 0, draft.patterns[i]
            )
        )
    others = [load for i, load in enumerate(draft.loads) if i not in chosen]
    room = np.maximum(0.0, site.room - sum(others, np.zeros(len(site.room))))
    found = cpsat.improve(cars, site.free, room, seconds, bound, PROGRAMME_GAP)
    if found is None:
        return draft, -np.inf
    patterns = list(draft.patterns)
    for i, pattern in zip(chosen, found.patterns, strict=True):
        patterns[i] = pattern
    better = _Draft(site, patterns)
    is_better = better.cost < draft.cost and better.left.min() > -LIMIT_NOISE_KWH
    return better if is_better else draft, found.bound


def _filled(site: _Site, draft: _Draft) -> _Draft:
    """The draft without energy left missing for money's sake, where filling it costs less than CRUMB_SAVING."""
    for i, car in enumerate(site.cars):
        hopeless = max(0.0, car.need_kwh - car.free_kwh)
        if draft.missing[i] > hopeless + MISSING_NOISE_KWH:
            fuller = _answered(site, draft, (i,), np.zeros_like(site.room))
            if fuller.missing_kwh < draft.missing_kwh and fuller.cost <= draft.cost + CRUMB_SAVING * abs(draft.cost):
                draft = fuller
    return draft


def _answer(site: _Site, found: _Found, begun: float) -> SitePlan:
    plans: list[ChargingPlan | None] = [None] * len(site.nights)
    energy = found.shared.energy_kwh
    left = site.room - energy.sum(axis=0)
    for car, pattern in zip(site.cars, found.patterns, strict=True):
        left = left - site.load_of(car, pattern)
    for i, j in enumerate(site.fixed):
        night, car = site.nights[j], site.cars[i]
        energies = onoff_energies(night, found.patterns[i])
        fits = np.array(found.patterns[i]) | (left[car.stay] >= car.step_kwh - LIMIT_NOISE_KWH)
        if night.problem.control is ControlKind.SEMICONTINUOUS:
            energies = _trimmed(night, energies)
        plans[j] = _car_answer(site, j, energies, np.where(fits, night.ceiling_kwh, 0.0).tolist(), found.solver, begun)
    tops = np.where(left > LIMIT_NOISE_KWH, site.free.low + site.free.spare, energy)
    for i, j in enumerate(site.loose):
        stay = slice(site.firsts[j], site.firsts[j] + site.nights[j].n)
        plans[j] = _car_answer(site, j, energy[i, stay].tolist(), tops[i, stay].tolist(), found.solver, begun)
    done = tuple(plan for plan in plans if plan is not None)
    cost, bound = sum(plan.cost for plan in done), float(found.bound)
    shortfall = sum(plan.shortfall_ac_kwh for plan in done)
    near = cost - bound <= PROVEN * max(1.0, abs(cost))
    status = PlanStatus.INCUMBENT
    if near:
        status = PlanStatus.BEST_EFFORT if shortfall > 0 else PlanStatus.OPTIMAL
    return SitePlan.trusted(
        status=status,
        plans=done,
        cost=cost,
        energy_cost=sum(plan.energy_cost for plan in done),
        lower_bound=min(max(bound, sum(plan.lower_bound for plan in done)), cost),
        shortfall_ac_kwh=shortfall,
        solver=found.solver,
        solve_ms=(perf_counter() - begun) * 1e3,
    )


def _trimmed(night: Night, energies: list[float]) -> list[float]:
    """Energies of a car with a minimum power: what exceeds the need is taken back, from the dearest slots first."""
    problem = night.problem
    part = problem.min_power_kw / problem.max_power_kw
    over = sum(energies) - max(night.need_kwh, sum(night.floor_kwh))
    trimmed = list(energies)
    for t in sorted(range(night.n), key=lambda t: -problem.price_per_kwh[t]):
        if over <= 0 or (problem.price_per_kwh[t] <= 0 and sum(trimmed) <= night.room_kwh):
            break
        least = max(night.floor_kwh[t], night.step_kwh[t] * part)
        take = min(over, max(0.0, trimmed[t] - least))
        trimmed[t] -= take
        over -= take
    return trimmed


def _car_answer(
    site: _Site, j: int, energies: list[float], tops: list[float], solver: str, begun: float
) -> ChargingPlan:
    """A car's plan; its bound is the plain one of its cheapest slot, the proof is the site's."""
    night = site.nights[j]
    prices = night.problem.price_per_kwh
    cheapest = min(min(prices), night.problem.missing_cost_per_kwh)
    floor = max(0.0, cheapest) * night.need_kwh
    if cheapest < 0:
        floor += sum(min(0.0, price) * kwh for price, kwh in zip(prices, night.step_kwh, strict=True))
    return answer_of(night, Solved(energies, floor, solver, PlanStatus.OPTIMAL), begun, tops)
