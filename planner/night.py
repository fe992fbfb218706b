"""One car, one night: problem in, plan out."""

from dataclasses import dataclass, replace
from datetime import timedelta
from operator import mul
from time import perf_counter

from domain.plan import ChargingPlan, ControlKind, PlanProblem, PlanStatus
from planner import closed_form, cpsat, modulated, onoff, semicontinuous, tapered
from planner.pricing import money_of
from planner.problem import MS_PER_HOUR, SMALLEST_KWH, Night, OnOff, SolverFailed, read, scale_onoff
from planner.reasons import Margins, margins, reasons

SMALLEST_SHORTFALL_KWH = 1e-6
PROVEN = 1e-4  # of the cost: a plan this near its bound is called optimal
SOLVER_PART = 0.4  # of the time limit; the rest is for building the model
DEFAULT_TIME_LIMIT = timedelta(seconds=5)
FEW_SWITCHES_TRIES = 5  # prices tried where switches are limited


def plan(problem: PlanProblem, *, time_limit: timedelta = DEFAULT_TIME_LIMIT) -> ChargingPlan:
    """The cheapest plan of a night, with its proof (docs/planner.md).

    A target out of reach gives a plan with a shortfall, a solver out of time the best plan found or the closed form;
    the plan's status says which. Never raises for a valid problem. At equal cost fewer starts win, then the
    earlier slots. Solver work is bounded by `time_limit` (real time).
    """
    begun = perf_counter()
    return plan_night(read(problem), begun, time_limit)


def plan_night(night: Night, begun: float | None = None, time_limit: timedelta = DEFAULT_TIME_LIMIT) -> ChargingPlan:
    """The cheapest plan within the night's floors and ceilings; `begun` is when the call began (perf_counter)."""
    seconds = SOLVER_PART * time_limit.total_seconds()
    begun = perf_counter() if begun is None else begun
    return answer_of(night, _SOLVERS[night.problem.control](night, seconds), begun)


@dataclass(frozen=True, slots=True)
class Solved:
    """What a solver hands back: energies [kWh], proven bound on the objective (None: it equals the cost), its name."""

    energies: list[float]
    bound: float | None
    solver: str
    status: PlanStatus


def _solve_modulated(night: Night, seconds: float) -> Solved:
    if tapered.matters(night):
        return _solve_tapered(night, seconds)
    try:
        energies = modulated.solve_modulated(night)
    except SolverFailed:
        energies = closed_form.modulated(night)
        status, solver = PlanStatus.CLOSED_FORM, closed_form.GREEDY
    else:
        status, solver = PlanStatus.OPTIMAL, modulated.SOLVER
    bound = modulated.dual_bound(night, modulated.multiplier(night, energies))
    return Solved(energies, bound, solver, status)


def _solve_tapered(night: Night, seconds: float) -> Solved:
    try:
        energies, bound = tapered.solve_tapered(night, seconds)
    except SolverFailed:
        energies = closed_form.modulated(night)
        bound = modulated.dual_bound(night, modulated.multiplier(night, energies))
        fitting = tapered.fitted(night, energies)
        return Solved(fitting, bound, closed_form.GREEDY, PlanStatus.CLOSED_FORM)
    return Solved(energies, bound, tapered.SOLVER, PlanStatus.OPTIMAL)


def _solve_onoff(night: Night, seconds: float) -> Solved:
    solved = _solve_onoff_freely(night, seconds)
    most = night.problem.most_switches
    if most is None or switches(solved.energies, night.problem.is_on_at_start) <= most:
        return solved
    return _with_few_switches(night, solved, most, seconds)


