"""Idempotency keys: a repeated POST gets the first answer again, and is not done again."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Header, Request, Response
from fastapi.routing import APIRoute

from gateway.api.problems import Refused, response_to
from gateway.api.services import caller_of, services
from storage.answers import FirstAnswer

HEADER = "idempotency-key"
LONGEST_KEY = 200

NOT_KEPT = frozenset({401, 403, 429})
"""Answers about the caller of the moment and not about the request. Failures (5xx) are not kept either."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=LONGEST_KEY,
        pattern="^[ -~]+$",
        description="A repeat with the same key is answered as the first request was, for three days.",
    ),
]


async def _documented(idempotency_key: IdempotencyKey = None) -> None:
    """Only for the OpenAPI document and its checks."""


documented_key = _documented


class OnceRoute(APIRoute):
    """A route whose POSTs may carry an idempotency key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if request.method != "POST" or key is None:
                return await handle(request)
            if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable() or not key.isascii():
                raise Refused(422, "invalid", f"an idempotency key has 1 to {LONGEST_KEY} printable characters")
            return await _once(request, key, handle)

        return once


async def _once(request: Request, key: str, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    api, caller = services(request), await caller_of(request)
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    first = await api.answers.begin(caller.actor, key, digest.hexdigest(), api.real_now())
    if first is not None:
        headers = {"Idempotent-Replayed": "true", **({"Location": first.location} if first.location else {})}
        return Response(first.body, first.status, headers, first.media_type)
    answer = None
    try:
        answer = await _answer(request, handle)
    finally:
        if answer is None or answer.status_code >= 500 or answer.status_code in NOT_KEPT:
            await api.answers.drop(caller.actor, key)
    if answer.status_code < 500 and answer.status_code not in NOT_KEPT:
        first = FirstAnswer(
            status=answer.status_code,
            media_type=answer.headers.get("content-type", ""),
            body=bytes(answer.body).decode(),
            location=answer.headers.get("location"),
        )
        await api.answers.keep(caller.actor, key, first)
    return answer


async def _answer(request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    try:
        return await handle(request)
    except Exception as error:
        answer = response_to(error)
        if answer is None:
            raise
        return answer
