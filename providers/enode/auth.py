"""Access tokens by OAuth2 client credentials: cached, renewed early, one renewal at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from domain.errors import NightchargeError, RateLimited, RetryableError, Unauthorized
from providers.enode.schemas import Token

DEFAULT_LIFETIME = timedelta(minutes=5)
"""Of a token whose lifetime is not told."""

EARLY_SHARE = 0.1
"""A token is renewed when a tenth of its life is left (six minutes of an hour), while it still works."""

FIRST_HOLD_OFF = timedelta(seconds=1)
LONGEST_HOLD_OFF = timedelta(minutes=1)
"""After a failed login the next one waits: doubling from first to longest, or as Retry-After says. No login storms."""


class TokenSource:
    """Hands out a valid token.

    Args:
        fetch: asks for a new token; raises a domain error.
        now: world time; token lifetimes and waits are read as world spans.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Token]], now: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._renews_at: datetime | None = None
        self._expires_at: datetime | None = None
        self._failure: NightchargeError | None = None
        self._failures = 0
        self._barred_until: datetime | None = None

    def __repr__(self) -> str:
        return f"TokenSource(has_token={self._token is not None}, expires_at={self._expires_at})"

    async def token(self) -> str:
        """A token that is good now.

        Raises:
            Unauthorized: the client's credentials are refused.
            RetryableError: the token service fails and no good token is left.
        """
        if self._token and self._is_before(self._renews_at):
            return self._token
        if self._token and self._is_before(self._expires_at) and self._lock.locked():
            return self._token  # somebody renews it already
        async with self._lock:
            if self._token and self._is_before(self._renews_at):
                return self._token
            return await self._renew()

    def reject(self, token: str) -> None:
        """The API refused this token: forget it, unless a newer one is here already."""
        if token == self._token:
            self._token = None

    async def _renew(self) -> str:
        usable = self._token if self._is_before(self._expires_at) else None
        if self._failure is not None and self._is_before(self._barred_until):
            if usable:
                return usable
            raise self._again(self._failure)
        try:
            granted = await self._fetch()
        except (RetryableError, Unauthorized) as failure:
            self._hold_off(failure)
            if usable and isinstance(failure, RetryableError):
                return usable
            raise
        self._keep(granted)
        return granted.access_token

    def _keep(self, granted: Token) -> None:
        told = granted.expires_in
        lifetime = timedelta(seconds=min(told, 1e7)) if told and told > 0 else DEFAULT_LIFETIME
        self._token = granted.access_token
        self._expires_at = self._now() + lifetime
        self._renews_at = self._expires_at - lifetime * EARLY_SHARE
        self._failure, self._failures, self._barred_until = None, 0, None

    def _hold_off(self, failure: NightchargeError) -> None:
        wait = min(FIRST_HOLD_OFF * 2 ** min(self._failures, 10), LONGEST_HOLD_OFF)
        if isinstance(failure, RateLimited) and failure.retry_after is not None:
            wait = max(wait, failure.retry_after)
        self._failure, self._failures = failure, self._failures + 1
        self._barred_until = self._now() + wait

    def _again(self, failure: NightchargeError) -> NightchargeError:
        """The last failure, told to a caller who comes within the hold-off."""
        if not isinstance(failure, RetryableError) or self._barred_until is None:
            return type(failure)(str(failure))
        return type(failure)(str(failure), retry_after=self._barred_until - self._now())

    def _is_before(self, instant: datetime | None) -> bool:
        return instant is not None and self._now() < instant
