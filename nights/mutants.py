"""One bug per category of failures, planted into the running machines: the runner must catch each.

A mutant replaces one function of the product, wherever it was imported. `only` are the failures under which it must
show; `promises` what it may break.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

Make = Callable[[Any], Any]

OURS = ("domain.", "activities.", "workflows.")


@dataclass(frozen=True)
class Mutant:
    """A planted bug."""

    category: str  # of the catalogue, A to K
    bug: str
    target: str  # module:function or module:Class.method
    make: Make  # from the right function to the wrong one
    only: tuple[str, ...]
    also: tuple[str, ...] = ()  # further functions with the same bug, where one guards the other


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The product with this bug."""
    undo: list[tuple[Any, str, Any]] = []
    for target in (mutant.target, *mutant.also):
        holders, name, right = _found(target)
        wrong = mutant.make(right)
        for holder in holders:
            undo.append((holder, name, right))
            setattr(holder, name, wrong)
    try:
        yield
    finally:
        for holder, name, right in undo:
            setattr(holder, name, right)


def _found(target: str) -> tuple[list[Any], str, Any]:
    """Who holds the function: its class, or every module that imported it; its name; and itself."""
    module_name, _, path = target.partition(":")
    owner: Any = import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    right = getattr(owner, name)
    return ([owner] if parents else [m for m in _modules() if getattr(m, name, None) is right]), name, right


def _modules() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.startswith(OURS)]


def _ends_on_a_failed_read(right: Any) -> Any:
    """A read that fails says that the car is gone."""

    def wrong(state: Any, event: Any) -> Any:
        return right(state, event).model_copy(update={"ends_because": "the car is offline"})

    return wrong


def _null_is_no(_: Any) -> Any:
    """What is not told is taken for a no."""

    def wrong(car: Any, charger: Any) -> bool | None:
        words = {bool(reading.is_plugged_in) for reading in (car, charger) if reading is not None}
        return words.pop() if len(words) == 1 else (False if words else None)

    return wrong


def _asks_twice(right: Any) -> Any:
    """A request is repeated at once, without looking what the first one did."""

    async def wrong(run: Any) -> Any:
        await right(run)
        return await right(run)

    return wrong


def _charger_alone(right: Any) -> Any:
    """A start goes to the charger alone, wherever the hold lies."""

    def wrong(state: Any, goal: Any, now: datetime, **kwargs: Any) -> Any:
        rung = right(state, goal, now, **kwargs)
        is_other = rung is not None and goal.value == "start" and state.box is not None and rung.side == "vehicle"
        return rung._replace(side=rung.side.other, proof=type(rung.proof)("flow")) if is_other else rung

    return wrong


def _never_gives_way(_: Any) -> Any:
    """What others do is undone for ever."""
    return lambda *_args, **_kwargs: True


def _leaves_at_once(right: Any) -> Any:
    """Devices are reported as released while our hold still lies on them."""

    def wrong(state: Any, picture: Any, now: datetime) -> Iterator[Any]:
        yield from right(state.model_copy(update={"holds": ()}), picture, now)

    return wrong


def _by_arrival(_: Any) -> Any:
    """Readings are believed in the order in which they arrive."""
    return lambda _reading, _known: False


def _an_hour_off(right: Any) -> Any:
    """A departure is taken to be at the winter's offset all the year."""

    def wrong(wish: Any, after: datetime) -> datetime:
        departs_at: datetime = right(wish, after)
        return departs_at + timedelta(hours=1)

    return wrong


def _no_last_safe_start(_: Any) -> Any:
    """The price counts to the end."""
    return lambda _state, night, _picture: night.departs_at


def _never_unsure(_: Any) -> Any:
    """The vendor's word which charger holds the car is enough for a stop, whatever else is plugged in."""
    return lambda _state: frozenset()


def _what_was_is(_: Any) -> Any:
    """What was once measured is taken to last for ever, so that nothing is sent."""
    return lambda picture, goal, _now, **_: (goal.value == "start") is (picture.flow_kw is not None)


MUTANTS = (
    Mutant(
        "A", "a failed read ends the session", "domain.session.apply:_note_failed_read", _ends_on_a_failed_read, ("F2",)
    ),
    Mutant("B", "null taken as unplugged", "domain.fusion:_plugged", _null_is_no, ("F13",)),
    Mutant("C", "retry without read-back", "activities.command_run:CommandRun._ask", _asks_twice, ("F18",)),
    Mutant("D", "hold cleared on one side only", "domain.session.ladder:next_rung", _charger_alone, ("F24",)),
    Mutant(
        "E", "never gives way to a rival", "domain.session.control:may_be_stopped", _never_gives_way, ("F29", "F31")
    ),
    Mutant(
        "F",
        "lets a device go with our hold on it",
        "domain.session.control:release_what_leaves",
        _leaves_at_once,
        ("F38",),
    ),
    Mutant(
        "G",
        "order by arrival",
        "domain.session.hearing:_is_older",
        _by_arrival,
        ("F40",),
        ("domain.relevance:_is_older",),
    ),
    Mutant("H", "an hour off", "domain.departure:next_departure", _an_hour_off, ("F49",)),
    Mutant("I", "no last safe start", "domain.session.wants:must_start_at", _no_last_safe_start, ("F51", "F56")),
    Mutant("J", "stop on an unsure match", "domain.session.ladder:unsure_sides", _never_unsure, ("F61",)),
    Mutant("K", "believes what was measured before", "domain.session.control:_is_as_wanted", _what_was_is, ("F67",)),
)
