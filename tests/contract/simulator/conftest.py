"""The simulator's API over a world moved by hand, and a receiver for its webhooks."""

import asyncio
import hashlib
import hmac
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from simulator.app import create_app
from simulator.http import Tokens
from simulator.scenario import Scenario, seed_users
from simulator.simulation import Simulation
from simulator.weather import Limits

STARTS_AT = datetime(2022, 12, 12, 17, 0, tzinfo=UTC)
DEADLINE_SECONDS = 5.0


class Api(httpx.AsyncClient):
    """An authorised client of the API that can also move the world."""

    async def sign_in(self, client_id: str = "sim", secret: str = "sim") -> "Api":
        answer = await self.post("/oauth2/token", auth=(client_id, secret), data={"grant_type": "client_credentials"})
        self.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    async def wait(self, **span: float) -> None:
        now = datetime.fromisoformat((await self.get("/admin/clock")).json()["now"])
        answer = await self.post("/admin/advance", json={"to": (now + timedelta(**span)).isoformat()})
        assert answer.status_code == 200

    async def device(self, kind: str, user_id: str = "sim-user-1") -> Any:
        return (await self.get(f"/users/{user_id}/{kind}s")).json()["data"][0]

    async def link(self, user_id: str, kind: str, vendor: str) -> str:
        """Links the vendor's devices of one kind; the first one's id."""
        scopes = [f"{kind}:read:data", f"{kind}:control:charging"]
        scopes += ["vehicle:read:location"] if kind == "vehicle" else []
        body = {"scopes": scopes, "language": "en-US", "redirectUri": "http://127.0.0.1/back"}
        session = (await self.post(f"/users/{user_id}/link", json=body)).json()
        done = await self.post(f"/admin/links/{session['linkToken']}/complete", json={"vendor": vendor})
        return str(done.json()["device_ids"][0])


@pytest.fixture(scope="session")
def app() -> FastAPI:
    """The application, built once: its routes take longer to build than most tests to run."""
    return create_app(starts_at=STARTS_AT)


@pytest.fixture
async def make_api(app: FastAPI) -> AsyncIterator[Callable[..., Awaitable[Api]]]:
    """Builds the API of a scenario; two seeded users if none is given."""
    opened: list[Any] = []

    async def build(scenario: Scenario | None = None, *, signs_in: bool = True) -> Api:
        app.state.simulation = Simulation(scenario or Scenario(users=seed_users(2)), None, starts_at=STARTS_AT)
        app.state.tokens, app.state.limits = Tokens(), Limits()
        app.state.seen.clear()
        context = app.router.lifespan_context(app)
        await context.__aenter__()
        api = Api(transport=httpx.ASGITransport(app), base_url="http://simulator.test")
        opened.append((context, api))
        return await api.sign_in() if signs_in else api

    yield build
    for context, api in reversed(opened):
        await api.aclose()
        await context.__aexit__(None, None, None)


@pytest.fixture
async def api(make_api: Callable[..., Awaitable[Api]]) -> Api:
    """The API of two seeded users."""
    return await make_api()


class Receiver:
    """An HTTP server on the loopback that keeps what it is sent and answers as told."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []  # used up first; then 200
        self.url = ""

    @property
    def events(self) -> list[Any]:
        return [event for _, body in self.deliveries for event in json.loads(body)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.deliveries.append((headers, body))
                status = self.answers.pop(0) if self.answers else 200
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def got(self, count: int) -> list[Any]:
        """All events once there are `count`; fails after a deadline."""
        return await eventually(lambda: self.events if len(self.events) >= count else None)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A webhook target on a free port."""
    target = Receiver()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    target.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    yield target
    server.close()


async def _seen(look: Callable[[], Any]) -> Any:
    seen = look()
    return await seen if inspect.isawaitable(seen) else seen


async def eventually(look: Callable[[], Any]) -> Any:
    """What `look` (plain or async) returns once it is not None."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
    while (seen := await _seen(look)) is None:
        assert asyncio.get_running_loop().time() < deadline, "nothing came within the deadline"
        await asyncio.sleep(0.01)
    return seen


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    """Polls until something is there."""
    return eventually


@pytest.fixture
def signed() -> Callable[[str, bytes], str]:
    """The signature a receiver computes, written down independently of the sender."""
    return lambda secret, body: "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
