"""Tokens: cached, renewed early, one renewal at a time, no login storm."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import RateLimited, RetryableError, Unauthorized, VendorUnavailable
from providers.enode.auth import DEFAULT_LIFETIME, LONGEST_HOLD_OFF, TokenSource
from providers.enode.schemas import Token


class Issuer:
    """A token service on a hand-moved clock; holds its answers back while `gate` is closed."""

    def __init__(self, expires_in: float | None = 3600) -> None:
        self.now = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
        self.expires_in = expires_in
        self.calls = 0
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.source = TokenSource(self._fetch, lambda: self.now)

    async def _fetch(self) -> Token:
        self.calls += 1
        number = self.calls
        await self.gate.wait()
        if self.failure:
            raise self.failure
        return Token.model_validate({"access_token": f"token-{number}", "expires_in": self.expires_in})

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)


async def test_token_is_fetched_once_and_kept() -> None:
    issuer = Issuer()
    assert [await issuer.source.token() for _ in range(3)] == ["token-1"] * 3
    assert issuer.calls == 1


async def test_token_is_renewed_before_it_expires() -> None:
    issuer = Issuer(expires_in=3600)
    await issuer.source.token()
    issuer.pass_time(minutes=53)
    assert await issuer.source.token() == "token-1"
    issuer.pass_time(minutes=2)  # 55 of 60 minutes: in the last tenth
    assert await issuer.source.token() == "token-2"


@pytest.mark.parametrize("told", [None, 0, -1])
async def test_token_without_a_lifetime_is_kept_for_a_short_while(told: float | None) -> None:
    issuer = Issuer(expires_in=told)
    await issuer.source.token()
    issuer.now += DEFAULT_LIFETIME * 0.8
    assert await issuer.source.token() == "token-1"
    issuer.now += DEFAULT_LIFETIME
    assert await issuer.source.token() == "token-2"


async def test_many_callers_share_one_login() -> None:
    issuer = Issuer()
    issuer.gate.clear()
    callers = [asyncio.create_task(issuer.source.token()) for _ in range(50)]
    await asyncio.sleep(0)
    issuer.gate.set()
    assert set(await asyncio.gather(*callers)) == {"token-1"}
    assert issuer.calls == 1


async def test_callers_use_the_old_token_while_one_renews_it() -> None:
    issuer = Issuer()
    await issuer.source.token()
    issuer.pass_time(minutes=57)
    issuer.gate.clear()
    renewing = asyncio.create_task(issuer.source.token())
    await asyncio.sleep(0)
    assert await issuer.source.token() == "token-1"
    issuer.gate.set()
    assert await renewing == "token-2"


async def test_cancelled_renewal_leaves_the_next_caller_free() -> None:
    issuer = Issuer()
    issuer.gate.clear()
    first = asyncio.create_task(issuer.source.token())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    issuer.gate.set()
    assert await issuer.source.token() == "token-2"


async def test_rejected_token_is_replaced_once_for_all_who_held_it() -> None:
    issuer = Issuer()
    old = await issuer.source.token()
    issuer.source.reject(old)
    assert await issuer.source.token() == "token-2"
    issuer.source.reject(old)  # a slower caller with the same old token
    assert await issuer.source.token() == "token-2"


async def test_failed_early_renewal_goes_on_with_the_good_token() -> None:
    issuer = Issuer()
    await issuer.source.token()
    issuer.pass_time(minutes=57)
    issuer.failure = VendorUnavailable("down")
    assert await issuer.source.token() == "token-1"
    issuer.pass_time(minutes=4)
    with pytest.raises(VendorUnavailable):
        await issuer.source.token()


async def test_refused_credentials_do_not_start_a_login_storm() -> None:
    issuer = Issuer()
    issuer.failure = Unauthorized("refused")
    for _ in range(8 * 60):  # a caller every minute for 8 hours
        for _ in range(10):
            with pytest.raises(Unauthorized):
                await issuer.source.token()
        issuer.pass_time(minutes=1)
    assert issuer.calls <= 8 * 60
    issuer.failure = None
    issuer.now += LONGEST_HOLD_OFF
    assert await issuer.source.token()


async def test_wait_asked_for_by_the_token_service_is_obeyed_exactly() -> None:
    issuer = Issuer()
    issuer.failure = RateLimited("slow down", retry_after=timedelta(hours=13))
    with pytest.raises(RateLimited):
        await issuer.source.token()
    issuer.failure = None
    issuer.pass_time(hours=12, minutes=59)
    with pytest.raises(RetryableError) as told:
        await issuer.source.token()
    assert told.value.retry_after == timedelta(minutes=1)
    assert issuer.calls == 1
    issuer.pass_time(minutes=1)
    assert await issuer.source.token() == "token-2"


async def test_token_is_not_in_the_repr() -> None:
    issuer = Issuer()
    token = await issuer.source.token()
    assert token not in repr(issuer.source)
    assert token not in repr(Token.model_validate({"access_token": token}))
