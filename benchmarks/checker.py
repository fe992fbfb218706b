"""Is a written plan valid, and does it cost what it says? Reads rows and answers as they stand in the files."""

from typing import Any

import numpy as np

from benchmarks import oracle

Row = dict[str, Any]

KWH = 1e-5
EUR = 1e-5


def night_faults(night: Row, answer: Row) -> list[str]:
    """Every rule that the answer to a night breaks, in words; empty: none."""
    energy = np.asarray(answer["energy_kwh"], float)
    price, step = oracle.prices_eur(night), oracle.step_kwh(night)
    faults = []
    if len(energy) != len(price):
        return [f"{len(energy)} slots for {len(price)} prices"]
    if not np.isfinite(energy).all() or energy.min() < -KWH or energy.max() > step + KWH:
        faults.append("energy of a slot outside 0..step")
    if (energy < oracle.forced_kwh(night) - KWH).any():
        faults.append("minimum level not reached at once")
    faults += _onoff_faults(night, energy) if night["control"] == "onoff" else _free_faults(night, energy)
    if "taper_from" in night:
        faults += _taper_faults(night, energy)
    energy_cost = float(price @ energy)
    cost = energy_cost
    shortfall = max(0.0, oracle.need_kwh(night) - energy.sum())
    if night["control"] == "onoff":
        cost += night["switch_cost"] * _switches(energy > KWH)
    else:
        cost += oracle.MISSING_EUR_PER_KWH * (shortfall if shortfall > KWH else 0.0)
    if abs(cost - answer["cost_eur"]) > EUR * max(1.0, abs(cost)) * 10:
        faults.append(f"cost {answer['cost_eur']} where {cost} is right")
    if abs(energy_cost - answer["energy_cost_eur"]) > EUR * max(1.0, abs(energy_cost)):
        faults.append(f"energy cost {answer['energy_cost_eur']} where {energy_cost} is right")
    if abs(shortfall - answer["shortfall_kwh"]) > KWH:
        faults.append(f"shortfall {answer['shortfall_kwh']} where {shortfall} is right")
    if answer["lower_bound_eur"] > answer["cost_eur"] + 1e-6:
        faults.append("lower bound above cost")
    return faults


def _free_faults(night: Row, energy: np.ndarray) -> list[str]:
    faults = []
    if energy.sum() > max(oracle.room_kwh(night), oracle.forced_kwh(night).sum()) + KWH:
        faults.append("more energy than room")
    if night["control"] == "semicontinuous":
        low = min(night["p_min"], night["p_max"]) * night["slot_min"] / 60.0
        if ((energy > KWH) & (energy < low - KWH)).any():
            faults.append("power between 0 and the minimum")
    return faults


def _taper_faults(night: Row, energy: np.ndarray) -> list[str]:
    """Power is the same all through a slot, so it must be within what the level at the slot's end allows."""
    hours = night["slot_min"] / 60.0
    level = night["soc0"] + night["eta"] * np.cumsum(energy)
    left = np.clip((night["cap"] - level) / (night["cap"] - night["taper_from"]), 0.0, 1.0)
    most = night["taper_end"] + (night["p_max"] - night["taper_end"]) * left
    return ["more power than the level allows"] if (energy > np.maximum(0.0, most * hours) + KWH).any() else []


def _onoff_faults(night: Row, energy: np.ndarray) -> list[str]:
    faults = []
    step = oracle.step_kwh(night)
    is_on = energy > KWH
    if (np.abs(energy[is_on] - step) > KWH).any():
        faults.append("a slot neither on nor off")
    _, least, most = oracle.count_range(night)
    if not least <= is_on.sum() <= most:
        faults.append(f"{is_on.sum()} slots on, allowed {least}..{most}")
    starts = np.flatnonzero(np.diff(np.concatenate(([0], is_on.astype(int), [0]))) == 1)
    ends = np.flatnonzero(np.diff(np.concatenate(([0], is_on.astype(int), [0]))) == -1)
    for start, end in zip(starts, ends, strict=True):
        if end - start < night["min_on"] and end < len(is_on):
            faults.append(f"run of {end - start} slots at {start}")
    for end, start in zip(ends[:-1], starts[1:], strict=True):
        if start - end < night["min_off"]:
            faults.append(f"pause of {start - end} slots at {end}")
    return faults


def _switches(is_on: np.ndarray) -> int:
    return int(np.count_nonzero(np.diff(np.concatenate(([False], is_on)).astype(int))))


def site_faults(site: Row, answer: Row) -> list[str]:
    """Every rule that the answer to a site breaks, in words; empty: none."""
    slots = len(site["price"])
    energy = np.asarray(answer["energy_kwh"], float).reshape(len(site["cars"]), slots)
    hours = site["slot_min"] / 60.0
    faults = []
    over = energy.sum(axis=0) - np.asarray(site["limit"]) * hours
    if over.max(initial=0.0) > KWH:
        faults.append(f"limit exceeded by {over.max()} kWh")
    cost = 0.0
    for j, car in enumerate(site["cars"]):
        stay = slice(car["arr"], car["dep"])
        if energy[j].sum() - energy[j, stay].sum() > KWH:
            faults.append(f"car {j} draws while it is away")
        car_faults, car_cost = _site_car(car_night(site, car), energy[j, stay])
        faults += [f"car {j}: {fault}" for fault in car_faults]
        cost += car_cost
    if abs(cost - answer["cost_eur"]) > EUR * max(1.0, abs(cost)) * 10:
        faults.append(f"cost {answer['cost_eur']} where {cost} is right")
    if answer["lower_bound_eur"] > answer["cost_eur"] + 1e-6:
        faults.append("lower bound above cost")
    return faults


def car_night(site: Row, car: Row) -> Row:
    """A site's car as a night of its own."""
    shared = {key: site[key] for key in ("slot_min", "adder")}
    return {**car, **shared, "price": site["price"][car["arr"] : car["dep"]]}


def hopeless_kwh(site: Row) -> float:
    """What is missing in any plan, because stays are too short."""
    total = 0.0
    for car in site["cars"]:
        night = car_night(site, car)
        total += max(0.0, oracle.need_kwh(night) - oracle.step_kwh(night) * len(night["price"]))
    return total


def _site_car(night: Row, energy: np.ndarray) -> tuple[list[str], float]:
    """Faults of a car's energies at a site, and its cost; missing energy costs in both classes."""
    step = oracle.step_kwh(night)
    faults = []
    if energy.min(initial=0.0) < -KWH or energy.max(initial=0.0) > step + KWH:
        faults.append("energy of a slot outside 0..step")
    if (energy < oracle.forced_kwh(night) - KWH).any():
        faults.append("minimum level not reached at once")
    cost = float(oracle.prices_eur(night) @ energy)
    shortfall = max(0.0, oracle.need_kwh(night) - energy.sum())
    cost += oracle.MISSING_EUR_PER_KWH * (shortfall if shortfall > KWH else 0.0)
    if night["control"] == "onoff":
        faults += [fault for fault in _onoff_faults(night, energy) if "slots on" not in fault]
        if np.count_nonzero(energy > KWH) > oracle.count_range(night)[2]:
            faults.append("more slots on than allowed")
        cost += night["switch_cost"] * _switches(energy > KWH)
    else:
        faults += _free_faults(night, energy)
    return faults, cost
