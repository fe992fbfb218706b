"""Sessions and tonight: what goes on now, the plan with its picture and certificate, and the driver's word."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from client import UnknownWorkflow
from domain.plan import ChargingPlan
from domain.session.events import DriverActed
from domain.session.state import SessionState
from gateway.api.access import Principal
from gateway.api.drivers import ONCE, Language, open_sessions
from gateway.api.once import OnceRoute
from gateway.api.paging import Page
from gateway.api.problems import EVERYWHERE, Refused, documented, not_found
from gateway.api.services import Actor, Api, OwnDriver, Reader, Services
from gateway.api.switching import allow_switching
from gateway.api.views import (
    BELONGS,
    Accepted,
    Certificate,
    PlanSlot,
    PlanView,
    PreviewView,
    SessionView,
    TonightRequest,
    strict_of,
)
from gateway.pictures import Theme, draw_plan
from storage.tenants import DriverRecord

router = APIRouter(prefix="/v1/drivers/{driver_id}", tags=["sessions"], route_class=OnceRoute, responses=EVERYWHERE)

SessionId = Annotated[str, Path(max_length=200)]

MOST_LISTED = 200

SWITCHING = frozenset({"charge_now", "stay_stopped", "skip_night", "pause_until"})
"""Acts that switch a car at once."""


@router.get("/sessions")
async def list_sessions(driver: OwnDriver, _: Reader, api: Api) -> Page[SessionView]:
    """Sessions under way, then the latest that ended."""
    going = [SessionView.of(state) for state in await _going(api, driver)]
    nights = await api.reports.nights(driver.program, driver_id=driver.id, limit=MOST_LISTED)
    ended = {night.session_id: night for night in reversed(nights)}
    known = {view.id for view in going}
    past = [
        _ended(session_id, night.vehicle_id, driver) for session_id, night in ended.items() if session_id not in known
    ]
    return Page(items=(*going, *reversed(past)))


@router.get("/sessions/{session_id}")
async def get_session(driver: OwnDriver, _: Reader, api: Api, session_id: SessionId) -> SessionView:
    """One session."""
    state = await _own_session(api, driver, session_id)
    if state is not None:
        return SessionView.of(state)
    accounts = await api.store.accounts(session_id)
    if not accounts:
        raise not_found("session")
    return _ended(session_id, accounts[0].vehicle_id, driver)


@router.get("/sessions/{session_id}/plan")
async def get_plan(
    driver: OwnDriver, _: Reader, api: Api, session_id: SessionId, language: Language = "en"
) -> PlanView:
    """The present night's plan: each slot with its reason, and how good it provably is."""
    state, plan = await _plan(api, driver, session_id)
    speaker = await api.tenants.program(driver.program)
    return PlanView(
        session_id=session_id,
        revision=state.night.plan_revision if state.night else 0,
        departs_at=plan.departs_at,
        currency=state.tariff.currency,
        certificate=Certificate.of(plan),
        slots=tuple(
            PlanSlot(
                starts_at=plan.edges[t],
                ends_at=plan.edges[t + 1],
                price_per_kwh=plan.price_per_kwh[t],
                is_forecast=bool(plan.is_forecast and plan.is_forecast[t]),
                power_kw=round(plan.power_kw(t), 6),
                reason=reason.value,
                words=speaker.say(f"reason.{reason.value}", language) if speaker else reason.value,
            )
            for t, reason in enumerate(plan.reasons)
        ),
    )


@router.get("/sessions/{session_id}/certificate")
async def get_certificate(driver: OwnDriver, _: Reader, api: Api, session_id: SessionId) -> Certificate:
    """How good the present plan is, with the proven bound."""
    _state, plan = await _plan(api, driver, session_id)
    return Certificate.of(plan)


@router.get(
    "/sessions/{session_id}/plan.svg", response_class=Response, responses={200: {"content": {"image/svg+xml": {}}}}
)
async def get_picture(
    driver: OwnDriver,
    _: Reader,
    api: Api,
    session_id: SessionId,
    theme: Annotated[Theme, Query()] = Theme.LIGHT,
    language: Language = "en",
) -> Response:
    """The plan as a picture: prices as steps, charging as bars, the level as a line."""
    state, plan = await _plan(api, driver, session_id)
    svg = await draw_plan(plan, state, now=api.now(), theme=theme, language=language)
    return Response(svg, media_type="image/svg+xml")


