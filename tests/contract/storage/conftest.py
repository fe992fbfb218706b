"""The stores the contract is played on: in memory, SQLite, and PostgreSQL where one is offered.

`POSTGRESQL_CONTRACT_URL` names a database that may be emptied, e.g. `postgresql+psycopg://user@127.0.0.1:5432/scratch`;
its driver must be installed.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from storage.database import Database
from storage.memory import MemoryStore
from storage.sql import SqlStore

POSTGRESQL_URL = os.environ.get("POSTGRESQL_CONTRACT_URL", "")


@pytest.fixture(params=["memory", "sqlite", *(["postgresql"] if POSTGRESQL_URL else [])])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore | SqlStore]:
    """An empty store of each kind."""
    match request.param:
        case "memory":
            made: MemoryStore | SqlStore = MemoryStore()
        case "sqlite":
            made = SqlStore(f"sqlite:///{tmp_path}/store.db")
        case _:
            await _empty(POSTGRESQL_URL)
            made = SqlStore(POSTGRESQL_URL)
    await asyncio.gather(made.create(), made.create())  # worker and gateway may start at the same moment
    yield made
    await made.close()


async def _empty(url: str) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))

    database = Database(url)
    await database.prepare(work)
    await database.close()
