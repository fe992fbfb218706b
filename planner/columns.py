"""Prices of a shared limit by column generation: a master over whole patterns of cars (docs/planner.md, table 5).

GLOP finds the cheapest mixture of patterns under the limit; its duals price every slot and every car's need; a priced
shortest path per car answers with the pattern that is cheapest at those prices. The Lagrangian value of those answers
is a proven bound of the site; the duals steer the search for whole plans.
"""

from dataclasses import dataclass, replace
from math import gcd
from time import perf_counter

import numpy as np
import numpy.typing as npt
import ortools.linear_solver.pywraplp as pywraplp

from planner.onoff import least_reachable, solve_onoff
from planner.pricing import bound_of, labels_at, money_of, moves_of, path_of
from planner.problem import OnOff, SolverFailed
from planner.site_flow import FreeCars

Floats = npt.NDArray[np.float64]

OVERLOAD_PRICE = 1_000.0  # per kWh above the limit, for minimum levels that do not fit together [currency/kWh]
CLOSE_ENOUGH = 2e-4  # of the cost: master and bound this near end the search
MOST_ROUNDS = 60
ROUNDING = 1.0  # integer units by which the rounding of a slot's money may flatter a pattern, tie-breaks apart


@dataclass(frozen=True, slots=True)
class OnOffCar:
    """An on/off car at the site: its integer night, the site's slot at which it begins, and its need."""

    night: OnOff
    first: int
    step_kwh: Floats  # per slot of its stay
    need_kwh: float
    missing_per_kwh: float

    @property
    def stay(self) -> slice:
        return slice(self.first, self.first + self.night.n)

    @property
    def kwh_per_ms(self) -> float:
        return float(self.step_kwh[0]) / self.night.length_ms[0]

    @property
    def grid_kwh(self) -> float:
        return gcd(*self.night.length_ms) * self.kwh_per_ms

    @property
    def reach_kwh(self) -> float:
        """The need in whole slots, as far as the stay allows."""
        return least_reachable(self.night) * self.kwh_per_ms

    @property
    def free_kwh(self) -> float:
        """Energy of all slots that may be on."""
        return float(self.step_kwh[~np.array(self.night.must_off)].sum())

    @property
    def hopeless_cost(self) -> float:
        """What is missing however the car charges [currency]."""
        return self.missing_per_kwh * max(0.0, self.need_kwh - self.free_kwh)

    @property
    def last_step_cost(self) -> float:
        """Missing cost per kWh of the last step to reach: the need may fill only a part of it."""
        part = (min(self.need_kwh, self.free_kwh) - self.reach_kwh) / self.grid_kwh + 1
        return self.missing_per_kwh * min(1.0, max(0.0, part))

    def priced(self, slot_price: Floats) -> OnOff:
        """The night with the limit's price [currency/kWh] added to every slot."""
        extra = slot_price[self.stay] * self.step_kwh * self.night.money_units
        return replace(self.night, cost=[c + round(e) for c, e in zip(self.night.cost, extra.tolist(), strict=True)])

    def cost_of(self, is_on: list[bool]) -> float:
        """Energy, switching and missing energy of a pattern [currency]."""
        drawn = float(self.step_kwh[np.array(is_on)].sum())
        return money_of(self.night, is_on) + self.missing_per_kwh * max(0.0, self.need_kwh - drawn - 1e-6)


@dataclass(frozen=True, slots=True)
class LimitPrices:
    """What the limit is worth per slot [currency/kWh], and a bound on the cost of any plan of the site."""

    slot_price: Floats
    bound: float
    shares: list[float]  # each on/off car's part of the bound [currency]


class _Master:
    """The linear master: patterns of on/off cars, energies of free cars, rows for limit, needs and convexity."""

    def __init__(self, cars: list[OnOffCar], free: FreeCars, room_kwh: Floats) -> None:
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        s, infinity = self.solver, self.solver.infinity()
        self.objective = s.Objective()
        self.limit = [s.Constraint(-infinity, float(kwh)) for kwh in room_kwh]
        for row in self.limit:
            self._add(OVERLOAD_PRICE, [(row, -1.0)])
        self.one = [s.Constraint(1.0, 1.0) for _ in cars]
        self.need = [s.Constraint(car.reach_kwh, infinity) for car in cars]
        for car, row in zip(cars, self.need, strict=True):
            self._add(car.last_step_cost, [(row, 1.0)], 0.0, car.grid_kwh)
            self._add(car.missing_per_kwh, [(row, 1.0)])
        self.free = [
            s.Constraint(float(need + low), float(max(need, room) + low))
            for need, room, low in zip(free.need, free.room, free.low.sum(axis=1), strict=True)
        ]
        for j, row in enumerate(self.free):
            self._add(float(free.missing[j]), [(row, 1.0)])
            for t in np.flatnonzero(free.low[j] + free.spare[j]).tolist():
                low, high = float(free.low[j, t]), float(free.low[j, t] + free.spare[j, t])
                self._add(float(free.price[j, t]), [(row, 1.0), (self.limit[t], 1.0)], low, high)

    def _add(
        self, cost: float, terms: list[tuple[pywraplp.Constraint, float]], low: float = 0.0, high: float | None = None
    ) -> None:
        variable = self.solver.NumVar(low, self.solver.infinity() if high is None else high, "")
        self.objective.SetCoefficient(variable, cost)
        for row, coefficient in terms:
            row.SetCoefficient(variable, coefficient)

    def add_pattern(self, j: int, car: OnOffCar, money: float, is_on: list[bool]) -> None:
        slots = [t for t, on in enumerate(is_on) if on]
        drawn = float(car.step_kwh[slots].sum())
        terms = [(self.one[j], 1.0), (self.need[j], drawn)]
        terms += [(self.limit[car.first + t], float(car.step_kwh[t])) for t in slots]
        self._add(money, terms)

    def solve(self) -> float:
        if self.solver.Solve() != pywraplp.Solver.OPTIMAL:
            raise SolverFailed("column master not solved")
        return float(self.objective.Value())


