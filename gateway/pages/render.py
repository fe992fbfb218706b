"""Templates, headers and static files of the pages."""

import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "permissions-policy": "geolocation=(self), camera=(), microphone=(), payment=()",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""The API's secure headers hold here too, where a page needs none of its own."""

STATIC = "/pages"
FOREVER = "public, max-age=31536000, immutable"


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """The template as an answer. Asked again with its tag, an unchanged page is not sent again."""
    body = _environment().get_template(template).render(**values)
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {**HEADERS, "etag": tag}
    if status == 200 and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, "text/html; charset=utf-8")


class Static(StaticFiles):
    """Files under addresses that change with their content, so that browsers may keep them."""

    def __init__(self) -> None:
        super().__init__(packages=[("gateway.pages", "static")])

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        if answer.status_code == 200:
            answer.headers["cache-control"] = FOREVER if b"v=" in scope.get("query_string", b"") else "no-cache"
        return answer


@cache
def static_url(name: str) -> str:
    """Where a static file is, with a mark of its content."""
    body = resources.files("gateway.pages").joinpath("static", name).read_bytes()
    return f"{STATIC}/{name}?v={hashlib.sha256(body).hexdigest()[:12]}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gateway.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_url
    environment.filters["json"] = lambda value: json.dumps(value, separators=(",", ":"))
    return environment
