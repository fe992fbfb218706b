"""Free power of several cars under one limit as a minimum-cost flow, with its bound (docs/planner.md, table 4)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from planner.problem import DWH_PER_KWH, Night, SolverFailed, to_dwh_up

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
        low[j, stay] = night.floor_kwh
        spare[j, stay] = np.maximum(0.0, np.array(night.ceiling_kwh) - low[j, stay])
        held = low[j].sum()
        need[j], room[j] = max(0.0, night.need_kwh - held), max(0.0, night.room_kwh - held)
        missing[j] = night.problem.missing_cost_per_kwh
    return FreeCars(price, low, spare, need, np.maximum(need, room), missing)


def share(cars: FreeCars, room_kwh: Floats) -> Shared:
    """The cheapest energies within `room_kwh` per slot.

    Minimum levels that do not fit together are cut, the last car's first. Raises SolverFailed.
    """
    low = _fitting(cars.low, room_kwh)
    left = np.maximum(0.0, room_kwh - low.sum(axis=0))
    need = cars.need + (cars.low - low).sum(axis=1)
    cars = FreeCars(cars.price, low, cars.spare + cars.low - low, need, np.maximum(need, cars.room), cars.missing)
    flows = _flows(cars, left)
    extra = _settled(cars, flows, left)
    slot_price, car_price = _potentials(cars, extra, left)
    return Shared(low + extra, slot_price, _bound(cars, left, slot_price, car_price))


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
    scale = float(PRICE_UNITS)
    largest = max(float(np.abs(cars.price).max(initial=0.0)), float(cars.missing.max(initial=0.0)))
    while scale > 1 and largest * scale > LARGEST_PRICE_UNITS:
        scale /= 10
    j, t = np.nonzero(cars.spare > 1e-4 / 2)
    capacity = (cars.spare[j, t] * DWH_PER_KWH + 1e-6).astype(np.int64)
    need = np.array([to_dwh_up(kwh) for kwh in cars.need.tolist()], np.int64)
    room = np.maximum(need, (cars.room * DWH_PER_KWH + 1e-6).astype(np.int64))
    used, ids = np.flatnonzero((cars.spare > 1e-4 / 2).any(axis=0)), np.arange(count)
    sink = count + slots
    weight = slots + 1  # at equal price the earlier slot wins
    cost = np.round(cars.price[j, t] * scale).astype(np.int64) * weight + t
    missing = np.round(cars.missing * scale).astype(np.int64) * weight
    solver = SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        np.concatenate((j, count + used, ids, ids)).astype(np.int32),
        np.concatenate((count + t, np.full(len(used) + 2 * count, sink))).astype(np.int32),
        np.concatenate((capacity, (left[used] * DWH_PER_KWH + 1e-6).astype(np.int64), room - need, need)),
        np.concatenate((cost, np.zeros(len(used) + count, np.int64), missing)),
    )
    solver.set_nodes_supplies(np.append(ids, sink).astype(np.int32), np.append(room, -room.sum()))
    status = solver.solve()
    if status != SimpleMinCostFlow.OPTIMAL:
        raise SolverFailed(f"site flow: {status.name}")
    flow = solver.flows(arcs)[: len(j)]
    energies = np.zeros((count, slots))
    energies[j, t] = np.where(flow == capacity, cars.spare[j, t], flow / DWH_PER_KWH)
    return energies


def _settled(cars: FreeCars, energies: Floats, left: Floats) -> Floats:
    """The flow's energies within the exact limits: rounding by less than 0.1 Wh a slot is taken back or filled up."""
    over = energies.sum(axis=0) - left
    for t in np.flatnonzero(over > 0).tolist():
        energies[:, t] *= 1 - over[t] / energies[:, t].sum()
    for j, kwh in enumerate(energies.sum(axis=1).tolist()):
        rest = cars.need[j] - kwh
        if kwh > cars.room[j]:
            energies[j] *= cars.room[j] / kwh
        elif -SETTLED_KWH < rest < 0:
            t = int(np.argmax(np.where(energies[j] > 0, cars.price[j], -np.inf)))
            energies[j, t] -= min(energies[j, t], -rest)
        elif 0 < rest < SETTLED_KWH:
            free = np.minimum(cars.spare[j] - energies[j], left - energies.sum(axis=0))
            t = int(np.argmin(np.where(free >= rest, cars.price[j], np.inf)))
            energies[j, t] += max(0.0, min(rest, float(free[t])))
    return energies


def _potentials(cars: FreeCars, energies: Floats, left: Floats) -> tuple[Floats, Floats]:
    """Prices of slots and cars [currency/kWh]: what one more kWh would cost along residual paths of the flow."""
    small = 2e-4
    forth = np.where(energies < cars.spare - small, cars.price, np.inf)
    back = np.where(energies > small, cars.price, -np.inf)
    drawn = energies.sum(axis=1)
    base = np.where(drawn > cars.need + small, 0.0, cars.missing)
    slot = np.where(energies.sum(axis=0) < left - small, 0.0, np.inf)
    highest = cars.missing.max(initial=0.0) + np.abs(cars.price).max(initial=0.0)
    car = base
    for _ in range(ROUNDS):
        car = np.minimum(base, (forth + slot).min(axis=1))
        relaxed = np.minimum(slot, np.min(car[:, None] - back, axis=0, initial=np.inf))
        if (relaxed >= slot - 1e-12).all():
            break
        slot = np.maximum(0.0, relaxed)
    return np.minimum(slot, highest), car


def _bound(cars: FreeCars, left: Floats, slot_price: Floats, car_price: Floats) -> float:
    """The dual bound: true whatever the prices, tight at the right ones (4.6)."""
    reduced = cars.price + slot_price - car_price[:, None]
    bound = np.where(car_price > 0, car_price * cars.need, car_price * cars.room).sum()
    bound += np.minimum(0.0, reduced * cars.spare).sum() - slot_price @ left + (cars.price * cars.low).sum()
    return float(bound)
