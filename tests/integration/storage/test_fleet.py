"""The sums of an operator's page, the same on both databases."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from support.factories import at, make_device
from support.two_programs import LOG, make_account

from domain.devices import Side
from domain.program import Program
from domain.reliability import RouteRecord
from storage.breakers import COUNTS_FOR, Breakers, OpenBreakers
from storage.fleet import DAY, Fleet
from storage.sql import SqlStore
from storage.tenants import DriverRecord, Tenants


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    """Two programs with a driver each; the first one's Jeep has three nights, one of them missed."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/fleet.db" if is_sqlite else request.getfixturevalue("postgresql_url")
    store = SqlStore(url)
    await store.create()
    tenants = Tenants(store.database)
    for name in ("alpha", "beta"):
        await tenants.save_program(Program(name=name), at(0))
        await tenants.add_driver(DriverRecord(id=f"{name}-driver", program=name, reference=name, since=at(0)))
        await store.save_device(make_device(Side.VEHICLE, driver_id=f"{name}-driver").model_copy(update={"id": name}))
    for number in (1, 2, 3):
        account = make_account("alpha-driver", "alpha:1", number)
        routes = {Side.CHARGER: RouteRecord(tried=2, proven=1), Side.VEHICLE: RouteRecord(tried=1, proven=1)}
        changes = {"saving": Decimal("1.25"), "is_ready": number != 2, "routes": routes}
        await store.save_night(account.model_copy(update=changes), LOG)
    yield store
    await store.close()


def since() -> datetime:
    return at(12) - 7 * DAY


def until() -> datetime:
    return at(12) + timedelta(hours=1)


async def test_nights_are_summed_by_brand_and_side(store: SqlStore) -> None:
    (brand,) = await Fleet(store.database).by_brand("alpha", since(), until())
    device = await store.device("alpha")
    assert device is not None
    assert brand.brand == device.brand
    assert (brand.nights, brand.ready) == (3, 2)
    assert (brand.charger_tried, brand.charger_proven) == (6, 3)
    assert (brand.vehicle_tried, brand.vehicle_proven) == (3, 3)
    assert brand.saving == pytest.approx(3.75)


async def test_nights_of_a_car_that_is_gone_count_as_unknown(store: SqlStore) -> None:
    await store.remove_device("alpha")
    (brand,) = await Fleet(store.database).by_brand("alpha", since(), until())
    assert (brand.brand, brand.nights) == ("unknown", 3)


async def test_each_day_has_its_nights_and_the_missed_one_is_named(store: SqlStore) -> None:
    fleet = Fleet(store.database)
    days = await fleet.by_day("alpha", [at(12) - n * DAY - timedelta(hours=1) for n in (3, 2, 1, 0)])
    assert [(day.nights, day.ready) for day in days] == [(1, 1), (1, 0), (1, 1), (0, 0)]
    (missed,) = await fleet.missed("alpha", since(), until(), 10)
    assert (missed.session_id, missed.number, missed.driver_id) == ("alpha:1", 2, "alpha-driver")


async def test_another_program_sees_none_of_it(store: SqlStore) -> None:
    fleet = Fleet(store.database)
    assert await fleet.by_brand("beta", since(), until()) == []
    assert await fleet.missed("beta", since(), until(), 10) == []
    assert await fleet.driver_of_vehicle("beta", "alpha") is None
    assert await fleet.driver_of_vehicle("alpha", "alpha") == "alpha-driver"
    assert await fleet.drivers("beta") == 1


async def test_a_workers_last_word_counts_until_it_falls_silent(store: SqlStore) -> None:
    """Two workers, one of which opens its breaker and then dies."""
    breakers = Breakers(store.database)
    await breakers.tell("one", [], at(0))
    await breakers.tell("two", [], at(0))
    await breakers.tell("two", ["EASEE", "TESLA"], at(0) + COUNTS_FOR / 2)
    assert await breakers.open(at(0) + COUNTS_FOR) == OpenBreakers(workers=2, vendors={"EASEE": 1, "TESLA": 1})
    await breakers.tell("one", ["TESLA"], at(0) + COUNTS_FOR)
    later = await breakers.open(at(0) + 1.75 * COUNTS_FOR)
    assert later == OpenBreakers(workers=1, vendors={"TESLA": 1})
