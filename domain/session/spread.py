"""Random delay of planned switches, so that cars with one cheap slot do not all switch in its first second (P12).

Drawn per car and switch from the seed in the state: the same question gets the same answer, in every engine and after
every restart. The driver's word and the last safe start are never delayed.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby

from domain.memo import remembered
from domain.plan import ChargingPlan
from domain.session.state import Night, SessionState


def delay_of(state: SessionState, night: Night, edge: datetime) -> timedelta:
    """The delay of the switch planned for `edge`, uniform below the ceiling, to the second."""
    if state.spread_seconds <= 0:
        return timedelta(0)
    return timedelta(seconds=_drawn(state.seed, state.session_id, night.number, edge) % (state.spread_seconds + 1))


@lru_cache(maxsize=1024)
def _drawn(seed: int, session_id: str, night: int, edge: datetime) -> int:
    words = f"{seed}/{session_id}/{night}/{edge.timestamp():.0f}"
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest(), "big")


@remembered
def runs_of(plan: ChargingPlan) -> tuple[tuple[int, int], ...]:
    """Per slot, the first and the last slot of the run (all drawing, or none) that it belongs to."""
    runs: list[tuple[int, int]] = []
    for _, slots in groupby(range(len(plan.energy_ac_kwh)), plan.is_on):
        run = tuple(slots)
        runs += [(run[0], run[-1])] * len(run)
    return tuple(runs)


def run_at(plan: ChargingPlan, t: int) -> tuple[int, int]:
    """First and last slot of the run that slot `t` belongs to."""
    return runs_of(plan)[t]


def delayed_edge(state: SessionState, night: Night, plan: ChargingPlan, t: int) -> datetime:
    """When the run of slot `t` really begins: its edge, delayed at most by half of its length.

    What is under way when the plan is made has no edge and no delay.
    """
    first, last = run_at(plan, t)
    edge = plan.edges[first]
    if first == 0:
        return edge
    return edge + min(delay_of(state, night, edge), (plan.edges[last + 1] - edge) / 2)


def is_on_at(state: SessionState, night: Night, plan: ChargingPlan, now: datetime) -> bool | None:
    """Whether the plan draws at `now`, delays counted; None outside the plan."""
    t = plan.slot_at(now)
    if t is None:
        return None
    return plan.is_on(t) if now >= delayed_edge(state, night, plan, t) else not plan.is_on(t)


def next_switch_after(state: SessionState, night: Night, plan: ChargingPlan, now: datetime) -> datetime | None:
    """The next instant at which the plan, delays counted, switches; None if none is left."""
    t = plan.slot_at(now)
    if t is None:
        return None
    if (edge := delayed_edge(state, night, plan, t)) > now:
        return edge
    _, last = run_at(plan, t)
    return None if last + 1 >= len(plan.energy_ac_kwh) else delayed_edge(state, night, plan, last + 1)
