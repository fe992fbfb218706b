"""The one way out: a call gets a ticket when bans, breaker, budget and places allow, and reports how it ended."""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count

from providers.traffic.bans import Bans
from providers.traffic.breaker import Breaker, BreakerRule, Health, State
from providers.traffic.budget import Budget, BudgetRule
from providers.traffic.concurrency import AdaptiveLimit, ConcurrencyRule, RetryShare
from providers.traffic.ledger import Ledger
from providers.traffic.party import Party

NOW = timedelta(0)


class Why(StrEnum):
    """Why a call was held back."""

    BANNED = "banned"
    BUDGET = "budget"
    VENDOR_FAILING = "vendor_failing"
    CROWDED = "crowded"


class Held(Exception):
    """The call was not made. Ask again after `wait` (world time)."""

    def __init__(self, why: Why, wait: timedelta) -> None:
        super().__init__(why.value)
        self.why = why
        self.wait = wait


class Result(StrEnum):
    """How a call ended, as far as manners go."""

    OK = "ok"
    FAILED = "failed"  # the vendor or the way to it
    LIMITED = "limited"  # asked to wait
    NEUTRAL = "neutral"  # says nothing about vendor or load


@dataclass(frozen=True)
class GateRules:
    """Limits. Spans are world time unless said otherwise."""

    account: BudgetRule = field(default_factory=lambda: BudgetRule(calls=3000, per=timedelta(days=1), reserve=300))
    by_vendor: Mapping[str, BudgetRule] = field(default_factory=dict)  # an account's budget, where a vendor differs
    breaker: BreakerRule = field(default_factory=BreakerRule)
    platform: ConcurrencyRule = field(default_factory=ConcurrencyRule)
    vendor: ConcurrencyRule = field(default_factory=lambda: ConcurrencyRule(most=30))  # leaves places to the others
    patience: timedelta = timedelta(seconds=10)  # real; longest wait for a place
    most_waiting: int = 1000
    check_window: timedelta = timedelta(minutes=20)  # reads this soon after a command are its check: urgent too


class Ticket:
    """Leave to make one call."""

    def __init__(self) -> None:
        self.result = Result.NEUTRAL
        self.asked_wait: timedelta | None = None

    def settle(self, result: Result, asked_wait: timedelta | None = None) -> None:
        """Say how the call ended; a ticket never settled counts as neutral."""
        self.result, self.asked_wait = result, asked_wait


