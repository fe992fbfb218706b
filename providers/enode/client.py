"""One HTTP call to Enode: authorised, bounded in time and size, its answer judged.

Nothing here knows devices; `provider` says what to call and what it means.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from domain.clock import Clock
from domain.errors import CallerError, MalformedReply, NightchargeError, RetryableError, Unauthorized
from providers.enode import schemas
from providers.enode.auth import TokenSource
from providers.enode.errors import (
    Kind,
    Outcome,
    error_of,
    held_back,
    judge,
    retry_after,
    transport_error,
    unreadable,
    weigh,
)
from providers.enode.settings import EnodeSettings
from providers.enode.surprises import Surprises
from providers.traffic import NOBODY, Gate, Held, Party, Result

W = TypeVar("W", bound=BaseModel)

_BROKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
"""Broken connections, on which a read is tried once more. Most often the server had closed a kept connection."""


@dataclass(frozen=True)
class Call:
    """A request. `template` names the path with `{}` for each of `ids`; it is what errors and logs show."""

    kind: Kind
    method: str
    template: str
    ids: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)

    @property
    def label(self) -> str:
        return f"{self.method} {self.template.replace('{}', '{id}')}"

    @property
    def path(self) -> str:
        return self.template.format(*(_segment(one) for one in self.ids))

    @property
    def is_safe(self) -> bool:
        """True if it changes nothing, so that sending it twice is harmless."""
        return self.method == "GET"


@dataclass(frozen=True)
class Reply:
    """A good answer, or an outcome with the vendor's problem."""

    label: str
    body: Any = field(default=None, repr=False)
    outcome: Outcome | None = None
    problem: schemas.Problem = field(default_factory=schemas.Problem, repr=False)

    def read(self, wire: type[W], surprises: Surprises | None = None) -> W:
        """The body as a wire model.

        Raises:
            MalformedReply: it does not fit.
        """
        try:
            return wire.model_validate(self.body, context=surprises)
        except ValidationError as error:
            raise _malformed(self.label, error) from None  # the original quotes what the vendor sent


