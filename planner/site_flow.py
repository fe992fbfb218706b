"""Free power of several cars under one limit as a minimum-cost flow, with its bound (docs/planner.md, table 4)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from planner.problem import DWH_PER_KWH, Night, SolverFailed

Floats = npt.NDArray[np.float64]

SOLVER = "or-tools min-cost flow"
PRICE_UNITS = 10**6  # per currency/kWh
LARGEST_PRICE_UNITS = 10**9
SETTLED_KWH = 1e-2  # differences below come from rounding
ROUNDS = 60  # of relaxing potentials; each price path visits a car at most once


@dataclass(frozen=True, slots=True)
class Shared:
    """Energies [car, slot] in kWh, and the prices that prove them [currency/kWh]."""

    energy_kwh: Floats
    slot_price: Floats  # of the limit, per slot, at least 0
    bound: float  # no energies cost less [currency]


@dataclass(frozen=True, slots=True)
class FreeCars:
    """Cars with free power as arrays over the site's slots; nothing may be drawn outside a car's stay."""

    price: Floats  # [car, slot]
    low: Floats  # kWh
    spare: Floats  # kWh above low
    need: Floats  # kWh above low, per car
    room: Floats
    missing: Floats  # currency/kWh, per car


def free_cars(nights: list[Night], firsts: list[int], slots: int) -> FreeCars:
    """The cars' columns, shifted to the site's slots."""
    shape = (len(nights), slots)
    price, low, spare = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    need, room, missing = np.zeros(len(nights)), np.zeros(len(nights)), np.zeros(len(nights))
    for j, (night, first) in enumerate(zip(nights, firsts, strict=True)):
        stay = slice(first, first + night.n)
        price[j, stay] = night.problem.price_per_kwh
        spare[j, stay] = night.ceiling_kwh
        held = sum(night.floor_kwh)
        if held:
            low[j, stay] = night.floor_kwh
        need[j], room[j] = max(0.0, night.need_kwh - held), max(0.0, night.room_kwh - held)
        missing[j] = night.problem.missing_cost_per_kwh
    return FreeCars(price, low, np.maximum(0.0, spare - low), need, np.maximum(need, room), missing)


def share(cars: FreeCars, room_kwh: Floats) -> Shared:
    """The cheapest energies within `room_kwh` per slot.

    Minimum levels that do not fit together are cut, the last car's first. Raises SolverFailed.
    """
    left = room_kwh
    if cars.low.any():
        low = _fitting(cars.low, room_kwh)
        left = np.maximum(0.0, room_kwh - low.sum(axis=0))
        need = cars.need + (cars.low - low).sum(axis=1)
        cars = FreeCars(cars.price, low, cars.spare + cars.low - low, need, np.maximum(need, cars.room), cars.missing)
    extra = _settled(cars, _flows(cars, left), left)
    slot_price, car_price = _potentials(cars, extra, left)
    return Shared(cars.low + extra, slot_price, _bound(cars, left, slot_price, car_price))


def share_in_turn(cars: FreeCars, room_kwh: Floats) -> Shared:
    """The fallback without a solver: car by car its cheapest slots in what is left; no bound."""
    low = _fitting(cars.low, room_kwh)
    left, energies = np.maximum(0.0, room_kwh - low.sum(axis=0)), low.copy()
    for j in range(len(cars.need)):
        wanted = cars.need[j] + (cars.low[j] - low[j]).sum()
        for t in np.argsort(cars.price[j], kind="stable").tolist():
            take = min(left[t], cars.low[j, t] + cars.spare[j, t] - low[j, t], wanted)
            energies[j, t] += take
            left[t] -= take
            wanted -= take
    return Shared(energies, np.zeros_like(left), -np.inf)


def _fitting(low: Floats, room: Floats) -> Floats:
    if (low.sum(axis=0) <= room + 1e-9).all():
        return low
    before = np.cumsum(low, axis=0) - low
    cut: Floats = np.clip(np.minimum(low, room - before), 0.0, None)
    return cut


def _flows(cars: FreeCars, left: Floats) -> Floats:
    """Energy per car and slot from the integer flow [kWh]."""
    count, slots = cars.price.shape
    j, t = np.nonzero(cars.spare > 1e-4 / 2)
    spare, price = cars.spare[j, t], cars.price[j, t]
    missing = _missing_price(cars, price, t)
    largest = max(float(price.max(initial=0.0)), -float(price.min(initial=0.0)), *missing)
    scale = float(PRICE_UNITS)
    while scale > 1 and largest * scale > LARGEST_PRICE_UNITS:
        scale /= 10
    capacity = (spare * DWH_PER_KWH + 1e-6).astype(np.int64)
    need = np.ceil(cars.need * DWH_PER_KWH - 1e-6).astype(np.int64)
    room = np.maximum(need, (cars.room * DWH_PER_KWH + 1e-6).astype(np.int64))
    # Where all cars together stay within the limit, it needs no arc: their energy goes straight to the sink.
    is_tight, ids = cars.spare.sum(axis=0) > left, np.arange(count)
    tight, sink = np.flatnonzero(is_tight), count + slots
    weight = slots + 1  # at equal price the earlier slot wins
    cost = np.round(price * scale).astype(np.int64) * weight + t
    missing_cost = np.array([round(a_kwh * scale) * weight for a_kwh in missing], np.int64)
    solver = SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        np.concatenate((j, count + tight, ids, ids)).astype(np.int32),
        np.concatenate((np.where(is_tight[t], count + t, sink), np.full(len(tight) + 2 * count, sink))).astype(
            np.int32
        ),
        np.concatenate((capacity, (left[tight] * DWH_PER_KWH + 1e-6).astype(np.int64), room - need, need)),
        np.concatenate((cost, np.zeros(len(tight) + count, np.int64), missing_cost)),
    )
    solver.set_nodes_supplies(np.append(ids, sink).astype(np.int32), np.append(room, -room.sum()))
    status = solver.solve()
    if status != SimpleMinCostFlow.OPTIMAL:
        raise SolverFailed(f"site flow: {status.name}")
    flow = solver.flows(arcs)[: len(j)]
    energies = np.zeros((count, slots))
    energies[j, t] = np.where(flow == capacity, spare, flow / DWH_PER_KWH)
    return energies


def _missing_price(cars: FreeCars, price: Floats, t: npt.NDArray[np.int64]) -> list[float]:
    """What missing energy costs in the flow: no more than it takes to come last, for smaller costs solve faster (4.5).

    Where all cars' missing energy costs the same, any dear enough price leaves as little missing: a kWh that one car
    takes from another, that from a third, and so on to a free slot costs at most the dearest price and, per car in
    between, by how much cars pay unlike prices in a slot. `price` is that of a car in slot `t`.
    """
    missing: list[float] = cars.missing.tolist()
    if len(price) == 0 or min(missing) != max(missing):
        return missing
    highest = cars.price.max(axis=0)
    spread = float((highest[t] - price).max())
    enough = 1.1 * (max(0.0, float(highest.max())) + len(missing) * spread) + 0.1
    return [min(missing[0], enough)] * len(missing)


def _settled(cars: FreeCars, energies: Floats, left: Floats) -> Floats:
    """The flow's energies within the exact limits: rounding by less than 0.1 Wh a slot is taken back or filled up."""
    over = energies.sum(axis=0) - left
    for t in np.flatnonzero(over > 0).tolist():
        energies[:, t] *= 1 - over[t] / energies[:, t].sum()
    drawn = energies.sum(axis=1)
    rest = cars.need - drawn
    for j in np.flatnonzero(drawn > cars.room).tolist():
        energies[j] *= cars.room[j] / drawn[j]
        rest[j] = 0.0
    gives = np.flatnonzero((rest < 0) & (rest > -SETTLED_KWH))
    dearest = np.where(energies > 0, cars.price, -np.inf).argmax(axis=1)[gives]
    energies[gives, dearest] -= np.minimum(energies[gives, dearest], -rest[gives])
    for j in np.flatnonzero((rest > 0) & (rest < SETTLED_KWH)).tolist():
        free = np.minimum(cars.spare[j] - energies[j], left - energies.sum(axis=0))
        t = int(np.argmin(np.where(free >= rest[j], cars.price[j], np.inf)))
        energies[j, t] += max(0.0, min(rest[j], float(free[t])))
    return energies