def _with_few_switches(night: Night, free: Solved, most: int, seconds: float) -> Solved:
    """The cheapest plan with at most so many switches (3.11); where the target takes more, the fewest that reach it.

    Labels count the switches as they go. Where they are too many, and where the target takes more, a price
    on switching beyond its cost finds plans with fewer, and bounds all of them; what is left between plan and bound
    goes to the constraint programme.
    """
    problem = night.problem
    try:
        found = onoff.solve_onoff(scale_onoff(night), most_switches=most)
    except SolverFailed:
        pass
    else:
        return Solved(onoff_energies(night, found.is_on), None, found.solver, PlanStatus.OPTIMAL)
    begun = perf_counter()
    low, high = 0.0, _dearest_switch(night)
    best, bound = free, _bound_of(night, free)
    for k in range(FEW_SWITCHES_TRIES):
        extra = high if k == 0 else (low + high) / 2
        dearer = replace(night, problem=problem.model_copy(update={"switch_cost": problem.switch_cost + extra}))
        tried = _solve_onoff_freely(dearer, seconds / FEW_SWITCHES_TRIES)
        count = switches(tried.energies, problem.is_on_at_start)
        bound = max(bound, _bound_of(dearer, tried) - extra * max(most, count if k == 0 else 0))
        low, high = (low, extra) if count <= most else (extra, high)
        if k == 0 or count <= most:
            best = tried
        if count == most or (k == 0 and count > most) or perf_counter() - begun > seconds:
            break
    if _priced(night, best.energies) - bound > PROVEN:
        return _programmed(night, best, bound, most, seconds)
    return Solved(best.energies, bound, best.solver, best.status)


def _programmed(night: Night, draft: Solved, bound: float, most: int, seconds: float) -> Solved:
    """The draft, or the better plan with so few switches that the constraint programme finds."""
    scaled = scale_onoff(night)
    is_on = [kwh > SMALLEST_KWH for kwh in draft.energies]
    found = cpsat.improve_night(night, scaled, is_on, seconds, most)
    if found is None:
        return Solved(draft.energies, bound, draft.solver, draft.status)
    energies, bound = onoff_energies(night, found.patterns[0]), max(bound, found.bound)
    if _priced(night, energies) > _priced(night, draft.energies):
        energies = draft.energies
    return Solved(energies, bound, cpsat.SOLVER, draft.status)


def _dearest_switch(night: Night) -> float:
    """A price of a switch above what any choice of slots can save [currency]."""
    prices = night.problem.price_per_kwh
    return 1.0 + (max(prices) - min(prices)) * sum(night.step_kwh)


def _bound_of(night: Night, solved: Solved) -> float:
    return _priced(night, solved.energies) if solved.bound is None else solved.bound


def _priced(night: Night, energies: list[float]) -> float:
    """Energy, switching and missing energy [currency]."""
    problem = night.problem
    missing = max(0.0, night.need_kwh - sum(energies))
    cost: float = sum(map(mul, problem.price_per_kwh, energies)) + problem.missing_cost_per_kwh * missing
    return cost + problem.switch_cost * switches(energies, problem.is_on_at_start)


def _solve_onoff_freely(night: Night, seconds: float) -> Solved:
    scaled = scale_onoff(night)
    try:
        found = onoff.solve_onoff(scaled)
    except SolverFailed:
        return _onoff_in_time(night, scaled, seconds)
    return Solved(onoff_energies(night, found.is_on), None, found.solver, PlanStatus.OPTIMAL)


def _onoff_in_time(night: Night, scaled: OnOff, seconds: float) -> Solved:
    """For nights with too many different on-times: the constraint programme for what time there is, or the fallback."""
    is_on, bound = closed_form.onoff(scaled)
    bound += night.problem.missing_cost_per_kwh * max(0.0, night.need_kwh - sum(night.step_kwh))
    fallback = Solved(onoff_energies(night, is_on), bound, closed_form.LAGRANGE, PlanStatus.CLOSED_FORM)
    found = cpsat.improve_night(night, scaled, is_on, seconds)
    if found is None:
        return fallback
    fits = sum(length for length, on in zip(scaled.length_ms, is_on, strict=True) if on) <= scaled.most_ms
    if fits and money_of(scaled, is_on) < money_of(scaled, found.patterns[0]):
        return replace(fallback, bound=max(bound, found.bound))
    best = onoff_energies(night, found.patterns[0])
    return Solved(best, max(bound, found.bound), cpsat.SOLVER, PlanStatus.OPTIMAL)


