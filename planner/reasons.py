"""Why each slot charges, or does not: a statement about prices and energy that anyone can check from the plan."""

from domain.plan import SlotReason
from planner.problem import SMALLEST_KWH, Night

SAME_PRICE = 1e-9  # [currency/kWh]

# Members looked up once: a night asks for some fifty of them, and the lookup costs more than the comparison.
_FROZEN, _MINIMUM, _PAID = SlotReason.FROZEN, SlotReason.MINIMUM_FIRST, SlotReason.PAID_TO_CHARGE
_BRIDGE, _NEEDED, _CHEAPEST = SlotReason.BRIDGE, SlotReason.NEEDED_FOR_TARGET, SlotReason.CHEAPEST
_FULL, _SHORT, _WAIT, _LATE = SlotReason.FULL, SlotReason.TOO_SHORT, SlotReason.WAIT_CHEAPER, SlotReason.TOO_LATE


def reasons(night: Night, energies: list[float]) -> tuple[SlotReason, ...]:
    """One reason per slot, the most specific that holds."""
    prices, floors = night.problem.price_per_kwh, night.floor_kwh
    dearest_used, cheapest_idle = _margins(night, energies)
    is_free = night.taper is None
    mean = sum(prices) / night.n
    done, drawn = night.need_kwh - SMALLEST_KWH, 0.0
    result = []
    for price, kwh, low in zip(prices, energies, floors, strict=True):
        if kwh > SMALLEST_KWH:
            if low > SMALLEST_KWH:
                reason = _MINIMUM
            elif price < 0:
                reason = _PAID
            elif price > cheapest_idle and is_free:
                reason = _BRIDGE
            else:
                reason = _NEEDED if price > mean else _CHEAPEST
        elif drawn >= done:
            reason = _FULL
        else:
            reason = _SHORT if price < dearest_used and is_free else _WAIT
        result.append(reason)
        drawn += kwh
    if night.problem.risk_premium:
        _mark_late(night, energies, result)
    result[: night.frozen] = [_FROZEN] * night.frozen
    return tuple(result)


def _margins(night: Night, energies: list[float]) -> tuple[float, float]:
    """Price of the dearest slot used by choice and of the cheapest one left idle by choice [currency/kWh]."""
    dearest, cheapest = float("-inf"), float("inf")
    for price, kwh, low, high in zip(
        night.problem.price_per_kwh, energies, night.floor_kwh, night.ceiling_kwh, strict=True
    ):
        if kwh > SMALLEST_KWH:
            if price > dearest and low <= SMALLEST_KWH:
                dearest = price
        elif price < cheapest and high > SMALLEST_KWH:
            cheapest = price
    return dearest - SAME_PRICE, cheapest + SAME_PRICE


def _mark_late(night: Night, energies: list[float], result: list[SlotReason]) -> None:
    """Slots left idle by the premium alone: on the bill they would be the cheaper ones."""
    billed = night.billed_per_kwh
    dearest = max((p for p, kwh in zip(billed, energies, strict=True) if kwh > SMALLEST_KWH), default=float("-inf"))
    for t, premium in enumerate(night.problem.risk_premium):
        if result[t] in (_WAIT, _FULL) and premium > 0 and billed[t] < dearest - SAME_PRICE:
            result[t] = _LATE
