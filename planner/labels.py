"""The cheapest path through the states of an on/off night, one label at a time (docs/planner.md, 3.9 and 3.11).

For nights that the flow solver does not serve: graphs that are large or whose costs leave its range, and limits on the
number of switches, which a flow does not count. The states are those of table 3, but only the ones met are made.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from planner.pricing import FAR, Bound, Moves
from planner.problem import OnOff, SolverFailed

SOLVER = "labels in place of the min-cost flow"
MOST_LABELS = 100_000  # looked at: below 1 s on an idle machine


class _Move(NamedTuple):
    """A move to another place (twice the edge, and 1 for on), and what is known of the way from there."""

    place: int
    length_ms: int
    cost: int
    switches: int
    still_ms: int  # on-time that can be added from there on
    lines: list[tuple[int, int]]  # cost to departure at least: first less second times on-time, the highest of them


def cheapest_path(
    o: OnOff, m: Moves, b: Bound, least_ms: int, most_ms: int, most_switches: int | None
) -> tuple[list[bool], int] | None:
    """Slots on and cost of the cheapest plan whose on-time is within least and most; None if there is none.

    1. What is still to come costs at least the highest of the lines of 3.8; labels are looked at in the order of cost
       so far plus that, which never falls along a path. So the first label at departure is a cheapest plan.
    2. A dearer label of a state serves only if it took fewer switches.
    Raises SolverFailed after MOST_LABELS.
    """
    start, goal = int(o.is_on_at_start), 2 * o.n
    moves = _Moves(o, m, b)
    labels = [(start, -1)]  # place, label before
    fewest: dict[tuple[int, int], int] = {}  # switches of the labels of a state (place, on-time) that were looked at
    waiting = [(0, -start, 0, 0, 0, 0)]  # cost at least, -place, switches, label, on-time, cost so far
    while waiting:
        _, place, taken, number, time, cost = heappop(waiting)
        place = -place
        if fewest.get((place, time), taken + 1) <= taken:
            continue
        if place >= goal:
            return _slots(labels, number, o.n), cost
        fewest[place, time] = taken
        if len(fewest) > MOST_LABELS:
            raise SolverFailed(f"labels: more than {MOST_LABELS}")
        for head, length, price, switches, still, lines in moves.out_of(place):
            drawn, count = time + length, taken + switches
            if drawn > most_ms or drawn + still < least_ms or (most_switches is not None and count > most_switches):
                continue
            if fewest.get((head, drawn), count + 1) <= count:
                continue
            rest = -FAR
            for at_0, slope in lines:
                value = at_0 - slope * drawn
                if value > rest:
                    rest = value
            labels.append((head, number))
            heappush(waiting, (cost + price + rest, -head, count, len(labels) - 1, drawn, cost + price))
    return None


class _Moves:
    """The moves of table 3, made when a path first comes to their place."""

    def __init__(self, o: OnOff, m: Moves, b: Bound) -> None:
        self.o, self.m, self.b = o, m, b
        self.known: list[list[_Move] | None] = [None] * (2 * o.n + 2)
        self.still_ms = [0] * (o.n + 1)
        for t in range(o.n - 1, -1, -1):
            self.still_ms[t] = self.still_ms[t + 1] + (0 if o.must_off[t] else o.length_ms[t])

    def out_of(self, place: int) -> list[_Move]:
        found = self.known[place]
        if found is None:
            found = self.known[place] = [move for move in self._made(place) if move is not None]
        return found

    def _made(self, place: int) -> Iterator[_Move | None]:
        o, m, t = self.o, self.m, place // 2
        if place % 2:
            if m.stay_on[t]:
                yield self._move(t + 1, 1, o.length_ms[t], o.cost[t], 0)
            if m.pause[t]:
                yield self._move(o.after_pause[t], 0, 0, o.stop, 1)
        else:
            if m.stay_off[t]:
                yield self._move(t + 1, 0, 0, 0, 0)
            if m.can_run[t]:
                yield self._move(o.after_run[t], 1, m.run_ms[t], m.run_cost[t], 1)

    def _move(self, end: int, on: int, length: int, cost: int, switches: int) -> _Move | None:
        """None: departure cannot be reached from there."""
        lines = [(0, 0)]
        if end < self.o.n:
            if (self.b.best.on if on else self.b.best.off)[end] > FAR // 2:
                return None
            wanted = self.b.wanted_ms
            lines = [((x.on if on else x.off)[end] + x.price * wanted, x.price) for x in self.b.seen]
        return _Move(2 * end + on, length, cost, switches, self.still_ms[end], lines)


def _slots(labels: list[tuple[int, int]], number: int, n: int) -> list[bool]:
    """The slots that the way to a label turns on."""
    is_on = [False] * n
    while number > 0:
        place, before = labels[number]
        if place % 2:
            start, end = labels[before][0] // 2, place // 2
            is_on[start:end] = [True] * (end - start)
        number = before
    return is_on
