"""Webhooks in: who may deliver, and the answer, which is given once the delivery is stored."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request, Response, status

from domain.inbox import Inbox

LARGEST_BODY = 2 * 1024 * 1024
"""A delivery of 100 events stays far below this [bytes]."""


def webhooks_in(
    inbox: Inbox,
    *,
    verify: Callable[[bytes, str | None], bool],
    now: Callable[[], datetime],
    arrived: Callable[[], None],
) -> APIRouter:
    """The vendor's way in. `verify` checks a signature header against the raw body; `arrived` hears of good ones."""
    router = APIRouter()

    @router.post("/webhooks/enode", include_in_schema=False)
    async def receive(request: Request) -> Response:
        """Accept a signed delivery: stored durably, answered, worked off later."""
        body = await _body(request)
        if body is None:
            return Response(status_code=status.HTTP_413_CONTENT_TOO_LARGE)
        if not verify(body, request.headers.get("x-enode-signature")):
            return Response(status_code=status.HTTP_401_UNAUTHORIZED)
        delivery_id = request.headers.get("x-enode-delivery")
        if not delivery_id:
            return Response(status_code=status.HTTP_400_BAD_REQUEST)
        await inbox.accept(delivery_id, body, now())
        arrived()
        return Response(status_code=status.HTTP_200_OK)

    return router


async def _body(request: Request) -> bytes | None:
    """The raw body; None once it is larger than a delivery can be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)
