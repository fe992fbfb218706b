"""Why each slot charges, or does not: a statement about prices and energy that anyone can check from the plan."""

from itertools import accumulate

from domain.plan import SlotReason
from planner.problem import SMALLEST_KWH, Night

SAME_PRICE = 1e-9  # [currency/kWh]


def reasons(night: Night, energies: list[float]) -> tuple[SlotReason, ...]:
    """One reason per slot, the most specific that holds."""
    prices = night.problem.price_per_kwh
    used = [kwh > SMALLEST_KWH for kwh in energies]
    dearest_used, cheapest_idle = float("-inf"), float("inf")
    for price, on, low, high in zip(prices, used, night.floor_kwh, night.ceiling_kwh, strict=True):
        if on:
            if price > dearest_used and low <= SMALLEST_KWH:
                dearest_used = price
        elif price < cheapest_idle and high > SMALLEST_KWH:
            cheapest_idle = price
    dearest_used, cheapest_idle = dearest_used - SAME_PRICE, cheapest_idle + SAME_PRICE
    mean = sum(prices) / len(prices)
    drawn_before = [0.0, *accumulate(energies)]
    done = night.need_kwh - SMALLEST_KWH
    result = []
    for t, price in enumerate(prices):
        if t < night.frozen:
            reason = SlotReason.FROZEN
        elif used[t]:
            if night.floor_kwh[t] > SMALLEST_KWH:
                reason = SlotReason.MINIMUM_FIRST
            elif price < 0:
                reason = SlotReason.PAID_TO_CHARGE
            elif price > cheapest_idle and night.taper is None:
                reason = SlotReason.BRIDGE
            else:
                reason = SlotReason.NEEDED_FOR_TARGET if price > mean else SlotReason.CHEAPEST
        elif drawn_before[t] >= done:
            reason = SlotReason.FULL
        else:
            is_short = price < dearest_used and night.taper is None
            reason = SlotReason.TOO_SHORT if is_short else SlotReason.WAIT_CHEAPER
        result.append(reason)
    return tuple(result)
