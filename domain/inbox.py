"""What waits in the inbox, and what working it off leaves behind."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.devices import Device, Reading
from domain.model import Instant, Model
from domain.relevance import Watch


class Origin(StrEnum):
    """Who brought it."""

    WEBHOOK = "webhook"  # the vendor; the body is theirs, byte by byte
    SWEEP = "sweep"  # our own reading of all devices; the body is ours


@dataclass(frozen=True)
class Delivery:
    """Device events that arrived together, not yet worked off."""

    id: str
    body: bytes = field(repr=False)
    received_at: datetime
    origin: Origin = Origin.WEBHOOK
    tries: int = 0  # times it failed for a reason of its own


class SetAside(Model):
    """A delivery that kept failing. Its body stays until somebody has it tried again."""

    delivery_id: str
    origin: Origin
    received_at: Instant
    set_aside_at: Instant
    tries: int
    why: str


class Backlog(Model):
    """How far behind the inbox is."""

    pending: int
    set_aside: int
    oldest_at: Instant | None  # arrival of the oldest delivery still pending; None: none


@dataclass(frozen=True)
class Known:
    """What the books say of a device."""

    device: Device | None = None  # its last picture
    gone_at: datetime | None = None  # when it vanished, if it did: older pictures are of its former life
    watch: Watch | None = None  # of the session that listens to it


@dataclass
class WorkedOff:
    """What a round of working off changes, all of it in one transaction."""

    readings: list[Reading] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)  # their newest pictures
    gone: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # device id -> driver id, instant
    seen: dict[str, datetime] = field(default_factory=dict)  # device id -> arrival of its last event
    ended: set[str] = field(default_factory=set)  # sessions that are over, though their watch is still there
    done: list[str] = field(default_factory=list)  # deliveries
    left: list[str] = field(default_factory=list)  # deliveries of the round that are not done
    failed: dict[str, str] = field(default_factory=dict)  # delivery id -> why; it is tried again
    set_aside: dict[str, str] = field(default_factory=dict)  # delivery id -> why; it is not


class Workflows(Protocol):
    """Those who are told. Told the same twice, they hear it once."""

    async def tell_driver(self, driver_id: str, event: Model) -> bool:
        """Tell a driver's workflow; False if there is none."""
        ...

    async def tell_session(self, session_id: str, event: Model) -> bool:
        """Tell a session; False if it is over."""
        ...


class Inbox(Protocol):
    """Deliveries, stored durably before the answer, and the device pictures they lead to."""

    async def accept(
        self, delivery_id: str, body: bytes, received_at: datetime, *, origin: Origin = Origin.WEBHOOK
    ) -> bool:
        """Store the delivery; False if its id or its content is known already."""
        ...

    async def take(self, limit: int) -> list[Delivery]:
        """The deliveries of the next round: the oldest not yet done, in order of arrival.

        After a crash they are those of the interrupted round, no more and no fewer: then what is made of them is told
        by the same signals again, which are heard once.
        """
        ...

    async def known(self, device_ids: Sequence[str]) -> dict[str, Known]:
        """What is known of each of the devices."""
        ...

    async def erased(self, driver_ids: Collection[str]) -> dict[str, datetime]:
        """Which of these drivers were erased, and when."""
        ...

    async def devices(self, driver_id: str) -> list[Device]:
        """The driver's devices."""
        ...

    async def keep(self, work: WorkedOff, at: datetime) -> None:
        """Store all of it, or nothing."""
        ...

    async def backlog(self) -> Backlog: ...

    async def unseen(self, since: datetime, after: str, limit: int) -> list[Device]:
        """Known devices of which nothing arrived since, by id, beginning behind the id `after`."""
        ...

    async def prune(self, before: datetime, limit: int) -> int:
        """Forget done deliveries that arrived before; the number forgotten, at most `limit`."""
        ...
