"""`nightcharge demo`: three drivers live through linking and one real night on a real Temporal server."""

import asyncio
import json
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from client import Nightcharge
from demo.backend import Backend
from demo.cast import BEGINS_AT, CAST, DEPARTS_AT, PROGRAM, scenario
from demo.report import row_of, show_table, write_page
from demo.verdict import Played, failures
from domain.clock import Clock
from domain.devices import Reading
from domain.nightlog import LogEntry
from ops.embedded import Installation, installation
from ops.telling import in_words
from providers.enode.client import EnodeClient
from providers.enode.provider import EnodeProvider
from providers.prices.file import FilePrices
from storage.sql import SqlStore
from worker import enode_settings, wire_mapping
from workflows.ids import session_workflow_id
from workflows.session import SessionWorkflow

BOOT, LONGEST_BOOT = timedelta(seconds=6), timedelta(seconds=30)
"""Real time before the world's clock shows the evening: the processes start meanwhile."""

BOOT_IN_PROBES = 4
"""The same, in times that one idle process of ours takes to start: a busy machine is given longer."""

PLAIN_WIDTH = 140
"""Columns where the output is no terminal: one step, one line."""

GIVE_UP_AT = DEPARTS_AT + timedelta(hours=2)
"""World time at which a session that is still open counts as lost."""


async def play(*, keep: bool, speed: float, out: Path, as_json: bool = False) -> int:
    """Play the night, show it, judge it. Returns the exit code: 0 only if everything promised was seen."""
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH, stderr=as_json)
    console.print("Starting Temporal, simulator, gateway and worker ...")
    folder = _fresh(out)
    boot = min(max(BOOT, BOOT_IN_PROBES * await _time_to_start()), LONGEST_BOOT)
    clock = Clock.starting(BEGINS_AT, real_now=datetime.now(UTC) + boot, speed=speed)
    world = folder / "scenario.json"
    world.write_text(json.dumps(scenario(), indent=1), encoding="utf-8")
    async with installation(folder, clock, world) as at:
        console.print(f"Temporal UI: {at.ui_url}/namespaces/default/workflows")
        nights = await _Night(at, console).play()
        show_table(console, nights)
        page = await _write(folder, at, nights, speed)
        console.print(f"Pictures and page: {page}")
        missing = failures(nights)
        if as_json:
            told = {"missing": missing, "page": str(page), "nights": [row_of(night) for night in nights]}
            print(json.dumps(told), flush=True)
        for line in missing:
            console.print(f"[red]missing[/red] {line}")
        if keep:
            console.print("Everything stays up; Ctrl-C ends it.")
            await asyncio.Event().wait()
    if not missing:
        console.print("All three cars were ready by departure, with a saving by meter.")
    return 1 if missing else 0


async def _time_to_start() -> timedelta:
    """How long this machine takes now to start one process of ours."""
    begun_at = time.monotonic()
    command = (sys.executable, "-m", "cli", "--help")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    await process.wait()
    return timedelta(seconds=time.monotonic() - begun_at)


def _fresh(out: Path) -> Path:
    """An empty folder for this run; only what an earlier run left there is removed."""
    folder = out.resolve()
    if (folder / "scenario.json").exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class _Night:
    """From the first link to the last account, told as it happens."""

    def __init__(self, at: Installation, console: Console) -> None:
        self._at, self._console = at, console
        self._clock = at.settings.clock
        self._client = Nightcharge(at.temporal, clock=self._clock)
        self._told: dict[str, int] = {}

    async def play(self) -> list[Played]:
        async with EnodeClient(enode_settings(self._at.settings), clock=self._clock) as enode:
            provider = EnodeProvider(enode, wire_mapping(self._at.settings))
            backends = [Backend(role, self._at, self._client, provider, self._say) for role in CAST]
            await asyncio.gather(*(backend.bring_home() for backend in backends))
        nights = [
            Played(role=backend._role, journey=backend.record, session_id=await self._session_of(backend.driver))
            for backend in backends
        ]
        await self._watch(nights)
        return await self._collect(nights)

    def _say(self, who: str, what: str) -> None:
        local = self._clock.now().astimezone(ZoneInfo(PROGRAM.wish.zone))
        self._console.print(f"{local:%a %H:%M}  {who}  {what}", highlight=False)

    async def _session_of(self, driver: str) -> str:
        """The id of the session that the plug-in opens."""
        while self._clock.now() < GIVE_UP_AT:
            sessions = (await self._client.driver_state(driver)).sessions
            if sessions:
                return next(iter(sessions.values())).session_id
            await asyncio.sleep(0.2)
        raise TimeoutError("the car was plugged in, but no session opened")

    async def _watch(self, nights: list[Played]) -> None:
        """Tell what is decided and proven until every session is closed."""
        open_nights = list(nights)
        while open_nights and self._clock.now() < GIVE_UP_AT:
            if dead := self._at.processes.dead():
                raise RuntimeError(f"ended by itself: {', '.join(dead)}")
            for night in list(open_nights):
                handle = self._at.temporal.get_workflow_handle_for(
                    SessionWorkflow.run, session_workflow_id(night.session_id)
                )
                try:
                    self._tell(night, await handle.query(SessionWorkflow.night_log))
                except RPCError:
                    continue
                status = (await handle.describe()).status
                if status is not None and status is not WorkflowExecutionStatus.RUNNING:
                    open_nights.remove(night)
                    self._say(night.role.letter, "unplugged: the session is closed")
            await asyncio.sleep(0.5)

    def _tell(self, night: Played, log: list[LogEntry]) -> None:
        zone = ZoneInfo(PROGRAM.wish.zone)
        known = self._told.get(night.session_id, -1)
        for entry in log:
            if entry.number * 2 + (entry.kind == "decision") <= known:
                continue
            self._told[night.session_id] = entry.number * 2 + (entry.kind == "decision")
            for line in in_words(entry):
                self._console.print(
                    f"{entry.at.astimezone(zone):%a %H:%M}  {night.role.letter}  {line}", highlight=False
                )

    async def _collect(self, nights: list[Played]) -> list[Played]:
        store = SqlStore(self._at.settings.database_url)
        for night in nights:
            night.account = await store.account(night.session_id, 1)
            night.log = await store.log(night.session_id, 1) if night.account else []
        await store.close()
        return nights


async def _write(folder: Path, at: Installation, nights: list[Played], speed: float) -> Path:
    store = SqlStore(at.settings.database_url)
    readings: dict[str, list[Reading]] = {}
    for night in nights:
        account = night.account
        ids = [account.vehicle_id, account.charger_id] if account else []
        readings[night.session_id] = [
            reading
            for device_id in ids
            if device_id is not None and account is not None
            for reading in await store.readings(device_id, account.plugged_in_at, account.closed_at)
        ]
    await store.close()
    return write_page(folder, nights, readings, source=FilePrices().series.source, speed=speed)
