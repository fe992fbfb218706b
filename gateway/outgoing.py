"""Outgoing webhooks: signed, sent until they are taken, and never into a private network."""

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import logging
import random
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from storage.hooks import KINDS, Hooks, News

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
MOST_TRIES = 80
"""Every wait is twice the one before, with some chance in it, until it is given up: about three days."""

ANSWERS_WITHIN_SECONDS = 10.0
CLAIMED_FOR = timedelta(minutes=1)
BATCH = 50
LOOKS_EVERY_SECONDS = 1.0
KEPT_FOR = timedelta(days=30)

SIGNATURE = "Nightcharge-Signature"
"""`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`: whoever checks it also refuses what is old."""


class Signs(Protocol):
    """Makes signatures only this installation can make (`gateway.api.access.Access`)."""

    def sign(self, purpose: str, text: str) -> str: ...


def secret_of(hook_id: str, signs: Signs) -> str:
    """The secret of a hook. Derived, so that it is stored nowhere."""
    return f"whsec_{signs.sign('hook', hook_id)}"


def signature(secret: str, body: str, at: datetime) -> str:
    """The header that proves whence and when a body came."""
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac}"


async def is_public(url: str, *, plain: bool = False) -> bool:
    """Whether the address may be called: https, and no host inside our own network. `plain` allows both."""
    return await _address_of(url, plain=plain) is not None


async def _address_of(url: str, *, plain: bool) -> str | None:
    """The IP address to call, looked up once, so that a name cannot change between check and call."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if parts.scheme not in (("https", "http") if plain else ("https",)) or not parts.hostname or parts.username:
        return None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    addresses = [ipaddress.ip_address(one[4][0]) for one in found]
    if not addresses or not (plain or all(address.is_global for address in addresses)):
        return None
    return str(addresses[0])


__all__ = ["KINDS", "SIGNATURE", "Sender", "is_public", "secret_of", "signature"]


class Sender:
    """Sends what is due. Several gateways may run one each: news is claimed before it is sent."""

    def __init__(
        self,
        hooks: Hooks,
        signs: Signs,
        *,
        now: Callable[[], datetime],
        http: httpx.AsyncClient | None = None,
        plain: bool = False,
    ) -> None:
        self._hooks, self._signs, self._now, self._plain = hooks, signs, now, plain
        self._http = http or httpx.AsyncClient(timeout=ANSWERS_WITHIN_SECONDS, follow_redirects=False, trust_env=False)

    async def run(self) -> None:
        """Send for ever."""
        try:
            while True:
                try:
                    is_more = await self.send_due()
                except Exception:
                    logger.exception("news not sent", extra={"action": "news_failed"})
                    is_more = False
                if not is_more:
                    await asyncio.sleep(LOOKS_EVERY_SECONDS)
        finally:
            await self._http.aclose()

    async def send_due(self) -> bool:
        """Send all that is due now; whether there was anything."""
        due = await self._hooks.due(self._now(), BATCH)
        await asyncio.gather(*map(self._send, due))
        return bool(due)

    async def _send(self, news: News) -> None:
        if not await self._hooks.claim(news.number, news.tries, self._now() + CLAIMED_FOR):
            return
        status = await self._post(news)
        now = self._now()
        if status is not None and 200 <= status < 300:
            await self._hooks.sent(news.number, status, delivered_at=now, due_at=None)
            return
        is_given_up = news.tries + 1 >= MOST_TRIES
        due_at = None if is_given_up else now + _wait(news.tries)
        await self._hooks.sent(news.number, status, delivered_at=None, due_at=due_at)
        logger.warning(
            "news not taken",
            extra={
                "action": "news_given_up" if is_given_up else "news_retried",
                "hook": news.hook_id,
                "status": status,
            },
        )

    async def _post(self, news: News) -> int | None:
        """The status of the answer; None: there was none."""
        address = await _address_of(news.url, plain=self._plain)
        if address is None:
            return None
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(secret_of(news.hook_id, self._signs), news.body, self._now()),
        }
        url = httpx.URL(news.url)
        with contextlib.suppress(httpx.HTTPError):
            answer = await self._http.post(
                url.copy_with(host=address),
                content=news.body.encode(),
                headers={**headers, "Host": url.netloc.decode()},
                extensions={"sni_hostname": url.host},
            )
            return answer.status_code
        return None


def _wait(tries: int) -> timedelta:
    """How long to wait after try number `tries` (from 0)."""
    span = min(LONGEST_WAIT, FIRST_WAIT * (1 << min(tries, 20)))
    return span * random.uniform(0.8, 1.2)
