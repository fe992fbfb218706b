"""When what a charger unlocked is taken back, and when it is given again (S26). The conditions are data."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from domain.model import Instant, Model, Request


class ResetCause(StrEnum):
    """Why a charger no longer counts."""

    LOGIN_DEAD = "login_dead"
    UNREACHABLE = "unreachable"
    UNMATCHED = "unmatched"
    VENDOR = "vendor"  # delegated control: the platform took it back


class ResetRules(Request):
    """How long a charger keeps its word without giving a sign. None: this condition does not matter."""

    unreachable_days: float | None = Field(default=7, gt=0)
    unmatched_nights: int | None = Field(default=10, ge=1)  # nights in a row in which it held no car of this driver


class Reset(Model):
    """What was unlocked was taken back."""

    cause: ResetCause
    at: Instant
    reason: str


class ChargerRecord(Model):
    """What a linked charger's last days were like."""

    plugged_since: Instant | None = None  # observed, since it was last seen empty
    unreachable_since: Instant | None = None
    unmatched_nights: int = 0
    placed_at: Instant | None = None  # by the driver, at the vendor
    reset: Reset | None = None


def grounds(
    record: ChargerRecord, rules: ResetRules, now: datetime, login_died_at: datetime | None
) -> tuple[ResetCause, str] | None:
    """Why the charger does not count at `now`; None: it does."""
    if login_died_at is not None:
        return ResetCause.LOGIN_DEAD, f"the login at its maker ended on {login_died_at:%Y-%m-%d}"
    due = unreachable_at(record, rules)
    if due is not None and now >= due:
        return ResetCause.UNREACHABLE, f"it has not been reached for {rules.unreachable_days:g} days"
    if rules.unmatched_nights is not None and record.unmatched_nights >= rules.unmatched_nights:
        return ResetCause.UNMATCHED, f"it held none of the driver's cars in {record.unmatched_nights} nights"
    return None


def unreachable_at(record: ChargerRecord, rules: ResetRules) -> datetime | None:
    """When the charger will have been out of reach for too long."""
    if record.unreachable_since is None or rules.unreachable_days is None:
        return None
    return record.unreachable_since + timedelta(days=rules.unreachable_days)
