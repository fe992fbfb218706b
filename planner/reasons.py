"""Why each slot charges, or does not: a statement about prices and energy that anyone can check from the plan."""

from typing import NamedTuple

from domain.plan import SlotReason
from planner.problem import SMALLEST_KWH, Night

SAME_PRICE = 1e-9  # [currency/kWh]

# Members looked up once: a night asks for some fifty of them, and the lookup costs more than the comparison.
_FROZEN, _MINIMUM, _PAID = SlotReason.FROZEN, SlotReason.MINIMUM_FIRST, SlotReason.PAID_TO_CHARGE
_BRIDGE, _NEEDED, _CHEAPEST = SlotReason.BRIDGE, SlotReason.NEEDED_FOR_TARGET, SlotReason.CHEAPEST
_FULL, _SHORT, _WAIT, _LATE = SlotReason.FULL, SlotReason.TOO_SHORT, SlotReason.WAIT_CHEAPER, SlotReason.TOO_LATE
_NOTHING_LEFT = SlotReason.NO_POWER_LEFT


class Margins(NamedTuple):
    """Prices at which a plan turns [currency/kWh]; infinite where there is no such slot."""

    dearest_used: float  # of the slots used by choice
    cheapest_idle: float  # of the slots left idle by choice
    cheapest_free: float  # of the slots that could draw more


def margins(night: Night, energies: list[float], tops: list[float]) -> Margins:
    """Found in one pass; `tops` is what each slot could draw, the others of a site being as they are [kWh]."""
    dearest, idle, free = float("-inf"), float("inf"), float("inf")
    for price, kwh, low, high in zip(night.problem.price_per_kwh, energies, night.floor_kwh, tops, strict=True):
        if kwh > SMALLEST_KWH:
            if price > dearest and low <= SMALLEST_KWH:
                dearest = price
            if price < free and kwh < high - SMALLEST_KWH:
                free = price
        elif price < idle and high > SMALLEST_KWH:
            idle = price
    return Margins(dearest, idle, min(idle, free))


def reasons(night: Night, energies: list[float], tops: list[float], turns: Margins) -> tuple[SlotReason, ...]:
    """One reason per slot, the most specific that holds; `tops` as in `margins`, which `turns` are."""
    prices, floors = night.problem.price_per_kwh, night.floor_kwh
    dearest_used, cheapest_idle = turns.dearest_used - SAME_PRICE, turns.cheapest_idle + SAME_PRICE
    is_free = night.taper is None
    mean = sum(prices) / night.n
    done, drawn = night.need_kwh - SMALLEST_KWH, 0.0
    result = []
    for price, kwh, low, top in zip(prices, energies, floors, tops, strict=True):
        if kwh > SMALLEST_KWH:
            if low > SMALLEST_KWH:
                reason = _MINIMUM
            elif price < 0:
                reason = _PAID
            elif price > cheapest_idle and is_free:
                reason = _BRIDGE
            else:
                reason = _NEEDED if price > mean else _CHEAPEST
            drawn += kwh
        elif drawn >= done:
            reason = _FULL
        elif price < dearest_used and is_free:
            reason = _SHORT if top > SMALLEST_KWH else _NOTHING_LEFT
        else:
            reason = _WAIT
        result.append(reason)
    if night.problem.risk_premium:
        _mark_late(night, energies, result)
    result[: night.frozen] = [_FROZEN] * night.frozen
    return tuple(result)


def _mark_late(night: Night, energies: list[float], result: list[SlotReason]) -> None:
    """Slots left idle by the premium alone: on the bill they would be the cheaper ones."""
    billed = night.billed_per_kwh
    dearest = max((p for p, kwh in zip(billed, energies, strict=True) if kwh > SMALLEST_KWH), default=float("-inf"))
    for t, premium in enumerate(night.problem.risk_premium):
        if result[t] in (_WAIT, _FULL) and premium > 0 and billed[t] < dearest - SAME_PRICE:
            result[t] = _LATE
