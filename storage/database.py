"""One database, reached from async code: an engine and the threads that may use it.

SQLite allows one writer at a time, over all processes. So a store uses one thread, writes begin with the write lock
(a transaction that first reads and later writes would fail at once instead of waiting its turn), and whoever finds
the lock taken waits.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, create_engine

from domain.errors import RetryableError

T = TypeVar("T")

BUSY_TIMEOUT_MS = 30_000
"""How long a statement waits for another process's write [ms]. A write takes milliseconds, so this means stuck."""

SERVER_THREADS = 8
"""Threads and connections towards a database server [1]; enough for a worker's activities, few for the server."""


class Database:
    """Runs functions on a session, each in one transaction on a thread; passing failures are `RetryableError`."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = make_url(url).get_backend_name() == "sqlite"
        threads = 1 if self._is_sqlite else SERVER_THREADS
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="storage")
        self.engine = _sqlite_engine(url) if self._is_sqlite else create_engine(url, pool_size=threads)
        self._reader = self.engine.execution_options(is_reader=True)

    async def read(self, work: Callable[[Session], T]) -> T:
        """The result of `work` in a transaction that changes nothing."""
        return await self._on_thread(lambda: _in_session(self._reader, work))

    async def write(self, work: Callable[[Session], T]) -> T:
        """The result of `work`, committed."""
        return await self._on_thread(lambda: _in_session(self.engine, work))

    async def look(self, work: Callable[[Connection], T]) -> T:
        """The result of `work` on one connection; nothing is changed."""

        def on_connection() -> T:
            with self._reader.connect() as connection:
                return work(connection)

        return await self._on_thread(on_connection)

    async def prepare(self, work: Callable[[Connection], None]) -> None:
        """Run `work` on one connection in one transaction, with the write lock held from its start."""

        def on_connection() -> None:
            if self._is_sqlite:
                _use_write_ahead_log(self.engine)
            with self.engine.begin() as connection:
                work(connection)

        await self._on_thread(on_connection)

    async def close(self) -> None:
        """Let running work end, then release all connections."""
        await self._on_thread(self.engine.dispose)
        self._threads.shutdown()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OperationalError as error:
            raise RetryableError(f"the database does not answer: {error.orig}") from error


def file_of(url: str) -> str | None:
    """The file of a SQLite database; None: it is a server's, or in memory."""
    parts = make_url(url)
    return parts.database if parts.get_backend_name() == "sqlite" and parts.database != ":memory:" else None


def _in_session(engine: Engine, work: Callable[[Session], T]) -> T:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return work(session)


def _sqlite_engine(url: str) -> Engine:
    file = file_of(url)
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself; `_begin` does
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_reader = connection.get_execution_options().get("is_reader", False)
        connection.exec_driver_sql("BEGIN" if is_reader else "BEGIN IMMEDIATE")

    return engine


def _use_write_ahead_log(engine: Engine) -> None:
    """Readers no longer wait for the writer. The file keeps the mode; to ask again is harmless."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
