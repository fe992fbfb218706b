"""Errors as `application/problem+json` (RFC 9457). Which error gets which status is decided here and nowhere else."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from client import ActionRefused, EngineUnavailable, UnknownWorkflow
from domain.errors import CallerError, NightchargeError, PermanentError, RateLimited, RetryableError
from domain.model import Model
from storage.answers import OtherRequest, StillAsked

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER_SECONDS = 5
"""When a passing failure does not say itself when to come back."""


class Problem(Model):
    """What went wrong, for programs (`type`) and people (`title`, `detail`)."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: tuple["FieldError", ...] = ()


class FieldError(Model):
    """What is wrong with one field. It never repeats the value."""

    field: str
    message: str


class Refused(NightchargeError):
    """An error that was born as an answer: status, kind and words."""

    def __init__(self, status: int, kind: str, detail: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail or kind)
        self.status, self.kind, self.headers = status, kind, headers or {}


def not_found(what: str) -> Refused:
    """Also the answer for what belongs to another program: it must not be told that it exists."""
    return Refused(404, "not-found", f"no such {what}")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These answers for the OpenAPI document."""
    schema = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": schema} for status in statuses}


EVERYWHERE = documented(400, 401, 403, 404, 422, 429, 503)
"""What any route may answer."""


def response_to(error: Exception) -> Response | None:
    """The answer to an error of ours; None: it is a bug and not to be dressed up."""
    match error:
        case Refused():
            return _response(error.status, error.kind, str(error), headers=error.headers)
        case RequestValidationError() | ValidationError():
            fields = tuple(
                FieldError(field=".".join(map(str, one["loc"])), message=one["msg"]) for one in error.errors()
            )
            return _response(422, "invalid", "the request does not fit the schema", errors=fields)
        case HTTPException():
            return _response(error.status_code, "http", str(error.detail), headers=dict(error.headers or {}))
        case UnknownWorkflow():
            return _response(404, "not-found", str(error))
        case ActionRefused():
            return _response(409, "refused", str(error))
        case OtherRequest() | StillAsked():
            return _response(409, "idempotency", str(error))
        case CallerError():
            return _response(409, "refused", str(error))
        case RateLimited() | RetryableError() | EngineUnavailable():
            seconds = error.retry_after.total_seconds() if error.retry_after else RETRY_AFTER_SECONDS
            kind = "try-again"
            return _response(503, kind, str(error), headers={"Retry-After": str(max(1, round(seconds)))})
        case PermanentError():
            return _response(409, type(error).__name__, str(error))
        case _:
            return None


def install(app: FastAPI, prefix: str) -> None:
    """Answer errors below `prefix` this way; what stands beside keeps its own."""

    def handler(
        others: Callable[[Request, Any], Awaitable[Response]] | None,
    ) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handle(request: Request, error: Exception) -> Response:
            is_ours = request.url.path.startswith(prefix)
            answer = response_to(error) if is_ours or others is None else await others(request, error)
            return answer or _response(500, "bug", "this was not meant to happen")

        return handle

    app.add_exception_handler(NightchargeError, handler(None))
    app.add_exception_handler(RequestValidationError, handler(None))
    app.add_exception_handler(HTTPException, handler(http_exception_handler))


def _response(
    status: int,
    kind: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: tuple[FieldError, ...] = (),
) -> Response:
    problem = Problem(
        type=f"urn:nightcharge:problem:{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=errors,
    )
    return Response(problem.model_dump_json(), status, headers, MEDIA_TYPE)
