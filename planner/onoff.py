"""A night of full power or nothing: a shortest path over (edge, on-time, state), exact (docs/planner.md, table 3).

1. Lagrangian passes (`pricing`) bound the cost of every plan through every state.
2. The states whose bound is within a gap of the best bound make up a small graph.
3. OR-Tools finds the cheapest unit flow through it. If it costs no more than bound and gap, no state left out can be
   part of a cheaper plan: it is optimal. Otherwise the gap grows, and 2 is taken again.
4. Graphs that the flow does not serve (too large, costs beyond its range, limited switches) are left to `labels`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from planner import labels
from planner.pricing import FAR, Bound, Moves, arrivals_at, bound_of, labels_at, moves_of, path_of
from planner.problem import OnOff, SolverFailed

SOLVER = "or-tools min-cost flow"
MOST_CELLS = 4_000_000  # edges times on-times; beyond, another solver takes the night
FLOW_ARCS = 10_000  # beyond, the flow takes far longer than labels where many plans nearly tie; it has no time limit
LARGEST_BITS = 61  # of a cost times the number of nodes: the solver refuses more
FIRST_GAP_SWITCHES = 0.3  # three nights in five have their optimum this near the bound
FLOAT_SLACK = 4096  # bounds are compared in floating point: 2^60 / 2^53, with room

Ints = npt.NDArray[np.int64]
Nodes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


class Pattern(NamedTuple):
    """The slots to be on, what they cost in scaled units, and who found them."""

    is_on: list[bool]
    cost: int
    solver: str


class _NoFlow(Exception):
    """The graph is none for the flow solver."""


def solve_onoff(
    o: OnOff, *, may_overshoot: bool = True, is_reachable: bool = False, most_switches: int | None = None
) -> Pattern:
    """The slots to be on: least cost, then fewest starts, then earliest (3.1-3.7).

    Where no pattern has an on-time from least to most, the least overshoot is taken; without `may_overshoot` the most
    on-time below. `is_reachable` says that some pattern is known to have the wanted on-time.
    Raises SolverFailed if the night has too many different on-times for the state graph, or if no pattern with at most
    so many switches has the wanted on-time.
    """
    moves = moves_of(o)
    least = least_reachable(o)
    times = _times(o, max(o.most_ms, least))
    above = int(np.searchsorted(times, least))
    if above < len(times):
        least = int(times[above])  # the first that slots can add up to: a sharper bound
    bound = bound_of(o, moves, least)
    try:
        if most_switches is not None:
            raise _NotForFlow
        found = _by_flow(_Cells(o, moves, bound, times, least), _first_gap(o))
    except _NotForFlow:
        path = labels.cheapest_path(o, moves, bound, least, max(o.most_ms, least), most_switches)
        found = None if path is None else Pattern(*path, labels.SOLVER)
    if found is not None:
        return found
    if is_reachable or most_switches is not None:
        raise SolverFailed(f"state graph: no pattern, switches limited to {most_switches}")
    return solve_onoff(_reachable(o, moves, least, may_overshoot), is_reachable=True)


class _NotForFlow(Exception):
    """The flow solver does not serve: switches are limited, the graph is too large, or costs leave its range."""


def _by_flow(cells: "_Cells", gap: int) -> Pattern | None:
    """The cheapest path through ever more cells, until none left out can be on a cheaper one; None: there is none."""
    incumbent = cells.b.incumbent
    while True:
        limit = min(cells.b.value + gap, incumbent)
        found = cells.cheapest(limit)
        if found is not None and (found.cost <= limit or limit == incumbent):
            return found
        if found is not None:
            incumbent = min(incumbent, found.cost)  # no state dearer than a plan in hand is needed
        elif limit == incumbent < FAR:
            raise _NotForFlow
        elif limit >= FAR:
            return None
        gap = gap * 4 if gap < FAR // 64 else FAR


def least_reachable(o: OnOff) -> int:
    """On-time to reach: what is wanted or, best effort, everything that may be on [ms]."""
    return min(o.least_ms, sum(length for length, must in zip(o.length_ms, o.must_off, strict=True) if not must))


def has_pattern(o: OnOff) -> bool:
    """Whether any pattern is allowed by the slots that must be on and off and by shortest runs and pauses."""
    labels = labels_at(o, moves_of(o), 0)
    return (labels.on[0] if o.is_on_at_start else labels.off[0]) < FAR // 2


def _first_gap(o: OnOff) -> int:
    if o.stop > o.money_units * 1e-4:
        return int(FIRST_GAP_SWITCHES * o.stop) + 1
    return max(map(abs, o.cost)) // 32 + 1


def _times(o: OnOff, most: int) -> Ints:
    """Every on-time up to `most` that slots can add up to, in order [ms]."""
    times = np.zeros(1, np.int64)
    for length, count in sorted(Counter(o.length_ms).items(), reverse=True):
        sums = np.arange(min(count, most // length) + 1, dtype=np.int64) * length
        if len(times) * len(sums) > MOST_CELLS:
            raise SolverFailed("state graph: too many different on-times")
        times = np.unique(times[:, None] + sums)
        times = times[times <= most]
        if len(times) * o.n > MOST_CELLS:
            raise SolverFailed("state graph: too many different on-times")
    return times


def _reachable(o: OnOff, m: Moves, least: int, may_overshoot: bool) -> OnOff:
    """The same night, wanting an on-time that some allowed pattern has.

    Runs of the shortest length may fit no on-time from least to most: then the least overshoot is taken, or where
    slots that must be off leave too little, the most there is.
    """
    off: list[set[int]] = [set() for _ in range(o.n + 1)]
    on: list[set[int]] = [set() for _ in range(o.n + 1)]
    (on if o.is_on_at_start else off)[0].add(0)
    for t in range(o.n):
        if (len(off[t]) + len(on[t])) * o.n > MOST_CELLS:
            raise SolverFailed("state graph: too many different on-times")
        if m.stay_off[t]:
            off[t + 1] |= off[t]
        if m.can_run[t]:
            on[o.after_run[t]].update(time + m.run_ms[t] for time in off[t])
        if m.stay_on[t]:
            on[t + 1].update(time + o.length_ms[t] for time in on[t])
        if m.pause[t]:
            off[o.after_pause[t]] |= on[t]
    reached = off[o.n] | on[o.n]
    if not reached:
        raise SolverFailed("state graph: no allowed pattern")
    enough = [time for time in reached if time >= least]
    fitting = [time for time in reached if time <= o.most_ms]
    if enough and (may_overshoot or not fitting):
        return replace(o, least_ms=least, most_ms=min(enough))
    return replace(o, least_ms=max(fitting), most_ms=max(fitting))


class _Cells:
    """The cells (state, edge, on-time), each with the least cost of a plan through it, and the moves between them."""

    def __init__(self, o: OnOff, m: Moves, b: Bound, times: Ints, least: int) -> None:
        self.o, self.b, self.times = o, b, times
        self.edges, self.width = o.n + 1, len(times)
        labels = np.array([(x.off, x.on) for x in b.seen])
        self.best = labels[next(i for i, x in enumerate(b.seen) if x is b.best)]
        through = self._behind(m) + self._ahead(labels.astype(float))
        through[:, o.n, times < least] = np.inf
        self.through = through.ravel()
        # Moves by the place (state, edge) they leave: first all that stay in their state, then all that switch.
        none = np.zeros(self.edges, np.int64)
        after = np.minimum(np.arange(1, o.n + 2), o.n)
        steps = _column(o.length_ms)
        self.move_end = np.concatenate(
            (after, after + self.edges, _column(o.after_run) + self.edges, _column(o.after_pause))
        )
        self.move_ms = np.concatenate((none, steps, _column(m.run_ms), none))
        cost = np.concatenate((none, _column(o.cost), _column(m.run_cost), none + o.stop))
        allowed = np.array((*m.stay_off, False, *m.stay_on, False, *m.can_run, False, *m.pause, False))
        self.move_cost = self._reduced(cost, allowed)

    def _ahead(self, labels: Floats) -> Floats:
        """At least this much from a cell on: the highest of the lines that the prices tried give."""
        left = (self.b.wanted_ms - self.times).astype(float)
        slopes = np.array([x.price for x in self.b.seen], float)
        highest: Floats = (labels[:, :, :, None] + (slopes[:, None] * left)[:, None, None, :]).max(axis=0)
        return highest

    def _behind(self, m: Moves) -> Floats:
        """At least this much to reach a cell."""
        price = self.b.best.price
        here = np.array(arrivals_at(self.o, m, price), float)
        lowest: Floats = here[:, :, None] + price * self.times.astype(float)
        return lowest

    def _reduced(self, cost: Ints, allowed: npt.NDArray[np.bool_]) -> Ints:
        """Costs reduced by the best labels: no less than 0, and 0 all along the best priced path; FAR: not allowed."""
        place = self.best.ravel()
        tail, head = np.concatenate((place, place)), place[self.move_end]
        allowed &= (tail < FAR // 2) & (head < FAR // 2)
        return np.where(allowed, cost - self.b.best.price * self.move_ms + head - tail, FAR)

    def cheapest(self, limit: int) -> Pattern | None:
        """The cheapest path through cells whose bound is at most `limit`; None if there is none. Raises _NotForFlow."""
        cells = np.flatnonzero(self.through <= float(limit) + FLOAT_SLACK)
        if len(cells) > FLOW_ARCS:
            raise _NotForFlow
        place, position = np.divmod(cells, self.width)
        node = np.zeros(len(self.through), np.int32)
        # 0: left out, 1: departure
        node[cells] = np.where(place % self.edges == self.o.n, 1, np.arange(2, len(cells) + 2))
        start = int(node[self.edges * self.width if self.o.is_on_at_start else 0])
        tails, heads, costs, moves = self._arcs(place, position, node, limit - self.b.value)
        if not (heads == 1).any() or not (tails == start).any():
            return None
        # The solver multiplies costs by the number of nodes. Fewer digits would lose the tie-breaks.
        if len(costs) > FLOW_ARCS or (int(costs.max()) * (len(cells) + 1)).bit_length() > LARGEST_BITS:
            raise _NotForFlow
        used = _unit_flow(tails, heads, costs, start)
        if used is None:
            return None
        cost = self.b.value + sum(costs[used].tolist())
        return Pattern(self._slots(moves[used].tolist()), cost, SOLVER)

    def _arcs(self, place: Ints, position: Ints, node: Nodes, gap: int) -> tuple[Nodes, Nodes, Ints, Ints]:
        """Arcs between cells within the gap: tail, head, cost, move."""
        width, times = self.width, self.times
        moves = np.concatenate((place, place + 2 * self.edges))
        chosen = np.flatnonzero(self.move_cost[moves] <= gap)
        moves, at = moves[chosen], np.concatenate((position, position))[chosen]
        end = self.move_end[moves]
        arrive = times[at] + self.move_ms[moves]
        to = np.minimum(np.searchsorted(times, arrive), width - 1)
        tails = node[moves % (2 * self.edges) * width + at]
        heads = node[end * width + to]
        late = np.where(heads == 1, self.b.best.price * (arrive - self.b.wanted_ms), 0)
        costs = self.move_cost[moves] + late
        fits = (heads > 0) & (times[to] == arrive) & (costs <= gap)
        return tails[fits], heads[fits], costs[fits], moves[fits]

    def _slots(self, moves: list[int]) -> list[bool]:
        """The slots that the moves turn on."""
        is_on = [False] * self.o.n
        for move in moves:
            kind, t = divmod(move, self.edges)  # stay off, stay on, run, pause
            if kind in (1, 2):
                end = t + 1 if kind == 1 else self.o.after_run[t]
                is_on[t:end] = [True] * (end - t)
        return is_on


def _column(values: Sequence[int]) -> Ints:
    """A value per edge; the last edge has no move, its 0 is never used."""
    return np.array((*values, 0))


def _unit_flow(tails: Nodes, heads: Nodes, costs: Ints, start: int) -> list[int] | None:
    """Arcs of the cheapest path from node `start` to node 1, by OR-Tools as a unit flow; None if there is no path.

    Raises _NotForFlow.
    """
    solver = SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(tails, heads, np.ones(len(costs), np.int64), costs)
    solver.set_node_supply(start, 1)
    solver.set_node_supply(1, -1)
    status = solver.solve()
    if status == SimpleMinCostFlow.INFEASIBLE:
        return None
    if status != SimpleMinCostFlow.OPTIMAL:
        raise _NotForFlow
    used: list[int] = np.flatnonzero(solver.flows(arcs)).tolist()
    return used


def lagrangian_plan(o: OnOff) -> tuple[list[bool], float]:
    """Slots on and the Lagrangian bound [currency], by priced paths alone: in time linear in the slots.

    The cheapest path seen with an allowed on-time; failing that the one with the least on-time that is enough, or the
    one with the most. Nothing is on if no pattern is allowed at all.
    """
    moves = moves_of(o)
    least = least_reachable(o)
    bound = bound_of(o, moves, least)
    if bound.value >= FAR // 2:
        return [False] * o.n, -inf
    paths = [path_of(o, moves, labels) for labels in bound.seen]
    allowed = [(money, slots) for money, time, slots in paths if least <= time <= o.most_ms]
    enough = [(time, slots) for _, time, slots in paths if time >= least]
    longest = max((time, slots) for _, time, slots in paths)
    slots = min(allowed or enough, default=longest)[1]
    return slots, bound.value / o.money_units
