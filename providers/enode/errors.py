"""Each answer of Enode is a result, an outcome, a passing failure or a permanent one: one table says which.

Sources: the API's OpenAPI document for statuses it names, else HTTP's own meaning. Titles of 400, 401, 422 and 429
are not documented, so only statuses and the two documented titles count, and wording where a quota hides in a 403.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import httpx

from domain.errors import (
    CommandRejected,
    ControlledElsewhere,
    MalformedReply,
    NightchargeError,
    RateLimited,
    RetryableError,
    Unauthorized,
    UnknownDevice,
    VendorUnavailable,
)
from providers.enode.schemas import Problem
from providers.enode.surprises import scrub
from providers.traffic import Held, Result, Why

LONGEST_WAIT = timedelta(days=30)
"""Longer waits than this are read as this: nothing real is longer, and arithmetic stays in range."""


class Kind(StrEnum):
    """What a call wants; the same status can mean different things to different calls."""

    TOKEN = "token"
    READ = "read"
    OWNED = "owned"  # a read below /users/{id}: a driver who never linked is no error
    COMMAND = "command"  # moves a device: never sent twice
    CANCEL = "cancel"
    REMOVE = "remove"
    WRITE = "write"


class Outcome(StrEnum):
    """Answers with an error status that are no errors."""

    REFUSED = "refused"  # the command; the title says why
    GONE = "gone"  # nothing there, which is all the caller needs to know
    RESOLVED = "resolved"  # too late to cancel; the body is the action


@dataclass(frozen=True)
class Rule:
    """First rule that fits decides. An empty `kinds` or `statuses` fits all."""

    means: type[NightchargeError] | Outcome
    statuses: Sequence[int] = ()
    kinds: frozenset[Kind] = frozenset()
    words: re.Pattern[str] | None = None  # searched in type and title
    has_issues: bool | None = None

    def fits(self, kind: Kind, status: int, problem: Problem) -> bool:
        text = f"{problem.type or ''} {problem.title or ''}"
        return (
            (not self.statuses or status in self.statuses)
            and (not self.kinds or kind in self.kinds)
            and (self.words is None or self.words.search(text) is not None)
            and (self.has_issues is None or self.has_issues == bool(problem.issues))
        )


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TOKEN = frozenset({Kind.TOKEN})
_COMMAND = frozenset({Kind.COMMAND})

RULES: tuple[Rule, ...] = (
    # The platform says in words that the vendor behind it is down; the status varies.
    Rule(VendorUnavailable, words=_words(r"vendor-temporarily-unavailable")),
    # The client's number of connections is a contract limit: waiting does not help, the operator must act.
    Rule(CommandRejected, (403,), words=_words(r"connections? limit")),
    Rule(RateLimited, (403,), words=_words(r"quota|limit|too many|throttl")),
    Rule(Unauthorized, (400, 401, 403), _TOKEN),
    Rule(Unauthorized, (401,)),
    # An outage may come dressed as 403. Dead credentials are told by isValid, interventions and a webhook, never by a
    # status; so no 403 may make us ask a driver to link again.
    Rule(VendorUnavailable, (403,)),
    Rule(Outcome.GONE, (404, 410), frozenset({Kind.OWNED, Kind.REMOVE})),
    Rule(UnknownDevice, (404, 410)),
    Rule(VendorUnavailable, (408, 425)),
    Rule(Outcome.RESOLVED, (409,), frozenset({Kind.CANCEL})),
    Rule(RateLimited, (429,)),
    # A schedule or smart-charging plan holds the device. With issues it is a validation error instead.
    Rule(ControlledElsewhere, (422,), _COMMAND, has_issues=False),
    # Known at once: can't, already so, full, not plugged in. The same may come as an action that is cancelled.
    Rule(Outcome.REFUSED, (400, 409, 422), _COMMAND),
    Rule(CommandRejected, range(400, 500)),
    Rule(VendorUnavailable, range(500, 600)),
    # Redirects are not followed (they would carry the token away); during outages they lead to a status page.
    Rule(VendorUnavailable),
)


def judge(kind: Kind, status: int, problem: Problem) -> type[NightchargeError] | Outcome:
    """What an answer with a status other than 2xx means to a call of this kind."""
    return next(rule.means for rule in RULES if rule.fits(kind, status, problem))


def error_of(
    error: type[NightchargeError], label: str, status: int, problem: Problem, retry_after: timedelta | None
) -> NightchargeError:
    """The error, worded without personal data: call, status and the vendor's title."""
    words = f"{label}: {status} {scrub(problem.title or '', limit=80)}".rstrip()
    if issubclass(error, RetryableError):
        # Who is asked to wait was turned away at the door; any other failure may have come after the deed.
        return error(words, retry_after=retry_after, changed_nothing=error is RateLimited)
    return error(words)


def transport_error(error: httpx.HTTPError | httpx.InvalidURL | TimeoutError, label: str) -> NightchargeError:
    """The domain's word for a call that got no answer. Only requests we built wrongly are permanent."""
    words = f"{label}: {type(error).__name__}"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.InvalidURL):
        return CommandRejected(words)
    never_left = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return VendorUnavailable(words, changed_nothing=never_left)


def held_back(held: Held, label: str) -> NightchargeError:
    """The domain's word for a call our own gate did not let through."""
    error = RateLimited if held.why in (Why.BANNED, Why.BUDGET) else VendorUnavailable
    return error(f"{label}: held back, {held.why}", retry_after=held.wait, changed_nothing=True)


def weigh(kind: Kind, error: NightchargeError) -> tuple[Result, timedelta | None]:
    """What a failed call says of the vendor, and the wait asked for."""
    if isinstance(error, RateLimited):
        return Result.LIMITED, error.retry_after
    if isinstance(error, VendorUnavailable):
        return Result.FAILED, None
    # A read has nothing to be refused: a 400 on it is an outage in disguise, if a whole group gets it.
    if isinstance(error, CommandRejected) and kind in (Kind.READ, Kind.OWNED):
        return Result.FAILED, None
    return (Result.OK if isinstance(error, UnknownDevice | ControlledElsewhere) else Result.NEUTRAL), None


def unreadable(label: str, content_type: str) -> NightchargeError:
    """The error of a good status with a body that is not JSON. A web page is a proxy or an outage speaking."""
    if "html" in content_type.lower():
        return VendorUnavailable(f"{label}: a web page instead of an answer")
    return MalformedReply(f"{label}: not JSON")


def retry_after(headers: httpx.Headers, now: datetime) -> timedelta | None:
    """The wait asked for by Retry-After, in seconds or as a date; `None` if none or unreadable.

    A date counts from the server's own Date header when there is one, so that clocks apart do not matter.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        until, since = _http_date(value), _http_date(headers.get("date", "")) or now
        return None if until is None else min(max(until - since, timedelta(0)), LONGEST_WAIT)
    if seconds != seconds:  # not a number
        return None
    return timedelta(seconds=min(max(seconds, 0), LONGEST_WAIT.total_seconds()))


def _http_date(value: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(value)
    except ValueError:
        return None
    return instant if instant.tzinfo else None
