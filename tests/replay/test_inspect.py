"""`nightcharge inspect`: the same record from either place, and a word on which place it was."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from support.factories import CAR, DRIVER, EVENING, MORNING
from support.played import dev_server, house_at, house_worker, plug_in, shell_worker, until
from temporalio.api.history.v1 import HistoryEvent
from temporalio.service import RPCError, RPCStatusCode
from typer.testing import CliRunner

from domain.account import NightAccount
from domain.nightlog import LogEntry, LogKind
from nights.record_histories import read, stored
from ops.inspect import Source, in_lines, story_of
from ops.inspect_command import UNKNOWN, as_json_lines, inspect
from ops.ports import free_port
from storage.sql import SqlStore

HISTORY = next(
    path for path in stored(Path(__file__).parents[1] / "data" / "histories") if path.name.startswith("session")
)
ENTRY = LogEntry(
    kind=LogKind.EVENT, number=1, at=EVENING, name="driver_acted", data={"act": "charge_now", "action_id": "1"}
)


def make_account(session_id: str, number: int = 1) -> NightAccount:
    return NightAccount(
        session_id=session_id,
        number=number,
        driver_id=DRIVER,
        vehicle_id=CAR,
        charger_id=None,
        route="none",
        plugged_in_at=EVENING,
        departs_at=MORNING,
        closed_at=MORNING,
        ready_at=None,
        is_ready=False,
        why="for the test",
        soc_start_pct=None,
        soc_end_pct=None,
        target_soc_pct=80,
        currency="EUR",
        energy_ac_kwh=Decimal(0),
        cost=Decimal(0),
        baseline_cost=Decimal(0),
        saving=Decimal(0),
        commands_sent=0,
        commands_proven=0,
    )


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of a database in which no night is stored yet."""
    url = f"sqlite:///{tmp_path / 'nightcharge.db'}"

    async def create() -> None:
        store = SqlStore(url)
        await store.create()
        await store.close()

    asyncio.run(create())
    return url


async def test_a_night_is_told_from_history_while_it_is_retained_and_alike_from_storage_after(
    tmp_path: Path, database: str
) -> None:
    store = SqlStore(database)
    async with dev_server(tmp_path) as temporal:
        house = house_at(3600)
        async with house_worker(temporal, house), shell_worker(temporal):
            played = await plug_in(temporal, house)

            async def is_stopped() -> bool:
                commands = (await played.state()).night
                return commands is not None and any(command.outcome for command in commands.commands)

            await until(is_stopped, "the stop is never proven")
            await played.unplugged()
            await played.handle.result()
        await store.save_night(make_account(played.session_id), house.logs[0])

        retained = await story_of(played.session_id, temporal, store)
    nothing_left: Any = Server([])
    gone = await story_of(played.session_id, nothing_left, store)
    await store.close()

    assert [(night.number, night.source) for night in retained.nights] == [(1, Source.HISTORY), (None, Source.HISTORY)]
    assert [(night.number, night.source) for night in gone.nights] == [(1, Source.STORAGE)]
    assert retained.nights[0].log == gone.nights[0].log
    said = list(in_lines(retained))
    assert said[0] == f"session:{played.session_id}, times in Europe/Amsterdam"
    assert said[1] == "night 1, from history"
    assert any("stop charger proven" in line for line in said)
    assert "night 1, from storage" in list(in_lines(gone))


class Server:
    """A server that has one run of a session, or none; the runs before it are no longer retained."""

    def __init__(self, events: list[HistoryEvent]) -> None:
        self._events = events
        if events:
            events[0].workflow_execution_started_event_attributes.continued_execution_run_id = "gone"

    def get_workflow_handle(self, _workflow_id: str, *, run_id: str | None) -> "Server":
        return Server([]) if run_id == "gone" else self

    async def fetch_history_events(self) -> AsyncIterator[HistoryEvent]:
        if not self._events:
            raise RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b"")
        for event in self._events:
            yield event


async def test_storage_fills_in_the_nights_that_history_no_longer_has(database: str) -> None:
    history = list(read(HISTORY).events)
    store = SqlStore(database)
    for number in (0, 1):
        await store.save_night(make_account("car:1", number), [ENTRY])
    server: Any = Server(history)
    story = await story_of("car:1", server, store)
    await store.close()
    assert [(night.number, night.source) for night in story.nights] == [
        (0, Source.STORAGE),
        (1, Source.HISTORY),
        (None, Source.HISTORY),
    ]
    assert story.nights[0].log == (ENTRY,)


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Temporal is said to be where nothing listens."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(inspect)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.usefixtures("no_server")
def test_an_unknown_session_ends_with_code_2_and_its_id(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NIGHTCHARGE_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    result = run("session:nobody:1")
    assert result.exit_code == UNKNOWN == 2
    assert "session:nobody:1 is known neither to Temporal nor to storage" in result.stderr
    assert not (tmp_path / "none.db").exists(), "to look must not make a database"


@pytest.mark.usefixtures("no_server")
def test_without_a_server_storage_is_read_and_that_is_said(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    async def fill() -> None:
        store = SqlStore(database)
        await store.save_night(make_account("car:1"), [ENTRY])
        await store.close()

    asyncio.run(fill())
    monkeypatch.setenv("NIGHTCHARGE_DATABASE_URL", database)
    result = run("session:car:1", "--json")
    assert result.exit_code == 0
    assert "storage alone is read" in result.stderr
    (line,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (line.pop("night"), line.pop("source")) == (1, "storage")
    assert LogEntry.model_validate(line) == ENTRY
    assert "  Mon 12 Dec 18:00  the driver: charge now" in run("session:car:1").stdout


async def test_a_json_line_carries_night_source_and_the_entry_as_stored(database: str) -> None:
    store = SqlStore(database)
    await store.save_night(make_account("car:1"), [ENTRY])
    story = await story_of("car:1", None, store)
    await store.close()
    (line,) = as_json_lines(story)
    assert json.loads(line) == {"night": 1, "source": "storage", **ENTRY.model_dump(mode="json")}
