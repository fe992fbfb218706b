"""The `nightcharge` command. Only what a command needs is loaded: a worker has no use for the planner's pictures."""

import asyncio
import logging
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from ops.output import AsJson, tell

COMMANDS = {
    "up": "ops.up_command:up",
    "demo": "cli:demo",
    "worker": "cli:worker",
    "serve": "cli:serve",
    "simulator": "simulator.command:simulator",
    "plan": "planner.command:plan",
    "nights": "nights.nights_command:nights",
    "inspect": "ops.inspect_command:inspect",
    "doctor": "ops.doctor_command:doctor",
    "program": "ops.program_command:program",
    "rollout": "ops.rollout_command:rollout",
    "inbox": "ops.inbox_command:inbox",
    "keys": "ops.keys_command:keys",
    "contract": "cli:contract",
}
"""Where each command, or group of commands, is."""


def worker() -> None:
    """Run workflows and their steps."""
    import worker as process
    from settings import Settings

    asyncio.run(process.run(Settings()))


def serve() -> None:
    """Run the gateway: webhooks in, and the API once a secret is set."""
    from gateway.keeper import keep, listening
    from settings import Settings

    settings = Settings()
    listener = listening(settings.gateway_host, settings.gateway_port)  # before what takes seconds to load
    from gateway.server import serve as run

    keep(listener, lambda parent, again: asyncio.run(run(settings, listener, parent, again=again)))


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything up at the end.")] = False,
    speed: Annotated[float, typer.Option(min=60, max=900, help="World seconds per real second.")] = 540,
    out: Annotated[Path, typer.Option(help="Folder for pictures, page and logs.")] = Path("demo-output"),
    as_json: AsJson = False,
) -> None:
    """Play three drivers' night on a real Temporal server."""
    from demo.play import play

    raise typer.Exit(asyncio.run(play(keep=keep, speed=speed, out=out, as_json=as_json)))


def contract(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 if it is not current.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the contract for backends in other languages: names and JSON Schemas, in docs/contract."""
    from gateway import contract as told

    file = told.FOLDER / told.CURRENT
    if not check:
        told.write()
    is_current = file.is_file() and file.read_text("utf-8") == told.as_text(told.contract())
    tell(as_json, {"file": str(file), "is_current": is_current}, *([] if check else [str(file)]))
    if not is_current:
        typer.echo(f"{file} is not current: nightcharge contract", err=True)
        raise typer.Exit(1)


def app_of(names: Iterable[str]) -> typer.Typer:
    """The application with these commands."""
    made = typer.Typer(
        name="nightcharge", no_args_is_help=True, pretty_exceptions_show_locals=False, add_completion=False
    )

    @made.callback()
    def about() -> None:
        """Durable, price-aware charging of electric cars at home."""

    for name in names:
        module, _, function = COMMANDS[name].partition(":")
        found = getattr(import_module(module if module != "cli" else __name__), function)
        if isinstance(found, typer.Typer):
            made.add_typer(found, name=name)
        else:
            made.command(name)(found)
    return made


def __getattr__(name: str) -> typer.Typer:
    """`app`: the application with all its commands, made when it is asked for."""
    if name != "app":
        raise AttributeError(name)
    return app_of(COMMANDS)


def main() -> None:
    """Entry point. What a person can mend is told in a line and ends with 2, what passes by itself with 1."""
    from domain.errors import NightchargeError, RetryableError

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        app_of([wanted] if wanted in COMMANDS else COMMANDS)()
    except NightchargeError as error:
        print(f"nightcharge {wanted}: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, RetryableError) else 2)


if __name__ == "__main__":
    main()
