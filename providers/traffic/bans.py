"""Waits asked for by the other side, obeyed to the second.

A refusal does not say whom it means: the account, its vendor, or all of us. Everyone pauses for a short while; the
account waits to the end. A second account of the same vendor under a ban means the vendor, accounts of a second vendor
mean the platform, and then the longest of these waits holds for all of it. So a day's ban of one car does not stop the
fleet, and a ban of the fleet costs two more calls until it is known.
"""

from datetime import datetime, timedelta

from providers.traffic.party import NOBODY, Party

COMMON_PAUSE = timedelta(minutes=1)
"""For everyone, after any refusal (or less, if less was asked)."""

UNTOLD_WAIT = timedelta(seconds=30)
"""When the refusal names no time."""

_KEPT = 10_000


class Bans:
    """Who must wait until when. Scopes are parties: account, (nobody, vendor), or nobody for the platform."""

    def __init__(self) -> None:
        self._until: dict[Party, datetime] = {}

    def wait(self, party: Party, now: datetime) -> timedelta:
        """How long this party must not call; zero if it may."""
        scopes = {party, Party(party.driver_id, None), Party(None, party.vendor), NOBODY}
        ends = max((self._until[scope] for scope in scopes if scope in self._until), default=now)
        return max(ends - now, timedelta(0))

    def add(self, party: Party, asked: timedelta | None, now: datetime) -> None:
        """The other side asked this party to wait."""
        wait = UNTOLD_WAIT if asked is None else asked
        self._extend(party, now + wait)
        self._extend(NOBODY, now + min(wait, COMMON_PAUSE))
        self._escalate(now)

    def active(self, now: datetime) -> dict[Party, datetime]:
        """All bans in force, with their ends."""
        return {scope: ends for scope, ends in self._until.items() if ends > now}

    def _escalate(self, now: datetime) -> None:
        self._until = self.active(now) if len(self._until) > _KEPT else self._until
        accounts = {scope: ends for scope, ends in self.active(now).items() if scope.driver_id is not None}
        vendors = {scope.vendor for scope in accounts}
        for vendor in vendors:
            ends = [ends for scope, ends in accounts.items() if scope.vendor == vendor]
            if len(ends) > 1:
                self._extend(Party(None, vendor), max(ends))
        if len(vendors) > 1:
            self._extend(NOBODY, max(accounts.values()))

    def _extend(self, scope: Party, ends: datetime) -> None:
        self._until[scope] = max(ends, self._until.get(scope, ends))
