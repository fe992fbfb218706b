"""The stores the contract is played on: in memory, SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.memory import MemoryStore
from storage.sql import SqlStore


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore | SqlStore]:
    """An empty store of each kind."""
    match request.param:
        case "memory":
            made: MemoryStore | SqlStore = MemoryStore()
        case "sqlite":
            made = SqlStore(f"sqlite:///{tmp_path}/store.db")
        case _:
            made = SqlStore(request.getfixturevalue("postgresql_url"))
    await asyncio.gather(made.create(), made.create())  # worker and gateway may start at the same moment
    yield made
    await made.close()
