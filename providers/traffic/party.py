"""On whose behalf a call is made."""

from collections import OrderedDict
from typing import NamedTuple


class Party(NamedTuple):
    """A driver's account at a vendor; parts not known are `None`."""

    driver_id: str | None = None
    vendor: str | None = None


NOBODY = Party()
"""A call for no account in particular. As a scope: the whole platform."""

_KEPT = 100_000


class Parties:
    """Remembers whose a device or action is, for calls that name only its id. What was not seen is nobody's."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Party] = OrderedDict()

    def of(self, id_: str) -> Party:
        return self._of.get(id_, NOBODY)

    def learn(self, id_: str, party: Party) -> None:
        self._of[id_] = party
        self._of.move_to_end(id_)
        if len(self._of) > _KEPT:
            self._of.popitem(last=False)
