"""What commands tell: words for people, or JSON for other programs; then questions and errors go to stderr."""

import json
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Tell it as JSON on stdout.")]


def tell(as_json: bool, told: dict[str, Any], *words: str) -> None:
    """One thing that was done or found: as one line of JSON, or in words."""
    if as_json:
        typer.echo(json.dumps(told, default=str))
        return
    for line in words:
        typer.echo(line)
