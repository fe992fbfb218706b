"""Tables. They are not domain objects: a row holds what is searched by as columns, the value itself as JSON text."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, Index, LargeBinary, Text, TypeDecorator, text
from sqlmodel import Field, SQLModel

from domain.inbox import Origin


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, stored as UTC and read back aware, also by databases that know no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("naive datetimes are not stored")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _instant() -> datetime:
    field: datetime = Field(sa_type=UtcDateTime)
    return field


class CommandRow(SQLModel, table=True):
    """One command intent."""

    __tablename__ = "command"

    key: str = Field(primary_key=True)
    session_id: str = Field(index=True)
    number: int
    order_json: str = Field(sa_type=Text)
    intended_at: datetime = _instant()
    requested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    action_id: str | None = None
    outcome_json: str | None = Field(default=None, sa_type=Text)


class ReadingRow(SQLModel, table=True):
    """One raw reading of a device."""

    __tablename__ = "reading"

    __table_args__ = (Index("ix_reading_device_id_at", "device_id", "at"),)

    digest: str = Field(primary_key=True)
    device_id: str
    at: datetime = _instant()
    received_at: datetime = _instant()
    reading_json: str = Field(sa_type=Text)


class NightRow(SQLModel, table=True):
    """The account of one night."""

    __tablename__ = "night"

    session_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    driver_id: str = Field(index=True)
    vehicle_id: str
    departs_at: datetime = _instant()
    is_ready: bool
    account_json: str = Field(sa_type=Text)


class NightLogRow(SQLModel, table=True):
    """The log of one night, apart from its account: it is long and seldom read."""

    __tablename__ = "night_log"

    session_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    lines: str = Field(sa_type=Text)


class DeviceRow(SQLModel, table=True):
    """The last picture of one device."""

    __tablename__ = "device"

    id: str = Field(primary_key=True)
    driver_id: str = Field(index=True)
    device_json: str = Field(sa_type=Text)  # empty once it is gone
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # arrival of its last event
    gone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WatchRow(SQLModel, table=True):
    """What one open session listens to."""

    __tablename__ = "watch"

    session_id: str = Field(primary_key=True)
    watch_json: str = Field(sa_type=Text)


class ListenerRow(SQLModel, table=True):
    """One device one session listens to; the highest id began last."""

    __tablename__ = "listener"

    id: int | None = Field(default=None, primary_key=True)
    device_id: str = Field(index=True)
    session_id: str = Field(index=True)


class DeliveryRow(SQLModel, table=True):
    """One webhook delivery, kept after it is done so that repeats are known."""

    __tablename__ = "delivery"

    __table_args__ = (
        # Each of a few rows only: a backlog is counted and continued without a look at what is done, or at bodies.
        Index(
            "ix_delivery_pending",
            "number",
            "received_at",
            sqlite_where=text("is_done IS 0 AND set_aside_at IS NULL"),
            postgresql_where=text("is_done IS false AND set_aside_at IS NULL"),
        ),
        Index(
            "ix_delivery_set_aside_at",
            "set_aside_at",
            sqlite_where=text("set_aside_at IS NOT NULL"),
            postgresql_where=text("set_aside_at IS NOT NULL"),
        ),
    )

    number: int | None = Field(default=None, primary_key=True)
    delivery_id: str = Field(unique=True)
    digest: str = Field(unique=True)
    received_at: datetime = _instant()
    origin: str = Origin.WEBHOOK.value
    is_done: bool = False
    tries: int = 0  # that failed for a reason of its own
    failure: str | None = None  # of the last of them
    set_aside_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    body: bytes = Field(sa_type=LargeBinary)  # empty once it is done


class TakenRow(SQLModel, table=True):
    """One delivery of the round that is under way, or was when its process died.

    In a table of its own: to mark the delivery itself would write its body again.
    """

    __tablename__ = "taken_delivery"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
