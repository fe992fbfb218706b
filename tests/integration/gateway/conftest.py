"""The gateway on a real socket and a real file, before workflows that only note what they are told."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from temporalio.service import RPCError, RPCStatusCode

from domain.clock import Clock
from domain.model import Model
from gateway.app import create_app
from gateway.intake import Intake
from providers.enode.mapping import WireMapping
from providers.enode.webhooks import parse_delivery, verify
from storage.sql import SqlStore

SECRET = "a-secret-of-the-hook"
DEADLINE_SECONDS = 10.0


class Told:
    """The workflows' client: notes what is passed on, or is down."""

    def __init__(self) -> None:
        self.is_down = False
        self.is_over = False  # every session
        self.chokes_on: str | None = None  # a driver whose news always fails
        self.tries = 0
        self.readings: list[tuple[str, Any]] = []
        self.seen: list[tuple[str, Any]] = []
        self.gone: list[tuple[str, Any]] = []

    async def reading(self, session: str, event: Model) -> bool:
        return self._note(self.readings, session, event) and not self.is_over

    async def device_seen(self, driver: str, event: Model) -> bool:
        return self._note(self.seen, driver, event)

    async def device_gone(self, driver: str, event: Model) -> bool:
        return self._note(self.gone, driver, event)

    def _note(self, notes: list[tuple[str, Any]], whom: str, event: Model) -> bool:
        self.tries += 1
        if self.is_down:
            raise RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")
        if whom == self.chokes_on:
            raise ValueError("no such news can be told")
        notes.append((whom, event))
        return True


class Gateway:
    """A running gateway, its books and what its workflows were told."""

    def __init__(self, url: str, store: SqlStore, told: Told) -> None:
        self.url, self.store, self.told = url, store, told

    async def deliver(self, *events: dict[str, Any], delivery: str = "d-1", secret: str = SECRET) -> int:
        """Send a signed delivery; the status of the answer."""
        body = json.dumps(events).encode()
        signature = "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
        return await self.post(body, {"x-enode-signature": signature, "x-enode-delivery": delivery})

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        async with httpx.AsyncClient(base_url=self.url) as http:
            return (await http.post("/webhooks/enode", content=body, headers=headers)).status_code

    async def until(self, look: Callable[[], Awaitable[bool]]) -> None:
        deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        while not await look():
            assert asyncio.get_running_loop().time() < deadline, "nothing came within the deadline"
            await asyncio.sleep(0.01)

    async def worked_off(self) -> None:
        """Wait until no delivery is pending."""

        async def is_empty() -> bool:
            return await self.store.pending(10) == []

        await self.until(is_empty)


@asynccontextmanager
async def gateway_on(database: Path, told: Told) -> AsyncIterator[Gateway]:
    """Gateway up; gateway down at the end."""
    store = SqlStore(f"sqlite:///{database}")
    await store.create()
    intake = Intake(
        inbox=store,
        readings=store,
        watches=store,
        workflows=told,
        parse=partial(parse_delivery, mapping=WireMapping()),
        now=Clock().now,
    )
    app = create_app(inbox=store, intake=intake, verify=partial(verify, SecretStr(SECRET)), now=Clock().now)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield Gateway(f"http://127.0.0.1:{listener.getsockname()[1]}", store, told)
    server.should_exit = True
    await serving
    await store.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def start_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Told], Any]:
    """Starts a gateway; a second one works on what the first left."""
    monkeypatch.setattr("gateway.app.RETRY_SECONDS", 0.02)
    return partial(gateway_on, tmp_path / "gateway.db")


@pytest.fixture
async def gateway(start_gateway: Callable[[Told], Any], told: Told) -> AsyncIterator[Gateway]:
    async with start_gateway(told) as running:
        yield running
