"""Many independent nights of freely set power at once: columns in, columns out (docs/planner.md, 2.7).

One flow carries many nights, each a part of its own, and slots in a row at one price are one arc: so the time goes
to neither objects nor solver calls. What it finds is what `planner.plan` finds night by night.
"""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from domain.errors import CallerError
from domain.plan import LARGEST_ENERGY_KWH, LARGEST_PRICE, MOST_SLOTS, ControlKind, PlanProblem
from planner.modulated import FINEST_PRICE, LARGEST_PRICE_UNITS
from planner.night import SMALLEST_SHORTFALL_KWH, plan
from planner.problem import DWH_PER_KWH, SMALLEST_KWH, SolverFailed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NIGHTS_PER_FLOW = 64  # more do not save time, and arrays outgrow the cache
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # nights in columns have lengths, not instants


class BadColumns(CallerError):
    """Columns of nights that do not fit together, or values out of range; names field and unit."""


@dataclass(frozen=True, slots=True)
class NightColumns:
    """Nights as columns: the slots of all nights one after another; other fields as in `PlanProblem`, one per night.

    Raises BadColumns.
    """

    first_slot: Ints  # K + 1: where the slots of each night begin, and where the last ends
    price_per_kwh: Floats  # per slot [currency/kWh]
    slot_hours: Floats  # per slot [h]
    battery_capacity_kwh: Floats
    soc_dc_kwh: Floats
    target_dc_kwh: Floats
    min_dc_kwh: Floats
    max_power_kw: Floats
    efficiency: Floats
    missing_cost_per_kwh: Floats

    def __post_init__(self) -> None:
        slots, nights = self.price_per_kwh.size, self.first_slot.size - 1
        if (
            nights < 0
            or self.first_slot[0] != 0
            or self.first_slot[-1] != slots
            or (np.diff(self.first_slot) < 1).any()
        ):
            raise BadColumns("first_slot [slots]: must rise strictly from 0 to the number of prices")
        if np.diff(self.first_slot).max(initial=0) > MOST_SLOTS:
            raise BadColumns(f"first_slot [slots]: at most {MOST_SLOTS} slots a night can be planned")
        for name, unit, least, most in _RANGES:
            column, wanted = getattr(self, name), slots if name in ("price_per_kwh", "slot_hours") else nights
            if column.shape != (wanted,):
                raise BadColumns(f"{name} [{unit}]: {column.shape} values where {wanted} are needed")
            if not ((column >= least) & (column <= most)).all():
                raise BadColumns(f"{name} [{unit}]: must be within {least:g} and {most:g}")
        for name in ("target_dc_kwh", "min_dc_kwh"):
            if (getattr(self, name) > self.battery_capacity_kwh * (1 + 1e-9)).any():
                raise BadColumns(f"{name} [kWh]: exceeds battery_capacity_kwh")

    def problem(self, k: int) -> PlanProblem:
        """Night `k` as a problem of its own, at an arbitrary date."""
        slots = slice(self.first_slot[k], self.first_slot[k + 1])
        ends = np.cumsum(self.slot_hours[slots]).tolist()
        numbers = {name: float(getattr(self, name)[k]) for name in _PER_NIGHT}
        return PlanProblem(
            edges=(EPOCH, *(EPOCH + timedelta(hours=end) for end in ends)),
            price_per_kwh=tuple(self.price_per_kwh[slots].tolist()),
            control=ControlKind.MODULATED,
            **numbers,
        )


_RANGES = (
    ("price_per_kwh", "currency/kWh", -LARGEST_PRICE, LARGEST_PRICE),
    ("slot_hours", "h", 1e-6, 1e4),
    ("battery_capacity_kwh", "kWh", 1e-9, LARGEST_ENERGY_KWH),
    ("soc_dc_kwh", "kWh", 0.0, LARGEST_ENERGY_KWH),
    ("target_dc_kwh", "kWh", 0.0, LARGEST_ENERGY_KWH),
    ("min_dc_kwh", "kWh", 0.0, LARGEST_ENERGY_KWH),
    ("max_power_kw", "kW", 1e-3, 1_000.0),
    ("efficiency", "fraction", 0.01, 1.0),
    ("missing_cost_per_kwh", "currency/kWh", 1e-9, LARGEST_PRICE),
)
_PER_NIGHT = tuple(name for name, *_ in _RANGES[2:])


@dataclass(frozen=True, slots=True)
class PlanColumns:
    """The plans of a batch. A target out of reach shows as shortfall, a plan that is not proven as a gap."""

    energy_ac_kwh: Floats  # per slot, at the meter [kWh]
    cost: Floats  # per night: energy and missing energy [currency]
    lower_bound: Floats  # per night, proven [currency]
    shortfall_ac_kwh: Floats  # per night [kWh, meter]


