"""Which faults are in force, for whom, and who must be told when one begins or ends."""

import random
from collections.abc import Callable
from typing import TypeVar

from simulator.faults import Fault, FaultBase, is_within
from simulator.registry import Device, Ids, Prepared
from simulator.timeline import Timeline

F = TypeVar("F", bound=FaultBase)

OnChange = Callable[[Fault, bool], None]


class FaultBook:
    """All faults, past ones included. Chance comes from the world's seed."""

    def __init__(self, timeline: Timeline, ids: Ids, seed: int) -> None:
        self.faults: dict[str, Fault] = {}
        self.on_change: list[OnChange] = []
        self._timeline = timeline
        self._ids = ids
        self._random = random.Random(f"{seed}:faults")

    def add(self, fault: Fault) -> Fault:
        """Puts a fault in force for its window."""
        stored = fault.model_copy(update={"id": fault.id or self._ids.next("fault")})
        self.faults[stored.id] = stored
        self._timeline.at(stored.from_at or self._timeline.now, lambda: self._change(stored, True))
        if stored.until is not None:
            self._timeline.at(stored.until, lambda: self._change(stored, False))
        return stored

    def remove(self, fault_id: str) -> bool:
        """Ends a fault now; False if there is none of this id."""
        fault = self.faults.pop(fault_id, None)
        if fault is None:
            return False
        for told in self.on_change:
            told(fault, False)
        return True

    def find(self, kind: type[F], device: Device) -> F | None:
        """The first fault of this kind in force on the device."""
        for fault in self.faults.values():
            if isinstance(fault, kind) and is_within(fault, self._timeline.now) and concerns(fault, device):
                return fault
        return None

    def find_for_body(self, kind: type[F], prepared: Prepared) -> F | None:
        """As `find`, for a car or box that need not be linked."""
        for fault in self.of_kind(kind):
            if concerns_body(fault, prepared):
                return fault
        return None

    def strike(self, kind: type[F], device: Device) -> F | None:
        """As `find`, but only as often as the fault's `p` says."""
        fault = self.find(kind, device)
        return fault if fault is not None and self.chance(fault.p) else None

    def of_kind(self, kind: type[F]) -> list[F]:
        """All faults of this kind in force, whomever they concern."""
        return [f for f in self.faults.values() if isinstance(f, kind) and is_within(f, self._timeline.now)]

    def chance(self, p: float) -> bool:
        return p >= 1.0 or self._random.random() < p

    def _change(self, fault: Fault, is_beginning: bool) -> None:
        if fault.id in self.faults:
            for told in self.on_change:
                told(fault, is_beginning)


def concerns(fault: FaultBase, device: Device) -> bool:
    """Whether the fault's target and side name this linked device."""
    return concerns_body(fault, device.prepared) or (fault.target == device.id and fault.side in (None, device.kind))


def concerns_body(fault: FaultBase, prepared: Prepared) -> bool:
    """Whether the fault's target and side name this car or box, linked or not."""
    user_id, spec = prepared.user_id, prepared.spec
    names = {"*", prepared.id, f"{user_id}/{spec.key}", f"vendor:{spec.vendor}", f"user:{user_id}"}
    return fault.target in names and fault.side in (None, prepared.kind)
