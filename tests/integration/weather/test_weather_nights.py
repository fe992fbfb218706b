"""P14 through whole nights: real sessions on the real client, an outage of eight hours, and what drivers are told.

Virtual time, the simulator behind its own API: sessions, vendor and weather share one timeline.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.testing import ActivityEnvironment

from activities.devices import Devices
from activities.notices import Telling
from activities.records import Records
from domain.departure import Wish
from domain.devices import Device, Side
from domain.driver.decide import decide
from domain.driver.effects import BeginSession
from domain.driver.state import DriverState, Enrolment, Program
from nights.loop import LoopSession, Steps
from nights.play import PlanningAtOnce
from nights.virtual import VirtualClock, VirtualLoop
from providers.enode import EnodeClient, EnodeProvider, EnodeSettings
from providers.prices.file import FilePrices
from simulator.faults import FAULT
from simulator.http import Tokens
from simulator.scenario import Scenario, seed_users
from simulator.simulation import Simulation
from simulator.weather import Limits, Seen
from storage.memory import MemoryStore

STARTS_AT = datetime(2022, 12, 12, 18, 0, tzinfo=UTC)
DEPARTS_AT = datetime(2022, 12, 13, 6, 0, tzinfo=UTC)
DRIVERS = 4
ANSWERS_WITHIN_SECONDS = 30.0
PROGRAM = Program(name="weather", wish=Wish(target_soc_pct=80, ready_by=time(7, 0), zone="Europe/Amsterdam"))


class Words:
    """What each driver was told: the port `Notices`."""

    def __init__(self) -> None:
        self.heard: Counter[tuple[str, str, str]] = Counter()
        self.to_do: set[str] = set()

    async def tell(self, driver_id: str, session_id: str, kind: str, cause: str, what_to_do: str) -> None:
        self.heard[driver_id, kind, cause] += 1
        self.to_do.add(what_to_do)


class Platform:
    """The simulator's API on a loop of its own: a call is answered within one instant of virtual time."""

    def __init__(self, app: FastAPI) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._wire = httpx.ASGITransport(app)

    def answer(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop).result(ANSWERS_WITHIN_SECONDS)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._wire.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Street:
    """Four homes, each with a TESLA plugged into a ZAPTEC, each with a session under way."""

    def __init__(self, app: FastAPI, platform: Platform) -> None:
        self._app, self._platform = app, platform
        self.sim = Simulation(Scenario(users=seed_users(DRIVERS)), None, starts_at=STARTS_AT)
        app.state.simulation, app.state.tokens, app.state.limits = self.sim, Tokens(), Limits()
        app.state.seen.clear()
        self.sim.now = lambda: self.sim.timeline.now  # type: ignore[method-assign]
        self.loop = VirtualLoop(self.sim.timeline)
        self.clock = VirtualClock.of(self.sim.timeline)
        self.words = Words()
        self.provider = self._provider()
        prices, store = FilePrices(), MemoryStore()
        self._steps = Steps(
            Devices(self.provider, store, store),
            PlanningAtOnce(prices),  # type: ignore[arg-type]
            Records(store, store, store, prices),
            Telling(self.words),
        )
        self.sessions: list[LoopSession] = []

    def _provider(self) -> EnodeProvider:
        settings = EnodeSettings(
            client_id="sim",
            client_secret=SecretStr("sim"),
            base_url="http://127.0.0.1",
            token_url="http://127.0.0.1/oauth2/token",
            identity_salt=SecretStr("salt"),
        )
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._platform.answer))
        return EnodeProvider(EnodeClient(settings, http, clock=self.clock))

    def brew(self, kind: str, hours: float, **fault: Any) -> None:
        """A fault from an hour after the start on, for so long."""
        begins = STARTS_AT + timedelta(hours=1)
        window = {"from_at": begins, "until": begins + timedelta(hours=hours)}
        self.sim.faults.add(FAULT.validate_python({"kind": kind, **window, **fault}))

    def play(self) -> None:
        """From the plug-in to an hour past the departure."""
        ActivityEnvironment().run(lambda: self.loop.run_until(STARTS_AT, lambda: False))
        self.loop.create_task(self._open_all())
        end = DEPARTS_AT + timedelta(hours=1)
        ActivityEnvironment().run(lambda: self.loop.run_until(end, lambda: False))

    async def _open_all(self) -> None:
        for user in self.sim.scenario.users:
            devices = [device for side in Side for device in await self.provider.list_devices(user.id, side)]
            self.sessions.append(LoopSession(_opened(user.id, devices), self._steps, self.loop, self.clock))

    def asked(self, *, since: float, until: float) -> list[Seen]:
        """Requests of this part of the night [hours after the start]."""
        first, last = (STARTS_AT + timedelta(hours=hours) for hours in (since, until))
        return [seen for seen in self._app.state.seen if first < seen.at <= last]

    def refused(self) -> list[Seen]:
        """Requests of the night that met the weather."""
        return [seen for seen in self._app.state.seen if seen.status >= 400]

    def warnings(self) -> Counter[tuple[str, str]]:
        """How often each driver was warned of each cause."""
        heard = self.words.heard
        return Counter((driver, cause) for driver, kind, cause in heard if kind in ("at_risk", "act_now"))

    def ready(self) -> int:
        """Cars at their target."""
        return sum(car.soc_pct >= 79 for car in self.sim.world.cars.values())


