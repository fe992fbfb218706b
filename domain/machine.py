"""What both machines share: decisions are taken to rest."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

StateT = TypeVar("StateT")
EffectT = TypeVar("EffectT")

MAX_CHAIN = 10
"""Every chain of decisions comes to rest within this many steps; a property test holds it for each machine."""


def to_rest(
    state: StateT,
    now: datetime,
    rules: Callable[[StateT, datetime], Iterator[EffectT]],
    begun: Callable[[StateT, EffectT, datetime], StateT],
) -> tuple[StateT, list[EffectT]]:
    """The state once all is under way that `rules` ask for, one after the other, and the effects in order."""
    effects: list[EffectT] = []
    for _ in range(MAX_CHAIN):
        step = list(rules(state, now))
        if not step:
            break
        for effect in step:
            effects.append(effect)
            state = begun(state, effect, now)
    return state, effects
