"""Tables of what stands around the workflows: programs, their drivers and keys, first answers, the audit, the hooks."""

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.tables import UtcDateTime


def _instant() -> datetime:
    field: datetime = Field(sa_type=UtcDateTime)
    return field


def _instant_or_none() -> datetime | None:
    field: datetime | None = Field(default=None, sa_type=UtcDateTime)
    return field


class ProgramRow(SQLModel, table=True):
    """One program: a tenant."""

    __tablename__ = "program"

    name: str = Field(primary_key=True)
    program_json: str = Field(sa_type=Text)
    changed_at: datetime = _instant()


class DriverRow(SQLModel, table=True):
    """One driver of a program. The backend's own reference stands here and in no workflow."""

    __tablename__ = "driver"
    __table_args__ = (UniqueConstraint("program", "reference"),)

    id: str = Field(primary_key=True)
    program: str = Field(index=True)
    reference: str
    since: datetime = _instant()


class KeyRow(SQLModel, table=True):
    """One API key: what it may do and the digest of its secret, never the secret."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True)
    program: str = Field(index=True)
    label: str
    scopes: str
    digest: str
    created_at: datetime = _instant()
    expires_at: datetime | None = _instant_or_none()
    revoked_at: datetime | None = _instant_or_none()


class AnswerRow(SQLModel, table=True):
    """The first answer to a request that carried an idempotency key; without a status it is still worked on."""

    __tablename__ = "first_answer"

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_digest: str
    asked_at: datetime = _instant()
    status: int | None = None
    media_type: str | None = None
    body: str | None = Field(default=None, sa_type=Text)
    location: str | None = None


class AuditRow(SQLModel, table=True):
    """One privileged act, and how much power it may switch."""

    __tablename__ = "audit"

    number: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    program: str = Field(index=True)
    actor: str
    act: str
    object: str
    outcome: str
    power_kw: float = 0.0


class HookRow(SQLModel, table=True):
    """Where a program wants to hear of its drivers."""

    __tablename__ = "hook"

    id: str = Field(primary_key=True)
    program: str = Field(index=True)
    url: str
    kinds: str
    created_at: datetime = _instant()


class NewsRow(SQLModel, table=True):
    """One piece of news on its way to one hook."""

    __tablename__ = "news"
    __table_args__ = (UniqueConstraint("hook_id", "key"),)

    number: int | None = Field(default=None, primary_key=True)
    hook_id: str = Field(index=True)
    key: str  # one piece of news is sent to a hook once, however often it is told
    kind: str
    body: str = Field(sa_type=Text)
    happened_at: datetime = _instant()
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)  # None: delivered, or given up
    tries: int = 0
    status: int | None = None  # of the last answer; None: there was none
    delivered_at: datetime | None = _instant_or_none()