def plan_batch(nights: NightColumns) -> PlanColumns:
    """The cheapest plan of every night, with its proof; at equal cost the earlier slots. Raises nothing."""
    count = nights.first_slot.size - 1
    parts = [_planned(_part(nights, k, min(count, k + NIGHTS_PER_FLOW))) for k in range(0, count, NIGHTS_PER_FLOW)]
    if not parts:
        return PlanColumns(*(np.zeros(0) for _ in fields(PlanColumns)))
    return PlanColumns(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(PlanColumns)))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some nights in energies at the meter [kWh]; `starts` and `night` tell whose slot is whose."""

    columns: NightColumns
    begin: int
    starts: Ints
    night: Ints
    price: Floats
    low: Floats
    spare: Floats  # above low
    need: Floats
    room: Floats
    held: Floats  # sum of low
    missing: Floats

    def sums(self, values: Floats) -> Floats:
        total: Floats = np.add.reduceat(values, self.starts)
        return total


def _part(nights: NightColumns, begin: int, end: int) -> _Batch:
    """Nights begin..end-1; the first slots run at full power until the minimum level is in (1.1)."""
    edges = nights.first_slot[begin : end + 1]
    slots, own = slice(edges[0], edges[-1]), slice(begin, end)
    starts, night = edges[:-1] - edges[0], np.repeat(np.arange(end - begin), np.diff(edges))
    step = nights.max_power_kw[own][night] * nights.slot_hours[slots]
    full, soc, efficiency = nights.battery_capacity_kwh[own], nights.soc_dc_kwh[own], nights.efficiency[own]
    room = np.maximum(0.0, full - soc) / efficiency
    need = np.minimum(np.maximum(0.0, nights.target_dc_kwh[own] - soc) / efficiency, room)
    first = np.minimum(np.maximum(0.0, nights.min_dc_kwh[own] - soc) / efficiency, room)
    low = np.clip(first[night] - _before(step, starts, night), 0.0, step)
    low[low <= SMALLEST_KWH] = 0.0
    held = np.add.reduceat(low, starts)
    return _Batch(
        nights,
        begin,
        starts,
        night,
        nights.price_per_kwh[slots],
        low,
        step - low,
        need,
        room,
        held,
        nights.missing_cost_per_kwh[own],
    )


def _before(values: Floats, starts: Ints, group: Ints) -> Floats:
    """The sum of the values before each one in its group."""
    total = np.cumsum(values) - values
    before: Floats = total - total[starts][group]
    return before


def _planned(batch: _Batch) -> PlanColumns:
    try:
        energy, alone = _solved(batch)
    except SolverFailed:
        energy, alone = batch.low.copy(), np.arange(len(batch.starts))
    ends = np.append(batch.starts[1:], len(batch.price))
    for k in alone.tolist():
        energy[batch.starts[k] : ends[k]] = plan(batch.columns.problem(batch.begin + k)).energy_ac_kwh
    return _priced(batch, energy)


def _solved(batch: _Batch) -> tuple[Floats, Ints]:
    """Energies per slot, and the nights that are better solved alone: rounding did not fit their marginal price."""
    price, night = batch.price, batch.night
    is_first = np.ones(len(price), bool)
    is_first[1:] = (price[1:] != price[:-1]) | (night[1:] != night[:-1])
    group_starts, group = np.flatnonzero(is_first), np.cumsum(is_first) - 1
    need = np.maximum(0.0, batch.need - batch.held)
    grouped = replace(
        batch,
        starts=group[batch.starts],
        night=night[group_starts],
        price=price[group_starts],
        spare=np.add.reduceat(batch.spare, group_starts),
        need=need,
        room=np.maximum(need, batch.room - batch.held),
    )
    used, alone = _settled(grouped, *_flow(grouped))
    extra = np.clip(used[group] - _before(batch.spare, group_starts, group), 0.0, batch.spare)
    return batch.low + extra, alone


def _flow(batch: _Batch) -> tuple[Ints, Ints, Ints, Ints]:
    """Capacity and flow per arc, flow of unused room and of missing energy per night [0.1 Wh] (2.1)."""
    count, ids = len(batch.starts), np.arange(len(batch.starts))
    largest = max(float(np.abs(batch.price).max()), float(batch.missing.max()))
    scale = FINEST_PRICE
    while scale > 1 and largest * scale > LARGEST_PRICE_UNITS:
        scale //= 10
    order = np.arange(len(batch.price)) - batch.starts[batch.night]
    weight = int(order.max()) + 1  # at equal price the earlier wins
    capacity = (batch.spare * DWH_PER_KWH + 1e-6).astype(np.int64)
    need = np.ceil(batch.need * DWH_PER_KWH - 1e-6).astype(np.int64)
    room = np.maximum(need, (batch.room * DWH_PER_KWH + 1e-6).astype(np.int64))
    tails = 2 * np.concatenate((batch.night, ids, ids)).astype(np.int32)
    solver = SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        tails,
        tails + np.int32(1),
        np.concatenate((capacity, room - need, need)),
        np.concatenate(
            (
                np.rint(batch.price * scale).astype(np.int64) * weight + order,
                np.zeros(count, np.int64),
                np.rint(batch.missing * scale).astype(np.int64) * weight,
            )
        ),
    )
    solver.set_nodes_supplies(np.arange(2 * count, dtype=np.int32), np.column_stack((room, -room)).ravel())
    status = solver.solve()
    if status != SimpleMinCostFlow.OPTIMAL:
        raise SolverFailed(f"batch flow: {status.name}")
    flows = solver.flows(arcs)
    return capacity, flows[: -2 * count], flows[-2 * count : -count], flows[-count:]


def _settled(batch: _Batch, capacity: Ints, flow: Ints, unused: Ints, missing: Ints) -> tuple[Floats, Ints]:
    """Exact energies: full arcs their exact limit, the marginal arc what is left of need or room (2.2)."""
    used = np.where(flow == capacity, batch.spare, flow / DWH_PER_KWH)
    used[flow == 0] = 0.0
    drawn, need = batch.sums(used), batch.need
    only_need = np.add.reduceat(flow, batch.starts) <= np.ceil(need * DWH_PER_KWH - 1e-6)
    wanted = np.select(
        [missing > 0, unused == 0, only_need],
        [np.minimum(drawn, need), batch.room, need],
        np.minimum(drawn, batch.room),
    )
    rest = wanted - drawn
    gives, takes = rest < -SMALLEST_KWH, rest > SMALLEST_KWH
    dearest = _last(batch, np.where(used > 0, batch.price, -np.inf))
    cheapest = _first(batch, np.where(used < batch.spare, batch.price, np.inf))
    marginal = np.where(gives, dearest, cheapest)
    after = used[marginal] + rest
    fits = (after >= 0) & (after <= batch.spare[marginal])
    moved = (gives | takes) & fits
    used[marginal[moved]] = after[moved]
    # Where every arc is full there is nothing to take from, and nothing is lost.
    hopeless = takes & (batch.sums(batch.spare - used) <= SMALLEST_KWH)
    return used, np.flatnonzero((gives | takes) & ~fits & ~hopeless)


def _first(batch: _Batch, values: Floats) -> Ints:
    """Per night the index of its least value, the first of several."""
    is_least = values == np.minimum.reduceat(values, batch.starts)[batch.night]
    index: Ints = np.minimum.reduceat(np.where(is_least, np.arange(len(values)), len(values)), batch.starts)
    return index


def _last(batch: _Batch, values: Floats) -> Ints:
    """Per night the index of its greatest value, the last of several."""
    is_most = values == np.maximum.reduceat(values, batch.starts)[batch.night]
    index: Ints = np.maximum.reduceat(np.where(is_most, np.arange(len(values)), -1), batch.starts)
    return index


def _priced(batch: _Batch, energy: Floats) -> PlanColumns:
    """Costs, shortfalls, and the bound at the marginal price (2.6)."""
    price, drawn = batch.price, batch.sums(energy)
    short = batch.need - drawn
    shortfall = np.where(short > SMALLEST_SHORTFALL_KWH, short, 0.0)
    cost = batch.sums(price * energy) + batch.missing * shortfall
    is_used = energy > batch.low + SMALLEST_KWH
    dearest = np.maximum.reduceat(np.where(is_used, price, -np.inf), batch.starts)
    dearest = np.where(np.isinf(dearest), np.minimum(0.0, np.minimum.reduceat(price, batch.starts)), dearest)
    dual = np.select(
        [short > SMALLEST_KWH, drawn >= batch.room - SMALLEST_KWH, drawn > batch.need + SMALLEST_KWH],
        [batch.missing, dearest, 0.0],
        np.maximum(0.0, dearest),
    )
    dual = np.minimum(dual, batch.missing)
    reduced = price - dual[batch.night]
    bound = dual * np.where(dual >= 0, batch.need, batch.room)
    bound += batch.sums(reduced * np.where(reduced < 0, batch.low + batch.spare, batch.low))
    return PlanColumns(energy, cost, np.minimum(bound, cost), shortfall)
