"""Two programs side by side, each with a driver, a session under way, a night behind it, a hook, and keys."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr
from support.desk import Desk
from support.factories import at, make_device, make_plan, make_reading, make_session

from domain.account import NightAccount, SlotAccount
from domain.devices import Intervention, Place, Side
from domain.driver.events import DeviceSeen
from domain.driver.state import Enrolment, OpenSession
from domain.nightlog import LogEntry, LogKind
from domain.program import Program
from domain.session.state import Night
from gateway.api.access import Access, Scope, new_key
from gateway.api.app import mount
from gateway.api.limits import Rate
from gateway.api.services import ApiConfig, Services
from gateway.outgoing import secret_of
from storage.hooks import Hook
from storage.sql import SqlStore
from storage.tenants import DriverRecord, Tenants

SECRET = SecretStr("a-secret-of-these-tests-only-32-long")
ENDLESS = Rate(burst=1_000_000, per_second=1_000_000)
TODAY = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class VendorOfPlaces:
    """A vendor that knows one place a driver."""

    def __init__(self) -> None:
        self.made: list[tuple[str, float, float]] = []

    async def create_place(self, driver_id: str, name: str, latitude: float, longitude: float, zone: str) -> Place:
        self.made.append((driver_id, latitude, longitude))
        return Place(id=f"place-{driver_id[:8]}", name=name, zone=zone)

    async def places(self, driver_id: str) -> list[Place]:
        return [Place(id=f"place-{driver_id[:8]}", name="Home", zone="Europe/Amsterdam")]

    async def interventions(self, language: str) -> list[Intervention]:
        return [Intervention(id="i-1", title="Open the app", description="and sign in")]


@dataclass
class Tenant:
    """One program as a test sees it."""

    name: str
    driver: str
    session: str
    hook: str
    hook_secret: str
    key_id: str
    token: str  # may everything
    link: str  # of its driver

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def as_driver(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.link}"}


@dataclass
class House:
    """The application and what is in it."""

    app: FastAPI
    services: Services
    desk: Desk
    vendor: VendorOfPlaces
    alpha: Tenant
    beta: Tenant

    async def key(self, tenant: Tenant, *scopes: Scope, days: float | None = None) -> dict[str, str]:
        """Headers of one more key of the program."""
        expires_at = TODAY + timedelta(days=days) if days is not None else None
        record, token = new_key(tenant.name, "test", frozenset(scopes), TODAY, expires_at)
        await self.services.tenants.add_key(record)
        return {"Authorization": f"Bearer {token.get_secret_value()}"}


class Dial:
    """Real time that moves by hand."""

    def __init__(self) -> None:
        self.now = TODAY

    def __call__(self) -> datetime:
        return self.now


async def two_programs(folder: Path, *, url: str | None = None, config: ApiConfig | None = None) -> House:
    """Everything seeded."""
    store = SqlStore(url or f"sqlite:///{folder}/api.db")
    await store.create()
    desk, vendor, dial = Desk(), VendorOfPlaces(), Dial()
    services = Services(
        workflows=desk,  # type: ignore[arg-type]
        store=store,
        access=Access(Tenants(store.database), SECRET),
        now=lambda: at(4),
        real_now=dial,
        vendor=vendor,
        config=config
        or ApiConfig(
            per_key=ENDLESS,
            per_driver=ENDLESS,
            actions_per_driver=ENDLESS,
            most_switched_kw=1e9,
            stream_every_seconds=0.01,
            stream_seconds=0.05,
        ),
    )
    app = FastAPI(openapi_url=None)
    mount(app, services)
    alpha, beta = [await _tenant(services, desk, name) for name in ("alpha", "beta")]
    return House(app, services, desk, vendor, alpha, beta)


async def _tenant(services: Services, desk: Desk, name: str) -> Tenant:
    program = Program(name=name)
    await services.tenants.save_program(program, TODAY)
    driver = await desk.start_driver(program, f"{name}-customer-1")
    await services.tenants.add_driver(
        DriverRecord(id=driver, program=name, reference=f"{name}-customer-1", since=TODAY)
    )
    session = f"{name}-car:1"
    _link_devices(desk, driver, name, session)
    night = Night(
        number=1,
        opened_at=at(0),
        departs_at=at(12),
        target_soc_pct=80,
        min_soc_pct=0,
        plan=make_plan(),
        plan_revision=1,
    )
    state = make_session(make_reading(device_id=f"{name}-car"), session_id=session, driver_id=driver, program=name)
    car = state.car.model_copy(update={"device_id": f"{name}-car"})
    desk.sessions[session] = state.model_copy(update={"night": night, "car": car})
    for number in (1, 2, 3):
        await services.store.save_night(make_account(driver, f"{name}-car:0", number), LOG)
    hook = Hook(
        id=f"{name}hook", program=name, url="https://backend.example/hook", kinds=frozenset({"*"}), created_at=TODAY
    )
    await services.hooks.add(hook)
    record, token = new_key(name, "everything", frozenset(Scope), TODAY)
    await services.tenants.add_key(record)
    return Tenant(
        name=name,
        driver=driver,
        session=session,
        hook=hook.id,
        hook_secret=secret_of(hook.id, services.access),
        key_id=record.id,
        token=token.get_secret_value(),
        link=services.access.link(name, driver, TODAY + timedelta(minutes=15)),
    )


def _link_devices(desk: Desk, driver: str, name: str, session: str) -> None:
    for side, kind in ((Side.VEHICLE, "car"), (Side.CHARGER, "box")):
        reading = make_reading(side, device_id=f"{name}-{kind}", location_id="home")
        device = make_device(side, reading=reading, driver_id=driver)
        desk.see(driver, DeviceSeen(device=device))
    opened = OpenSession(session_id=session, vehicle_id=f"{name}-car", opened_at=at(0))
    state = desk.drivers[driver]
    desk.drivers[driver] = state.model_copy(
        update={
            "sessions": {opened.vehicle_id: opened},
            "enrolment": Enrolment(at=at(-1), text_version="1", language="en"),
        }
    )


LOG = [LogEntry(kind=LogKind.EVENT, number=1, at=at(0), name="time_reached", data={})]


def make_account(driver: str, session: str, number: int) -> NightAccount:
    """A night that cost 2.00 instead of 5.00."""
    return NightAccount(
        session_id=session,
        number=number,
        driver_id=driver,
        vehicle_id=session.partition(":")[0],
        charger_id=None,
        route="vehicle",
        plugged_in_at=at(-24 * number),
        departs_at=at(12 - 24 * number),
        closed_at=at(12 - 24 * number),
        ready_at=at(9 - 24 * number),
        is_ready=True,
        why="the target was read before the departure",
        soc_start_pct=40,
        soc_end_pct=80,
        target_soc_pct=80,
        currency="EUR",
        energy_ac_kwh=Decimal("10.0000"),
        cost=Decimal("2.000000"),
        baseline_cost=Decimal("5.000000"),
        saving=Decimal("3.000000"),
        commands_sent=2,
        commands_proven=2,
        slots=(
            SlotAccount(
                starts_at=at(-24 * number),
                ends_at=at(1 - 24 * number),
                price_per_kwh=Decimal("0.2"),
                energy_ac_kwh=Decimal("10"),
                baseline_ac_kwh=Decimal("10"),
            ),
        ),
    )
