"""Best costs of single nights, found without an optimiser: the judge of the planner. Shares no code with it.

It reads the rows of an instance file as they are (kWh in the battery, kW at the meter, EUR/kWh before the adder) and
follows the instance rules of README.md in this folder: an exact greedy for free power, an exact table over
(slots on, length of the current run or pause) for on/off.
"""

from math import ceil, floor
from typing import Any

import numpy as np

Row = dict[str, Any]

MISSING_EUR_PER_KWH = 10.0
ROUND_OFF = 1e-9  # of a slot: counts are not rounded up for noise


def prices_eur(night: Row) -> np.ndarray:
    """All-in price per slot [EUR/kWh]."""
    return np.asarray(night["price"], float) + night["adder"]


def step_kwh(night: Row) -> float:
    """Energy of a slot at full power [kWh, meter]."""
    return float(night["p_max"]) * night["slot_min"] / 60.0


def need_kwh(night: Row) -> float:
    return max(0.0, (night["target"] - night["soc0"]) / night["eta"])


def room_kwh(night: Row) -> float:
    return max(0.0, (night["cap"] - night["soc0"]) / night["eta"])


def first_kwh(night: Row) -> float:
    return max(0.0, (night["min_soc"] - night["soc0"]) / night["eta"])


def forced_kwh(night: Row) -> np.ndarray:
    """What the minimum level forces into the first slots [kWh, meter]."""
    step, left = step_kwh(night), first_kwh(night)
    forced = np.zeros(len(night["price"]))
    for t in range(len(forced)):
        forced[t] = min(step, max(0.0, left))
        left -= forced[t]
    return forced


def best_modulated(night: Row) -> float:
    """Least cost [EUR]: after the forced slots, the cheapest kWh until the need, then those that pay until full."""
    price, forced = prices_eur(night), forced_kwh(night)
    spare = step_kwh(night) - forced
    need, room = need_kwh(night) - forced.sum(), room_kwh(night) - forced.sum()
    cost = float(price @ forced)
    for t in np.argsort(price, kind="stable"):
        if price[t] < 0:
            take = min(spare[t], max(room, need))
        else:
            take = min(spare[t], max(need, 0.0)) if price[t] < MISSING_EUR_PER_KWH else 0.0
        cost += take * price[t]
        need -= take
        room -= take
    return cost + MISSING_EUR_PER_KWH * max(0.0, need)


def count_range(night: Row) -> tuple[int, int, int]:
    """Slots forced on at first, least and most slots on."""
    n, step = len(night["price"]), step_kwh(night)
    forced = min(n, ceil(first_kwh(night) / step - ROUND_OFF))
    wanted = ceil(need_kwh(night) / step - ROUND_OFF)
    most = floor(room_kwh(night) / step + ROUND_OFF)
    return forced, min(n, max(forced, wanted)), min(n, max(forced, most, wanted))


def best_onoff(night: Row) -> float:
    """Least cost [EUR] over all on/off patterns; infinite if no pattern has an allowed count."""
    price, n = prices_eur(night) * step_kwh(night), len(night["price"])
    forced, least, most = count_range(night)
    min_on, min_off, switch = max(1, night["min_on"]), max(1, night["min_off"]), night["switch_cost"]
    on = np.full((min_on, most + 1), np.inf)  # [run length so far - 1, capped; slots on]
    off = np.full((min_off, most + 1), np.inf)
    off[-1, 0] = 0.0
    for t in range(n):
        after_on, after_off = np.full_like(on, np.inf), np.full_like(off, np.inf)
        after_on[0, 1:] = off[-1, :-1] + switch
        for r in range(min_on):
            to = min(r + 1, min_on - 1)
            after_on[to, 1:] = np.minimum(after_on[to, 1:], on[r, :-1])
        after_on += price[t]
        if t >= forced:
            after_off[0] = on[-1] + switch
            for r in range(min_off):
                to = min(r + 1, min_off - 1)
                after_off[to] = np.minimum(after_off[to], off[r])
        on, off = after_on, after_off
    return float(np.minimum(on.min(axis=0), off.min(axis=0))[least:].min())


def best_cost(night: Row) -> float:
    """Least cost of a night by its control [EUR]."""
    return best_modulated(night) if night["control"] == "modulated" else best_onoff(night)
