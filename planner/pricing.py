"""Lagrangian bounds of an on/off night: what every plan costs at least, from each (edge, state) on.

On-time gets a price per ms; the cheapest path through the small graph (edge, on or off) then bounds every plan that
has the wanted on-time (3.8). The best price comes from a secant search, a handful of passes linear in the slots.
"""

from dataclasses import dataclass
from itertools import accumulate

from planner.problem import OnOff

FAR = 1 << 62  # no path; every real cost stays below 2^60
MOST_PASSES = 24


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves out of (edge t, state), minimal runs and pauses as jumps (3.2-3.5)."""

    run_cost: list[int]  # start at t, with the minimal run; FAR: not allowed
    run_ms: list[int]
    can_run: list[bool]
    stay_off: list[bool]
    stay_on: list[bool]
    pause: list[bool]  # a stop at t is allowed, with its minimal pause


def moves_of(o: OnOff) -> Moves:
    """The moves that the slots which must be on or off leave open."""
    money = [0, *accumulate(o.cost)]
    times = [0, *accumulate(o.length_ms)]
    must_on = [0, *accumulate(o.must_on)]
    must_off = [0, *accumulate(o.must_off)]
    can_run = [must_off[end] == must_off[t] for t, end in enumerate(o.after_run)]
    runs = [
        o.start + money[end] - money[t] if can else FAR
        for t, (end, can) in enumerate(zip(o.after_run, can_run, strict=True))
    ]
    return Moves(
        run_cost=runs,
        run_ms=[times[end] - times[t] for t, end in enumerate(o.after_run)],
        can_run=can_run,
        stay_off=[not must for must in o.must_on],
        stay_on=[not must for must in o.must_off],
        pause=[must_on[end] == must_on[t] for t, end in enumerate(o.after_pause)],
    )


@dataclass(frozen=True, slots=True)
class Labels:
    """Cheapest cost from (edge, state) to departure when every ms of on-time earns `price`, with its on-time."""

    price: int
    off: list[int]
    on: list[int]
    off_ms: list[int]
    on_ms: list[int]


def labels_at(o: OnOff, m: Moves, price: int) -> Labels:
    """One backward pass."""
    n, stop = o.n, o.stop
    off, on, off_ms, on_ms = [0] * (n + 1), [0] * (n + 1), [0] * (n + 1), [0] * (n + 1)
    cost, length, after_run, after_pause = o.cost, o.length_ms, o.after_run, o.after_pause
    run_cost, run_ms, stay_off, stay_on, pause = m.run_cost, m.run_ms, m.stay_off, m.stay_on, m.pause
    for t in range(n - 1, -1, -1):
        best, time = (off[t + 1], off_ms[t + 1]) if stay_off[t] else (FAR, 0)
        end = after_run[t]
        value = run_cost[t] - price * run_ms[t] + on[end]
        if value < best:
            best, time = value, run_ms[t] + on_ms[end]
        off[t], off_ms[t] = best, time
        best, time = FAR, 0
        if stay_on[t]:
            best, time = cost[t] - price * length[t] + on[t + 1], length[t] + on_ms[t + 1]
        if pause[t]:
            end = after_pause[t]
            value = stop + off[end]
            if value < best:
                best, time = value, off_ms[end]
        on[t], on_ms[t] = best, time
    return Labels(price, off, on, off_ms, on_ms)


def arrivals_at(o: OnOff, m: Moves, price: int) -> tuple[list[int], list[int]]:
    """One forward pass: cheapest cost from the start to (edge, off) and (edge, on) at `price`."""
    n, stop = o.n, o.stop
    off, on = [FAR] * (n + 1), [FAR] * (n + 1)
    (on if o.is_on_at_start else off)[0] = 0
    for t in range(n):
        here = off[t]
        if here < FAR:
            if m.stay_off[t] and here < off[t + 1]:
                off[t + 1] = here
            end, value = o.after_run[t], here + m.run_cost[t] - price * m.run_ms[t]
            if value < on[end]:
                on[end] = value
        here = on[t]
        if here < FAR:
            value = here + o.cost[t] - price * o.length_ms[t]
            if m.stay_on[t] and value < on[t + 1]:
                on[t + 1] = value
            end, value = o.after_pause[t], here + stop
            if m.pause[t] and value < off[end]:
                off[end] = value
    return off, on


@dataclass(frozen=True, slots=True)
class Bound:
    """No plan with an allowed on-time costs less than `value`; labels of all prices tried sharpen it per state."""

    value: int
    wanted_ms: int  # the on-time that the price drives to: the least, or with a negative price the most
    best: Labels
    seen: list[Labels]  # prices of one sign, so that each bounds every state
    incumbent: int  # cost of the cheapest allowed path seen, or FAR


def bound_of(o: OnOff, m: Moves, least_ms: int) -> Bound:
    """Secant search for the price at which the cheapest path just reaches the wanted on-time."""
    labels = labels_at(o, m, 0)
    value, time = _at_start(o, labels)
    if least_ms <= time <= o.most_ms:
        return Bound(value, least_ms, labels, [labels], value)
    sign = 1 if time < least_ms else -1
    wanted = least_ms if sign > 0 else o.most_ms
    seen, best, best_value, incumbent = [labels], labels, value, FAR
    near, far = (value, time), None  # cheapest paths on either side of what is wanted: money, on-time
    price = _first_price(o, least_ms) if sign > 0 else min(-1, min(o.cost) // min(o.length_ms))
    leap = max(abs(price) // 64, o.start // min(m.run_ms), 1)  # a first guess below the best price grows by this
    for _ in range(MOST_PASSES):
        labels = labels_at(o, m, price)
        seen.append(labels)
        value, time = _at_start(o, labels)
        money = value + price * time
        if least_ms <= time <= o.most_ms:
            incumbent = min(incumbent, money)
        if value + price * wanted > best_value:
            best, best_value = labels, value + price * wanted
        if time == wanted:
            break
        if sign * (time - wanted) > 0:
            if far is not None and value >= far[0] - price * far[1]:
                break
            far = (money, time)
        else:
            if far is not None and value >= near[0] - price * near[1]:
                break
            near = (money, time)
        if far is None:
            price, leap = price + sign * leap, 4 * leap
        else:
            price = (far[0] - near[0]) // (far[1] - near[1])
        if sign * price <= 0:
            break  # a price of the other sign bounds nothing
    return Bound(best_value, wanted, best, seen, incumbent)


def _at_start(o: OnOff, labels: Labels) -> tuple[int, int]:
    return (labels.on[0], labels.on_ms[0]) if o.is_on_at_start else (labels.off[0], labels.off_ms[0])


def _first_price(o: OnOff, least_ms: int) -> int:
    """The price per ms of the slot that completes the need when slots are taken from cheap to dear; at least 1."""
    drawn = 0
    slots = sorted((cost // length, length) for cost, length in zip(o.cost, o.length_ms, strict=True))
    for price, length in slots:
        drawn += length
        if drawn >= least_ms:
            return max(1, price + 1)
    return max(1, slots[-1][0] + 1)


def path_of(o: OnOff, m: Moves, labels: Labels) -> tuple[int, int, list[bool]]:
    """Money, on-time and slots of the path that the labels stand for."""
    is_on = [False] * o.n
    t, on, price, money, time = 0, o.is_on_at_start, labels.price, 0, 0
    while t < o.n:
        if on and m.stay_on[t] and o.cost[t] - price * o.length_ms[t] + labels.on[t + 1] <= labels.on[t]:
            is_on[t] = True
            money, time, t = money + o.cost[t], time + o.length_ms[t], t + 1
        elif on:
            money, t, on = money + o.stop, o.after_pause[t], False
        elif m.stay_off[t] and labels.off[t + 1] <= labels.off[t]:
            t += 1
        else:
            end = o.after_run[t]
            is_on[t:end] = [True] * (end - t)
            money, time, t, on = money + m.run_cost[t], time + m.run_ms[t], end, True
    return money, time, is_on


def money_of(o: OnOff, is_on: list[bool]) -> float:
    """Energy and switching of a pattern [currency]."""
    money, state = 0, o.is_on_at_start
    for t, on in enumerate(is_on):
        money += o.cost[t] if on else 0
        if on != state:
            money += o.start if on else o.stop
            state = on
    return money / o.money_units
