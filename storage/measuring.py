"""How long a database is kept busy: statements, and the time they took."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from storage.database import Database


@dataclass
class Measured:
    """Statements by kind, and the time they took [s]. Fetching rows counts as far as the driver fetches at once.

    `cpu_seconds` is the executing thread's own: with SQLite the whole work, whatever else the machine does.
    """

    statements: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)


@contextmanager
def measured(database: Database) -> Iterator[Measured]:
    """All statements on the database meanwhile."""
    sql, began = Measured(), dict[int, tuple[float, float]]()

    def before(_connection: Any, cursor: Any, *_: Any) -> None:
        began[id(cursor)] = time.perf_counter(), time.thread_time()

    def after(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        wall, cpu = began.pop(id(cursor))
        sql.seconds += time.perf_counter() - wall
        sql.cpu_seconds += time.thread_time() - cpu
        sql.statements += 1
        sql.kinds[statement.split(maxsplit=1)[0]] += 1

    event.listen(database.engine, "before_cursor_execute", before)
    event.listen(database.engine, "after_cursor_execute", after)
    try:
        yield sql
    finally:
        event.remove(database.engine, "before_cursor_execute", before)
        event.remove(database.engine, "after_cursor_execute", after)