class Gate:
    """Puts calls through.

    Args:
        now: world time.
        timer: real seconds, for how long calls take.
    """

    def __init__(
        self, rules: GateRules, now: Callable[[], datetime], timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._rules = rules
        self._now = now
        self._timer = timer
        self._bans = Bans()
        self._budgets: Ledger[Party, Budget] = Ledger()
        self._breakers: dict[str, Breaker] = {}
        self._platform = AdaptiveLimit(rules.platform)
        self._vendors: dict[str, AdaptiveLimit] = {}
        self._commanded: Ledger[str, datetime] = Ledger()
        self._waiting: list[tuple[bool, int, asyncio.Future[None], list[AdaptiveLimit]]] = []
        self._numbers = count()
        self.retries = RetryShare()

    @asynccontextmanager
    async def ticket(self, party: Party, *, command: bool = False) -> AsyncIterator[Ticket]:
        """Leave to make one call for the party. Commands, and reads that check them, go first.

        Raises:
            Held: not now.
        """
        urgent = command or self._is_check(party)
        self._refuse_banned(party)
        limits = self._limits(party)
        await self._enter(limits, urgent)
        ticket = Ticket()
        entered_at = self._timer()
        admitted = False
        try:
            self._pay(party, urgent)
            admitted = True
            if command:
                self._note_command(party)
            yield ticket
        finally:
            took = timedelta(seconds=self._timer() - entered_at)
            self._leave(limits, took if admitted else NOW, _overloaded(ticket.result))
            if admitted:
                self._record(party, ticket)

    def health(self, party: Party) -> Health:
        """Whose failure it is when this party's calls fail."""
        breaker = self._breakers.get(party.vendor or "")
        return breaker.health(party.driver_id or "", self._now()) if breaker else Health.WELL

    def open_vendors(self) -> list[str]:
        """Vendors kept away from now, for the operator."""
        return sorted(vendor for vendor, one in self._breakers.items() if one.state is not State.CLOSED)

    def bans(self) -> dict[Party, datetime]:
        """Bans in force, for the operator."""
        return self._bans.active(self._now())

    def _refuse_banned(self, party: Party) -> None:
        wait = self._bans.wait(party, self._now())
        if wait > NOW:
            raise Held(Why.BANNED, wait)

    def _pay(self, party: Party, urgent: bool) -> None:
        """Bans again (the wait for a place may have been long), then budget, then breaker; spent only if all agree."""
        now = self._now()
        self._refuse_banned(party)
        budget = self._budget(party, now)
        if budget and (wait := budget.wait(now, urgent=urgent)) > NOW:
            raise Held(Why.BUDGET, wait)
        if party.vendor and (wait := self._breaker(party.vendor).admit(now)) > NOW:
            raise Held(Why.VENDOR_FAILING, wait)
        if budget:
            budget.take(now)

    def _record(self, party: Party, ticket: Ticket) -> None:
        now = self._now()
        if ticket.result is Result.LIMITED:
            self._bans.refused(party, ticket.asked_wait, now)
        elif ticket.result is Result.OK:
            self._bans.answered(party)
        if party.vendor:
            succeeded = {Result.OK: True, Result.FAILED: False}.get(ticket.result)
            self._breaker(party.vendor).record(party.driver_id or "", succeeded, now)

    def _budget(self, party: Party, now: datetime) -> Budget | None:
        if party.driver_id is None:
            return None
        if party not in self._budgets:
            self._budgets.drop_spent(lambda budget: budget.is_full(now))
            self._budgets[party] = Budget(self._rules.by_vendor.get(party.vendor or "", self._rules.account), now)
        return self._budgets[party]

    def _breaker(self, vendor: str) -> Breaker:
        return self._breakers.setdefault(vendor, Breaker(self._rules.breaker))

    def _limits(self, party: Party) -> list[AdaptiveLimit]:
        if party.vendor is None:
            return [self._platform]
        return [self._platform, self._vendors.setdefault(party.vendor, AdaptiveLimit(self._rules.vendor))]

    def _is_check(self, party: Party) -> bool:
        at = self._commanded.get(party.driver_id or "")
        return at is not None and self._now() - at <= self._rules.check_window

    def _note_command(self, party: Party) -> None:
        """Remembered per driver: the check reads car and charger, which may be with two vendors."""
        if party.driver_id is None:
            return
        now = self._now()
        self._commanded.drop_spent(lambda at: now - at > self._rules.check_window)
        self._commanded[party.driver_id] = now

    async def _enter(self, limits: list[AdaptiveLimit], urgent: bool) -> None:
        if (urgent or not self._waiting) and _have_place(limits, urgent):
            _take_place(limits)
            return
        if len(self._waiting) >= self._rules.most_waiting and not urgent:
            raise Held(Why.CROWDED, self._rules.patience)
        place = asyncio.get_running_loop().create_future()
        entry = (not urgent, next(self._numbers), place, limits)
        heapq.heappush(self._waiting, entry)
        self._seat()
        try:
            async with asyncio.timeout(self._rules.patience.total_seconds()):
                await place
        except BaseException as error:
            self._give_up(entry)
            if isinstance(error, TimeoutError):
                raise Held(Why.CROWDED, self._rules.patience) from None
            raise

    def _give_up(self, entry: tuple[bool, int, asyncio.Future[None], list[AdaptiveLimit]]) -> None:
        """Leave the queue; a place given in the same instant is given back."""
        if entry in self._waiting:
            self._waiting.remove(entry)
            heapq.heapify(self._waiting)
        elif entry[2].done() and not entry[2].cancelled():
            self._leave(entry[3], NOW, None)

    def _leave(self, limits: list[AdaptiveLimit], took: timedelta, overloaded: bool | None) -> None:
        for limit in limits:
            limit.leave(took, overloaded=overloaded)
        self._seat()

    def _seat(self) -> None:
        """Give free places to those waiting: urgent first, then in order; a full vendor does not block the others."""
        kept = []
        while self._waiting:
            entry = heapq.heappop(self._waiting)
            not_urgent, _, place, limits = entry
            if place.done():
                continue
            if _have_place(limits, not not_urgent):
                _take_place(limits)
                place.set_result(None)
            else:
                kept.append(entry)
        self._waiting = kept  # popped in order, hence a heap


def _have_place(limits: list[AdaptiveLimit], urgent: bool) -> bool:
    return all(limit.has_place(urgent=urgent) for limit in limits)


def _take_place(limits: list[AdaptiveLimit]) -> None:
    for limit in limits:
        limit.enter()


def _overloaded(result: Result) -> bool | None:
    return None if result is Result.NEUTRAL else result in (Result.FAILED, Result.LIMITED)
