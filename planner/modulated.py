"""A night of freely set power as a minimum-cost flow: exact, with the dual bound (docs/planner.md, table 2)."""

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from planner.problem import DWH_PER_KWH, SMALLEST_KWH, Night, SolverFailed, to_dwh_up

SOLVER = "or-tools min-cost flow"
FINEST_PRICE = 10**6  # units per currency/kWh
LARGEST_PRICE_UNITS = 10**10

_TAILS = np.zeros(4096, np.int32)
_HEADS = np.ones(4096, np.int32)


def solve_modulated(night: Night) -> list[float]:
    """The cheapest energies [kWh] between floor and ceiling whose total lies between need and room.

    One source, one sink; an arc per stretch of slots at one price, one for room left unused, one for missing energy
    (2.1-2.4). Arcs are rounded down and the need up, so the integer flow never uses energy that is not there;
    `_settle` then gives full stretches their exact energy and the marginal one the rest.
    """
    problem = night.problem
    floor_sum = sum(night.floor_kwh)
    need = max(0.0, night.need_kwh - floor_sum)
    room = max(need, night.room_kwh - floor_sum)
    spare = [high - low if high > low else 0.0 for high, low in zip(night.ceiling_kwh, night.floor_kwh, strict=True)]
    starts, prices, sums = _stretches(problem.price_per_kwh, spare)
    need_dwh, room_dwh = to_dwh_up(need), int(room * DWH_PER_KWH + 1e-6)
    room_dwh = max(room_dwh, need_dwh)
    capacities = [int(kwh * DWH_PER_KWH + 1e-6) for kwh in sums]
    flows = _flow(prices, capacities, need_dwh, room_dwh, problem.missing_cost_per_kwh)
    used = _settle(prices, sums, capacities, flows, need, room)
    return _spread(night.floor_kwh, spare, starts, sums, used)


def _stretches(prices: tuple[float, ...], spare: list[float]) -> tuple[list[int], list[float], list[float]]:
    """Slots in a row at one price as one (2.9): first slot of each stretch, price, energy that fits [kWh]."""
    starts, its_prices, sums = [0], [prices[0]], []
    last, total = prices[0], 0.0
    for t, (price, kwh) in enumerate(zip(prices, spare, strict=True)):
        if price != last:
            starts.append(t)
            its_prices.append(price)
            sums.append(total)
            last, total = price, 0.0
        total += kwh
    sums.append(total)
    return starts, its_prices, sums


def _spread(
    floors: list[float], spare: list[float], starts: list[int], sums: list[float], used: list[float]
) -> list[float]:
    """Energy of every slot: a stretch that is not full draws its energy early (2.4)."""
    energies = list(floors)
    for start, end, total, left in zip(starts, [*starts[1:], len(spare)], sums, used, strict=True):
        if left == 0.0:
            continue
        for t in range(start, end):
            kwh = spare[t] if left >= spare[t] or left == total else left
            energies[t] += kwh
            left -= kwh
            if left <= SMALLEST_KWH / 1e3:
                break
    return energies


def _flow(prices: list[float], capacities: list[int], need: int, room: int, missing: float) -> list[int]:
    """Flow per stretch, then unused room, then missing energy [0.1 Wh]."""
    n = len(capacities)
    largest = max(max(prices), -min(prices), missing)
    scale = FINEST_PRICE
    while scale > 1 and largest * scale > LARGEST_PRICE_UNITS:
        scale //= 10
    weight = n + 1  # one unit of price outweighs any order of slots: at equal price the earlier wins
    costs = np.empty(n + 2, np.int64)
    costs[:n] = np.rint(np.array(prices) * scale).astype(np.int64) * weight + np.arange(n)
    costs[n:] = 0, round(missing * scale) * weight
    solver = SimpleMinCostFlow()
    tails, heads = (_TAILS, _HEADS) if n + 2 <= 4096 else (np.zeros(n + 2, np.int32), np.ones(n + 2, np.int32))
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        tails[: n + 2],
        heads[: n + 2],
        np.array([*capacities, room - need, need], np.int64),
        costs,
    )
    solver.set_node_supply(0, room)
    solver.set_node_supply(1, -room)
    status = solver.solve()
    if status != SimpleMinCostFlow.OPTIMAL:
        raise SolverFailed(f"min-cost flow: {status.name}")
    flows: list[int] = solver.flows(arcs).tolist()
    return flows


def _settle(
    prices: list[float], spare: list[float], capacities: list[int], flows: list[int], need: float, room: float
) -> list[float]:
    """Exact energies: full stretches their exact limit, the marginal one what is left of need or room."""
    n = len(prices)
    used = [
        0.0 if flow == 0 else spare[t] if flow == capacities[t] else flow / DWH_PER_KWH
        for t, flow in enumerate(flows[:n])
    ]
    unused_dwh, missing_dwh = flows[n], flows[n + 1]
    drawn = sum(used)
    if missing_dwh:
        wanted = min(drawn, need)
    elif unused_dwh == 0:
        wanted = room
    elif sum(flows[:n]) <= to_dwh_up(need):
        wanted = need
    else:
        wanted = min(drawn, room)
    rest = wanted - drawn
    # Rounding left less than 0.1 Wh a slot: the dearest used slots give it back, the cheapest free ones take it.
    while rest < -SMALLEST_KWH:
        t = max((t for t in range(n) if used[t] > 0), key=lambda t: (prices[t], t))
        change = max(rest, -used[t])
        used[t] += change
        rest -= change
    while rest > SMALLEST_KWH:
        free = [t for t in range(n) if used[t] < spare[t]]
        if not free:
            break
        t = min(free, key=lambda t: (prices[t], t))
        change = min(rest, spare[t] - used[t])
        used[t] = spare[t] if change < rest else used[t] + change
        rest -= change
    return used


def multiplier(night: Night, energies: list[float]) -> float:
    """The price at which the marginal kWh is bought [currency/kWh]: the dual of need (above 0) or room (below 0)."""
    missing_cost = night.problem.missing_cost_per_kwh
    drawn = sum(energies)
    if drawn < night.need_kwh - SMALLEST_KWH:
        return missing_cost
    prices = night.problem.price_per_kwh
    used = [
        price for price, kwh, low in zip(prices, energies, night.floor_kwh, strict=True) if kwh > low + SMALLEST_KWH
    ]
    dearest = max(used) if used else min(0.0, *prices)
    if drawn >= night.room_kwh - SMALLEST_KWH:
        return min(dearest, missing_cost)
    if drawn > night.need_kwh + SMALLEST_KWH:
        return 0.0
    return min(max(0.0, dearest), missing_cost)


def dual_bound(night: Night, price: float) -> float:
    """What every plan costs at least, whatever `price` [currency/kWh, at most the missing cost] is taken (2.6)."""
    bound = price * (night.need_kwh if price >= 0 else night.room_kwh)
    for c, low, high in zip(night.problem.price_per_kwh, night.floor_kwh, night.ceiling_kwh, strict=True):
        reduced = c - price
        bound += reduced * (high if reduced < 0 else low)
    return bound
