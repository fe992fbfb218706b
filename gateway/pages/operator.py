"""The operator's page: the fleet at a glance, the rollout's phases, one driver, one night."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from client import UnknownWorkflow
from domain.account import NightAccount
from domain.errors import NightchargeError
from domain.journey import Journey
from domain.nightlog import LogEntry
from domain.session.picture import picture_of
from domain.session.state import SessionState
from gateway.api.drivers import latest_devices
from gateway.api.problems import not_found
from gateway.api.services import Api, Services
from gateway.health import health_of
from gateway.pages import charts, lists
from gateway.pages.entry import OperatorVisitor, Visitor
from gateway.pages.render import page
from gateway.pages.routes import PageRoute
from gateway.pages.timeline import marks_of, plans_of, steps_of, was_told_by
from gateway.pages.words import Speaker
from storage.breakers import Breakers
from storage.fleet import DAY, Fleet, MissedNight
from storage.programs import Programs
from storage.tenants import DriverRecord

router = APIRouter(prefix="/operator", route_class=PageRoute, include_in_schema=False)

DAYS_SHOWN = 7
NIGHTS_SHOWN = 30
CENT = 100.0
MISSES_READ = 200
"""Missed nights whose logs are read; more say the same."""

VERSIONS_SHOWN = 6


@dataclass(frozen=True)
class Miss:
    """A night missed, and whether its driver was told before the departure."""

    night: MissedNight
    is_told: bool


@router.get("")
async def overview(request: Request, visitor: OperatorVisitor, api: Api) -> Response:
    """The fleet at a glance."""
    fleet, program, now = Fleet(api.store.database), visitor.caller.program, api.now()
    since = now - DAYS_SHOWN * DAY
    brands = await fleet.by_brand(program, since, now)
    days = await fleet.by_day(program, [since + i * DAY for i in range(DAYS_SHOWN)])
    missed = await _misses(api, await fleet.missed(program, since, now, MISSES_READ))
    rules = await api.tenants.program(program)
    return _shown(
        request,
        visitor,
        api,
        "operator.html.jinja",
        now=now,
        say=_say(rules.wish.zone if rules else "UTC"),
        brands=brands,
        days=days,
        nights=sum(day.nights for day in days),
        ready=sum(day.ready for day in days),
        missed=missed,
        drivers=await fleet.drivers(program),
        stages=await lists.stages(api.workflows, program),
        sessions=await lists.sessions(api.workflows, program),
        health=await health_of(api.store.inbox, now),
        breakers=await Breakers(api.store.database).open(api.real_now()),
        open_here=request.app.state.pages.open_vendors(),
        prices=await fleet.prices(),
        tariff=rules.tariff if rules else None,
        standing=rules.standing if rules else None,
        versions=(await Programs(api.store.database).versions(program))[-VERSIONS_SHOWN:][::-1],
        rollouts=await lists.rollouts(api.workflows, program),
    )


@router.get("/find")
async def find(
    request: Request, visitor: OperatorVisitor, api: Api, q: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """By the backend's reference, by id of driver, device, session or workflow."""
    wanted = q.strip()
    program = visitor.caller.program
    bare = wanted.removeprefix("driver:").removeprefix("session:").replace("\x00", "")
    vehicle = bare.rpartition(":")[0] or bare
    by_reference = await api.tenants.drivers(program, reference=wanted.replace("\x00", ""), limit=1)
    driver = await api.tenants.driver(program, bare) or (by_reference[0] if by_reference else None)
    if driver is None:
        found = await Fleet(api.store.database).driver_of_vehicle(program, vehicle) or await _driver_of(api, bare)
        driver = await api.tenants.driver(program, found) if found else None
    if driver is None:
        return _shown(request, visitor, api, "operator_none.html.jinja", q=wanted)
    is_session = wanted.startswith("session:") or ":" in bare
    target = f"/operator/sessions/{quote(bare, safe='')}" if is_session else f"/operator/drivers/{driver.id}"
    return RedirectResponse(target, 303)


async def _driver_of(api: Services, session_id: str) -> str | None:
    """The driver of a session, under way or over; of whatever program."""
    accounts = await api.store.accounts(session_id)
    if accounts:
        return accounts[0].driver_id
    try:
        return (await api.workflows.session_state(session_id)).driver_id
    except NightchargeError:
        return None


@router.get("/drivers/{driver_id}")
async def show_driver(request: Request, visitor: OperatorVisitor, api: Api, driver_id: str) -> Response:
    """One driver: where they stand and why, devices, nights."""
    driver = await _own(api, visitor, driver_id)
    journey: Journey | None = None
    state = None
    sessions: list[SessionState] = []
    try:
        state = await api.workflows.driver_state(driver.id)
        journey = await api.workflows.journey(driver.id)
        for opened in state.sessions.values():
            sessions.append(await api.workflows.session_state(opened.session_id))
    except UnknownWorkflow:
        pass
    await api.note(visitor.caller, "look at driver", driver.id)
    zone = state.wish.zone if state else "UTC"
    devices = await latest_devices(api, state) if state else []
    return _shown(
        request,
        visitor,
        api,
        "operator_driver.html.jinja",
        say=_say(zone),
        driver=driver,
        devices=devices,
        journey=journey,
        sessions=sessions,
        nights=await api.reports.nights(driver.program, driver_id=driver.id, limit=NIGHTS_SHOWN),
    )


