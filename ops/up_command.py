"""The command `nightcharge up`."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ops.processes import StartFailed
from ops.up import PROGRAM, Installation

FAILED = 1


def up(
    folder: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("nightcharge-data"),
    simulator: Annotated[bool, typer.Option(help="Play the vendor too; without it, a real one by settings.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Tell the addresses as JSON, on one line.")] = False,
) -> None:
    """Run everything on this machine, to stay: stop it, kill it, start it again, nothing is lost."""
    console = Console(stderr=as_json, highlight=False)
    try:
        asyncio.run(_run(folder, simulator, as_json, console))
    except StartFailed as error:
        console.print(f"[red]up:[/red] {error}")
        raise typer.Exit(FAILED) from None


async def _run(folder: Path, simulator: bool, as_json: bool, console: Console) -> None:
    from gateway.pages.mount import operator_page_url  # here: the other commands start without the gateway

    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    at = Installation(folder, with_simulator=simulator, say=console.print)
    await at.prepare()
    with console.status("starting Temporal, worker, gateway"):
        running = at.running()
        processes = await running.__aenter__()
    try:
        told = {
            "gateway": at.env["NIGHTCHARGE_PUBLIC_URL"],
            "operators": operator_page_url(at.env["NIGHTCHARGE_PUBLIC_URL"]),
            "api_key": at.installed.api_key,
            "program": PROGRAM,
            "temporal_ui": f"http://127.0.0.1:{at.installed.ui_port}",
            "temporal": at.env["TEMPORAL_ADDRESS"],
            "simulator": at.env.get("NIGHTCHARGE_ENODE_BASE_URL", "") if simulator else "",
            "folder": str(at.folder),
        }
        if as_json:
            print(json.dumps(told), flush=True)
        else:
            _show(console, told)
        await at.watch(processes, stop)
    finally:
        console.print("stopping")
        await running.__aexit__(None, None, None)


def _show(console: Console, told: dict[str, str]) -> None:
    table = Table(show_header=False, box=None)
    for name, value in told.items():
        if value:
            table.add_row(f"[bold]{name.replace('_', ' ')}[/bold]", value)
    console.print("everything is up")
    console.print(table)
    console.print("Ctrl-C stops it; the same command goes on where it was.")
    console.print(f"For other commands: set -a; . {told['folder']}/env; set +a; nightcharge doctor", soft_wrap=True)