def _opened(driver: str, devices: list[Device]) -> Any:
    state = DriverState(
        driver_id=driver,
        program=PROGRAM,
        wish=PROGRAM.wish,
        devices={device.id: device for device in devices},
        places={device.id: "home" for device in devices if device.side is Side.CHARGER},
        enrolment=Enrolment(at=STARTS_AT, text_version="1", language="en"),
        next_seq={device.id: 1 for device in devices if device.side is Side.VEHICLE},
    )
    [begin] = [effect for effect in decide(state, STARTS_AT).effects if isinstance(effect, BeginSession)]
    return begin.session


@pytest.fixture
def street(app: FastAPI) -> Iterator[Street]:
    """Clear weather."""
    platform = Platform(app)
    yield Street(app, platform)
    platform.close()


OUTAGE_HOURS = 8
DEAD = {"status": 403, "title": "Forbidden", "problem": "forbidden"}


def test_clear_night_needs_no_word(street: Street) -> None:
    street.play()
    assert street.ready() == DRIVERS
    assert street.words.heard == Counter()
    assert street.refused() == []


def test_f69_f70_vendor_of_all_cars_dead_for_eight_hours_costs_a_word_at_most(street: Street) -> None:
    street.brew("http_error", OUTAGE_HOURS, target="vendor:TESLA", **DEAD)
    street.play()
    assert street.ready() == DRIVERS  # the boxes, of another vendor, did it
    assert max(Counter(driver for driver, _, _ in street.words.heard.elements()).values(), default=0) <= 1
    assert 0 < len(street.refused()) <= OUTAGE_HOURS * 6


def test_f69_platform_dead_for_eight_hours_is_told_once_and_comes_back_at_a_pace(street: Street) -> None:
    street.brew("http_error", OUTAGE_HOURS, **DEAD)
    street.play()
    assert street.words.heard  # cars are at risk, and drivers know
    assert max(street.words.heard.values()) == 1  # once for each kind and cause
    assert max(street.warnings().values()) <= 2  # of one cause: at risk, then act now
    assert "link_again" not in street.words.to_do
    assert len(street.refused()) <= 2 * OUTAGE_HOURS * 60 / 3  # a probe every few minutes and vendor
    for kind in ("/vehicles", "/chargers"):
        back = [seen.at for seen in street.asked(since=1 + OUTAGE_HOURS, until=24) if seen.path.startswith(kind)]
        assert sum(at <= back[0] + timedelta(seconds=10) for at in back) <= 3  # the probe, then two a step


def test_f35_ban_of_thirteen_hours_is_one_drivers_own_affair(street: Street) -> None:
    banned = street.sim.scenario.users[0].id
    street.brew("rate_limit", 13, target=f"user:{banned}", count=0, ban_seconds=13 * 3600)
    street.play()
    assert {seen.status for seen in street.refused()} == {429}
    assert len(street.refused()) <= 2  # one for each of the two accounts
    assert {driver for driver, _, _ in street.words.heard} <= {banned}
    assert max(street.words.heard.values(), default=0) <= 1
    assert street.ready() >= DRIVERS - 1


def test_f37_refused_credentials_make_no_login_storm_and_send_nobody_to_link(street: Street) -> None:
    street.brew("token_trouble", OUTAGE_HOURS, status=401, revoke=True)
    street.play()
    refused = [seen for seen in street.refused() if seen.path == "/oauth2/token"]
    assert 0 < len(refused) <= OUTAGE_HOURS * 60 + 6  # at most one a minute after the first doublings
    assert len(street.refused()) - len(refused) <= 2  # nobody knocks without a token
    assert max(street.words.heard.values(), default=0) <= 1
    assert "link_again" not in street.words.to_do
