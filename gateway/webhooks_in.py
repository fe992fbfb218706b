"""Webhooks in: who may deliver, and the answer, which is given once the delivery is stored."""

import contextlib
from collections.abc import Callable
from datetime import datetime

from starlette import status
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.inbox import Inbox

PATH = "/webhooks/enode"

LARGEST_BODY = 2 * 1024 * 1024
"""A delivery of 100 events stays far below this [bytes]."""


def webhooks_in(
    inbox: Inbox,
    *,
    verify: Callable[[bytes, str | None], bool],
    now: Callable[[], datetime],
    arrived: Callable[[], None],
) -> Middleware:
    """The vendor's way in. `verify` checks a signature header against the raw body; `arrived` hears of good ones."""
    return Middleware(WebhooksIn, inbox=inbox, verify=verify, now=now, arrived=arrived)


class WebhooksIn:
    """Answers deliveries itself and passes everything else on.

    Nearly all requests are deliveries. Ahead of routes and models, of which they have no use, they cost a quarter less.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        inbox: Inbox,
        verify: Callable[[bytes, str | None], bool],
        now: Callable[[], datetime],
        arrived: Callable[[], None],
    ) -> None:
        self._app, self._inbox, self._verify, self._now, self._arrived = app, inbox, verify, now, arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        with contextlib.suppress(ClientDisconnect):  # who left in the middle hears nothing
            await Response(status_code=await self._receive(Request(scope, receive)))(scope, receive, send)

    async def _receive(self, request: Request) -> int:
        """Accept a signed delivery: stored durably, answered, worked off later; the status of the answer."""
        if request.method != "POST":
            return status.HTTP_405_METHOD_NOT_ALLOWED
        body = await _body(request)
        if body is None:
            return status.HTTP_413_CONTENT_TOO_LARGE
        if not self._verify(body, request.headers.get("x-enode-signature")):
            return status.HTTP_401_UNAUTHORIZED
        delivery_id = request.headers.get("x-enode-delivery")
        if not delivery_id:
            return status.HTTP_400_BAD_REQUEST
        await self._inbox.accept(delivery_id, body, self._now())
        self._arrived()
        return status.HTTP_200_OK


async def _body(request: Request) -> bytes | None:
    """The raw body; None once it is larger than a delivery can be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)
