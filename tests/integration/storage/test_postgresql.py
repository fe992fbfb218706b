"""What the contract of the stores cannot see: that PostgreSQL is used as PostgreSQL."""

import asyncio
from datetime import UTC, datetime

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, text
from sqlmodel import SQLModel

from domain.devices import Reading, Side
from storage.database import Database
from storage.migrations import migrate
from storage.sql import SqlStore

NOON = datetime(2022, 12, 14, 12, 0, tzinfo=UTC)


async def test_migrations_make_exactly_the_tables(fresh_postgresql_url: str) -> None:
    differences: list[object] = []

    def compare(connection: Connection) -> None:
        migrate(connection)
        differences.extend(compare_metadata(MigrationContext.configure(connection), SQLModel.metadata))

    opened = Database(fresh_postgresql_url)
    await opened.prepare(compare)
    await opened.close()
    assert differences == []


async def test_several_processes_that_start_at_once_make_the_tables_once(fresh_postgresql_url: str) -> None:
    stores = [SqlStore(fresh_postgresql_url) for _ in range(4)]
    await asyncio.gather(*(store.create() for store in stores))
    await asyncio.gather(*(store.close() for store in stores))


async def test_every_instant_is_stored_with_its_zone(postgresql_url: str) -> None:
    """Else a server or a session set to another zone would shift every night."""
    store = SqlStore(postgresql_url)
    await store.create()
    naive: list[tuple[str, str]] = []

    def look(connection: Connection) -> None:
        query = (
            "SELECT table_name, column_name FROM information_schema.columns WHERE data_type LIKE 'timestamp without%'"
        )
        naive.extend((row[0], row[1]) for row in connection.execute(text(query)))

    await store.database.prepare(look)
    await store.close()
    assert naive == []


async def test_a_session_in_another_time_zone_reads_the_same_instant(postgresql_url: str) -> None:
    store = SqlStore(postgresql_url)
    await store.create()

    @event.listens_for(store.database.engine, "connect")
    def _elsewhere(connection: object, _record: object) -> None:
        connection.execute("SET TIME ZONE 'Asia/Kathmandu'")  # type: ignore[attr-defined]

    await store.add_readings([Reading(side=Side.CHARGER, device_id="c1", observed_at=NOON, received_at=NOON)])
    [found] = await store.readings("c1", NOON, datetime(2022, 12, 14, 12, 1, tzinfo=UTC))
    await store.close()
    assert found.observed_at == NOON
    assert found.observed_at.utcoffset() == NOON.utcoffset()
