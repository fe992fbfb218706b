"""The command `nightcharge doctor`."""

import asyncio
import json
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from ops.doctor import Finding, State, examine
from settings import Settings

SICK, UNREADABLE = 1, 2

_MARKS = {State.OK: "[green]ok  [/green]", State.WARN: "[yellow]warn[/yellow]", State.FAIL: "[red]fail[/red]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line for every finding.")] = False,
) -> None:
    """Look at every dependency and setting, and say how to mend what is wrong. Exit code 1: something is."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = Settings()
    except ValidationError as error:
        for one in error.errors():
            name = "NIGHTCHARGE_" + "_".join(map(str, one["loc"])).upper()
            typer.echo(f"{name}: {one['msg']}", err=True)
        raise typer.Exit(UNREADABLE) from None

    async def look() -> list[Finding]:
        found = []
        async for finding in examine(settings):
            found.append(finding)
            if as_json:
                print(json.dumps(finding.model_dump(mode="json")))
            else:
                console.print(f"{_MARKS[finding.state]}  {finding.what}: {finding.told}", markup=True)
                if finding.mend:
                    console.print(f"      -> {finding.mend}", markup=False)
        return found

    if any(finding.state is State.FAIL for finding in asyncio.run(look())):
        raise typer.Exit(SICK)
