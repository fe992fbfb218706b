"""All versions of all programs. The newest one is also the program that new drivers are started with."""

from datetime import datetime

from sqlmodel import Session, col, func, select

from domain.errors import CallerError
from domain.program import Program
from domain.rollout.ports import StoredProgram
from storage.database import Database
from storage.rollout_tables import ProgramVersionRow
from storage.statements import upsert
from storage.tenant_tables import ProgramRow


class Programs:
    """`ProgramBook` of `domain.rollout.ports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(
        self, program: Program, *, reason: str, origin: str, at: datetime, follows: int | None = None
    ) -> Program:
        """Store as the next version and return it; done again by the same origin, the first one is returned.

        Raises:
            CallerError: the newest version is not the one it `follows`.
        """
        mine = select(ProgramVersionRow).where(
            ProgramVersionRow.name == program.name, ProgramVersionRow.origin == origin
        )
        last = select(func.max(ProgramVersionRow.version)).where(ProgramVersionRow.name == program.name)

        def work(session: Session) -> Program:
            lock = session.get(ProgramRow, program.name, with_for_update=True)  # one after the other, also on a server
            known = session.exec(mine).first()
            if known is not None:
                return Program.model_validate_json(known.program_json)
            newest = session.exec(last).one() or 0
            if follows is not None and newest != follows:
                raise CallerError(f"{program.name} is at version {newest} by now, and no longer at {follows}")
            version = max(newest, _version_of(lock)) + 1
            stored = program.model_copy(update={"version": version})
            body = stored.model_dump_json()
            session.add(
                ProgramVersionRow(
                    name=program.name, version=version, origin=origin, reason=reason, changed_at=at, program_json=body
                )
            )
            upsert(session, ProgramRow(name=program.name, program_json=body, changed_at=at))
            return stored

        return await self._database.write(work)

    async def program(self, name: str, version: int | None = None) -> Program | None:
        """This version, or the newest."""
        query = select(ProgramVersionRow.program_json).where(ProgramVersionRow.name == name)
        if version is not None:
            query = query.where(ProgramVersionRow.version == version)
        query = query.order_by(col(ProgramVersionRow.version).desc()).limit(1)
        body = await self._database.read(lambda session: session.exec(query).first())
        return Program.model_validate_json(body) if body else None

    async def version(self, name: str, version: int) -> StoredProgram | None:
        """One version with its reason."""
        row = await self._database.read(lambda session: session.get(ProgramVersionRow, (name, version)))
        return _stored(row) if row is not None else None

    async def versions(self, name: str) -> list[StoredProgram]:
        """All versions, the oldest first."""
        query = select(ProgramVersionRow).where(ProgramVersionRow.name == name)
        rows = await self._database.read(
            lambda session: session.exec(query.order_by(col(ProgramVersionRow.version))).all()
        )
        return [_stored(row) for row in rows]


def _stored(row: ProgramVersionRow) -> StoredProgram:
    program = Program.model_validate_json(row.program_json)
    return StoredProgram(program=program, reason=row.reason, origin=row.origin)


def _version_of(row: ProgramRow | None) -> int:
    return Program.model_validate_json(row.program_json).version if row is not None else 0
