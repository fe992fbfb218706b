"""After an erasure no table holds anything of the driver; other drivers keep everything. On both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary
from sqlmodel import Session, SQLModel, select
from support.factories import CAR, CHARGER, DRIVER, EVENING, at, make_device, make_reading

from domain.account import NightAccount
from domain.commands import CommandIntent, CommandOrder, Goal, Proof
from domain.devices import Side
from domain.errors import UnknownDevice
from domain.nightlog import LogEntry, LogKind
from domain.relevance import Watch
from storage.erasure import SqlErasure
from storage.sql import SqlStore
from storage.tenants import DriverRecord, Tenants

OTHER = "driver-2"


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path}/store.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    made = SqlStore(url)
    await made.create()
    yield made
    await made.close()


async def fill(store: SqlStore, driver_id: str, *, suffix: str = "") -> None:
    """One row in every table that knows drivers or their devices."""
    car, charger = f"{CAR}{suffix}", f"{CHARGER}{suffix}"
    session_id = f"{car}:1"
    for side, device_id in ((Side.VEHICLE, car), (Side.CHARGER, charger)):
        reading = make_reading(side, device_id=device_id, paired_with=None)
        await store.save_device(make_device(side, reading=reading, driver_id=driver_id))
        await store.add_readings([reading])
    await store.save_watch(Watch(session_id=session_id, driver_id=driver_id, device_ids=(car, charger)))
    await store.open_intent(intent(session_id, driver_id, charger))
    await store.save_night(account(session_id, driver_id, car), [entry(driver_id)])
    await Tenants(store.database).add_driver(
        DriverRecord(id=driver_id, program="p", reference=f"customer{suffix}", since=EVENING)
    )


def intent(session_id: str, driver_id: str, charger: str) -> CommandIntent:
    order = CommandOrder(
        key=f"{session_id}/1/1",
        number=1,
        goal=Goal.STOP,
        side=Side.CHARGER,
        device_id=charger,
        driver_id=driver_id,
        proof=Proof.NO_FLOW,
        prove_by=at(1),
        witness_ids={},
    )
    return CommandIntent(key=order.key, session_id=session_id, order=order, intended_at=EVENING)


def account(session_id: str, driver_id: str, car: str) -> NightAccount:
    none = Decimal(0)
    return NightAccount(
        session_id=session_id,
        number=1,
        driver_id=driver_id,
        vehicle_id=car,
        charger_id=None,
        route="none",
        plugged_in_at=EVENING,
        departs_at=at(12),
        closed_at=at(12),
        ready_at=None,
        is_ready=False,
        why="never charged",
        soc_start_pct=None,
        soc_end_pct=None,
        target_soc_pct=80,
        currency="EUR",
        energy_ac_kwh=none,
        cost=none,
        baseline_cost=none,
        saving=none,
        commands_sent=0,
        commands_proven=0,
    )


def entry(driver_id: str) -> LogEntry:
    return LogEntry(at=EVENING, kind=LogKind.EVENT, name="plugged_in", number=1, data={"driver": driver_id})


async def whole_text(store: SqlStore) -> str:
    """Everything that is stored, as text."""

    def work(session: Session) -> str:
        texts = []
        for table in SQLModel.metadata.sorted_tables:
            columns = [column for column in table.columns if not isinstance(column.type, LargeBinary)]
            texts += [str(tuple(row)) for row in session.connection().execute(select(*columns))]
        return "\n".join(texts)

    return await store.database.read(work)


async def test_f39_nothing_of_the_driver_is_left_and_everything_of_others(store: SqlStore) -> None:
    await fill(store, DRIVER)
    await fill(store, OTHER, suffix="-other")
    others = await whole_text(store)
    erasure = SqlErasure(store.database)
    await asyncio.gather(*(erasure.erase(DRIVER, (CAR, CHARGER), at(2)) for _ in range(2)))
    left = await whole_text(store)
    mine = {DRIVER, f"'{CAR}'", f"'{CHARGER}'", f"{CAR}:1"}
    assert all(text in others for text in mine)
    assert not [text for text in mine if text in left]
    assert all(text in left for text in (OTHER, f"'{CAR}-other'", f"{CAR}-other:1", "customer-other"))


async def test_f39_an_account_written_by_a_session_left_behind_leaves_no_trace(store: SqlStore) -> None:
    await SqlErasure(store.database).erase(DRIVER, (), at(2))
    await store.save_night(account(f"{CAR}:1", DRIVER, CAR), [entry(DRIVER)])
    assert await store.account(f"{CAR}:1", 1) is None
    assert DRIVER not in await whole_text(store)


async def test_it_is_known_who_was_erased_and_when_without_knowing_the_name(store: SqlStore) -> None:
    erasure = SqlErasure(store.database)
    await erasure.erase(DRIVER, (), at(2))
    assert await erasure.erased([DRIVER, OTHER]) == {DRIVER: at(2)}
    assert await erasure.erased([]) == {}
    again = account(f"{CAR}:1", DRIVER, CAR)
    again = again.model_copy(update={"plugged_in_at": at(2) + timedelta(seconds=1)})
    await store.save_night(again, [])  # a driver who came back later
    assert await store.account(f"{CAR}:1", 1) == again


async def test_f39_a_session_left_behind_can_begin_no_command_any_more(store: SqlStore) -> None:
    """What is not on record is not sent; of one who came back the devices are known again."""
    await fill(store, DRIVER)
    await SqlErasure(store.database).erase(DRIVER, (CAR, CHARGER), at(2))
    with pytest.raises(UnknownDevice):
        await store.open_intent(intent(f"{CAR}:1", DRIVER, CHARGER))
    assert CHARGER not in await whole_text(store)
    await fill(store, DRIVER)
    again = intent(f"{CAR}:2", DRIVER, CHARGER)
    assert await store.open_intent(again) == again
