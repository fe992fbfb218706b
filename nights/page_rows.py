"""Rows of measured figures in a page of Markdown, written by the command that measured them."""

from collections.abc import Sequence
from pathlib import Path


def put_row(page: Path, heading: str, titles: Sequence[str], row: Sequence[str], *, keys: int) -> None:
    """Write `row` into the table under `heading`, which is added at the end if the page has none.

    A row with the same first `keys` cells is replaced, so that a size measured again has one row.
    """
    lines = page.read_text(encoding="utf-8").rstrip("\n").split("\n") if page.exists() else []
    if heading not in lines:
        lines += ["", heading, "", _line(titles), _line(["---"] * len(titles))]
    first = next(i for i in range(lines.index(heading), len(lines)) if lines[i].startswith("|---")) + 1
    last = next((i for i in range(first, len(lines)) if not lines[i].startswith("|")), len(lines))
    rows = [line for line in lines[first:last] if _cells(line)[:keys] != list(row[:keys])]
    rows = sorted([*rows, _line(row)], key=lambda line: [_rank(cell) for cell in _cells(line)[:keys]])
    page.write_text("\n".join([*lines[:first], *rows, *lines[last:]]) + "\n", encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return f"|{'|'.join(cells)}|" if set(cells) == {"---"} else f"| {' | '.join(cells)} |"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _rank(cell: str) -> tuple[int, str]:
    """Numbers in their order, then words."""
    digits = cell.replace(",", "")
    return (int(digits), "") if digits.isdigit() else (1 << 60, cell)
