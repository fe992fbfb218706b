"""The SQL store on a real file: migrations, several processes, durability."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event
from sqlmodel import Session, SQLModel, select

from domain.devices import Reading, Side
from domain.errors import RetryableError
from storage import database, migrations, tables
from storage.database import Database
from storage.inbox import SqlInbox
from storage.migrations import migrate
from storage.sql import SqlStore

NOON = datetime(2022, 12, 14, 12, 0, tzinfo=UTC)
WRITES = 40

CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from storage.sql import SqlStore

async def main(url: str, name: str, writes: int) -> None:
    store = SqlStore(url)
    await store.create()
    print("open", flush=True)
    sys.stdin.readline()
    now = datetime(2022, 12, 14, 12, 0, tzinfo=UTC)
    won = 0
    for n in range(writes):
        won += await store.inbox.accept(f"shared-{n}", f"shared {n}".encode(), now)
        assert await store.inbox.accept(f"{name}-{n}", f"{name} {n}".encode(), now)
        await store.inbox.pending(5)
    await store.close()
    print(won, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a SQLite file that does not exist yet, in a folder that does not either."""
    return f"sqlite:///{tmp_path}/data/store.db"


async def test_migrations_make_exactly_the_tables(url: str) -> None:
    differences: list[object] = []

    def compare(connection: Connection) -> None:
        migrate(connection)
        differences.extend(compare_metadata(MigrationContext.configure(connection), SQLModel.metadata))

    opened = Database(url)
    await opened.prepare(compare)
    await opened.close()
    assert tables.CommandRow.metadata.tables
    assert differences == []


async def test_a_backlog_is_found_without_a_look_at_what_is_done(url: str) -> None:
    """Else every round would read three days of deliveries, or the bodies of all that wait."""
    store = SqlStore(url)
    await store.create()
    asked: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    await store.inbox.take(5)
    await store.inbox.backlog()
    queries = [one for one in asked if "FROM delivery" in one and "IS NOT NULL" not in one]
    plans = await store.database.look(
        lambda connection: [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", (5, 0)[: one.count("?")]).all() for one in queries
        ]
    )
    await store.close()
    assert len(plans) == 2
    assert all("ix_delivery_pending" in str(plan) for plan in plans), plans


async def test_a_storm_of_deliveries_shares_transactions_and_each_hears_its_own_answer(url: str) -> None:
    store = SqlStore(url)
    await store.create()
    inbox, begun = SqlInbox(store.database, gather_seconds=0.05), []
    event.listen(store.database.engine, "begin", begun.append)
    assert await inbox.accept("first", b"first", NOON)
    answers = await asyncio.gather(*(inbox.accept(f"{n}", str(n % 10).encode(), NOON) for n in range(20)))
    await store.close()
    assert answers == [True] * 10 + [False] * 10
    assert len(begun) == 2


async def test_round_interrupted_under_the_old_version_is_taken_again_by_the_new_one(url: str) -> None:
    """The mark moved from the delivery to a table of its own (0009)."""

    def upgrade(connection: Connection) -> None:
        command.upgrade(migrations._config(connection), "0008_breakers")
        for number, is_taken in ((1, True), (2, True), (3, False)):
            connection.exec_driver_sql(
                "INSERT INTO delivery (delivery_id, digest, received_at, is_done, is_taken, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (f"{number}", f"{number}", "2022-12-14 12:00:00", False, is_taken, b"[]"),
            )
        migrate(connection)

    opened = Database(url)
    await opened.prepare(upgrade)
    await opened.close()
    store = SqlStore(url)
    assert [one.id for one in await store.inbox.take(1)] == ["1", "2"]
    await store.close()


async def test_create_again_keeps_what_is_stored(url: str) -> None:
    for expected in (True, False):
        store = SqlStore(url)
        await store.create()
        assert await store.inbox.accept("a", b"1", NOON) is expected
        await store.close()


def test_two_processes_share_one_file_from_the_first_moment(url: str) -> None:
    """Both make the tables at once, then write at once: nothing is lost, refused or accepted twice."""
    command = [sys.executable, "-W", "error", "-c", CHILD, url]
    with (
        subprocess.Popen([*command, "worker", str(WRITES)], stdin=PIPE, stdout=PIPE, text=True) as worker,
        subprocess.Popen([*command, "gateway", str(WRITES)], stdin=PIPE, stdout=PIPE, text=True) as gateway,
    ):
        children = (worker, gateway)
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "open\n"
        won = sum(int(answer) for answer in _go(children))
    assert [child.returncode for child in children] == [0, 0]
    assert won == WRITES
    file = sqlite3.connect(url.removeprefix("sqlite:///"))
    assert file.execute("SELECT count(*) FROM delivery").fetchone() == (3 * WRITES,)
    assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.close()


async def test_reader_does_not_wait_for_the_writer(url: str) -> None:
    store = SqlStore(url)
    await store.create()
    await store.inbox.accept("a", b"1", NOON)
    rival = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    assert [one.body for one in await store.inbox.pending(1)] == [b"1"]
    rival.execute("ROLLBACK")
    rival.close()
    await store.close()


async def test_writer_that_reads_first_holds_the_lock_from_its_start(url: str) -> None:
    """Else another process could write in between, and the first write after the read would fail at once."""
    opened = Database(url)
    await opened.prepare(migrate)

    def work(session: Session) -> None:
        session.exec(select(tables.WatchRow)).all()
        rival = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0, isolation_level=None)
        with contextlib.closing(rival), pytest.raises(sqlite3.OperationalError, match="locked"):
            rival.execute("BEGIN IMMEDIATE")

    await opened.write(work)
    await opened.close()


async def test_write_that_waits_too_long_is_a_passing_failure(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 20)
    store = SqlStore(url)
    await store.create()
    rival = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetryableError):
        await store.inbox.accept("a", b"1", NOON)
    rival.execute("ROLLBACK")
    assert await store.inbox.accept("a", b"1", NOON)
    rival.close()
    await store.close()


async def test_failed_write_leaves_nothing_behind(url: str) -> None:
    """The second reading cannot be stored, so the first, in the same transaction, is not either."""
    store = SqlStore(url)
    await store.create()
    good = Reading(side=Side.CHARGER, device_id="c1", observed_at=NOON, received_at=NOON)
    naive = good.model_copy(update={"observed_at": NOON.replace(tzinfo=None)})
    with pytest.raises(Exception, match="naive"):
        await store.add_readings([good, naive])
    assert await store.readings("c1", NOON, datetime(2022, 12, 15, tzinfo=UTC)) == []
    await store.close()


async def test_store_works_beside_other_tasks(url: str) -> None:
    """The event loop runs on while the database works."""
    store = SqlStore(url)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await store.create()
    ticking.cancel()
    await store.close()
    assert ticks > 1


def _go(children: tuple[subprocess.Popen[str], ...]) -> list[str]:
    """Let the waiting children run at the same time; what each printed at its end."""
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    return [child.communicate(timeout=60)[0] for child in children]
