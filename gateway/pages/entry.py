"""Who looks at a page: cookies that only the browser holds, and what keeps strangers from posting forms.

A driver's cookie is the short-lived link itself. An operator's names a key, never holds it: a revoked key ends it.
"""

import base64
import hmac
import json
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends, Request, Response
from pydantic import ValidationError

from domain.model import Model
from gateway.api.access import LINK_PREFIX, Principal, Scope, unauthorized
from gateway.api.problems import Refused, not_found
from gateway.api.services import Api, Services
from storage.tenants import DriverRecord

DRIVER_COOKIE, OPERATOR_COOKIE, LANGUAGE_COOKIE = "nightcharge_driver", "nightcharge_operator", "nightcharge_language"

OPERATOR_STAYS = timedelta(hours=8)

OPERATOR_SCOPES = frozenset({Scope.READ, Scope.EXPORT})
"""Reads of many drivers at once: what the operator page shows."""

LARGEST_FORM = 16 * 1024
"""No form of the pages is larger [bytes]."""

Form = dict[str, str]


class _Visit(Model):
    """What an operator's cookie says, readable by whoever holds it."""

    k: str  # key
    e: int  # end [Unix seconds]


class Visitor(Model):
    """Who looks, and the mark that their forms bear."""

    caller: Principal
    csrf: str


async def _driver_visitor(request: Request, api: Api) -> Visitor:
    token = request.cookies.get(DRIVER_COOKIE, "")
    if not token.startswith(LINK_PREFIX):
        raise unauthorized()
    caller = await api.access.principal(token, api.real_now())
    api.limits.take(f"page:{caller.actor}", api.config.per_driver)
    return Visitor(caller=caller, csrf=csrf_of(api, token))


DriverVisitor = Annotated[Visitor, Depends(_driver_visitor)]


async def _shown_driver(visitor: DriverVisitor, api: Api) -> DriverRecord:
    """The driver whom the visitor's link opens."""
    driver = await api.tenants.driver(visitor.caller.program, visitor.caller.driver_id or "")
    if driver is None:
        raise not_found("driver")
    return driver


ShownDriver = Annotated[DriverRecord, Depends(_shown_driver)]


async def _operator_visitor(request: Request, api: Api) -> Visitor:
    token = request.cookies.get(OPERATOR_COOKIE, "")
    caller = await _operator(api, token, api.real_now())
    if caller is None:
        raise unauthorized()
    api.limits.take(f"page:{caller.actor}", api.config.per_key)
    return Visitor(caller=caller, csrf=csrf_of(api, token))


OperatorVisitor = Annotated[Visitor, Depends(_operator_visitor)]


async def _operator(api: Services, token: str, now: datetime) -> Principal | None:
    payload, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), api.access.sign("operator", payload).encode()):
        return None
    try:
        said = _Visit.model_validate(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    except (ValueError, ValidationError):
        return None
    key = await api.tenants.key(said.k)
    if key is None or now.timestamp() >= said.e or not key.is_valid(now):
        return None
    caller = Principal(program=key.program, actor=f"key:{key.id}", scopes=key.scopes)
    return caller if is_operator(caller) else None


def is_operator(caller: Principal) -> bool:
    return caller.driver_id is None and all(caller.may(scope) for scope in OPERATOR_SCOPES)


def operator_token(api: Services, caller: Principal) -> str:
    """A signed cookie that stands for the caller's key, for some hours."""
    ends_at = api.real_now() + OPERATOR_STAYS
    said = _Visit(k=caller.actor.removeprefix("key:"), e=int(ends_at.timestamp()))
    payload = base64.urlsafe_b64encode(said.model_dump_json().encode()).rstrip(b"=").decode()
    return f"{payload}.{api.access.sign('operator', payload)}"


def csrf_of(api: Services, token: str) -> str:
    """The mark of this visitor's forms; only who can read our pages knows it."""
    return api.access.sign("csrf", token)


def keep(response: Response, name: str, value: str, api: Services, *, path: str, seconds: int | None = None) -> None:
    """Set a cookie that no script can read. It comes along when a vendor's page leads back here, with no post."""
    is_secure = api.config.public_url.startswith("https:")
    response.set_cookie(name, value, max_age=seconds, path=path, secure=is_secure, httponly=True, samesite="lax")


async def form_of(request: Request) -> Form:
    """The fields of a form that one of our own pages sent; of repeated ones the last.

    Raises:
        Refused: it came from elsewhere (403), or is too large (413).
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused(403, "forbidden", "this form came from another site")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_FORM:
            raise Refused(413, "too-large", f"at most {LARGEST_FORM} bytes")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    return {name: values[-1] for name, values in fields.items()}


async def own_form(request: Request, visitor: Visitor) -> Form:
    """A form that bears the visitor's mark.

    Raises:
        Refused: it does not (403).
    """
    form = await form_of(request)
    if not hmac.compare_digest(form.get("csrf", "").encode(), visitor.csrf.encode()):
        raise Refused(403, "forbidden", "this form is no longer valid: open the page again")
    return form
