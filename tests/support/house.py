"""A whole installation for browser tests: real servers and processes, a simulated world on a fast clock."""

import asyncio
import json
import threading
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from support.two_programs import LOG, make_account

from client import driver_id
from domain.clock import Clock
from domain.departure import Wish
from domain.program import Program
from gateway.api.access import Scope, new_key
from ops.embedded import Installation, installation
from storage.sql import SqlStore
from storage.tenants import Tenants

BEGINS_AT = datetime(2022, 12, 14, 11, 0, tzinfo=UTC)
"""Noon in Amsterdam: the cheap hours of the winter night to come are far, however slow the machine is."""

SPEED = 60
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

    def bring_home(self, reference: str, vendor: str) -> str:
        """A driver with a linked car, enrolled, by the API alone; returns the id."""
        driver = self.driver(reference)
        opened = self.act(driver, type="request_link", side="vehicle", redirect_uri="https://app.invalid/back")
        token = str(opened["url"]).rstrip("/").rsplit("/", 1)[-1]
        self.world("POST", f"links/{token}/complete", vendor=vendor)
        self.act(driver, type="link_returned", side="vehicle")
        deadline = time.monotonic() + ANSWERS_WITHIN_SECONDS
        while self.journey(driver)["stage"] != "ready_to_enroll":
            assert time.monotonic() < deadline, "the car does not show up"
            time.sleep(0.1)
        self.act(driver, type="enroll", text_version="test")
        return driver

    def plug_in(self, driver: str) -> None:
        """The driver's car, into the driver's charger if one is linked."""
        journey = self.journey(driver)
        charger = journey["charger_ids"][0] if journey["charger_ids"] else None
        self.world("POST", f"vehicles/{journey['vehicles'][0]['vehicle_id']}/plug", charger_id=charger)

    def remember_nights(self, driver: str) -> None:
        """Three nights behind the driver, as accounts."""
        self.run(self._remember(driver))

    async def _remember(self, driver: str) -> None:
        store = SqlStore(self.at.settings.database_url)
        for number, saving in enumerate(("1.42", "3.05", "0.61"), start=1):
            departs_at = BEGINS_AT - timedelta(days=number, hours=9)
            account = make_account(driver, f"{driver}-car:0", number)
            money = {"saving": Decimal(saving), "cost": Decimal("4.10"), "is_ready": number != 3}
            await store.save_night(account.model_copy(update={"departs_at": departs_at, **money}), LOG)
        await store.close()

    def act(self, driver: str, **action: Any) -> dict[str, Any]:
        return dict(self.run(self._api("POST", f"drivers/{driver}/actions", action)))

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


PROGRAM = Program(name="browser", wish=Wish(target_soc_pct=80, ready_by=clock_time(7, 0), zone="Europe/Amsterdam"))

_CAST: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("anna", JEEP, {"vendor": "ZAPTEC", "model": "Go"}),
    ("ben", TESLA, {"vendor": "EASEE", "model": "Home"}),
    ("carla", TESLA, {"vendor": "EASEE", "model": "Home"}),
    ("dora", TESLA, {"vendor": "EASEE", "model": "Home"}),
)


def _user(member: tuple[str, dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    reference, car, box = member
    return {
        "id": driver_id(PROGRAM.name, reference),
        "home": {"is_set": False},
        "vehicles": [{"key": "car", "max_kw": 11, **car}],
        "chargers": [{"key": "box", "max_kw": 11, **box}],
    }
