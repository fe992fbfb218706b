"""The real client on the real simulator, over a world whose time the test moves: every request is on record."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from domain.devices import Side
from domain.errors import NightchargeError
from providers.enode import EnodeClient, EnodeProvider, EnodeSettings
from simulator.app import create_app
from simulator.faults import FAULT
from simulator.http import Tokens
from simulator.scenario import Scenario, seed_users
from simulator.simulation import Simulation
from simulator.weather import Limits, Seen

STARTS_AT = datetime(2022, 12, 12, 18, 0, tzinfo=UTC)
DRIVERS = 20


class Wire(httpx.ASGITransport):
    """Counts requests as they are sent: what is never answered is not on the platform's record."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app)
        self.sent: list[str] = []
        self.in_flight = self.most_in_flight = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.url.path)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await super().handle_async_request(request)
        finally:
            self.in_flight -= 1


class Sky:
    """Drivers with one TESLA and one ZAPTEC each, weather over them, and what reached the platform."""

    def __init__(self, app: FastAPI, drivers: int) -> None:
        self._app = app
        self.sim = Simulation(Scenario(users=seed_users(drivers)), None, starts_at=STARTS_AT)
        app.state.simulation, app.state.tokens, app.state.limits = self.sim, Tokens(), Limits()
        app.state.seen.clear()
        self.wire = Wire(app)
        self.drivers = [f"sim-user-{n}" for n in range(1, drivers + 1)]
        self.ids: dict[tuple[str, Side], str] = {}

    def client(self, **changes: Any) -> EnodeProvider:
        settings = EnodeSettings(
            client_id="sim",
            client_secret=SecretStr("sim"),
            base_url="http://127.0.0.1",
            token_url="http://127.0.0.1/oauth2/token",
            identity_salt=SecretStr("salt"),
        ).model_copy(update=changes)
        client = EnodeClient(settings, httpx.AsyncClient(transport=self.wire))
        client.now = lambda: self.now
        return EnodeProvider(client)

    async def begin(self, provider: EnodeProvider) -> EnodeProvider:
        """Learn whose devices are whose, as a first evening does; the record starts afterwards."""
        for driver in self.drivers:
            for side in Side:
                [device] = await provider.list_devices(driver, side)
                self.ids[driver, side] = device.id
        self._app.state.seen.clear()
        return provider

    @property
    def now(self) -> datetime:
        return self.sim.now()

    def pass_time(self, **span: float) -> None:
        self.sim.step(self.now + timedelta(**span))

    def brew(self, kind: str, **fault: Any) -> str:
        """Put a fault in force; its id."""
        return self.sim.faults.add(FAULT.validate_python({"kind": kind, **fault})).id

    def clear_up(self, fault_id: str) -> None:
        assert self.sim.faults.remove(fault_id)

    def revoke_tokens(self) -> None:
        self._app.state.tokens.revoke_all()

    def asked(self, *devices: str, since: datetime | None = None) -> list[Seen]:
        """Requests about these devices (none named: about any), tokens apart; later than `since` if given."""
        return [
            seen
            for seen in self._app.state.seen
            if "/oauth2/" not in seen.path
            and (not devices or any(device in seen.path for device in devices))
            and (since is None or seen.at > since)
        ]

    def logins(self) -> int:
        return sum("/oauth2/" in seen.path for seen in self._app.state.seen)

    def forget(self) -> None:
        self._app.state.seen.clear()

    def of(self, side: Side, drivers: list[str] | None = None) -> list[str]:
        return [self.ids[driver, side] for driver in drivers or self.drivers]


async def failure_of(call: Awaitable[Any]) -> NightchargeError | None:
    """The error of a call, None if it was answered."""
    try:
        await call
    except NightchargeError as error:
        return error
    return None


@pytest.fixture(scope="session")
def app() -> FastAPI:
    """The simulator's application, built once."""
    return create_app(starts_at=STARTS_AT)


@pytest.fixture
def sky(app: FastAPI) -> Sky:
    """Clear weather over twenty drivers."""
    return Sky(app, DRIVERS)


@pytest.fixture
async def provider(sky: Sky) -> AsyncIterator[EnodeProvider]:
    """The client as production has it, after a first look at every device."""
    made = await sky.begin(sky.client())
    yield made
    await made.client._http.aclose()


@pytest.fixture
def failure() -> Callable[[Awaitable[Any]], Awaitable[NightchargeError | None]]:
    """Asks, and gives back the error."""
    return failure_of
