"""A night of full power or nothing: a shortest path over (edge, on-time, state), exact (docs/planner.md, table 3).

1. Lagrangian passes over the small graph (edge, state) price the on-time; they give a bound for every state.
2. The states whose bound is within `gap` of the best bound make up a small graph of (edge, on-time, state).
3. OR-Tools finds the cheapest unit flow through it. If that flow costs no more than bound + gap, no state left out
   can be part of a cheaper plan: it is optimal. Otherwise the gap grows and step 2 is taken again.
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from planner.modulated import SolverFailed
from planner.problem import OnOff

SOLVER = "or-tools min-cost flow, state graph"
MOST_STATES = 200_000  # the flow takes no time limit; its graph does: beyond, another solver takes the night
LARGEST_COST = 2**80
LARGEST_BITS = 55

_FAR = float("inf")


@dataclass(frozen=True, slots=True)
class Steps:
    """Moves out of (edge t, state): minimal runs and pauses as jumps (3.2, 3.3). Infinite cost: not allowed."""

    run_cost: list[float]  # start at t: switch and the minimal run
    run_ms: list[int]
    stay_off: list[bool]
    stay_on: list[bool]
    pause: list[bool]  # a stop at t is allowed, with its minimal pause


@dataclass(frozen=True, slots=True)
class Labels:
    """Cheapest Lagrangian cost from (edge, state) to departure, at `price` per ms of on-time, with its on-time."""

    price: int
    off: list[float]
    on: list[float]
    off_ms: list[int]
    on_ms: list[int]


def _steps(o: OnOff) -> Steps:
    money = [0, *accumulate(o.cost)]
    times = [0, *accumulate(o.length_ms)]
    no_off = [0, *accumulate(o.must_on)]
    no_on = [0, *accumulate(o.must_off)]
    runs: list[float] = []
    pauses = []
    for t, (run_end, pause_end) in enumerate(zip(o.after_run, o.after_pause, strict=True)):
        runs.append(o.switch + money[run_end] - money[t] if no_on[run_end] == no_on[t] else _FAR)
        pauses.append(no_off[pause_end] == no_off[t])
    return Steps(
        run_cost=runs,
        run_ms=[times[end] - times[t] for t, end in enumerate(o.after_run)],
        stay_off=[not must for must in o.must_on],
        stay_on=[not must for must in o.must_off],
        pause=pauses,
    )


def _labels(o: OnOff, s: Steps, price: int) -> Labels:
    """One backward pass: every minute of on-time earns `price`."""
    n, switch = o.n, o.switch
    off: list[float] = [0] * (n + 1)
    on: list[float] = [0] * (n + 1)
    off_ms = [0] * (n + 1)
    on_ms = [0] * (n + 1)
    cost, length, after_run, after_pause = o.cost, o.length_ms, o.after_run, o.after_pause
    run_cost, run_ms, stay_off, stay_on, pause = s.run_cost, s.run_ms, s.stay_off, s.stay_on, s.pause
    for t in range(n - 1, -1, -1):
        best, time = (off[t + 1], off_ms[t + 1]) if stay_off[t] else (_FAR, 0)
        end = after_run[t]
        value = run_cost[t] - price * run_ms[t] + on[end]
        if value < best:
            best, time = value, run_ms[t] + on_ms[end]
        off[t], off_ms[t] = best, time
        best, time = _FAR, 0
        if stay_on[t]:
            best, time = cost[t] - price * length[t] + on[t + 1], length[t] + on_ms[t + 1]
        if pause[t]:
            end = after_pause[t]
            value = switch + off[end]
            if value < best:
                best, time = value, off_ms[end]
        on[t], on_ms[t] = best, time
    return Labels(price, off, on, off_ms, on_ms)


def _arrivals(o: OnOff, s: Steps, price: int) -> tuple[list[float], list[float]]:
    """One forward pass: cheapest Lagrangian cost from the start to (edge, off) and (edge, on)."""
    n, switch = o.n, o.switch
    off: list[float] = [_FAR] * (n + 1)
    on: list[float] = [_FAR] * (n + 1)
    (on if o.is_on_at_start else off)[0] = 0
    for t in range(n):
        here = off[t]
        if here < _FAR:
            if s.stay_off[t] and here < off[t + 1]:
                off[t + 1] = here
            end, value = o.after_run[t], here + s.run_cost[t] - price * s.run_ms[t]
            if value < on[end]:
                on[end] = value
        here = on[t]
        if here < _FAR:
            value = here + o.cost[t] - price * o.length_ms[t]
            if s.stay_on[t] and value < on[t + 1]:
                on[t + 1] = value
            end, value = o.after_pause[t], here + switch
            if s.pause[t] and value < off[end]:
                off[end] = value
    return off, on


@dataclass(frozen=True, slots=True)
class Bound:
    """The best Lagrangian bound: no plan with at least (at most) `wanted_ms` costs less than `value`."""

    value: int
    wanted_ms: int
    best: Labels
    others: list[Labels]  # of other prices with the same sign; sharper for states far from the best path
    incumbent: float  # cost of the cheapest allowed path seen, or infinite


def _bound(o: OnOff, s: Steps, least: int) -> Bound:
    """Secant search for the price of on-time at which the cheapest path just reaches what is wanted."""
    start_on = o.is_on_at_start
    incumbent = _FAR

    def probe(price: int) -> tuple[Labels, float, int, int]:
        labels = _labels(o, s, price)
        value, time = (labels.on[0], labels.on_ms[0]) if start_on else (labels.off[0], labels.off_ms[0])
        return labels, value + price * time, time, int(value)

    labels, cost, time, value = probe(0)
    if least <= time <= o.most_ms:
        return Bound(value, least, labels, [labels], cost)
    wanted = least if time < least else o.most_ms
    sign = 1 if time < least else -1
    seen = [labels]
    best, best_value = labels, value  # at price 0, the bound holds for any wanted time
    near = (cost, time)  # cheapest path, on the near side of wanted
    far: tuple[float, int] | None = None
    price = sign * _first_price(o, least) if sign > 0 else -max(map(abs, o.cost)) // min(o.length_ms)
    for _ in range(24):
        labels, cost, time, value = probe(price)
        seen.append(labels)
        if least <= time <= o.most_ms:
            incumbent = min(incumbent, cost)
        bound = value + price * wanted
        if bound > best_value:
            best, best_value = labels, bound
        if sign * (time - wanted) >= 0:
            if far is not None and cost - price * time >= far[0] - price * far[1]:
                break
            far = (cost, time)
            if time == wanted:
                break
        else:
            if cost - price * time >= near[0] - price * near[1] and far is not None:
                break
            near = (cost, time)
        price = 2 * price + sign if far is None else int((far[0] - near[0]) // (far[1] - near[1]))
    return Bound(best_value, wanted, best, seen, incumbent)


def _first_price(o: OnOff, least: int) -> int:
    """The price per ms of the slot that completes the need when slots are taken from cheap to dear."""
    slots = sorted((cost // length, length) for cost, length in zip(o.cost, o.length_ms, strict=True))
    drawn = 0
    for price, length in slots:
        drawn += length
        if drawn >= least:
            return max(1, price + 1)
    return max(1, slots[-1][0] + 1)


class _Graph:
    """The states within the gap, and the moves between them, as arcs for the flow."""

    def __init__(self) -> None:
        self.tails: list[int] = []
        self.heads: list[int] = []
        self.costs: list[int] = []
        self.moves: list[tuple[int, int]] = []  # slots that an arc turns on: [first, last)
        self.states = 0
        self.is_complete = False  # some state reaches departure with enough on-time


def _graph(
    o: OnOff, s: Steps, b: Bound, arrivals: tuple[list[float], list[float]], limit: float, least: int, most: int
) -> _Graph:
    """All states whose bound is at most `limit`. Arc costs are reduced by the best labels: 0 along the best path."""
    n = o.n
    g = _Graph()
    price = b.best.price
    lines = [(x.price, (x.off, x.on)) for x in _chosen(b)]
    from_start = arrivals
    rest_ms = [sum(o.length_ms)]
    for length in o.length_ms:
        rest_ms.append(rest_ms[-1] - length)
    off: list[dict[int, int]] = [{} for _ in range(n + 1)]
    on: list[dict[int, int]] = [{} for _ in range(n + 1)]
    levels = (off, on)
    (on if o.is_on_at_start else off)[0][0] = 0
    g.states = 2  # 0 is the start, 1 is the departure
    wanted, gap = b.wanted_ms, limit - b.value
    back = (b.best.off, b.best.on)

    def move(tail: int, t: int, state: int, time: int, end: int, to: int, cost: float, ms: int, first: int) -> None:
        at = time + ms
        reduced = cost - price * ms + back[to][end] - back[state][t]
        if end == n:
            reduced += price * (at - wanted)
        if reduced > gap or at > most or at + rest_ms[end] < least:
            return
        level = levels[to][end]
        node = level.get(at)
        if node is None:
            left = wanted - at
            ahead = max(labels[to][end] + slope * left for slope, labels in lines)
            if from_start[to][end] + price * at + ahead > limit:
                return
            if end == n:
                node = 1
                g.is_complete = True
            else:
                node = g.states
                g.states += 1
            level[at] = node
        g.tails.append(tail)
        g.heads.append(node)
        g.costs.append(int(reduced))
        g.moves.append((first, end if to else first))

    for t in range(n):
        for time, tail in off[t].items():
            if s.stay_off[t]:
                move(tail, t, 0, time, t + 1, 0, 0, 0, t)
            if s.run_cost[t] < _FAR:
                move(tail, t, 0, time, o.after_run[t], 1, s.run_cost[t], s.run_ms[t], t)
        for time, tail in on[t].items():
            if s.stay_on[t]:
                move(tail, t, 1, time, t + 1, 1, o.cost[t], o.length_ms[t], t)
            if s.pause[t]:
                move(tail, t, 1, time, o.after_pause[t], 0, o.switch, 0, t)
        if g.states > MOST_STATES:
            raise SolverFailed(f"state graph: more than {MOST_STATES} states")
    return g


def _chosen(b: Bound) -> list[Labels]:
    """The labels that bound the states: the best price and its neighbours."""
    return [b.best, *[x for x in b.others if x is not b.best][-2:]]


def _cheapest(g: _Graph) -> tuple[int, list[tuple[int, int]]]:
    """Cost and moves of the cheapest unit flow from start to departure."""
    # The solver multiplies costs by the number of nodes; too large ones lose their low digits, the tie-breaks.
    shift = max(0, (max(g.costs) * (g.states + 1)).bit_length() - LARGEST_BITS)
    costs = [cost >> shift for cost in g.costs] if shift else g.costs
    solver = SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        np.array(g.tails, np.int32),
        np.array(g.heads, np.int32),
        np.ones(len(g.tails), np.int64),
        np.array(costs, np.int64),
    )
    solver.set_node_supply(0, 1)
    solver.set_node_supply(1, -1)
    status = solver.solve()
    if status != SimpleMinCostFlow.OPTIMAL:
        raise SolverFailed(f"state graph: {status.name}")
    used = np.flatnonzero(solver.flows(arcs)).tolist()
    return sum(g.costs[arc] for arc in used), [g.moves[arc] for arc in used]


def _first_gap(o: OnOff, b: Bound) -> float:
    return b.incumbent - b.value if b.incumbent < _FAR else 4.0 * max(o.switch, max(map(abs, o.cost)) // 8)


def _next_reachable(o: OnOff, s: Steps, least: int) -> int:
    """The shortest on-time of at least `least` that some allowed pattern has."""
    off: list[set[int]] = [set() for _ in range(o.n + 1)]
    on: list[set[int]] = [set() for _ in range(o.n + 1)]
    (on if o.is_on_at_start else off)[0].add(0)
    for t in range(o.n):
        if len(off[t]) + len(on[t]) > MOST_STATES // o.n:
            raise SolverFailed("state graph: too many different on-times")
        if s.stay_off[t]:
            off[t + 1] |= off[t]
        if s.run_cost[t] < _FAR:
            on[o.after_run[t]].update(time + s.run_ms[t] for time in off[t])
        if s.stay_on[t]:
            on[t + 1].update(time + o.length_ms[t] for time in on[t])
        if s.pause[t]:
            off[o.after_pause[t]] |= on[t]
    return min(time for time in off[o.n] | on[o.n] if time >= least)


def lagrangian_plan(o: OnOff) -> tuple[list[bool], float]:
    """A valid pattern with enough on-time, and the Lagrangian bound [currency]; in time linear in slots."""
    steps = _steps(o)
    free = sum(length for length, must in zip(o.length_ms, o.must_off, strict=True) if not must)
    bound = _bound(o, steps, min(o.least_ms, free))
    candidates = [(_walk(o, steps, labels)) for labels in bound.others]
    enough = [(cost, slots) for cost, time, slots in candidates if min(o.least_ms, free) <= time <= o.most_ms]
    slots = min(enough)[1] if enough else max(candidates, key=lambda c: c[1])[2]
    return slots, bound.value / o.money_units


def _walk(o: OnOff, s: Steps, labels: Labels) -> tuple[int, int, list[bool]]:
    """Money, on-time and pattern of the path that the labels stand for."""
    is_on = [False] * o.n
    t, on, price = 0, o.is_on_at_start, labels.price
    money, time = 0, 0
    while t < o.n:
        if on:
            stay = o.cost[t] - price * o.length_ms[t] + labels.on[t + 1] if s.stay_on[t] else _FAR
            if stay <= labels.on[t]:
                is_on[t] = True
                money, time = money + o.cost[t], time + o.length_ms[t]
                t += 1
            else:
                money, t, on = money + o.switch, o.after_pause[t], False
        elif s.stay_off[t] and labels.off[t + 1] <= labels.off[t]:
            t += 1
        else:
            end = o.after_run[t]
            is_on[t:end] = [True] * (end - t)
            money, time, t, on = money + int(s.run_cost[t]), time + s.run_ms[t], end, True
    return money, time, is_on


def solve_onoff(o: OnOff) -> list[bool]:
    """The slots to be on: cheapest total, then fewest switches, then earliest (3.1-3.7)."""
    steps = _steps(o)
    free = sum(length for length, must in zip(o.length_ms, o.must_off, strict=True) if not must)
    least = min(o.least_ms, free)  # best effort: everything that may be on
    bound = _bound(o, steps, least)
    arrivals = _arrivals(o, steps, bound.best.price)
    most = max(o.most_ms, least)
    gap = _first_gap(o, bound)
    while True:
        limit = min(bound.value + gap, bound.incumbent)
        graph = _graph(o, steps, bound, arrivals, limit, least, most)
        if graph.is_complete:
            cost, moves = _cheapest(graph)
            if bound.value + cost <= limit:
                return _slots(o.n, moves)
        if limit == _FAR or limit >= bound.incumbent:
            # Runs of the shortest length fit no allowed on-time: the least overshoot is taken.
            most = _next_reachable(o, steps, least)
        gap = gap * 4 if gap < LARGEST_COST else _FAR


def _slots(n: int, moves: list[tuple[int, int]]) -> list[bool]:
    is_on = [False] * n
    for first, last in moves:
        for t in range(first, last):
            is_on[t] = True
    return is_on
