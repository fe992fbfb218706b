"""The audit of privileged acts, and the limit on how much power they may switch."""

from datetime import datetime, timedelta

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from domain.model import Instant, Model
from storage.database import Database
from storage.tenant_tables import AuditRow


class AuditRecord(Model):
    """Who did what to which object, and what came of it. Ids only."""

    number: int | None = None
    at: Instant
    program: str
    actor: str  # "key:<id>", "link:<driver id>" or "operator"
    act: str
    object: str
    outcome: str
    power_kw: float = 0.0


class Audit:
    """Written once, read newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, record: AuditRecord) -> None:
        row = AuditRow(**record.model_dump(exclude={"number"}))
        await self._database.write(lambda session: session.add(row))

    async def note_switching(self, record: AuditRecord, *, within: timedelta, most_kw: float) -> bool:
        """Note the act unless the program would have switched more than `most_kw` within the span; False: it would.

        Counted in the database, over all gateways, one program's acts one after the other.
        """

        def work(session: Session) -> bool:
            if session.get_bind().dialect.name == "postgresql":  # SQLite's writers wait for one another anyway
                lock = text("SELECT pg_advisory_xact_lock(hashtext(:program))")
                session.connection().execute(lock, {"program": record.program})
            recent = select(func.coalesce(func.sum(AuditRow.power_kw), 0.0)).where(
                AuditRow.program == record.program, col(AuditRow.at) > record.at - within
            )
            if session.exec(recent).one() + record.power_kw > most_kw:
                return False
            session.add(AuditRow(**record.model_dump(exclude={"number"})))
            return True

        return await self._database.write(work)

    async def acts(self, program: str, *, before: int | None = None, limit: int) -> list[AuditRecord]:
        """The program's acts, newest first, from the one before `before` on."""
        query = select(AuditRow).where(AuditRow.program == program)
        if before is not None:
            query = query.where(col(AuditRow.number) < before)
        query = query.order_by(col(AuditRow.number).desc()).limit(limit)
        return await self._database.read(
            lambda session: [AuditRecord.model_validate(row.model_dump()) for row in session.exec(query)]
        )

    async def since(self, program: str, act: str, after: datetime) -> list[AuditRecord]:
        """The program's acts of one kind after the instant."""
        query = select(AuditRow).where(AuditRow.program == program, AuditRow.act == act, col(AuditRow.at) > after)
        return await self._database.read(
            lambda session: [AuditRecord.model_validate(row.model_dump()) for row in session.exec(query)]
        )
