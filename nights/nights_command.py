"""`nightcharge nights`: thousands of nights through the production machines, judged."""

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from nights.draw_faults import CATALOGUE


class Engine(StrEnum):
    """What runs the machines."""

    LOOP = "loop"
    TEMPORAL = "temporal"


def _faults(value: str) -> tuple[int, int]:
    low, _, high = value.partition("-")
    try:
        fewest, most = int(low), int(high or low)
    except ValueError:
        raise typer.BadParameter("give a number or a range, such as 0-3") from None
    if not 0 <= fewest <= most <= len(CATALOGUE):
        raise typer.BadParameter(f"must rise within 0-{len(CATALOGUE)}")
    return fewest, most


def _only(value: str) -> tuple[str, ...]:
    names = tuple(name.strip().upper() for name in value.split(",") if name.strip())
    if unknown := [name for name in names if name not in CATALOGUE]:
        raise typer.BadParameter(f"cannot be injected: {', '.join(unknown)}; known: {', '.join(CATALOGUE)}")
    return names


def nights(
    count: Annotated[int, typer.Option(min=1, help="Nights to play.")] = 1000,
    seed: Annotated[int, typer.Option(help="Night k depends on the seed and on k only.")] = 1,
    faults: Annotated[str, typer.Option(help="Failures per night: a number or a range.")] = "0-3",
    only: Annotated[str, typer.Option(help="Draw only these failures, e.g. F16,F24.")] = "",
    engine: Annotated[Engine, typer.Option(help="A loop on virtual time, or Temporal's workflows.")] = Engine.LOOP,
    prices: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Price file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    only_night: Annotated[int | None, typer.Option("--only-night", min=0, help="Play this night alone.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Tell that night as a story.")] = False,
) -> None:
    """Play drawn nights with failures through the production machines, and judge the promises.

    Exit code 1 if a promise broke.
    """
    from nights.runner import Wanted, explained, run

    if explain and only_night is None:
        raise typer.BadParameter("--explain needs --only-night")
    wanted = Wanted(count, seed, _faults(faults), _only(only), prices, engine.value).of_one(only_night)
    if explain:
        text, is_kept = explained(wanted)
        print(text)
        raise typer.Exit(0 if is_kept else 1)
    console = Console(stderr=True)
    with _progress(console) as progress:
        report, is_kept = run(wanted, on_progress=_advance(progress, wanted.count))
    if as_json:
        print(json.dumps(report))
    else:
        _show(Console(), report)
    raise typer.Exit(0 if is_kept else 1)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("nights"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
        console=console,
        transient=True,
        auto_refresh=False,  # a thread that draws would stand in the way of copying the process (`nights.runner`)
    )


def _advance(progress: Progress, count: int) -> Callable[[int, Any], None]:
    task = progress.add_task("nights", total=count, words="")

    def advance(done: int, summary: Any) -> None:
        if done % 50 == 0 or done == count:
            words = f"ready {summary.ready}, silent misses {summary.silent_misses}"
            progress.update(task, completed=done, words=words, refresh=True)

    return advance


def _show(console: Console, report: dict[str, Any]) -> None:
    """The figures for people."""
    names = ("count", "nights_per_s", "ready", "ready_possible", "silent_misses", "false_alarms")
    console.print(", ".join(f"{name} {report[name]}" for name in (*names, "cost_over_optimum_pct")))
    for name, promise in report["promises"].items():
        failing = "" if promise["held"] else f", nights {promise['failing'][:10]}"
        console.print(f"{name} {'held' if promise['held'] else 'BROKEN'}{failing}")
    table = Table("failure", "nights", "ready", "told", "silent", "commands", "extra cost %")
    for name, figures in report["faults"].items():
        table.add_row(name, *(str(value) for value in figures.values()))
    if report["faults"]:
        console.print(table)
