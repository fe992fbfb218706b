"""Tables of programs in all their versions, their drivers as a rollout sees them, and the reliability record."""

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.tables import UtcDateTime


def _instant() -> datetime:
    field: datetime = Field(sa_type=UtcDateTime)
    return field


def _instant_or_none() -> datetime | None:
    field: datetime | None = Field(default=None, sa_type=UtcDateTime)
    return field


class ProgramVersionRow(SQLModel, table=True):
    """One version of a program, with its reason; one origin makes one version."""

    __tablename__ = "program_version"
    __table_args__ = (UniqueConstraint("name", "origin"),)

    name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    origin: str
    reason: str = Field(sa_type=Text)
    changed_at: datetime = _instant()
    program_json: str = Field(sa_type=Text)


class MemberRow(SQLModel, table=True):
    """One driver of a program: devices in short, and what was asked last. `bucket` cuts the roster into pages."""

    __tablename__ = "member"
    __table_args__ = (Index("ix_member_program_bucket", "program", "bucket"),)

    driver_id: str = Field(primary_key=True)
    program: str
    bucket: int
    region: str | None = None
    stage: str = ""
    vehicles_json: str = Field(default="[]", sa_type=Text)
    has_vehicle: bool = False
    has_charger: bool = False
    is_incapable: bool = False
    version: int = 0
    asked: str | None = None  # per vehicle, separated by commas
    is_asked: bool = False
    is_mandatory: bool = False
    is_admitted: bool = False  # incapable, and eligible
    reason: str = Field(default="", sa_type=Text)
    told_at: datetime | None = _instant_or_none()
    seen_at: datetime = _instant()
    left_at: datetime | None = _instant_or_none()


class NightRecordRow(SQLModel, table=True):
    """One night, as far as reliability is concerned."""

    __tablename__ = "night_record"
    __table_args__ = (Index("ix_night_record_program_closed_at", "program", "closed_at"),)

    session_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    program: str
    driver_id: str = Field(index=True)
    brand: str
    model: str
    closed_at: datetime = _instant()
    has_charger: bool
    is_ready: bool
    commands_sent: int
    commands_proven: int
    api_calls: int
    api_errors: int
    quarters: int
    fresh_quarters: int


class TicketRow(SQLModel, table=True):
    """One support ticket: who, when, about what; never its text."""

    __tablename__ = "ticket"

    program: str = Field(primary_key=True)
    ticket_id: str = Field(primary_key=True)
    driver_id: str = Field(index=True)
    opened_at: datetime = _instant()
    category: str
