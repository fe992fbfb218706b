"""What the gateway does now and then: the hook kept alive, old deliveries forgotten, a backlog cried out."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.factories import EVENING
from typer.testing import CliRunner

import cli
from domain.inbox import WorkedOff
from gateway.upkeep import RETENTION, SILENCE_SECONDS, Upkeep
from storage.sql import SqlStore


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/upkeep.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    store = SqlStore(url)
    await store.create()
    yield store
    await store.close()


class Hook:
    """The subscription at the vendor, and what was lost with it."""

    def __init__(self) -> None:
        self.is_dead = False
        self.looks = 0
        self.sweeps = 0
        self.seconds = 0.0

    async def revive(self) -> bool:
        self.looks += 1
        was_dead, self.is_dead = self.is_dead, False
        return was_dead

    async def sweep(self) -> None:
        self.sweeps += 1


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
def upkeep(store: SqlStore, hook: Hook) -> Upkeep:
    return Upkeep(store.inbox, lambda: EVENING, revive=hook.revive, lost=hook.sweep, timer=lambda: hook.seconds)


async def test_hook_is_looked_at_when_the_gateway_starts(upkeep: Upkeep, hook: Hook) -> None:
    await upkeep.keep_hook()
    await upkeep.keep_hook()
    assert (hook.looks, hook.sweeps) == (1, 0)


async def test_vendor_that_is_heard_of_is_left_alone(upkeep: Upkeep, hook: Hook) -> None:
    upkeep.heard()
    for _ in range(10):
        hook.seconds += SILENCE_SECONDS - 1
        upkeep.heard()
        await upkeep.keep_hook()
    assert hook.looks == 0


async def test_silence_has_the_hook_brought_back_and_what_was_lost_swept(upkeep: Upkeep, hook: Hook) -> None:
    """F41: missing heartbeats; the vendor had switched the hook off and thrown its queue away."""
    upkeep.heard()
    hook.is_dead = True
    hook.seconds += SILENCE_SECONDS
    await upkeep.keep_hook()
    assert (hook.is_dead, hook.sweeps) == (False, 1)
    await upkeep.keep_hook()
    assert hook.looks == 1
    hook.seconds += SILENCE_SECONDS
    await upkeep.keep_hook()
    assert (hook.looks, hook.sweeps) == (2, 1)


async def test_without_an_address_of_its_own_the_gateway_keeps_no_hook(store: SqlStore) -> None:
    await Upkeep(store.inbox, lambda: EVENING).keep_hook()


async def test_deliveries_are_known_again_for_three_days_at_least(store: SqlStore) -> None:
    assert timedelta(hours=72) <= RETENTION
    await store.inbox.accept("a", b"1", EVENING)
    await store.inbox.keep(WorkedOff(done=["a"]), EVENING)
    await Upkeep(store.inbox, lambda: EVENING + timedelta(hours=72)).prune()
    assert not await store.inbox.accept("a", b"1", EVENING)
    await Upkeep(store.inbox, lambda: EVENING + RETENTION + timedelta(seconds=1)).prune()
    assert await store.inbox.accept("a", b"1", EVENING)


async def test_backlog_is_cried_out_once_it_is_old(store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    """F42: a backlog nobody sees."""
    await store.inbox.accept("a", b"1", EVENING)
    await Upkeep(store.inbox, lambda: EVENING + timedelta(seconds=50)).watch_age()
    assert caplog.records == []
    with caplog.at_level(logging.ERROR):
        await Upkeep(store.inbox, lambda: EVENING + timedelta(seconds=70)).watch_age()
    assert [record.getMessage() for record in caplog.records] == ["inbox is behind"]


def test_operator_sees_what_was_set_aside_and_has_it_tried_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def set_one_aside() -> None:
        store = SqlStore(url)
        await store.create()
        await store.inbox.accept("d-1", b"1", EVENING)
        await store.inbox.keep(WorkedOff(set_aside={"d-1": "no such news"}), EVENING)
        await store.close()

    asyncio.run(set_one_aside())
    monkeypatch.setenv("NIGHTCHARGE_DATABASE_URL", url)
    told = [CliRunner().invoke(cli.app, ["inbox", *words]).stdout for words in (["list"], ["retry"], ["list"])]
    assert "d-1" in told[0]
    assert "no such news" in told[0]
    assert told[1:] == ["1 will be tried again\n", "nothing was set aside\n"]
