"""Programs, their drivers, and the keys of their backends."""

from datetime import datetime

from pydantic import Field
from sqlmodel import Session, col, select, update

from domain.driver.state import Program
from domain.model import Instant, Model
from storage.database import Database
from storage.statements import insert_new, upsert
from storage.tenant_tables import DriverRow, KeyRow, ProgramRow


class DriverRecord(Model):
    """A driver as its backend knows it."""

    id: str
    program: str
    reference: str
    since: Instant


class KeyRecord(Model):
    """An API key without its secret."""

    id: str
    program: str
    label: str
    scopes: frozenset[str]
    digest: str = Field(repr=False)  # SHA-256 of the secret, which is long and random
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Tenants:
    """Who belongs to whom. Every question names the program, so that none is answered for another's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Programs

    async def save_program(self, program: Program, now: datetime) -> None:
        """Create the program, or change its rules for drivers to come."""
        row = ProgramRow(name=program.name, program_json=program.model_dump_json(), changed_at=now)
        await self._database.write(lambda session: upsert(session, row))

    async def program(self, name: str) -> Program | None:
        row = await self._database.read(lambda session: session.get(ProgramRow, name))
        return Program.model_validate_json(row.program_json) if row else None

    async def programs(self) -> list[Program]:
        """All programs, by name. For operators of the installation only."""
        query = select(ProgramRow.program_json).order_by(col(ProgramRow.name))
        bodies = await self._database.read(lambda session: session.exec(query).all())
        return [Program.model_validate_json(body) for body in bodies]

    # Drivers

    async def add_driver(self, driver: DriverRecord) -> bool:
        """Remember the driver; False if it was known."""
        row = DriverRow(**driver.model_dump())
        return await self._database.write(lambda session: insert_new(session, [row]) == 1)

    async def driver(self, program: str, driver_id: str) -> DriverRecord | None:
        """The driver, if it belongs to the program."""
        row = await self._database.read(lambda session: session.get(DriverRow, driver_id))
        return _driver(row) if row is not None and row.program == program else None

    async def drivers(
        self, program: str, *, after: str = "", limit: int, reference: str | None = None
    ) -> list[DriverRecord]:
        """Drivers of the program by id, from the one after `after` on."""
        query = select(DriverRow).where(DriverRow.program == program, col(DriverRow.id) > after)
        if reference is not None:
            query = query.where(DriverRow.reference == reference)
        query = query.order_by(col(DriverRow.id)).limit(limit)
        return await self._database.read(lambda session: [_driver(row) for row in session.exec(query)])

    async def forget_driver(self, program: str, driver_id: str) -> None:
        """Remove the link between the backend's reference and the driver."""

        def work(session: Session) -> None:
            row = session.get(DriverRow, driver_id)
            if row is not None and row.program == program:
                session.delete(row)

        await self._database.write(work)

    # Keys

    async def add_key(self, key: KeyRecord) -> None:
        row = KeyRow(**key.model_dump(exclude={"scopes"}), scopes=" ".join(sorted(key.scopes)))
        await self._database.write(lambda session: session.add(row))

    async def key(self, key_id: str) -> KeyRecord | None:
        row = await self._database.read(lambda session: session.get(KeyRow, key_id))
        return _key(row) if row else None

    async def keys(self, program: str) -> list[KeyRecord]:
        """The program's keys, oldest first."""
        query = select(KeyRow).where(KeyRow.program == program).order_by(col(KeyRow.created_at), col(KeyRow.id))
        return await self._database.read(lambda session: [_key(row) for row in session.exec(query)])

    async def revoke_key(self, program: str, key_id: str, now: datetime) -> bool:
        """End a key at once; False if the program has no such valid key."""
        change = (
            update(KeyRow)
            .values(revoked_at=now)
            .where(col(KeyRow.id) == key_id, col(KeyRow.program) == program, col(KeyRow.revoked_at).is_(None))
        )
        return await self._database.write(lambda session: session.exec(change).rowcount == 1)


def _driver(row: DriverRow) -> DriverRecord:
    return DriverRecord.model_validate(row.model_dump())


def _key(row: KeyRow) -> KeyRecord:
    return KeyRecord.model_validate({**row.model_dump(), "scopes": frozenset(row.scopes.split())})
