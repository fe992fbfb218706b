"""First answers to requests with an idempotency key, so that a repeat is answered and not done again."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from domain.errors import CallerError
from domain.model import Model
from storage.database import Database
from storage.statements import insert_new
from storage.tenant_tables import AnswerRow

KEPT_FOR = timedelta(days=3)
"""How long a first answer is repeated."""

GIVEN_UP_AFTER = timedelta(minutes=2)
"""A request without an answer for so long died with its process: a repeat takes it over."""


class FirstAnswer(Model):
    """What was answered the first time."""

    status: int
    media_type: str
    body: str
    location: str | None = None


class OtherRequest(CallerError):
    """This idempotency key was used for another request."""


class StillAsked(CallerError):
    """The first request with this idempotency key is still worked on."""


class Answers:
    """One row per caller and key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, caller: str, key: str, digest: str, now: datetime) -> FirstAnswer | None:
        """Claim the key, or get the first answer given under it.

        Raises:
            OtherRequest: the key belongs to another request.
            StillAsked: the first request is under way.
        """

        def work(session: Session) -> FirstAnswer | None:
            if insert_new(session, [AnswerRow(caller=caller, key=key, request_digest=digest, asked_at=now)]):
                return None
            row = session.get_one(AnswerRow, (caller, key), with_for_update=True)
            if now - row.asked_at > (KEPT_FOR if row.status is not None else GIVEN_UP_AFTER):
                row.request_digest, row.asked_at = digest, now
                row.status = row.media_type = row.body = row.location = None
                return None
            if row.request_digest != digest:
                raise OtherRequest
            if row.status is None:
                raise StillAsked
            return FirstAnswer(
                status=row.status, media_type=row.media_type or "", body=row.body or "", location=row.location
            )

        return await self._database.write(work)

    async def keep(self, caller: str, key: str, answer: FirstAnswer) -> None:
        def work(session: Session) -> None:
            row = session.get_one(AnswerRow, (caller, key))
            row.status, row.media_type, row.body = answer.status, answer.media_type, answer.body
            row.location = answer.location

        await self._database.write(work)

    async def drop(self, caller: str, key: str) -> None:
        """Nothing came of the request that a repeat should be told: it may be done anew."""
        mine = delete(AnswerRow).where(col(AnswerRow.caller) == caller, col(AnswerRow.key) == key)
        await self._database.write(lambda session: session.exec(mine))

    async def clean(self, now: datetime) -> None:
        """Forget answers that are repeated no longer."""
        old = delete(AnswerRow).where(col(AnswerRow.asked_at) < now - KEPT_FOR)
        await self._database.write(lambda session: session.exec(old))
