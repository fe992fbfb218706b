"""From "ready by 07:00" to an instant. The one place where wall-clock wishes become UTC."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from domain.model import Request


class Wish(Request):
    """What the driver wants of every night: a level by a wall-clock time at the charging place."""

    target_soc_pct: float = Field(default=80.0, gt=0, le=100)
    min_soc_pct: float = Field(default=0.0, ge=0, le=100)  # reached at once, whatever the price
    ready_by: time = time(7, 0)  # wall clock
    zone: str = "Europe/Amsterdam"  # IANA zone of the charging place

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"zone {zone!r} is not an IANA time zone") from error
        return zone

    @field_validator("ready_by")
    @classmethod
    def _naive(cls, ready_by: time) -> time:
        if ready_by.tzinfo is not None:
            raise ValueError("ready_by is a wall-clock time without an offset; the zone is given apart")
        return ready_by


def next_departure(wish: Wish, after: datetime) -> datetime:
    """The first instant (UTC) strictly after `after` at which the clock at the charging place shows `ready_by`.

    A time that the clock change doubles means its first showing: earlier is safe. A time that it skips means the
    same distance from midnight in standard time, so 02:30 on the short night is the instant called 03:30.
    """
    zone = ZoneInfo(wish.zone)
    day = after.astimezone(zone).date()
    for days in (-1, 0, 1, 2):
        local = datetime.combine(day + timedelta(days=days), wish.ready_by, tzinfo=zone)
        instant = local.astimezone(UTC)
        if instant > after:
            return instant
    raise AssertionError("a wall-clock time shows every day")  # pragma: no cover
