"""The named fallback: plans without an optimiser, used only when OR-Tools fails or runs out of time."""

from planner.onoff import lagrangian_plan
from planner.problem import SMALLEST_KWH, Night, OnOff

GREEDY = "closed form: cheapest slots first"
LAGRANGE = "closed form: priced shortest path"
IN_TURN = "closed form: cars in turn"


def modulated(night: Night) -> list[float]:
    """Energies [kWh]: floors, then the cheapest slots until the need is in, then those that pay until it is full."""
    prices = night.problem.price_per_kwh
    energies = list(night.floor_kwh)
    drawn = sum(energies)
    for t in sorted(range(night.n), key=lambda t: (prices[t], t)):
        wanted = night.room_kwh if prices[t] < 0 else night.need_kwh
        if prices[t] >= night.problem.missing_cost_per_kwh:
            break
        take = min(night.ceiling_kwh[t] - energies[t], wanted - drawn)
        if take > SMALLEST_KWH:
            energies[t] += take
            drawn += take
    return energies


def onoff(scaled: OnOff) -> tuple[list[bool], float]:
    """Slots on, and a lower bound on the money of any plan: the best path under a price on on-time."""
    return lagrangian_plan(scaled)
