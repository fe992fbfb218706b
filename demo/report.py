"""The demo's result for people: a table on the terminal, a picture per night, one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from rich.console import Console
from rich.table import Table

from demo.cast import PROGRAM
from demo.picture import draw_night
from demo.verdict import Played
from domain.devices import Reading
from ops.telling import in_words

COLUMNS = ("driver", "journey", "route", "commands", "ready", "energy", "cost", "uncontrolled", "saving")


def row_of(night: Played) -> dict[str, str]:
    """One driver's line of the table."""
    account = night.account
    journey = "\n".join(night.journey.lines)
    commands = "\n".join(f"{o['goal']} {o['side']}: {o['result'].replace('_', ' ')}" for o in night.outcomes())
    row = {"driver": night.role.letter, "journey": journey, "commands": commands}
    if account is None:
        return {**dict.fromkeys(COLUMNS, "-"), **row}
    zone = ZoneInfo(PROGRAM.wish.zone)
    return row | {
        "route": account.route,
        "ready": account.ready_at.astimezone(zone).strftime("%H:%M") if account.ready_at else "no",
        "energy": f"{account.energy_ac_kwh:.1f} kWh",
        "cost": f"{account.cost:.2f} {account.currency}",
        "uncontrolled": f"{account.baseline_cost:.2f} {account.currency}",
        "saving": f"{account.saving:.2f} {account.currency}",
    }


def show_table(console: Console, nights: Sequence[Played]) -> None:
    table = Table(title="Three drivers, one night (by meter)", show_lines=True)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True)
    for night in nights:
        row = row_of(night)
        table.add_row(*(row[column] for column in COLUMNS))
    console.print(table)


def story_of(night: Played) -> str:
    """The log in words, with the time at the charging place."""
    zone = ZoneInfo(PROGRAM.wish.zone)
    return "\n".join(f"{entry.at.astimezone(zone):%H:%M}  {line}" for entry in night.log for line in in_words(entry))


def write_page(
    folder: Path, nights: Sequence[Played], readings: dict[str, list[Reading]], *, source: str, speed: float
) -> Path:
    """Pictures and one page into `folder`; returns the page."""
    shown: list[dict[str, Any]] = []
    for night in nights:
        if night.account is None:
            continue
        title = f"{night.role.letter}: {night.role.story}"
        picture = f"night-{night.role.letter.lower()}.svg"
        draw_night(folder / picture, title, night.account, night.log, readings[night.session_id], PROGRAM.wish.zone)
        shown.append({"title": title, "why": night.account.why, "picture": picture, "story": story_of(night)})
    template = jinja2.Environment(autoescape=True).from_string(
        Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
    )
    page = folder / "index.html"
    page.write_text(
        template.render(rows=[row_of(night) for night in nights], nights=shown, source=source, speed=f"{speed:.0f}"),
        encoding="utf-8",
    )
    return page
