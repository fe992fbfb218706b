"""Waits asked for by the other side, obeyed to the second.

A refusal does not say whom it means: the account, its vendor, or all of us. The account waits in any case. Three
accounts of a vendor refused in a row, with no call answered in between, mean the vendor; three in a row from more than
one vendor mean the platform. So one account's ban never stops the fleet, however large it is, and a ban of the fleet
costs two or three calls more until it is known.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from providers.traffic.ledger import Ledger
from providers.traffic.party import NOBODY, Party

IN_A_ROW = 3
"""Distinct accounts. Two may meet by chance in a large fleet; three with no answered call between them do not."""

UNTOLD_WAIT = timedelta(seconds=30)
"""When the refusal names no time."""


class Bans:
    """Who must wait until when. Scopes are parties: account, (nobody, vendor), or nobody for the platform."""

    def __init__(self) -> None:
        self._until: Ledger[Party, datetime] = Ledger()
        self._rows: defaultdict[Party, dict[Party, datetime]] = defaultdict(dict)  # refused in a row, by scope

    def wait(self, party: Party, now: datetime) -> timedelta:
        """How long this party must not call; zero if it may."""
        scopes = {party, Party(party.driver_id, None), Party(None, party.vendor), NOBODY}
        ends = max((self._until[scope] for scope in scopes if scope in self._until), default=now)
        return max(ends - now, timedelta(0))

    def answered(self, party: Party) -> None:
        """A call went through: refusals before it were meant for their accounts alone."""
        self._rows.pop(NOBODY, None)
        self._rows.pop(Party(None, party.vendor), None)

    def refused(self, party: Party, asked: timedelta | None, now: datetime) -> None:
        """The other side asked this party to wait."""
        self._until.drop_spent(lambda ends: ends <= now)
        ends = now + (UNTOLD_WAIT if asked is None else asked)
        self._extend(party, ends)
        for scope in {Party(None, party.vendor), NOBODY}:
            row = self._rows[scope] = {one: until for one, until in self._rows[scope].items() if until > now}
            row[party] = ends
            if len(row) >= IN_A_ROW and (scope != NOBODY or len({one.vendor for one in row}) > 1):
                # The shortest: a long wait in the row may be one account's own.
                self._extend(scope, min(row.values()))

    def active(self, now: datetime) -> dict[Party, datetime]:
        """All bans in force, with their ends."""
        return {scope: ends for scope, ends in self._until.items() if ends > now}

    def _extend(self, scope: Party, ends: datetime) -> None:
        self._until[scope] = max(ends, self._until.get(scope, ends))
