"""The HTTP application: webhooks in. The answer is given once the delivery is stored."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI, Request, Response, status

from domain.ports import Inbox
from gateway.intake import Intake

logger = logging.getLogger(__name__)

LARGEST_BODY = 2 * 1024 * 1024
"""A delivery of 100 events stays far below this [bytes]."""

RETRY_SECONDS = 1.0
"""Real time before the inbox is tried again after a failure."""


def create_app(
    *,
    inbox: Inbox,
    intake: Intake,
    verify: Callable[[bytes, str | None], bool],
    now: Callable[[], datetime],
    close: Callable[[], object] | None = None,
) -> FastAPI:
    """The application around an inbox. `verify` checks a signature header against the raw body."""
    arrived = asyncio.Event()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        pump = asyncio.create_task(_pump(intake, arrived))
        yield
        pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pump

    app = FastAPI(title="Nightcharge gateway", lifespan=lifespan, openapi_url=None)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/webhooks/enode")
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
        arrived.set()
        return Response(status_code=status.HTTP_200_OK)

    return app


async def _body(request: Request) -> bytes | None:
    """The raw body; None once it is larger than a delivery can be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


async def _pump(intake: Intake, arrived: asyncio.Event) -> None:
    """Work the inbox off whenever something arrived; what is left from before a restart comes first."""
    arrived.set()
    while True:
        await arrived.wait()
        arrived.clear()
        try:
            while await intake.work_off():
                pass
        except Exception:
            # Whatever it was, the deliveries are stored and stay pending.
            logger.exception("inbox stopped short", extra={"action": "intake_failed"})
            await asyncio.sleep(RETRY_SECONDS)
            arrived.set()
