"""A whole installation on this machine: Temporal with its UI, the simulator, gateway and worker, on free ports."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from client import connect
from domain.clock import Clock
from ops.ports import free_port
from ops.processes import Processes, answering, tool
from settings import Settings
from workflows.search_attributes import ALL

WEBHOOK_SECRET = "a-secret-of-this-demo-only"
GATEWAY_SECRET = "a-secret-of-this-demo-only-for-links-and-hooks"

TIMER_GRID = 'history.timerProcessorMaxTimeShift="10ms"'
"""A dev server fires timers on a grid of one second by default; a night in a minute needs a finer one."""


@dataclass(frozen=True)
class Installation:
    """Where everything is."""

    temporal: Client
    ui_url: str
    simulator_url: str
    gateway_url: str
    settings: Settings
    processes: Processes
    worker: asyncio.subprocess.Process
    env: dict[str, str]

    async def start_worker(self, name: str) -> asyncio.subprocess.Process:
        """One more worker, with a log of its own."""
        process, _ = await self.processes.start(name, *_nightcharge("worker"), ready="worker runs", env=self.env)
        return process

    async def admin(self, method: str, path: str, **json: Any) -> Any:
        """One call to the simulator's administrator."""
        async with httpx.AsyncClient(base_url=self.simulator_url, timeout=10) as http:
            response = await http.request(method, f"/admin/{path}", json=json if method != "GET" else None)
            response.raise_for_status()
            return response.json() if response.content else None


@asynccontextmanager
async def installation(folder: Path, clock: Clock, scenario: Path) -> AsyncIterator[Installation]:
    """Everything up; everything down at the end."""
    async with Processes(folder) as processes:
        address, ui_url = await _temporal(processes, folder)
        env = _environment(folder, clock, address)
        simulator_url = await _simulator(processes, env, clock, scenario)
        env |= {
            "NIGHTCHARGE_ENODE_BASE_URL": simulator_url,
            "NIGHTCHARGE_ENODE_TOKEN_URL": f"{simulator_url}/oauth2/token",
            "NIGHTCHARGE_TEMPORAL_UI_URL": ui_url,
        }
        (worker, _), (_, line) = await asyncio.gather(
            processes.start("worker", *_nightcharge("worker"), ready="worker runs", env=env),
            processes.start("gateway", *_nightcharge("serve"), ready="gateway listening", env=env),
        )
        gateway_url = line.split()[-1]
        await _subscribe(simulator_url, f"{gateway_url}/webhooks/enode")
        os.environ.update({"TEMPORAL_ADDRESS": address})
        yield Installation(
            temporal=await connect(address),
            ui_url=ui_url,
            simulator_url=simulator_url,
            gateway_url=gateway_url,
            settings=_settings(env),
            processes=processes,
            worker=worker,
            env=env,
        )


def _nightcharge(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "cli", *arguments)


def _environment(folder: Path, clock: Clock, address: str) -> dict[str, str]:
    return {
        "TEMPORAL_ADDRESS": address,
        "NIGHTCHARGE_DATABASE_URL": f"sqlite:///{folder / 'nightcharge.db'}",
        "NIGHTCHARGE_CLOCK": clock.model_dump_json(),
        "NIGHTCHARGE_ENODE_CLIENT_ID": "sim",
        "NIGHTCHARGE_ENODE_CLIENT_SECRET": "sim",
        "NIGHTCHARGE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "NIGHTCHARGE_IDENTITY_SALT": "salt-of-this-demo-only",
        "NIGHTCHARGE_GATEWAY_PORT": "0",
        "NIGHTCHARGE_GATEWAY_SECRET": GATEWAY_SECRET,
    }


def _settings(env: dict[str, str]) -> Settings:
    prefix = "NIGHTCHARGE_"
    values: dict[str, Any] = {key.removeprefix(prefix).lower(): value for key, value in env.items() if prefix in key}
    values["clock"] = Clock.model_validate_json(values["clock"])
    return Settings(**values)


async def _temporal(processes: Processes, folder: Path) -> tuple[str, str]:
    port, ui_port = free_port(), free_port()
    command = (
        *(tool("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)),
        *("--ui-port", str(ui_port), "--log-level", "error", "--db-filename", str(folder / "temporal.db")),
        *("--dynamic-config-value", TIMER_GRID, *search_attribute_options()),
    )
    await processes.start("temporal", *command, ready="Server:")
    address = f"127.0.0.1:{port}"
    await answering(address)
    return address, f"http://127.0.0.1:{ui_port}"


def search_attribute_options() -> list[str]:
    """Options of a dev server that register what operators filter by."""
    return [f"--search-attribute={key.name}={key.indexed_value_type.name.capitalize()}" for key in ALL]


async def _simulator(processes: Processes, env: dict[str, str], clock: Clock, scenario: Path) -> str:
    command = _nightcharge("simulator", "--port", "0", "--scenario", str(scenario), "--clock", clock.model_dump_json())
    _, line = await processes.start("simulator", *command, ready="simulator listening", env=env)
    return line.split()[-1]


async def _subscribe(simulator_url: str, webhook_url: str) -> None:
    """Have device events sent to the gateway."""
    async with httpx.AsyncClient(base_url=simulator_url, timeout=10) as http:
        token = await http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("sim", "sim"))
        bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
        wanted = {"url": webhook_url, "secret": WEBHOOK_SECRET, "events": ["*"]}
        (await http.post("/webhooks", json=wanted, headers=bearer)).raise_for_status()
