"""Tells one account failing from the vendor failing, and keeps away from a vendor that fails.

closed    -> open       when enough accounts, and a good share of all seen, failed last
open      -> probing    after a rest; one call at a time is let through
probing   -> returning  on a success, or back to open on a failure, for a longer rest
returning -> closed     the pace doubles step by step, so that a vendor just back is not run over; or back to open
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

NOW = timedelta(0)


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"
    RETURNING = "returning"


class Health(StrEnum):
    """What the last outcomes say of one account."""

    WELL = "well"
    ACCOUNT_FAILING = "account_failing"  # it alone: its grant or device may be at fault
    VENDOR_FAILING = "vendor_failing"  # many: no re-login, no unlinking, nobody's fault


@dataclass(frozen=True)
class BreakerRule:
    """When to open, how long to rest, how fast to return."""

    window: timedelta = timedelta(minutes=4)  # outcomes older than this no longer count
    least_accounts: int = 3  # failing accounts it takes; fewer prove nothing about the vendor
    failing_share: float = 0.5  # of the accounts seen in the window
    first_rest: timedelta = timedelta(seconds=15)
    longest_rest: timedelta = timedelta(minutes=1)
    probe_patience: timedelta = timedelta(minutes=1)  # a probe not answered by then is forgotten
    pace_step: timedelta = timedelta(seconds=10)
    first_pace: int = 2  # calls in the first step
    full_pace: int = 256  # calls in a step from which on there is no limit


class Breaker:
    """One vendor's breaker."""

    def __init__(self, rule: BreakerRule) -> None:
        self._rule = rule
        self.state = State.CLOSED
        self._last: OrderedDict[str, tuple[datetime, bool]] = OrderedDict()  # outcome per account, oldest first
        self._failing = 0
        self._rest = rule.first_rest
        self._ends_at: datetime | None = None  # of the rest, the probe, or the step of the return
        self._pace = 0
        self._used = 0

    def admit(self, now: datetime) -> timedelta:
        """Zero if a call may go now (it then counts as sent), else how long to wait before asking again."""
        if self.state is State.OPEN and self._is_over(now):
            self.state, self._ends_at = State.PROBING, None
        if self.state is State.PROBING and self._is_over(now):
            self._ends_at = now + self._rule.probe_patience
            return NOW
        if self.state is State.RETURNING:
            return self._admit_at_pace(now)
        return NOW if self.state is State.CLOSED or self._ends_at is None else self._ends_at - now

    def record(self, account: str, succeeded: bool | None, now: datetime) -> None:
        """Note how an admitted call ended; `None` if it says nothing about the vendor."""
        if succeeded is not None:
            self._note(account, succeeded, now)
        if self.state is State.PROBING and self._ends_at is not None:
            self._judge_probe(succeeded, now)
        elif self.state in (State.CLOSED, State.RETURNING) and succeeded is False and self._vendor_fails(now):
            self._open(now)

    def health(self, account: str, now: datetime) -> Health:
        """Whose failure it is, if any."""
        if self.state in (State.OPEN, State.PROBING) or self._vendor_fails(now):
            return Health.VENDOR_FAILING
        at, succeeded = self._last.get(account, (now, True))
        return Health.WELL if succeeded or now - at > self._rule.window else Health.ACCOUNT_FAILING

    def _judge_probe(self, succeeded: bool | None, now: datetime) -> None:
        if succeeded is None:
            self._ends_at = None  # let the next one probe
        elif not succeeded:
            self._rest = min(self._rest * 2, self._rule.longest_rest)
            self._open(now)
        else:
            self._last.clear()
            self._failing = 0
            self._rest = self._rule.first_rest
            self.state, self._pace, self._used = State.RETURNING, self._rule.first_pace, 0
            self._ends_at = now + self._rule.pace_step

    def _open(self, now: datetime) -> None:
        self.state, self._ends_at = State.OPEN, now + self._rest

    def _admit_at_pace(self, now: datetime) -> timedelta:
        if self._ends_at is None or self._is_over(now):
            self._pace, self._used = self._pace * 2, 0
            self._ends_at = now + self._rule.pace_step
        if self._pace >= self._rule.full_pace:
            self.state, self._ends_at = State.CLOSED, None
            return NOW
        if self._used >= self._pace:
            return self._ends_at - now
        self._used += 1
        return NOW

    def _is_over(self, now: datetime) -> bool:
        return self._ends_at is None or now >= self._ends_at

    def _note(self, account: str, succeeded: bool, now: datetime) -> None:
        self._forget(account)
        self._last[account] = (now, succeeded)
        self._failing += not succeeded

    def _forget(self, account: str) -> None:
        _, succeeded = self._last.pop(account, (None, True))
        self._failing -= not succeeded

    def _vendor_fails(self, now: datetime) -> bool:
        while self._last:
            account, (at, _) = next(iter(self._last.items()))
            if now - at <= self._rule.window:
                break
            self._forget(account)
        return self._failing >= max(self._rule.least_accounts, self._rule.failing_share * len(self._last))
