"""`nightcharge plan`: plans for a file of instances, as a file, a table, a picture, and in words."""

import json
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.table import Table

from domain.plan_words import Manner, plan_in_words
from planner.explain import explain as explained
from planner.files import BadFile, answers, night_problem, read_instances

MOST_LINES = 20


def plan(
    instances: Annotated[Path, typer.Argument(help="Instance file (JSON): nights, sites, fleets.")],
    out: Annotated[Path | None, typer.Option(help="Write the plans to this file (JSON).")] = None,
    energy: Annotated[bool, typer.Option(help="Write the energy of every slot.")] = True,
    picture: Annotated[Path | None, typer.Option(help="Draw one night to this file (PNG or SVG).")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Tell one night in words: what, why, why not.")] = False,
    night: Annotated[str | None, typer.Option(help="Id of the night to draw or tell; else the first.")] = None,
    why_not: Annotated[str, typer.Option(help="Ask why the car does not charge at this time (HH:MM).")] = "02:00",
    language: Annotated[str, typer.Option(help="Language of the words: en or de.")] = "en",
    zone: Annotated[str, typer.Option(help="Time zone of the words.")] = "Europe/Amsterdam",
    as_json: Annotated[bool, typer.Option("--json", help="The plans as JSON on stdout, without the table.")] = False,
) -> None:
    """Plan every night and site of a file: cheapest, proven, with shortfall where a target is out of reach.

    `--explain` tells one night: each stretch with its reason, and answers found by solving again.
    Exit code 0 also when a target cannot be met; 2 on bad input, with row, field and unit.
    """
    try:
        content = read_instances(instances)
        chosen = _chosen(content, night) if explain or picture is not None else 0
        plans = answers(content, energy=energy or picture is not None)
    except BadFile as error:
        _refuse(str(error))
    if picture is not None:
        _draw(content, plans, chosen, picture)
    if out is not None:
        _write(plans, out, energy=energy)
    if as_json:
        typer.echo(json.dumps(_kept(plans, energy=energy)))
        return
    _table(plans)
    if explain:
        _tell(content["nights"][chosen], why_not, language, zone)


def _chosen(content: dict[str, Any], night: str | None) -> int:
    """Place of the night to show."""
    ids = [row.get("id") if isinstance(row, dict) else None for row in content.get("nights", [])]
    if not ids or night not in (None, *ids):
        _refuse(f"no night {night!r} in the file" if ids else "there is no night in the file to show")
    return 0 if night is None else ids.index(night)


def _refuse(why: str) -> NoReturn:
    typer.echo(f"error: {why}", err=True)
    raise typer.Exit(2)


def _tell(row: dict[str, Any], why_not: str, language: str, zone: str) -> None:
    """The night in words; the hour after its departure is taken to cost what its last slot costs."""
    try:
        wall = ZoneInfo(zone)
        asked = time.fromisoformat(why_not)
    except (ValueError, ZoneInfoNotFoundError):
        _refuse(f"--zone {zone}, --why-not {why_not}: a time zone and HH:MM are needed")
    problem = night_problem(row)
    local = problem.edges[0].astimezone(wall)
    nights = (datetime.combine(local.date() + timedelta(days=d), asked, wall) for d in range(3))
    explanation = explained(
        problem,
        why_not_at=[instant for instant in nights if problem.edges[0] <= instant < problem.departs_at],
        later=[(problem.departs_at + timedelta(hours=1), problem.price_per_kwh[-1])],
        earlier=problem.departs_at - timedelta(hours=1),
    )
    typer.echo(f"\n{row['id']}")
    for line in plan_in_words(explanation, Manner(language, zone)):
        typer.echo(f"  {line}")


def _write(plans: dict[str, Any], out: Path, *, energy: bool) -> None:
    try:
        out.write_text(json.dumps(_kept(plans, energy=energy)), encoding="utf-8")
    except OSError as error:
        _refuse(f"{out.name}: {error.strerror}")


def _kept(plans: dict[str, Any], *, energy: bool) -> dict[str, Any]:
    return plans if energy else {key: [_without_energy(row) for row in rows] for key, rows in plans.items()}


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


def _draw(content: dict[str, Any], plans: dict[str, Any], chosen: int, picture: Path) -> None:
    from planner.picture import draw_night  # matplotlib takes a second to load

    try:
        draw_night(content["nights"][chosen], plans["nights"][chosen], picture)
    except (OSError, ValueError) as error:
        _refuse(f"{picture.name}: {error}")
