"""A whole installation for browser tests: real servers and processes, a simulated world on a fast clock."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from client import driver_id
from domain.clock import Clock
from domain.departure import Wish
from domain.program import Program
from gateway.api.access import Scope, new_key
from nights.embedded import Installation, installation
from storage.sql import SqlStore
from storage.tenants import Tenants

BEGINS_AT = datetime(2022, 12, 14, 15, 0, tzinfo=UTC)
"""16:00 in Amsterdam, before a winter night of widely spread prices."""

SPEED = 400
ANSWERS_WITHIN_SECONDS = 60.0

CANNOT = {"startCharging": False, "stopCharging": False, "location": False, "smartCharging": False}
JEEP = {"vendor": "JEEP", "model": "Avenger", "battery_capacity_kwh": 51, "soc_pct": 58, "capabilities": CANNOT}
TESLA = {"vendor": "TESLA", "model": "Model Y", "battery_capacity_kwh": 57.5, "soc_pct": 45}

Found = TypeVar("Found")


class House:
    """Runs the installation on a loop of its own, so that tests can drive a browser meanwhile."""

    def __init__(self, folder: Path, *, speed: float = SPEED) -> None:
        self._folder, self._speed = folder, speed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()
        self.at: Installation
        self.key = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Found]) -> Found:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(240)

    @property
    def url(self) -> str:
        return self.at.gateway_url

    def driver(self, reference: str) -> str:
        """Start the driver as a backend does; returns the id."""
        return str(self.run(self._api("POST", "drivers", {"reference": reference}))["id"])

    def link(self, driver: str) -> str:
        """The token of a fresh driver's link."""
        return str(self.run(self._api("POST", f"drivers/{driver}/links", {"minutes": 30}))["token"])

    def journey(self, driver: str) -> dict[str, Any]:
        return dict(self.run(self._api("GET", f"drivers/{driver}/journey")))

    def world(self, method: str, path: str, **body: Any) -> Any:
        """One call to the simulator's administrator."""
        return self.run(self.at.admin(method, path, **body))

    async def _start(self) -> None:
        clock = Clock.starting(BEGINS_AT, real_now=datetime.now(UTC) + timedelta(seconds=4), speed=self._speed)
        world = self._folder / "scenario.json"
        world.write_text(json.dumps({"seed": 7, "users": [*map(_user, _CAST)]}), encoding="utf-8")
        self.at = await self._stack.enter_async_context(installation(self._folder, clock, world))
        store = SqlStore(self.at.settings.database_url)
        now, tenants = datetime.now(UTC), Tenants(store.database)
        await tenants.save_program(PROGRAM, now)
        record, token = new_key(PROGRAM.name, "test", frozenset(Scope), now)
        await tenants.add_key(record)
        await store.close()
        self.key = token.get_secret_value()

    async def _api(self, method: str, path: str, body: Any = None) -> Any:
        bearer = {"Authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(timeout=ANSWERS_WITHIN_SECONDS) as http:
            answer = await http.request(method, f"{self.url}/v1/{path}", json=body, headers=bearer)
            return answer.raise_for_status().json()


PROGRAM = Program(name="browser", wish=Wish(target_soc_pct=80, ready_by=time(7, 0), zone="Europe/Amsterdam"))

_CAST: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("anna", JEEP, {"vendor": "ZAPTEC", "model": "Go"}),
    ("ben", TESLA, {"vendor": "EASEE", "model": "Home"}),
)


def _user(member: tuple[str, dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    reference, car, box = member
    return {
        "id": driver_id(PROGRAM.name, reference),
        "home": {"is_set": False},
        "vehicles": [{"key": "car", "max_kw": 11, **car}],
        "chargers": [{"key": "box", "max_kw": 11, **box}],
    }