def _solve_semicontinuous(night: Night, seconds: float) -> Solved:
    try:
        energies, bound = semicontinuous.solve_semicontinuous(night, seconds)
    except SolverFailed:
        is_on, bound = closed_form.onoff(scale_onoff(night))
        return Solved(onoff_energies(night, is_on), bound, closed_form.LAGRANGE, PlanStatus.CLOSED_FORM)
    return Solved(energies, bound, semicontinuous.SOLVER, PlanStatus.OPTIMAL)


_SOLVERS = {
    ControlKind.MODULATED: _solve_modulated,
    ControlKind.SEMICONTINUOUS: _solve_semicontinuous,
    ControlKind.ONOFF: _solve_onoff,
}


def onoff_energies(night: Night, is_on: list[bool]) -> list[float]:
    """Energy per slot [kWh] of a pattern."""
    return [kwh if on else 0.0 for kwh, on in zip(night.step_kwh, is_on, strict=True)]


def answer_of(night: Night, solved: Solved, begun: float, tops: list[float] | None = None) -> ChargingPlan:
    """The plan that the energies stand for, with costs, shortfall and reasons; `begun` is on perf_counter's scale.

    `tops` is what each slot could draw where others share a limit [kWh]; None: the night's own ceilings.
    """
    problem, energies = night.problem, solved.energies
    energy_cost = steered_cost = sum(map(mul, night.billed_per_kwh, energies))
    if night.billed_per_kwh is not problem.price_per_kwh:
        steered_cost = sum(map(mul, problem.price_per_kwh, energies))
    drawn = sum(energies)
    shortfall = night.need_kwh - drawn if drawn < night.need_kwh - SMALLEST_SHORTFALL_KWH else 0.0
    missing_cost = problem.missing_cost_per_kwh * shortfall
    cost = steered_cost + missing_cost
    if problem.control is ControlKind.ONOFF:
        cost += problem.switch_cost * switches(energies, problem.is_on_at_start)
    bound = cost if solved.bound is None else min(cost, solved.bound)
    status = solved.status
    if status is PlanStatus.OPTIMAL and cost - bound > PROVEN * max(1.0, abs(cost)):
        status = PlanStatus.INCUMBENT
    elif status is PlanStatus.OPTIMAL and shortfall:
        status = PlanStatus.BEST_EFFORT
    tops = night.ceiling_kwh if tops is None else tops
    turns = margins(night, energies, tops)
    target_price = _target_price(night, turns, drawn)
    # Built from a validated problem, so not validated again: that would take longer than solving.
    return ChargingPlan.trusted(
        status=status,
        edges=problem.edges,
        energy_ac_kwh=tuple(energies),
        price_per_kwh=night.billed_per_kwh,
        is_forecast=problem.is_forecast,
        reasons=reasons(night, energies, tops, turns),
        cost=cost,
        energy_cost=energy_cost,
        missing_cost=missing_cost,
        steering_cost=steered_cost - energy_cost,
        lower_bound=bound,
        shortfall_ac_kwh=shortfall,
        target_price_per_kwh=target_price,
        departure_price_per_hour=_departure_price(night, energies, target_price),
        solver=solved.solver,
        solve_ms=(perf_counter() - begun) * 1e3,
    )


def _target_price(night: Night, turns: Margins, drawn: float) -> float:
    """What one more kWh of target would cost at the margin, switching and shortest runs apart (2.5)."""
    problem = night.problem
    if problem.control is ControlKind.MODULATED and drawn > night.need_kwh + SMALLEST_SHORTFALL_KWH:
        return 0.0  # it is in the battery already
    return min(turns.cheapest_free, problem.missing_cost_per_kwh)


def _departure_price(night: Night, energies: list[float], target_price: float) -> float:
    """What the last slot earns per hour over buying its energy elsewhere: the cost of leaving sooner (2.8)."""
    if energies[-1] <= SMALLEST_KWH:
        return 0.0
    saving = target_price - night.problem.price_per_kwh[-1]
    return max(0.0, saving) * energies[-1] / night.length_ms[-1] * MS_PER_HOUR


def switches(energies: list[float], is_on: bool) -> int:
    """Starts and stops of a plan; stopping at departure is none."""
    count = 0
    for kwh in energies:
        if (kwh > SMALLEST_KWH) != is_on:
            is_on = not is_on
            count += 1
    return count
