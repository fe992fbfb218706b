"""Everything on this machine, to stay: Temporal with a database file, SQLite, worker, gateway, and a simulated vendor.

What it is made of stands in one folder: secrets, ports, databases, logs. Stopped or killed at any moment and started
again, it goes on where it was.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from pydantic import ValidationError

from domain.model import Model
from domain.program import Program
from gateway.api.access import Scope, new_key
from ops.embedded import TIMER_GRID, search_attribute_options
from ops.kept_world import keep
from ops.ports import free_port, taken
from ops.practice_prices import practice_prices
from ops.processes import Processes, StartFailed, answering, tool
from settings import Settings
from storage.sql import SqlStore
from storage.tenants import Tenants

PROGRAM = "home"
"""The program a fresh installation begins with."""

OWN_PRICES = ("NIGHTCHARGE_PRICES_FILE", "NIGHTCHARGE_ENTSOE_TOKEN")
"""Where prices may come from; with neither set, an installation with a simulated vendor practises on old ones."""

LOOKS_EVERY_SECONDS = 0.5
ANSWERS_WITHIN_SECONDS = 30.0
"""Real time that the gateway may take for its first answer."""

SHORTEST_LIFE = timedelta(seconds=5)
"""A process that dies sooner than this [real time] is not started again at once."""


class Installed(Model):
    """What an installation is made of, kept in its folder and readable by its owner alone."""

    temporal_port: int
    ui_port: int
    simulator_port: int
    gateway_port: int
    gateway_secret: str
    webhook_secret: str
    identity_salt: str
    api_key: str = ""


@dataclass(frozen=True)
class Part:
    """One process of the installation."""

    name: str
    command: tuple[str, ...]
    ready: str


class Installation:
    """A folder, and what runs from it."""

    def __init__(self, folder: Path, *, with_simulator: bool, say: Callable[[str], None]) -> None:
        self.folder, self.with_simulator, self._say = folder.resolve(), with_simulator, say
        self.folder.mkdir(parents=True, exist_ok=True)
        self.installed = self._installed()
        self._running: dict[str, tuple[asyncio.subprocess.Process, datetime]] = {}

    @property
    def env(self) -> dict[str, str]:
        """The environment of its processes; what is set outside, e.g. a real vendor's, counts too."""
        known = self.installed
        gateway = f"http://127.0.0.1:{known.gateway_port}"
        env = {
            "TEMPORAL_ADDRESS": f"127.0.0.1:{known.temporal_port}",
            "NIGHTCHARGE_DATABASE_URL": f"sqlite:///{self.folder / 'nightcharge.db'}",
            "NIGHTCHARGE_WEBHOOK_SECRET": known.webhook_secret,
            "NIGHTCHARGE_IDENTITY_SALT": known.identity_salt,
            "NIGHTCHARGE_GATEWAY_SECRET": known.gateway_secret,
            "NIGHTCHARGE_GATEWAY_PORT": str(known.gateway_port),
            "NIGHTCHARGE_PUBLIC_URL": gateway,
            "NIGHTCHARGE_TEMPORAL_UI_URL": f"http://127.0.0.1:{known.ui_port}",
            "NIGHTCHARGE_HOOKS_IN_PRIVATE_NETWORK": "true",
        }
        if self.with_simulator:
            simulator = f"http://127.0.0.1:{known.simulator_port}"
            env |= {
                "NIGHTCHARGE_ENODE_BASE_URL": simulator,
                "NIGHTCHARGE_ENODE_TOKEN_URL": f"{simulator}/oauth2/token",
                "NIGHTCHARGE_ENODE_CLIENT_ID": "sim",
                "NIGHTCHARGE_ENODE_CLIENT_SECRET": "sim",
                "NIGHTCHARGE_GATEWAY_URL": gateway,
            }
            if not any(os.environ.get(name) for name in OWN_PRICES):
                env["NIGHTCHARGE_PRICES_FILE"] = str(self._prices)
        return env

    def parts(self) -> list[Part]:
        """What runs, in the order it is started."""
        known, cli = self.installed, (sys.executable, "-m", "cli")
        temporal = (
            *(tool("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(known.temporal_port)),
            *("--ui-port", str(known.ui_port), "--log-level", "error"),
            *("--db-filename", str(self.folder / "temporal.db"), "--dynamic-config-value", TIMER_GRID),
            *search_attribute_options(),
        )
        simulator: tuple[str, ...] = (*cli, "simulator", "--port", str(known.simulator_port))
        if self._world.exists():
            simulator += ("--scenario", str(self._world))
        parts = [Part("temporal", temporal, "Server:")]
        parts += [Part("simulator", simulator, "simulator listening")] if self.with_simulator else []
        return [
            *parts,
            Part("worker", (*cli, "worker"), "worker runs"),
            Part("gateway", (*cli, "serve"), "gateway listening"),
        ]

    async def prepare(self) -> None:
        """The first program and its key, once."""
        store = SqlStore(self.env["NIGHTCHARGE_DATABASE_URL"])
        try:
            await store.create()
            self._prices.write_text(practice_prices(Settings().clock.now()), "utf-8")
            self._write()  # also if only the vendor changed
            if self.installed.api_key:
                return
            tenants, now = Tenants(store.database), datetime.now(UTC)
            if await tenants.program(PROGRAM) is None:
                await tenants.save_program(Program(name=PROGRAM), now)
            record, token = new_key(PROGRAM, "first key of this installation", frozenset(Scope), now)
            await tenants.add_key(record)
            self.installed = self.installed.model_copy(update={"api_key": token.get_secret_value()})
            self._write()
        finally:
            await store.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Processes]:
        """Everything up; everything down at the end."""
        await self._end_leftovers()
        self._require_ports()
        async with Processes(self.folder) as processes:
            temporal, *others = self.parts()
            await self._start(processes, temporal)
            await answering(self.env["TEMPORAL_ADDRESS"])
            await asyncio.gather(*(self._start(processes, part) for part in others))
            await self._recognise()
            yield processes

    async def watch(self, processes: Processes, stop: asyncio.Event) -> None:
        """Until asked to stop: start again what dies, keep the simulated world."""
        keeping = None
        if self.with_simulator:
            keeping = asyncio.create_task(keep(self.env["NIGHTCHARGE_ENODE_BASE_URL"], self._world))
        while not stop.is_set():
            for part in self.parts():
                process, since = self._running[part.name]
                if process.returncode is not None and not stop.is_set():
                    self._say(f"{part.name} ended with code {process.returncode}: it is started again")
                    if datetime.now(UTC) - since < SHORTEST_LIFE:
                        await asyncio.sleep(SHORTEST_LIFE.total_seconds())
                    await self._start(processes, part)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOKS_EVERY_SECONDS)
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _start(self, processes: Processes, part: Part) -> None:
        process, _ = await processes.start(part.name, *part.command, ready=part.ready, env=self.env)
        self._running[part.name] = (process, datetime.now(UTC))
        pids = {name: one.pid for name, (one, _) in self._running.items() if one.returncode is None}
        (self.folder / "processes.json").write_text(json.dumps(pids))

    def _require_ports(self) -> None:
        """The addresses were given away to apps and hooks, so the ports stay what they are.

        Raises:
            StartFailed: another program has one of them.
        """
        known = self.installed
        ports = {"Temporal": known.temporal_port, "Temporal UI": known.ui_port, "gateway": known.gateway_port}
        if self.with_simulator:
            ports["simulator"] = known.simulator_port
        kept = taken(ports)
        if kept is not None:
            name, port = kept
            raise StartFailed(
                f"another program has port {port}, which is the {name}'s. End it (`lsof -i :{port}` names it), or "
                f"write another port into {self.folder / 'installation.json'}."
            )

    async def _recognise(self) -> None:
        """Ask who answers at the gateway's address: it must know the key that was made here.

        Raises:
            StartFailed: it is somebody else.
        """
        url = f"{self.env['NIGHTCHARGE_PUBLIC_URL']}/v1/me"
        bearer = {"Authorization": f"Bearer {self.installed.api_key}"}
        async with httpx.AsyncClient(headers=bearer, timeout=ANSWERS_WITHIN_SECONDS, trust_env=False) as http:
            try:
                told = (await http.get(url)).raise_for_status().json()
            except (httpx.HTTPError, ValueError) as error:
                raise StartFailed(f"who answers at {url} is not this installation's gateway: {error}") from None
        if told.get("program") != PROGRAM:
            raise StartFailed(f"who answers at {url} speaks for {told.get('program')}, not for {PROGRAM}")

    async def _end_leftovers(self) -> None:
        """End what a killed run left behind. A number that belongs to another program by now is let alone."""
        try:
            pids: dict[str, int] = json.loads((self.folder / "processes.json").read_text())
        except (OSError, ValueError):
            return
        marks = {"temporal": str(self.folder / "temporal.db"), "simulator": "-m cli", "worker": "-m cli worker"}
        for name, pid in reversed(pids.items()):
            if marks.get(name, "-m cli serve") in _command_of(pid):
                await _end(pid)
        (self.folder / "processes.json").unlink(missing_ok=True)

    def _installed(self) -> Installed:
        try:
            return Installed.model_validate_json((self.folder / "installation.json").read_text())
        except FileNotFoundError:
            pass
        except ValidationError as error:
            raise StartFailed(f"{self.folder / 'installation.json'} is spoilt: {error.error_count()} errors") from None
        made = Installed(
            temporal_port=free_port(),
            ui_port=free_port(),
            simulator_port=free_port(),
            gateway_port=free_port(),
            gateway_secret=secrets.token_hex(32),
            webhook_secret=secrets.token_hex(32),
            identity_salt=secrets.token_hex(32),
        )
        self.installed = made
        self._write()
        return made

    def _write(self) -> None:
        """What it is made of, and its environment for other commands: `set -a; . FOLDER/env`."""
        self._keep("installation.json", self.installed.model_dump_json(indent=2))
        told = {**self.env, "NIGHTCHARGE_API_KEY": self.installed.api_key}
        self._keep("env", "".join(f"{name}={value}\n" for name, value in told.items()))

    def _keep(self, name: str, text: str) -> None:
        draft = self.folder / f"{name}.draft"
        draft.touch(mode=0o600)
        draft.write_text(text)
        draft.replace(self.folder / name)

    @property
    def _world(self) -> Path:
        return self.folder / "world.json"

    @property
    def _prices(self) -> Path:
        return self.folder / "prices.csv"


def _command_of(pid: int) -> str:
    """The command line of a process; empty if there is none."""
    found = subprocess.run(["ps", "-o", "args=", "-ww", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout


async def _end(pid: int) -> None:
    """Ask a process that is not our child to end, then make it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        for _ in range(100):
            if not _command_of(pid):
                return
            await asyncio.sleep(0.1)
