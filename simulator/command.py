"""The command `nightcharge simulator`."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from domain.clock import Clock
from simulator.app import create_app
from simulator.scenario import Scenario, load_scenario, seed_users
from simulator.world import UnknownBody


def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed_users_count: Annotated[int, typer.Option("--seed-users", min=0, help="Users sim-user-1..N.")] = 0,
    speed: Annotated[float, typer.Option(min=0.001, help="World seconds per real second.")] = 1.0,
    scenario_file: Annotated[
        Path | None, typer.Option("--scenario", exists=True, help="Scenario, YAML or JSON.")
    ] = None,
    clock_json: Annotated[
        str | None, typer.Option("--clock", envvar="NIGHTCHARGE_SIMULATOR_CLOCK", help="A Clock as JSON.")
    ] = None,
    manual_from: Annotated[
        datetime | None, typer.Option("--manual-from", help="World instant [UTC]; only POST /admin/advance moves on.")
    ] = None,
    control: Annotated[str | None, typer.Option(help="own or delegated; overrides the scenario.")] = None,
    webhook_host: Annotated[list[str] | None, typer.Option(help="Further host allowed as a webhook target.")] = None,
) -> None:
    """Play the vendor: an Enode-compatible API over a world of cars and chargers."""
    try:
        scenario = _scenario(scenario_file, seed_users_count, control, webhook_host or [])
        clock = Clock.model_validate_json(clock_json) if clock_json else (scenario.clock or _clock(speed))
        starts_at = None if manual_from is None else manual_from.replace(tzinfo=UTC)
        app = create_app(scenario, None if starts_at is not None else clock, starts_at=starts_at)
        listener = _listen(host, port)
    except UnknownBody as error:
        typer.echo(f"simulator: the scenario names a car or box that is not in it: {error}", err=True)
        raise typer.Exit(2) from None
    except (ValueError, LookupError, OSError) as error:
        typer.echo(f"simulator: {error}", err=True)
        raise typer.Exit(2) from None
    print(f"simulator listening on http://{host}:{listener.getsockname()[1]}", flush=True)
    asyncio.run(_serve(app, listener))


def _listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections already: whoever reads our line may call at once."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the second packet of an answer waits 40 ms
    listener.bind((host, port))
    listener.listen(128)
    return listener


def _scenario(path: Path | None, users: int, control: str | None, hosts: list[str]) -> Scenario:
    scenario = Scenario() if path is None else load_scenario(path)
    settings = scenario.settings.model_dump()
    settings["control"] = control or settings["control"]
    settings["webhook_hosts"] += hosts
    changed = scenario.model_dump() | {"settings": settings}
    changed["users"] += [user.model_dump() for user in seed_users(users)]
    return Scenario.model_validate(changed)


def _clock(speed: float) -> Clock:
    if speed == 1.0:
        return Clock()
    now = datetime.now(UTC)
    return Clock.starting(now, real_now=now, speed=speed)


async def _serve(app: FastAPI, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, and leaves with exit code 0."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.leave)
    await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that leaves quietly: uvicorn's own would raise the signal again at the end and lose the exit code."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def leave(self) -> None:
        self.should_exit = True
