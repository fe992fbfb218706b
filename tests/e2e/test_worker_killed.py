"""A worker that dies in the middle of a command: real processes, a real kill, and the simulator's truth as witness."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from client import Nightcharge
from domain.account import NightAccount
from domain.clock import Clock
from domain.commands import CommandIntent, CommandResult, Goal
from domain.departure import Wish
from domain.devices import Side
from domain.driver.events import Enroll, LinkReturned, SetWish
from domain.driver.state import Program
from domain.journey import Stage
from ops.embedded import Installation, installation
from storage.sql import SqlStore
from workflows.ids import driver_id

BEGINS_AT = datetime(2022, 12, 14, 16, 0, tzinfo=UTC)
PROGRAM = Program(name="killed")
REFERENCE = "a-driver"
USER = driver_id(PROGRAM.name, REFERENCE)

SPEED = 300
BOOT = timedelta(seconds=5)
DEADLINE_SECONDS = 60.0

EFFECT_SECONDS = (900.0, 900.0)
"""World time from a request to its effect: long enough, at this speed, for the kill to fall in between."""

STAY = timedelta(minutes=120)
"""From plug-in to departure: so short that the car must be started soon, whatever the price."""


def scenario() -> dict[str, Any]:
    """One home; the cable is plugged in by hand once the driver is enrolled."""
    car = {"battery_capacity_kwh": 40, "soc_pct": 50, "max_kw": 11, "auto_start": False, "is_linked": True}
    user = {"id": USER, "vehicles": [car], "chargers": [{"vendor": "ZAPTEC", "max_kw": 11, "is_linked": True}]}
    settings = {"command_seconds": EFFECT_SECONDS, "action_window_seconds": 3600, "pairing_seconds": 0}
    return {"seed": 7, "settings": settings, "users": [user]}


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` returns once it is not empty."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
    while not (seen := await look()):
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.02)
    return seen


class Evening:
    """The driver's evening, seen from outside: the public client, the store, and the simulator's administrator."""

    def __init__(self, at: Installation, client: Nightcharge, store: SqlStore, driver: str) -> None:
        self.at, self.client, self.store, self.driver = at, client, store, driver
        self.session = ""

    async def log(self, kind: str) -> list[dict[str, Any]]:
        """The simulator's log of one kind of entry."""
        entries: list[dict[str, Any]] = await self.at.admin("GET", f"log?kind={kind}")
        return entries

    async def happen(self, do: str, **what: str) -> None:
        """Have something happen to the car now."""
        now = self.at.settings.clock.now().isoformat()
        await self.at.admin("POST", "events", at=now, do=do, vehicle_id=f"{USER}/car", **what)

    async def plug_in(self) -> None:
        """Plug in, with a departure so near that the car must be started soon."""
        ready_at = self.at.settings.clock.now() + STAY
        ready_by = ready_at.astimezone(ZoneInfo(PROGRAM.wish.zone)).time().replace(microsecond=0)
        wish = Wish(target_soc_pct=80, ready_by=ready_by, zone=PROGRAM.wish.zone)
        await self.client.act(self.driver, SetWish(action_id="wish", wish=wish))
        await self.happen("plug", charger_id=f"{USER}/box")
        self.session = await until(self._opened, "the session")

    async def start_intents(self) -> list[CommandIntent]:
        return [i for i in await self.store.commands(self.session) if i.order.goal is Goal.START]

    async def start_on_its_way(self) -> CommandIntent | None:
        """The start that the simulator has received and our books do not yet know the end of."""
        received = [entry for entry in await self.log("command") if entry["now"] == "START"]
        return next(iter(await self.start_intents()), None) if received else None

    async def account(self) -> NightAccount | None:
        return await self.store.account(self.session, 1)

    async def is_over(self) -> bool:
        return not (await self.client.driver_state(self.driver)).sessions

    async def _opened(self) -> str | None:
        opened = list((await self.client.driver_state(self.driver)).sessions.values())
        return opened[0].session_id if opened else None


async def enrolled(client: Nightcharge, at: datetime) -> str:
    """A driver whose car and charger were linked and placed at the vendor before, and who consents now."""
    driver = await client.start_driver(PROGRAM, REFERENCE)
    for side in Side:
        await client.act(driver, LinkReturned(action_id=f"returned-{side.value}", side=side))

    async def may_enroll() -> bool:
        return (await client.journey(driver)).stage is Stage.READY_TO_ENROLL

    await until(may_enroll, "the devices' first readings")
    await client.act(driver, Enroll(action_id="enroll", at=at, text_version="test-1"))
    return driver


async def test_a_worker_killed_within_a_start_leaves_one_change_of_the_relay_and_a_session_that_ends_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "")
    monkeypatch.delenv("TEMPORAL_ADDRESS")  # whatever the installation sets is undone with these two
    clock = Clock.starting(BEGINS_AT, real_now=datetime.now(UTC) + BOOT, speed=SPEED)
    world = tmp_path / "scenario.json"
    world.write_text(json.dumps(scenario()), encoding="utf-8")
    async with installation(tmp_path, clock, world) as at:
        client, store = Nightcharge(at.temporal, clock=clock), SqlStore(at.settings.database_url)
        evening = Evening(at, client, store, await enrolled(client, clock.now()))
        await evening.plug_in()

        at_the_kill = await until(evening.start_on_its_way, "a start on its way")
        at.worker.kill()
        await at.worker.wait()
        assert at_the_kill.requested_at is not None
        (left_behind,) = await evening.start_intents()
        assert left_behind.outcome is None
        await at.start_worker("worker-2")
        account = await until(evening.account, "the account of the night")
        await evening.happen("unplug")
        await until(evening.is_over, "the end of the session")
        (start,) = await evening.start_intents()
        relay = await evening.log("relay")
        commands = await evening.log("command")
        await store.close()

    assert account.is_ready, account.why
    assert start.outcome is not None
    assert start.outcome.result is CommandResult.PROVEN
    assert start.outcome.sent_at == at_the_kill.requested_at
    assert start.outcome.ended_at < account.departs_at
    assert [entry["now"] for entry in commands].count("START") == 1
    assert [entry["now"] for entry in relay if "START" in entry["cause"]] == ["closed"]
