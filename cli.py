"""The `nightcharge` command."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from nights.doctor_command import doctor
from nights.inspect_command import inspect
from nights.keys_command import keys
from nights.nights_command import nights
from nights.program_command import program
from nights.rollout_command import rollout
from nights.up_command import up
from planner.command import plan
from settings import Settings
from simulator.command import simulator

app = typer.Typer(
    name="nightcharge", no_args_is_help=True, pretty_exceptions_show_locals=False, help=__doc__, add_completion=False
)
app.command("simulator")(simulator)
app.command("plan")(plan)
app.command("inspect")(inspect)
app.command("nights")(nights)
app.command("up")(up)
app.command("doctor")(doctor)
app.add_typer(keys, name="keys")
app.add_typer(program, name="program")
app.add_typer(rollout, name="rollout")


@app.command()
def worker() -> None:
    """Run workflows and their steps."""
    import worker as process

    asyncio.run(process.run(Settings()))


@app.command()
def serve() -> None:
    """Run the gateway: webhooks in, and the API once a secret is set."""
    from gateway.server import serve as run

    asyncio.run(run(Settings()))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything up at the end.")] = False,
    speed: Annotated[float, typer.Option(min=60, max=900, help="World seconds per real second.")] = 540,
    out: Annotated[Path, typer.Option(help="Folder for pictures, page and logs.")] = Path("demo-output"),
) -> None:
    """Play three drivers' night on a real Temporal server."""
    from nights.demo import play

    raise typer.Exit(asyncio.run(play(keep=keep, speed=speed, out=out)))


@app.command()
def contract(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 if it is not current.")] = False,
) -> None:
    """Write the contract for backends in other languages: names and JSON Schemas, in docs/contract."""
    from gateway import contract as told

    file = told.FOLDER / told.CURRENT
    if not check:
        typer.echo(told.write())
    elif not file.is_file() or file.read_text("utf-8") != told.as_text(told.contract()):
        typer.echo(f"{file} is not current: nightcharge contract", err=True)
        raise typer.Exit(1)


def main() -> None:
    """Entry point."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    app()


if __name__ == "__main__":
    main()
