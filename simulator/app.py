"""The simulator as a web application."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from domain.clock import Clock
from simulator import (
    admin,
    api_devices,
    api_locations,
    api_schedules,
    api_service,
    api_tariffs,
    api_users,
    api_webhooks,
    linkpage,
)
from simulator.http import Tokens
from simulator.problems import Refused
from simulator.scenario import Scenario
from simulator.simulation import Simulation
from simulator.weather import KEPT_REQUESTS, Limits, RequestLog
from simulator.wire import problem
from simulator.world import UnknownBody

ROUTERS = (
    api_service.router,
    api_users.router,
    api_devices.router,
    api_locations.router,
    api_webhooks.router,
    api_schedules.router,
    api_tariffs.router,
    linkpage.router,
    admin.router,
)


def create_app(
    scenario: Scenario | None = None, clock: Clock | None = None, *, starts_at: datetime | None = None
) -> FastAPI:
    """The application of one world. Without a clock here or in the scenario, `POST /admin/advance` moves it."""
    app = FastAPI(title="Nightcharge simulator", lifespan=_lifespan, docs_url=None, redoc_url=None)
    chosen = scenario or Scenario()
    app.state.tokens, app.state.limits = Tokens(), Limits()
    app.state.seen = deque(maxlen=KEPT_REQUESTS)
    app.add_middleware(RequestLog, seen=app.state.seen)
    app.state.simulation = Simulation(chosen, clock or chosen.clock, starts_at=starts_at)

    async def restart(new: Scenario, new_clock: Clock | None) -> None:
        # Build first: a scenario that does not hold together leaves the old world running.
        fresh = Simulation(new, new_clock, starts_at=starts_at)
        await app.state.simulation.stop()
        app.state.simulation, app.state.limits = fresh, Limits()
        app.state.seen.clear()
        fresh.start()

    app.state.restart = restart
    for router in ROUTERS:
        app.include_router(router)
    _handle_errors(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.simulation.start()
    try:
        yield
    finally:
        await app.state.simulation.stop()


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return JSONResponse(error.body, status_code=error.status, headers=error.headers)

    @app.exception_handler(UnknownBody)
    async def unknown(request: Request, error: UnknownBody) -> Response:
        return JSONResponse(problem("not-found", "Unknown car or box", f"There is no {error}"), status_code=404)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        issues = [{"path": [str(step) for step in e["loc"]], "message": e["msg"]} for e in error.errors()]
        detail = "The request does not match the API's schema."
        return JSONResponse(problem("bad-request", "Validation failed", detail, issues), status_code=400)

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        kind = "not-found" if error.status_code == 404 else "bad-request"
        body = problem(kind, str(error.detail), f"{request.method} {request.url.path}")
        return JSONResponse(body, status_code=error.status_code, headers=error.headers)
