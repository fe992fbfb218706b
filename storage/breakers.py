"""Which vendors the workers keep away from: each worker writes it down now and then, operators read all of it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Text
from sqlmodel import Field, Session, SQLModel, col, delete, select

from domain.model import Model
from storage.database import Database
from storage.statements import upsert
from storage.tables import UtcDateTime

TOLD_EVERY = timedelta(seconds=15)
"""Real time between two words of one worker."""

COUNTS_FOR = 4 * TOLD_EVERY
"""A worker that was silent for longer is gone, and its word with it."""


class BreakerRow(SQLModel, table=True):
    """One worker's last word."""

    __tablename__ = "breaker"

    process: str = Field(primary_key=True)  # an id of one run of one worker, drawn by itself
    told_at: datetime = Field(sa_type=UtcDateTime)
    open_vendors: str = Field(sa_type=Text)  # separated by spaces


class OpenBreakers(Model):
    """What the workers say at the moment."""

    workers: int  # that said anything lately
    vendors: dict[str, int]  # kept away from, by how many workers


class Breakers:
    """Written by workers, read by the operator's page. Instants are real time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, process: str, open_vendors: Sequence[str], now: datetime) -> None:
        """A worker's word, in place of its last one; the words of workers long gone are cleared away."""
        row = BreakerRow(process=process, told_at=now, open_vendors=" ".join(open_vendors))

        def work(session: Session) -> None:
            upsert(session, row)
            session.exec(delete(BreakerRow).where(col(BreakerRow.told_at) < now - 10 * COUNTS_FOR))

        await self._database.write(work)

    async def open(self, now: datetime) -> OpenBreakers:
        """What the workers that live say."""
        query = select(BreakerRow.open_vendors).where(col(BreakerRow.told_at) >= now - COUNTS_FOR)
        words = await self._database.read(lambda session: list(session.exec(query)))
        return OpenBreakers(workers=len(words), vendors=dict(Counter(" ".join(words).split())))