def _potentials(cars: FreeCars, energies: Floats, left: Floats) -> tuple[Floats, Floats]:
    """Prices of slots and cars [currency/kWh]: what one more kWh would cost along residual paths of the flow."""
    small = 2e-4
    forth = np.where(energies < cars.spare - small, cars.price, np.inf)
    car = np.where(energies.sum(axis=1) > cars.need + small, 0.0, cars.missing)
    is_full = energies.sum(axis=0) >= left - small  # elsewhere a slot has no price
    car = np.minimum(car, np.where(is_full, np.inf, forth).min(axis=1, initial=np.inf))
    full = np.flatnonzero(is_full)
    forth, back = forth[:, full], np.where(energies[:, full] > small, cars.price[:, full], -np.inf)
    base = car
    for _ in range(ROUNDS):
        slot = np.maximum(0.0, (car[:, None] - back).min(axis=0, initial=np.inf))
        lower = np.minimum(base, (forth + slot).min(axis=1, initial=np.inf))
        if (lower >= car - 1e-12).all():
            break
        car = lower
    prices = np.zeros(len(left))
    prices[full] = np.minimum(slot, cars.missing.max(initial=0.0) + np.abs(cars.price).max(initial=0.0))
    return prices, car


def _bound(cars: FreeCars, left: Floats, slot_price: Floats, car_price: Floats) -> float:
    """The dual bound: true whatever the prices, tight at the right ones (4.4)."""
    reduced = cars.price + slot_price - car_price[:, None]
    bound = np.where(car_price > 0, car_price * cars.need, car_price * cars.room).sum()
    bound += np.minimum(0.0, reduced * cars.spare).sum() - slot_price @ left + (cars.price * cars.low).sum()
    return float(bound)
