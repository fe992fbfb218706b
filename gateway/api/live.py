"""Live updates: a driver's journey and sessions as server-sent events, each sent when it changes."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from client import UnknownWorkflow
from domain.errors import RetryableError
from domain.model import Model
from gateway.api.problems import EVERYWHERE, Refused
from gateway.api.services import Api, OwnDriver, Reader, Services
from gateway.api.views import SessionView
from storage.tenants import DriverRecord

router = APIRouter(prefix="/v1/drivers/{driver_id}", tags=["live"], responses=EVERYWHERE)

RETRY_MS = 2_000
"""Browsers come back after so long when a stream ends."""

QUIET_ROUNDS = 15
"""Rounds without news after which a comment keeps proxies from closing the stream."""


@router.get("/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def follow(driver: OwnDriver, _: Reader, api: Api) -> StreamingResponse:
    """Events `journey` and `session` (JSON as the routes of these names give it), at first and at every change."""
    if api.streams >= api.config.most_streams:
        raise Refused(503, "try-again", "too many streams", headers={"Retry-After": "30"})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(api, driver), media_type="text/event-stream", headers=headers)


async def _stream(api: Services, driver: DriverRecord) -> AsyncIterator[str]:
    api.streams += 1
    try:
        yield f"retry: {RETRY_MS}\n\n"
        known: dict[str, str] = {}
        rounds = max(1, round(api.config.stream_seconds / api.config.stream_every_seconds))
        quiet = 0
        for _ in range(rounds):
            news = [piece async for piece in _changed(api, driver, known)]
            quiet = 0 if news else quiet + 1
            for piece in news:
                yield piece
            if quiet >= QUIET_ROUNDS:
                quiet = 0
                yield ": still here\n\n"
            await asyncio.sleep(api.config.stream_every_seconds)
    finally:
        api.streams -= 1


async def _changed(api: Services, driver: DriverRecord, known: dict[str, str]) -> AsyncIterator[str]:
    """What is not as it was when it was last sent."""
    try:
        async for name, value in _present(api, driver):
            body = value.model_dump_json()
            key = f"{name} {getattr(value, 'id', '')}"
            if known.get(key) != body:
                known[key] = body
                yield f"event: {name}\ndata: {body}\n\n"
    except RetryableError:
        return  # the next round tries again


async def _present(api: Services, driver: DriverRecord) -> AsyncIterator[tuple[str, Model]]:
    try:
        yield "journey", await api.workflows.journey(driver.id)
        state = await api.workflows.driver_state(driver.id)
    except UnknownWorkflow:
        return
    for opened in state.sessions.values():
        try:
            yield "session", SessionView.of(await api.workflows.session_state(opened.session_id))
        except UnknownWorkflow:
            continue