@router.post("/sessions/{session_id}/actions", status_code=202, dependencies=ONCE, responses=documented(409))
async def act_in_session(
    driver: OwnDriver,
    caller: Actor,
    api: Api,
    session_id: SessionId,
    wanted: TonightRequest,  # type: ignore[valid-type]
) -> Accepted:
    """The driver's word for tonight, straight to this session."""
    state = await _own_session(api, driver, session_id)
    if state is None:
        raise Refused(409, "refused", "this session is over")
    return await _act(driver, caller, api, state, wanted)


@router.post("/sessions/{session_id}/preview")
async def preview(
    driver: OwnDriver,
    _: Actor,
    api: Api,
    session_id: SessionId,
    wanted: TonightRequest,  # type: ignore[valid-type]
) -> PreviewView:
    """What an action would cost and risk, told before it is done. Nothing is changed."""
    state = await _own_session(api, driver, session_id)
    if state is None:
        raise Refused(409, "refused", "this session is over")
    return PreviewView.of(await api.workflows.preview(session_id, _strict(wanted, api)))


@router.get("/sessions/{session_id}/actions/{action_id}")
async def get_answer(
    driver: OwnDriver, _: Reader, api: Api, session_id: SessionId, action_id: Annotated[str, Path(max_length=100)]
) -> PreviewView:
    """What an action cost and risked when it was obeyed."""
    await _own_session(api, driver, session_id)
    answer = await api.workflows.answer(session_id, action_id)
    if answer is None:
        raise not_found("action")
    return PreviewView.of(answer)


@router.post("/tonight", status_code=202, dependencies=ONCE, responses=documented(409))
async def act_tonight(
    driver: OwnDriver,
    caller: Actor,
    api: Api,
    wanted: TonightRequest,  # type: ignore[valid-type]
    vehicle_id: Annotated[str | None, Query(max_length=200)] = None,
) -> Accepted:
    """The driver's word for tonight, to the session under way (of this vehicle, if several are)."""
    going = [s for s in await _going(api, driver) if vehicle_id in (None, s.car.device_id)]
    if len(going) != 1:
        raise Refused(
            409, "refused", "no car is plugged in" if not going else "several cars are plugged in: which one?"
        )
    return await _act(driver, caller, api, going[0], wanted)


async def _act(
    driver: DriverRecord, caller: Principal, api: Services, state: SessionState, wanted: DriverActed
) -> Accepted:
    api.limits.take(f"act:{driver.id}", api.config.actions_per_driver)
    action = _strict(wanted, api)
    power_kw = state.car.max_power_kw if action.act in SWITCHING else 0.0
    await allow_switching(api, caller, action.act, state.session_id, power_kw)
    await api.workflows.act_tonight(state.session_id, action)
    return Accepted(action_id=action.action_id, session_id=state.session_id)


def _strict(wanted: DriverActed, api: Services) -> DriverActed:
    """The action with id and instant.

    Raises:
        Refused: a field that belongs to another act, or the act's own is missing (422).
    """
    for field, act in BELONGS.items():
        if (getattr(wanted, field) is not None) != (wanted.act == act):
            raise Refused(422, "invalid", f"{field} belongs to {act}, and to nothing else")
    return strict_of(DriverActed, wanted, api.now())


async def _going(api: Services, driver: DriverRecord) -> list[SessionState]:
    """The sessions under way; one that ended meanwhile is none."""
    states = []
    for session_id in await open_sessions(api, driver):
        try:
            states.append(await api.workflows.session_state(session_id))
        except UnknownWorkflow:
            continue
    return [state for state in states if not state.is_closed]


async def _own_session(api: Services, driver: DriverRecord, session_id: str) -> SessionState | None:
    """The state of the driver's session, None if it is over.

    Raises:
        Refused: it is no session of this driver (404).
    """
    state: SessionState | None
    try:
        state = await api.workflows.session_state(session_id)
    except UnknownWorkflow:
        state = None
    if state is not None:
        if (state.program, state.driver_id) != (driver.program, driver.id):
            raise not_found("session")
        return None if state.is_closed else state
    accounts = await api.store.accounts(session_id)
    if not any(account.driver_id == driver.id for account in accounts):
        raise not_found("session")
    return None


async def _plan(api: Services, driver: DriverRecord, session_id: str) -> tuple[SessionState, ChargingPlan]:
    state = await _own_session(api, driver, session_id)
    if state is None or state.night is None or state.night.plan is None:
        raise not_found("plan")
    return state, state.night.plan


def _ended(session_id: str, vehicle_id: str, driver: DriverRecord) -> SessionView:
    return SessionView(
        id=session_id, driver_id=driver.id, vehicle_id=vehicle_id, is_open=False, stage="closed", route="none"
    )