def limit_prices(cars: list[OnOffCar], free: FreeCars, room_kwh: Floats, deadline: float) -> LimitPrices:
    """Prices and bound after at most `deadline` (perf_counter seconds); the bound is proven whenever it stops."""
    master = _Master(cars, free, room_kwh)
    moves = [moves_of(car.night) for car in cars]
    for j, (car, m) in enumerate(zip(cars, moves, strict=True)):
        units, _, is_on = path_of(car.night, m, labels_at(car.night, m, 0))
        master.add_pattern(j, car, units / car.night.money_units, is_on)
    best = LimitPrices(np.zeros(len(room_kwh)), -np.inf, [])
    hopeless = sum(car.hopeless_cost for car in cars)
    for _ in range(MOST_ROUNDS):
        cost = master.solve() + hopeless
        price = np.clip(-np.array([row.dual_value() for row in master.limit]), 0.0, _highest_price(cars, free))
        needs = [
            min(max(0.0, row.dual_value()), car.missing_per_kwh) for row, car in zip(master.need, cars, strict=True)
        ]
        values, patterns = [], []
        for j, car in enumerate(cars):
            value, money, pattern = _answer(car, price, needs[j])
            spared = min(0.0, car.last_step_cost - needs[j]) * car.grid_kwh
            values.append(value + needs[j] * car.reach_kwh + spared)
            patterns.append((money, pattern))
        bound = hopeless + sum(values) - float(price @ room_kwh) + _free_bound(free, price, master)
        if bound > best.bound:
            best = LimitPrices(price, bound, values)
        if cost - best.bound <= CLOSE_ENOUGH * abs(cost) or perf_counter() > deadline:
            break
        for j, (money, is_on) in enumerate(patterns):
            master.add_pattern(j, cars[j], money, is_on)
    return best


def _highest_price(cars: list[OnOffCar], free: FreeCars) -> float:
    """No limit is worth more than twice what missing energy costs [currency/kWh]."""
    return 2.0 * float(max([0.0, *(car.missing_per_kwh for car in cars), *free.missing.tolist()]))


def sharpened(cars: list[OnOffCar], prices: LimitPrices, deadline: float) -> float:
    """The bound with every on/off car solved exactly at the limit's prices, instead of at a price of its need.

    After `deadline` (perf_counter seconds) the rest keep what they have.
    """
    bound = prices.bound
    for car, share in zip(cars, prices.shares, strict=True):
        if perf_counter() > deadline:
            break
        bound += max(0.0, _exact_share(car, prices.slot_price) - share)
    return bound


def _exact_share(car: OnOffCar, slot_price: Floats) -> float:
    """Least cost of the car alone at the limit's prices: with all it can reach, or with a step or more missing."""
    night = car.priced(slot_price)
    units = night.money_units
    try:
        reached = money_of(night, solve_onoff(night).is_on) - ROUNDING * night.n / units
    except SolverFailed:
        return -np.inf
    least = least_reachable(night) - gcd(*night.length_ms)
    if least < 0:
        return reached
    bound = bound_of(night, moves_of(night), least)
    if bound.best.price > car.missing_per_kwh * car.kwh_per_ms * units or bound.best.price < 0:
        return -np.inf
    return min(reached, bound.value / units + car.last_step_cost * car.grid_kwh)


def _answer(car: OnOffCar, price: Floats, need_price: float) -> tuple[float, float, list[bool]]:
    """The cheapest pattern when slots cost `price` more and each kWh earns `need_price`: its value, own cost, slots."""
    night = car.priced(price)
    m = moves_of(night)
    labels = labels_at(night, m, int(need_price * car.kwh_per_ms * night.money_units))
    value = (labels.on[0] if night.is_on_at_start else labels.off[0]) / night.money_units
    _, _, is_on = path_of(night, m, labels)
    return value, money_of(car.night, is_on), is_on


def _free_bound(free: FreeCars, price: Floats, master: _Master) -> float:
    """The free cars' part of the Lagrangian value at the limit's prices."""
    total = 0.0
    for j, row in enumerate(master.free):
        need_price = min(row.dual_value(), float(free.missing[j]))
        low = free.low[j].sum()
        wanted = free.need[j] + low if need_price > 0 else max(free.need[j], free.room[j]) + low
        reduced = free.price[j] + price - need_price
        total += need_price * wanted + float(reduced @ free.low[j]) + float(np.minimum(0.0, reduced) @ free.spare[j])
    return total
