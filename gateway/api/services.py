"""What the routes work with, and how they ask for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from client import Nightcharge
from domain.devices import Intervention, Place
from domain.model import Model
from gateway.api.access import Access, Principal, Scope, unauthorized
from gateway.api.limits import Limits, Rate
from gateway.api.problems import Refused, not_found
from storage.answers import Answers
from storage.audit import Audit, AuditRecord
from storage.hooks import Hooks
from storage.reports import Reports
from storage.sql import SqlStore
from storage.tenants import DriverRecord, Tenants


class Places(Protocol):
    """Charging places and interventions at the vendor; a `DeviceProvider` has all of it."""

    async def create_place(self, driver_id: str, name: str, latitude: float, longitude: float, zone: str) -> Place: ...

    async def places(self, driver_id: str) -> list[Place]: ...

    async def interventions(self, language: str) -> list[Intervention]: ...


class ApiConfig(Model):
    """What an installation decides."""

    public_url: str = ""  # where drivers' browsers reach the gateway
    per_key: Rate = Rate(burst=300, per_second=100)
    per_driver: Rate = Rate(burst=60, per_second=2)
    actions_per_driver: Rate = Rate(burst=20, per_second=0.2)
    most_switched_kw: float = 5_000.0  # a program's keys may switch so much ...
    switched_within: timedelta = timedelta(minutes=1)  # ... in this span, without a second person
    wait: timedelta = timedelta(seconds=10)  # real time a request waits for an action's outcome
    stream_every_seconds: float = 1.0  # live updates look so often
    stream_seconds: float = 300.0  # and end after so long; browsers come back by themselves
    most_streams: int = 500
    plain_hooks: bool = False  # http and private addresses as hooks: for a simulator on this machine


@dataclass(kw_only=True)
class Services:
    """One for the application."""

    workflows: Nightcharge
    store: SqlStore
    access: Access
    now: Callable[[], datetime]  # world time
    real_now: Callable[[], datetime]  # for lives of keys and links
    vendor: Places | None = None
    config: ApiConfig = field(default_factory=ApiConfig)
    limits: Limits = field(default_factory=Limits)
    streams: int = 0

    def __post_init__(self) -> None:
        database = self.store.database
        self.tenants, self.answers, self.audit = Tenants(database), Answers(database), Audit(database)
        self.reports, self.hooks = Reports(database), Hooks(database)

    async def note(self, caller: Principal, act: str, what: str, outcome: str = "done", power_kw: float = 0.0) -> None:
        """Put a privileged act into the audit."""
        record = AuditRecord(
            at=self.real_now(),
            program=caller.program,
            actor=caller.actor,
            act=act,
            object=what,
            outcome=outcome,
            power_kw=power_kw,
        )
        await self.audit.note(record)


def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Api = Annotated[Services, Depends(services)]

_bearer = HTTPBearer(auto_error=False, description="An API key of the program, or a driver's link.")


async def caller_of(request: Request) -> Principal:
    """Who sent this request, looked up once.

    Raises:
        Refused: nobody we know, or too often.
    """
    known: Principal | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    api = services(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized()
    caller = await api.access.principal(token.strip(), api.real_now())
    api.limits.take(caller.actor, api.config.per_driver if caller.driver_id else api.config.per_key)
    request.state.caller = caller
    return caller


async def _caller(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> Principal:
    return await caller_of(request)


Caller = Annotated[Principal, Depends(_caller)]


def needs(scope: Scope, *, whole_program: bool = False) -> Callable[[Principal], Awaitable[Principal]]:
    """A caller with this scope; `whole_program`: a driver's link will not do."""

    async def check(caller: Caller) -> Principal:
        if not caller.may(scope) or (whole_program and caller.driver_id is not None):
            raise Refused(403, "forbidden", f"this needs a key with the scope {scope.value}")
        return caller

    return check


Reader = Annotated[Principal, Depends(needs(Scope.READ))]
Actor = Annotated[Principal, Depends(needs(Scope.ACT))]
ProgramReader = Annotated[Principal, Depends(needs(Scope.READ, whole_program=True))]
ProgramActor = Annotated[Principal, Depends(needs(Scope.ACT, whole_program=True))]
Exporter = Annotated[Principal, Depends(needs(Scope.EXPORT, whole_program=True))]
Admin = Annotated[Principal, Depends(needs(Scope.ADMIN, whole_program=True))]
Publisher = Annotated[Principal, Depends(needs(Scope.PUBLISH, whole_program=True))]
Approver = Annotated[Principal, Depends(needs(Scope.APPROVE, whole_program=True))]


async def _own_driver(driver_id: str, caller: Caller, api: Api) -> DriverRecord:
    """The driver of the path, if it is the caller's: the object-level check of every route below it."""
    if caller.driver_id not in (None, driver_id):
        raise not_found("driver")
    driver = await api.tenants.driver(caller.program, driver_id)
    if driver is None:
        raise not_found("driver")
    return driver


OwnDriver = Annotated[DriverRecord, Depends(_own_driver)]

__all__: Sequence[str] = (
    "Actor",
    "Admin",
    "Api",
    "ApiConfig",
    "Approver",
    "Caller",
    "Exporter",
    "OwnDriver",
    "ProgramActor",
    "ProgramReader",
    "Publisher",
    "Reader",
    "Services",
    "caller_of",
    "needs",
    "services",
)
