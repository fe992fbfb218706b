"""`nightcharge plan`: plans for a file of instances, as a file, a table, a picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from planner.files import BadFile, answers, read_instances

MOST_LINES = 20


def plan(
    instances: Annotated[Path, typer.Argument(help="Instance file (JSON): nights, sites, fleets.")],
    out: Annotated[Path | None, typer.Option(help="Write the plans to this file (JSON).")] = None,
    energy: Annotated[bool, typer.Option(help="Write the energy of every slot.")] = True,
    picture: Annotated[Path | None, typer.Option(help="Draw the first night to this file (PNG or SVG).")] = None,
) -> None:
    """Plan every night and site of a file: cheapest, proven, with shortfall where a target is out of reach.

    Exit code 0 also when a target cannot be met; 2 on bad input, with row, field and unit.
    """
    try:
        content = read_instances(instances)
        plans = answers(content, energy=energy or picture is not None)
    except BadFile as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    if picture is not None:
        _draw(content, plans, picture)
    if out is not None:
        _write(plans, out, energy=energy)
    _table(plans)


def _write(plans: dict[str, Any], out: Path, *, energy: bool) -> None:
    kept = plans if energy else {key: [_without_energy(row) for row in rows] for key, rows in plans.items()}
    try:
        out.write_text(json.dumps(kept), encoding="utf-8")
    except OSError as error:
        typer.echo(f"error: {out.name}: {error.strerror}", err=True)
        raise typer.Exit(2) from error


def _without_energy(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "energy_kwh"}


def _table(plans: dict[str, Any]) -> None:
    """The first rows of each kind and a line of totals."""
    console = Console()
    table = Table("plan", "status", "cost EUR", "bound EUR", "missing kWh", "solver", "ms", title="Charging plans")
    for rows in (plans["nights"], plans["sites"]):
        for row in rows[:MOST_LINES]:
            table.add_row(
                row["id"],
                row["status"],
                f"{row['cost_eur']:.4f}",
                f"{row['lower_bound_eur']:.4f}",
                f"{row['shortfall_kwh']:.2f}" if row["shortfall_kwh"] > 0 else "",
                row["solver"].removeprefix("or-tools "),
                f"{row['solve_ms']:.2f}",
            )
    console.print(table)
    for name in ("nights", "sites"):
        if plans[name]:
            console.print(_totals(name, plans[name]))


def _totals(name: str, rows: Sequence[dict[str, Any]]) -> str:
    times = sorted(row["solve_ms"] for row in rows)
    short = sum(row["shortfall_kwh"] > 0 for row in rows)
    return (
        f"{len(rows)} {name}: {sum(row['cost_eur'] for row in rows):.2f} EUR, {short} with missing energy, "
        f"median {times[len(times) // 2]:.2f} ms a plan"
    )


def _draw(content: dict[str, Any], plans: dict[str, Any], picture: Path) -> None:
    from planner.picture import draw_night  # matplotlib takes a second to load

    if not content.get("nights"):
        typer.echo("error: --picture needs a night in the file", err=True)
        raise typer.Exit(2)
    try:
        draw_night(content["nights"][0], plans["nights"][0], picture)
    except (OSError, ValueError) as error:
        typer.echo(f"error: {picture.name}: {error}", err=True)
        raise typer.Exit(2) from error
