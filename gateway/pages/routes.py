"""Routes whose errors are pages too."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from gateway.api.problems import response_to
from gateway.pages.render import page
from gateway.pages.words import speaker_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """Says what went wrong to people."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                known = response_to(error)
                if known is None:
                    raise
                return _failure(request, known.status_code, str(error))

        return shown


def _failure(request: Request, status: int, detail: str) -> Response:
    if request.url.path.startswith("/operator"):
        if status == 401:
            return RedirectResponse(f"/operator/login?next={quote(request.url.path)}", 303)
        title = HTTPStatus(status).phrase
        return page(request, "operator_error.html.jinja", status, title=title, detail=detail, csrf="")
    say = speaker_of(request)
    if status == 401:
        return page(request, "driver_open.html.jinja", status, say=say)
    if status == 404 and request.url.path == "/driver":
        return page(request, "driver_gone.html.jinja", status, say=say)
    kind = {403: "stale", 409: "refused", 422: "refused", 429: "busy", 503: "later"}.get(status, "missing")
    return page(request, "driver_error.html.jinja", status, say=say, kind=kind)
