"""Support tickets from a CSV file as help desks export it: which driver, when, about what. Free text is not read.

Columns are found by name (`ticket`, `driver`, `opened_at`, `category`), in any order and case, separated by comma,
semicolon or tab. Every row that cannot be used is answered with its line and the reason; the others count.
"""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

from domain.errors import CallerError
from domain.model import Instant, Model

COLUMNS = {
    "ticket": ("ticket", "ticket_id", "ticket id", "id", "number"),
    "driver": ("driver", "driver_id", "driver id", "reference", "customer", "customer_id"),
    "opened_at": ("opened_at", "opened at", "opened", "created_at", "created at", "created", "date"),
    "category": ("category", "topic", "subject", "type"),
}
"""Names a column may have; the first is ours."""

REQUIRED = ("ticket", "driver", "opened_at")
LONGEST = 200


class Ticket(Model):
    """One support ticket."""

    ticket_id: str
    driver_id: str
    opened_at: Instant
    category: str = ""


class Complaint(Model):
    """A row that was not used."""

    line: int  # in the file, from 1
    reason: str


class TicketFile(Model):
    """What a file held."""

    tickets: tuple[Ticket, ...]
    complaints: tuple[Complaint, ...]
    repeated: int = 0  # rows that say again what an earlier one said


def read_tickets(body: bytes, driver_of: Callable[[str], str | None], now: datetime) -> TicketFile:
    """The tickets of a file. `driver_of` finds the driver id for what the file calls a driver.

    Raises:
        CallerError: it is no such table: not text, empty, or without a needed column.
    """
    lines = _decoded(body).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = next((i for i, line in enumerate(lines) if line.strip()), None)
    if header is None:
        raise CallerError("the file is empty")
    separator = max(",;\t", key=lines[header].count)
    places = _columns(next(csv.reader([lines[header]], delimiter=separator)))
    tickets: dict[str, Ticket] = {}
    complaints: list[Complaint] = []
    repeated = 0
    for line, row in _rows(lines, header + 1, separator):
        if isinstance(row, list) and not any(cell.strip() for cell in row):
            continue
        found = row if isinstance(row, str) else _ticket(_cells(row, places), driver_of, now)
        if isinstance(found, str):
            complaints.append(Complaint(line=line, reason=found))
        elif found.ticket_id not in tickets:
            tickets[found.ticket_id] = found
        elif tickets[found.ticket_id] == found:
            repeated += 1
        else:
            complaints.append(Complaint(line=line, reason=f"ticket {found.ticket_id} is told twice, and differently"))
    return TicketFile(tickets=tuple(tickets.values()), complaints=tuple(complaints), repeated=repeated)


def _rows(lines: list[str], first: int, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """Every row with its line in the file, from 1; or why it is none: then reading goes on in the line after it, so
    that a quotation mark that is never closed costs its own row and not the rest of the file."""
    while first < len(lines):
        rows = csv.reader(islice(lines, first, None), delimiter=separator, strict=True)
        begins = first
        try:
            for row in rows:
                yield begins + 1, row
                begins = first + rows.line_num
            return
        except csv.Error as error:
            yield begins + 1, f"the row cannot be read: {error}"
            first = begins + 1


def _decoded(body: bytes) -> str:
    """UTF-8 with or without mark, UTF-16 with it, else Western European as spreadsheets save it."""
    encodings = ("utf-16",) if body.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252")
    if b"\0" in body and encodings != ("utf-16",):
        raise CallerError("the file is not a text file")
    for encoding in encodings:
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CallerError("the file is not a text file")


def _columns(header: list[str]) -> dict[str, int]:
    names = [cell.strip().strip('"').casefold() for cell in header]
    places = {ours: names.index(name) for ours, known in COLUMNS.items() for name in known[::-1] if name in names}
    missing = [name for name in REQUIRED if name not in places]
    if missing:
        raise CallerError(f"no column {', '.join(missing)}; the columns are {', '.join(names)}")
    return places


def _cells(row: list[str], places: dict[str, int]) -> dict[str, str]:
    return {name: row[i].strip() for name, i in places.items() if i < len(row)}


def _ticket(cells: dict[str, str], driver_of: Callable[[str], str | None], now: datetime) -> Ticket | str:
    """The ticket, or why there is none."""
    missing = [name for name in REQUIRED if not cells.get(name)]
    if missing:
        return f"no {', '.join(missing)}"
    if len(cells["ticket"]) > LONGEST:
        return "the ticket's id is too long"
    opened_at = _instant(cells["opened_at"])
    if opened_at is None:
        return f"opened_at is not understood: {cells['opened_at'][:40]!r} (wanted: 2026-11-22 or 2026-11-22T18:00:00Z)"
    if opened_at > now:
        return "opened_at lies in the future"
    driver_id = driver_of(cells["driver"])
    if driver_id is None:
        return "no such driver in the program"
    category = cells.get("category", "")[:LONGEST]
    return Ticket(ticket_id=cells["ticket"], driver_id=driver_id, opened_at=opened_at, category=category)


def _instant(text: str) -> datetime | None:
    """An ISO date or instant; without a zone it counts as UTC. Day and month are never guessed."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
