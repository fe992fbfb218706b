"""When a charge schedule wants charging: pure functions of its rules, the zone and the instant."""

from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

HOUR_MINUTE = r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"

HORIZON_DAYS = 8
"""A weekly rule shows each of its edges within this span."""


class HourMinute(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: str = Field(alias="from", pattern=HOUR_MINUTE)
    to: str = Field(pattern=HOUR_MINUTE)


class Rule(BaseModel):
    """One rule; `to` before `from` runs over midnight and belongs to the weekday on which it began."""

    model_config = ConfigDict(extra="forbid")

    shouldCharge: bool
    hourMinute: HourMinute | None = None
    fromTimestamp: AwareDatetime | None = None
    toTimestamp: AwareDatetime | None = None
    weekdays: list[Literal[0, 1, 2, 3, 4, 5, 6]] | None = None


def should_charge(rules: list[Rule], default: bool, at: datetime, zone: ZoneInfo) -> bool:
    """What the first rule that applies says, else the default."""
    return next((rule.shouldCharge for rule in rules if _applies(rule, at, zone)), default)


def transitions(
    rules: list[Rule], default: bool, after: datetime, zone: ZoneInfo, count: int
) -> list[tuple[datetime, bool]]:
    """The next instants at which the wish changes, with the new wish; at most `count`, within eight days."""
    wish = should_charge(rules, default, after, zone)
    found: list[tuple[datetime, bool]] = []
    for edge in sorted({edge for rule in rules for edge in _edges(rule, after, zone) if edge > after}):
        new = should_charge(rules, default, edge, zone)
        if new != wish:
            found.append((edge, new))
            wish = new
        if len(found) == count:
            break
    return found


def _applies(rule: Rule, at: datetime, zone: ZoneInfo) -> bool:
    if rule.fromTimestamp is not None and at < rule.fromTimestamp:
        return False
    if rule.toTimestamp is not None and at >= rule.toTimestamp:
        return False
    local = at.astimezone(zone)
    minute = local.hour * 60 + local.minute
    if rule.hourMinute is None:
        return rule.weekdays is None or local.weekday() in rule.weekdays
    starts, ends = _minute(rule.hourMinute.from_), _minute(rule.hourMinute.to)
    is_after_midnight = ends <= starts and minute < ends
    if not (starts <= minute < ends or (ends <= starts and (minute >= starts or is_after_midnight))):
        return False
    began = (local.weekday() - is_after_midnight) % 7
    return rule.weekdays is None or began in rule.weekdays


def _edges(rule: Rule, after: datetime, zone: ZoneInfo) -> list[datetime]:
    edges = [edge.astimezone(UTC) for edge in (rule.fromTimestamp, rule.toTimestamp) if edge is not None]
    minutes = {0} if rule.hourMinute is None else {_minute(rule.hourMinute.from_), _minute(rule.hourMinute.to)}
    today = after.astimezone(zone).date()
    for day in range(HORIZON_DAYS + 1):
        midnight = datetime.combine(today + timedelta(days=day), time(), zone)
        edges += [(midnight + timedelta(minutes=minute)).astimezone(UTC) for minute in minutes]
    return edges


def _minute(hour_minute: str) -> int:
    return int(hour_minute[:2]) * 60 + int(hour_minute[3:])
