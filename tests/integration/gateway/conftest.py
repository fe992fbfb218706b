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
from gateway.health import health
from gateway.intake import Intake
from gateway.server import parsed
from gateway.webhooks_in import webhooks_in
from providers.enode.mapping import WireMapping
from providers.enode.webhooks import verify
from storage.sql import SqlStore

SECRET = "a-secret-of-the-hook"
DEADLINE_SECONDS = 20.0


class Told:
    """The workflows: they note what they are told, or are out of reach."""

    def __init__(self) -> None:
        self.is_down = False
        self.is_over = False  # every session
        self.chokes_on: str | None = None  # a driver whose news always fails
        self.tries = 0
        self.readings: list[tuple[str, Any]] = []
        self.drivers: list[tuple[str, Any]] = []

    @property
    def seen(self) -> list[tuple[str, Any]]:
        return [(driver, event) for driver, event in self.drivers if event.type == "device_seen"]

    @property
    def gone(self) -> list[tuple[str, Any]]:
        return [(driver, event) for driver, event in self.drivers if event.type == "device_gone"]

    async def tell_session(self, session_id: str, event: Model) -> bool:
        return self._note(self.readings, session_id, event) and not self.is_over

    async def tell_driver(self, driver_id: str, event: Model) -> bool:
        return self._note(self.drivers, driver_id, event)

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

    def __init__(self, url: str, store: SqlStore, told: Told, intake: Intake) -> None:
        self.url, self.store, self.inbox, self.told, self.intake = url, store, store.inbox, told, intake

    async def deliver(self, *events: dict[str, Any], delivery: str = "d-1", secret: str = SECRET) -> int:
        """Send a signed delivery; the status of the answer."""
        body = json.dumps(events).encode()
        signature = "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
        return await self.post(body, {"x-enode-signature": signature, "x-enode-delivery": delivery})

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        async with httpx.AsyncClient(base_url=self.url) as http:
            return (await http.post("/webhooks/enode", content=body, headers=headers)).status_code

    async def health(self) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.url) as http:
            answer: dict[str, Any] = (await http.get("/health")).raise_for_status().json()
        return answer

    async def until(self, look: Callable[[], Awaitable[bool]]) -> None:
        deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        while not await look():
            assert asyncio.get_running_loop().time() < deadline, "nothing came within the deadline"
            await asyncio.sleep(0.01)

    async def worked_off(self) -> None:
        """Wait until no delivery is pending."""

        async def is_empty() -> bool:
            return await self.inbox.pending(10) == []

        await self.until(is_empty)


@asynccontextmanager
async def gateway_on(database: Path, told: Told) -> AsyncIterator[Gateway]:
    """Gateway up; gateway down at the end."""
    store = SqlStore(f"sqlite:///{database}")
    await store.create()
    now, inbox = Clock().now, store.inbox
    intake = Intake(inbox=inbox, workflows=told, parse=partial(parsed, mapping=WireMapping()), now=now)
    webhooks = webhooks_in(inbox, verify=partial(verify, SecretStr(SECRET)), now=now, arrived=intake.wake)
    app = create_app([health(inbox, now)], jobs=[intake.run], ahead=[webhooks])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield Gateway(f"http://127.0.0.1:{listener.getsockname()[1]}", store, told, intake)
    server.should_exit = True
    await serving
    await store.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def start_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Told], Any]:
    """Starts a gateway; a second one works on what the first left."""
    monkeypatch.setattr("gateway.intake.RETRY_SECONDS", 0.02)
    return partial(gateway_on, tmp_path / "gateway.db")


@pytest.fixture
async def gateway(start_gateway: Callable[[Told], Any], told: Told) -> AsyncIterator[Gateway]:
    async with start_gateway(told) as running:
        yield running
