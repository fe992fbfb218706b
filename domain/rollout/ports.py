"""What a rollout needs of the outside world. Adapters live in storage/ and beside the Temporal client."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.capabilities import BrandTable
from domain.model import Model
from domain.program import Program
from domain.rollout.asking import Member
from domain.rollout.evidence import Evidence
from domain.rollout.measures import Counts
from domain.rollout.tickets import Ticket


class StoredProgram(Model):
    """One version of a program."""

    program: Program
    reason: str
    origin: str  # who or what made it; one origin makes one version


class ProgramBook(Protocol):
    """All versions of all programs."""

    async def publish(
        self, program: Program, *, reason: str, origin: str, at: datetime, follows: int | None = None
    ) -> Program:
        """Store as the next version and return it; done again by the same origin, the first one is returned.

        Raises:
            CallerError: the newest version is not the one it `follows`.
        """
        ...

    async def program(self, name: str, version: int | None = None) -> Program | None:
        """This version, or the newest."""
        ...

    async def version(self, name: str, version: int) -> StoredProgram | None: ...

    async def versions(self, name: str) -> list[StoredProgram]: ...


class Roster(Protocol):
    """The drivers of each program, in pages that stay the same while drivers come and go."""

    async def enter(self, program: str, drivers: Mapping[str, tuple[str | None, str]], at: datetime) -> None:
        """Note drivers who run: id -> (region, stage). None leaves the region as it is known."""
        ...

    async def leave_out(self, program: str, seen_since: datetime, at: datetime) -> int:
        """Note that drivers not seen since have left; the number."""
        ...

    async def refresh(self, program: str, page: int, pages: int, table: BrandTable) -> None:
        """Take the page's vehicles and chargers, and what the vehicles can do themselves, from the devices stored."""
        ...

    async def members(self, program: str, page: int, pages: int) -> list[Member]: ...

    async def count(self, program: str) -> int: ...

    async def tell(self, told: Sequence[Member]) -> None:
        """Note what members were told; a newer version stays."""
        ...

    async def counts(self, program: str) -> Counts: ...


class ReliabilityBook(Protocol):
    """Nights and tickets, as far as reliability is concerned."""

    async def collect(self, program: str, limit: int) -> int:
        """Take in up to `limit` nights not yet collected; the number taken."""
        ...

    async def add_tickets(self, program: str, tickets: Sequence[Ticket]) -> int:
        """Store; the number that was new."""
        ...

    async def of_drivers(self, driver_ids: Sequence[str], since: datetime) -> dict[str, Evidence]: ...

    async def by_brand(
        self,
        program: str,
        since: datetime,
        until: datetime,
        *,
        brand: str | None = None,
        is_mandatory: bool | None = None,
        has_charger: bool | None = None,
    ) -> dict[str, Evidence]:
        """Evidence per brand; all filters hold together."""
        ...


class Drivers(Protocol):
    """The drivers' workflows."""

    def running(self, program: str) -> AsyncIterator[list[tuple[str, str]]]:
        """Ids and stages of all that run, in batches."""
        ...

    async def tell_program(self, driver_id: str, program: Program, reason: str) -> bool:
        """Signal a changed program; False if no such driver runs."""
        ...