class EnodeClient:
    """Calls Enode. Give it an `http` to share or fake one; it closes only its own.

    Args:
        clock: world time; readings, token lifetimes and Retry-After are in it. Timeouts are real.
    """

    def __init__(
        self, settings: EnodeSettings, http: httpx.AsyncClient | None = None, *, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.now: Callable[[], datetime] = (clock or Clock()).now
        self._owns_http = http is None
        self._http = http or _new_http(settings)
        self._timeout = _timeout(settings)
        self.gate = Gate(settings.traffic, lambda: self.now())
        self._tokens = TokenSource(self._fetch_token, lambda: self.now())

    def __repr__(self) -> str:
        return f"EnodeClient(base_url={self.settings.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, if they are ours."""
        if self._owns_http:
            await self._http.aclose()

    async def call(self, call: Call, party: Party = NOBODY) -> Reply:
        """The answer.

        A refused token is renewed once and the call repeated, commands too: a call refused at the door had no effect.
        Nothing else but reads on broken connections is ever repeated here.

        Args:
            party: whose account it is about, as far as known; bans, budget and breaker go by it.

        Raises:
            RetryableError, PermanentError: by the table in `errors`, or because the gate holds the call back.
        """
        token = await self._token()
        try:
            return await self._attempt(call, party, token)
        except Unauthorized:
            self._tokens.reject(token)
        return await self._attempt(call, party, await self._token())

    async def pages(self, call: Call, party: Party = NOBODY) -> AsyncIterator[Any]:
        """The raw items of a paged list, page after page.

        Raises:
            MalformedReply: a page does not parse, or the cursor leads in a circle.
        """
        cursors: set[str] = set()
        query = {**call.query, "pageSize": str(self.settings.page_size)}
        while True:
            reply = await self.call(Call(call.kind, call.method, call.template, call.ids, query), party)
            if reply.outcome is Outcome.GONE:
                return
            page = reply.read(schemas.Page)
            for item in page.data:
                yield item
            after = page.pagination.after if page.pagination else None
            if not after:
                return
            if after in cursors or len(cursors) >= self.settings.max_pages:
                raise MalformedReply(f"{call.label}: the list does not end")
            cursors.add(after)
            query = {**query, "after": after}

    async def _token(self) -> str:
        try:
            return await self._tokens.token()
        except RetryableError as error:
            error.changed_nothing = True  # nobody was asked for anything but a token
            raise

    async def _attempt(self, call: Call, party: Party, token: str) -> Reply:
        """The call through the gate, which hears how it ended."""
        is_command = call.kind in (Kind.COMMAND, Kind.CANCEL)
        try:
            async with self.gate.ticket(party, command=is_command) as ticket:
                try:
                    reply = self._judged(call.kind, call.label, await self._send_once_or_twice(call, token))
                except NightchargeError as error:
                    ticket.settle(*weigh(call.kind, error))
                    raise
                ticket.settle(Result.NEUTRAL if reply.outcome is Outcome.REFUSED else Result.OK)
                return reply
        except Held as held:
            raise held_back(held, call.label) from None

    async def _send_once_or_twice(self, call: Call, token: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        if self.settings.api_version:
            headers["enode-version"] = self.settings.api_version
        request = {
            "method": call.method,
            "url": self.settings.base_url.rstrip("/") + call.path,
            "params": call.query or None,
            "headers": headers,
            "json": call.body,
        }
        self.gate.retries.earn()
        try:
            return await self._send(**request)
        except _BROKEN as error:
            if not (call.is_safe and self.gate.retries.spend()):
                raise transport_error(error, call.label) from None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise transport_error(error, call.label) from None
        try:
            return await self._send(**request)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise transport_error(error, call.label) from None

    async def _send(self, **request: Any) -> httpx.Response:
        """One exchange, bounded as a whole; a reply above the size limit is cut off as malformed."""
        async with asyncio.timeout(self.settings.call_timeout_seconds):
            stream = self._http.stream(timeout=self._timeout, follow_redirects=False, **request)
            async with stream as response:
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > self.settings.max_reply_bytes:
                        raise MalformedReply("reply too large")
                return httpx.Response(response.status_code, headers=_plain(response.headers), content=bytes(content))

    async def _fetch_token(self) -> schemas.Token:
        label = "POST token"
        credentials = f"{self.settings.client_id}:{self.settings.client_secret.get_secret_value()}"
        try:
            response = await self._send(
                method="POST",
                url=self.settings.token_url,
                headers={"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()},
                data={"grant_type": "client_credentials"},
            )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise transport_error(error, label) from None
        return self._judged(Kind.TOKEN, label, response).read(schemas.Token)

    def _judged(self, kind: Kind, label: str, response: httpx.Response) -> Reply:
        if response.is_success:
            return Reply(label, body=_json(label, response))
        problem = _problem(response)
        means = judge(kind, response.status_code, problem)
        if not isinstance(means, Outcome):
            raise error_of(means, label, response.status_code, problem, retry_after(response.headers, self.now()))
        body = _json(label, response) if means is Outcome.RESOLVED else None
        return Reply(label, body=body, outcome=means, problem=problem)


def _malformed(label: str, error: ValidationError) -> MalformedReply:
    """The error without the values: which fields did not fit."""
    places = sorted({".".join(map(str, one["loc"])) or "body" for one in error.errors(include_input=False)})
    return MalformedReply(f"{label}: {', '.join(places)[:120]}")


def _read_json(body: bytes) -> Any:
    return json.loads(schemas.whole_text(body))


def _json(label: str, response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return _read_json(response.content)
    except (ValueError, RecursionError):
        raise unreadable(label, response.headers.get("content-type", "")) from None


def _problem(response: httpx.Response) -> schemas.Problem:
    """The problem told, or an empty one: an error's body is never needed to know that it is an error."""
    try:
        return schemas.Problem.model_validate(_read_json(response.content))
    except (ValueError, RecursionError):
        return schemas.Problem()


def _segment(value: str) -> str:
    """One path segment. Driver ids are whatever the customer chose, so everything is escaped."""
    if value in ("", ".", ".."):  # these would change the path itself
        raise CallerError("an id can't be empty or made of dots")
    return quote(value, safe="")


def _plain(headers: httpx.Headers) -> httpx.Headers:
    """Headers of a body that is decoded already."""
    gone = ("content-encoding", "content-length", "transfer-encoding")
    return httpx.Headers([(name, value) for name, value in headers.multi_items() if name not in gone])


def _timeout(settings: EnodeSettings) -> httpx.Timeout:
    return httpx.Timeout(
        connect=settings.connect_timeout_seconds,
        read=settings.read_timeout_seconds,
        write=settings.read_timeout_seconds,
        pool=settings.pool_timeout_seconds,
    )


def _new_http(settings: EnodeSettings) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=settings.max_connections, max_keepalive_connections=settings.max_connections)
    return httpx.AsyncClient(timeout=_timeout(settings), limits=limits, follow_redirects=False, trust_env=False)
