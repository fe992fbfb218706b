"""The API on an application: routes, errors, headers, and the OpenAPI document."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api import drivers, hooks, live, nights, problems, programs, publishing, sessions
from gateway.api.problems import MEDIA_TYPE, Problem
from gateway.api.services import Services
from gateway.schemas import exact

PREFIX = "/v1"

LARGEST_BODY = 64 * 1024
"""No request of the API is larger [bytes]."""

SECURE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Set on every answer that does not bring its own."""


def mount(app: FastAPI, services: Services) -> None:
    """Put the API onto `app`, beside whatever is there."""
    app.state.services = services
    for module in (programs, publishing, drivers, sessions, nights, hooks, live):
        app.include_router(module.router)
    problems.install(app, PREFIX)
    app.add_middleware(Guard)

    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    async def document() -> JSONResponse:
        return JSONResponse(openapi_of(app))


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of what stands below `/v1`."""
    found = get_openapi(
        title="Nightcharge",
        version="1",
        description="Smart charging of electric cars at home. Bearer tokens: a program's API key, or a driver's link.",
        routes=app.routes,
    )
    found["paths"] = {path: known for path, known in found["paths"].items() if path.startswith(PREFIX)}
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for path in found["paths"].values():
        for method, operation in path.items():
            operation["responses"].setdefault("413", {"description": "Too large", "content": _as_problem()})
            if method == "post":  # at least the idempotency key may clash
                operation["responses"].setdefault("409", {"description": "Conflict", "content": _as_problem()})
    document: dict[str, Any] = exact(found)
    return document


def _as_problem() -> dict[str, Any]:
    return {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


class Guard:
    """Before any route: no NUL in an address, no endless body. After: secure headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURE.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["path"].startswith(PREFIX):
            refused = _refusal(scope)
            if refused is not None:
                answer = problems.response_to(refused)
                assert answer is not None
                await answer(scope, receive, secured)
                return
            receive = _limited(receive)
        await self._app(scope, receive, secured)


def _refusal(scope: Scope) -> problems.Refused | None:
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        return problems.Refused(400, "invalid", "no NUL in addresses")
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        return problems.Refused(413, "too-large", f"at most {LARGEST_BODY} bytes")
    return None


def _limited(receive: Receive) -> Receive:
    """A body without a length ends where it grows too large."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_BODY:
            raise HTTPException(413, f"at most {LARGEST_BODY} bytes")  # else the framework would make it a 400
        return message

    return limited
