"""The `nightcharge` command."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from nights.inspect_command import inspect
from nights.nights_command import nights
from nights.program_command import program
from nights.rollout_command import rollout
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
app.add_typer(program, name="program")
app.add_typer(rollout, name="rollout")


@app.command()
def worker() -> None:
    """Run workflows and their steps."""
    import worker as process

    asyncio.run(process.run(Settings()))


@app.command()
def serve() -> None:
    """Run the gateway: webhooks in."""
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


def main() -> None:
    """Entry point."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    app()


if __name__ == "__main__":
    main()