@router.get("/sessions/{session_id}")
async def show_session(
    request: Request, visitor: OperatorVisitor, api: Api, session_id: Annotated[str, Path(max_length=200)]
) -> Response:
    """The night under way, else the session's last one."""
    accounts = await api.store.accounts(session_id)
    try:
        state = await api.workflows.session_state(session_id)
    except UnknownWorkflow:
        state = None
    if state is None or state.is_closed or state.night is None:
        if not accounts:
            raise not_found("session")
        return await show_night(request, visitor, api, session_id, accounts[-1].number)
    driver = await _own(api, visitor, state.driver_id)
    log = await api.workflows.session_log(session_id)
    return await _night_page(request, visitor, api, driver, session_id, state.night.number, log, state=state)


@router.get("/sessions/{session_id}/nights/{number}")
async def show_night(
    request: Request,
    visitor: OperatorVisitor,
    api: Api,
    session_id: Annotated[str, Path(max_length=200)],
    number: Annotated[int, Path(ge=1, le=100_000)],
) -> Response:
    """One night that ended, as a timeline."""
    account = await api.store.account(session_id, number)
    if account is None:
        raise not_found("night")
    driver = await _own(api, visitor, account.driver_id)
    log = await api.store.log(session_id, number)
    return await _night_page(request, visitor, api, driver, session_id, number, log, account=account)


async def _night_page(
    request: Request,
    visitor: Visitor,
    api: Services,
    driver: DriverRecord,
    session_id: str,
    number: int,
    log: Sequence[LogEntry],
    *,
    account: NightAccount | None = None,
    state: SessionState | None = None,
) -> Response:
    rules = await api.tenants.program(driver.program)
    zone = state.wish.zone if state else rules.wish.zone if rules else "UTC"
    say = _say(zone)
    await api.note(visitor.caller, "look at night", f"{session_id}/{number}")
    return _shown(
        request,
        visitor,
        api,
        "operator_night.html.jinja",
        say=say,
        driver=driver,
        session_id=session_id,
        number=number,
        account=account,
        state=state,
        numbers=[one.number for one in await api.store.accounts(session_id)],
        chart=await _chart(api, log, say, account, state),
        steps=steps_of(log, account.currency if account else rules.tariff.currency if rules else ""),
    )


async def _chart(
    api: Services,
    log: Sequence[LogEntry],
    say: Speaker,
    account: NightAccount | None,
    state: SessionState | None,
) -> charts.Spec | None:
    """Price and plan, measured power with the commands, measured level."""
    plans = plans_of(log)
    night = state.night if state else None
    if account is not None:
        starts_at, ends_at, departs_at = account.plugged_in_at, account.closed_at, account.departs_at
        vehicle, charger, target = account.vehicle_id, account.charger_id, account.target_soc_pct
    elif state is not None and night is not None:
        starts_at, ends_at, departs_at = night.opened_at, max(api.now(), night.departs_at), night.departs_at
        vehicle, charger, target = state.car.device_id, state.charger_id, night.target_soc_pct
    else:
        return None
    readings = await api.store.readings(vehicle, starts_at, ends_at)
    at_meter = await api.store.readings(charger, starts_at, ends_at) if charger else readings
    powers = [point for point in charts.measured_powers(at_meter) if point[0] >= starts_at]
    levels = [point for point in charts.measured_levels(readings) if point[0] >= starts_at]
    unit, scale = ("ct/kWh", CENT) if say.currency == "EUR" else (f"{say.currency}/kWh", 1.0)
    panels = [charts.price_panel(plans, "Price, and when the plan charges", unit, scale)] if plans else []
    until = ends_at if account is not None else api.now()
    title = f"Power measured at the {'charger' if charger else 'car'}"
    panels.append(charts.power_panel(title, powers, until, marks_of(log)))
    panels.append(charts.level_panel("Level", levels, _planned(state, api) if state else [], target))
    now = api.now() if account is None else None
    return charts.chart(starts_at, max(ends_at, departs_at), say.zone, panels, now=now, ready=departs_at)


def _planned(state: SessionState, api: Services) -> list[tuple[datetime, float]]:
    """The level to come if the plan in hand is followed; none without one, or while the driver's word is above it."""
    now, night, car = api.now(), state.night, state.car
    level = picture_of(state, now).soc_expected_pct
    if night is None or night.plan is None or level is None or state.override is not None:
        return []
    from_at = max(night.plan.edges[0], min(now, night.plan.edges[-1]))
    return charts.planned_levels(night.plan, level, from_at, car.battery_capacity_kwh, car.efficiency)


async def _own(api: Services, visitor: Visitor, driver_id: str) -> DriverRecord:
    """The driver, if it is of the operator's program: the object-level check of every page about one."""
    driver = await api.tenants.driver(visitor.caller.program, driver_id)
    if driver is None:
        raise not_found("driver")
    return driver


async def _misses(api: Services, missed: Sequence[MissedNight]) -> list[Miss]:
    return [
        Miss(night, was_told_by(await api.store.log(night.session_id, night.number), night.departs_at))
        for night in missed
    ]


def _say(zone: str) -> Speaker:
    return Speaker("en", zone=zone)


def _shown(request: Request, visitor: Visitor, api: Services, template: str, **values: Any) -> Response:
    config = request.app.state.pages
    base = f"{config.temporal_ui_url.rstrip('/')}/namespaces/{config.namespace}/workflows"

    def in_temporal(workflow_id: str) -> str:
        """Where a workflow stands in the Temporal UI; empty if there is none."""
        return f"{base}/{quote(workflow_id, safe='')}" if config.temporal_ui_url else ""

    named = {"program": visitor.caller.program, "csrf": visitor.csrf, "in_temporal": in_temporal, "q": ""}
    return page(request, template, **{**named, **values})
