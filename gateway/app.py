"""The HTTP application: routers put together, with the jobs that run as long as it does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

Job = Callable[[], Coroutine[Any, Any, None]]
"""Runs until it is cancelled."""


def create_app(routers: Sequence[APIRouter], jobs: Sequence[Job] = (), *, ahead: Sequence[Middleware] = ()) -> FastAPI:
    """An application of these routers, what stands `ahead` of them first; the jobs begin with it and end with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            for job in jobs:
                running.push_async_callback(_stop, asyncio.create_task(job()))
            yield

    app = FastAPI(title="Nightcharge gateway", lifespan=lifespan, openapi_url=None, middleware=list(ahead))
    for router in routers:
        app.include_router(router)
    return app


async def _stop(job: asyncio.Task[None]) -> None:
    job.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await job
