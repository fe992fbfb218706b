"""The driver's page: where they stand, what is asked of them, tonight, and what can be done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from client import UnknownWorkflow
from domain.account import NightAccount
from domain.departure import Wish, next_departure
from domain.devices import Device, Intervention, Side
from domain.driver.events import LinkReturned
from domain.driver.state import DriverState
from domain.errors import NightchargeError
from domain.journey import Journey, Stage
from domain.session.events import DriverActed
from domain.session.state import SessionState
from domain.session.whatif import preview_of
from gateway.api.live import follow
from gateway.api.problems import Refused
from gateway.api.services import Api, Services
from gateway.api.words import action_label, car_name
from gateway.pages.entry import (
    DRIVER_COOKIE,
    LANGUAGE_COOKIE,
    DriverVisitor,
    ShownDriver,
    form_of,
    keep,
)
from gateway.pages.render import page
from gateway.pages.routes import PageRoute
from gateway.pages.tonight import Tonight, tonight_of
from gateway.pages.words import Speaker, language_of
from storage.tenants import DriverRecord

router = APIRouter(prefix="/driver", route_class=PageRoute, include_in_schema=False)

NIGHTS_SHOWN = 7

CONSENT_VERSION = "page-1"
"""Of the consent text in the catalogues (`page.consent.*`); a new text is a new version."""


@dataclass(frozen=True)
class NightLine:
    """A past night on one line."""

    day: str
    saving: str
    cost: str
    energy: str
    level: str
    is_ready: bool
    share_pct: int  # of the largest saving shown


@dataclass(frozen=True)
class Seen:
    """Everything the page is made of."""

    driver: DriverRecord
    state: DriverState
    journey: Journey
    sessions: tuple[SessionState, ...]
    nights: tuple[NightAccount, ...]
    say: Speaker

    def about(self, vehicle_id: str | None) -> Speaker:
        """Speaking of this car, or of the driver's first where none is meant."""
        return self.say.about(car_name(self.state, vehicle_id, self.state.program, self.say.language))

    def name(self, device: Device) -> str:
        """Brand and model, as their owner knows them."""
        brand = device.brand or device.vendor.title()
        return f"{brand} {device.model}" if device.model else brand


@router.get("")
async def show(
    request: Request, visitor: DriverVisitor, driver: ShownDriver, api: Api, done: str = "", sent: str = ""
) -> Response:
    """The page."""
    seen = await see(request, driver, api)
    if seen is None:
        return page(request, "driver_gone.html.jinja", say=Speaker(language_of(request)))
    now = api.now()
    tonights = [one for one in [await _tonight(api, seen, state, now) for state in seen.sessions] if one]
    interventions = await _interventions(api, seen)
    return page(
        request,
        "driver.html.jinja",
        say=seen.say,
        csrf=visitor.csrf,
        journey=seen.journey,
        prompt_say=seen.about(seen.journey.prompt.vehicle_id if seen.journey.prompt else None),
        label_of=partial(action_label, journey=seen.journey),
        cars=[vehicle.brand for vehicle in seen.journey.vehicles if vehicle.is_enabled],
        state=seen.state,
        steps=_steps(seen),
        tonights=tonights,
        devices=[(device, seen.name(device)) for device in seen.state.devices.values()],
        unplaced=[(c, seen.name(c)) for c in seen.state.of_side(Side.CHARGER) if c.id not in seen.state.places],
        places=await _places(api, seen),
        interventions=interventions,
        of_car=_of_car(seen),
        nights=night_lines(seen.nights, seen.say),
        saved=seen.say.money(sum((night.saving for night in seen.nights), Decimal(0))),
        news=f"page.done.{done}" if f"page.done.{done}" in seen.say.keys else "",
        blocked=seen.journey.prompt is not None and seen.journey.prompt.is_blocking,
        consent_version=CONSENT_VERSION,
        sent=sent,
    )


@router.get("/events")
async def events(visitor: DriverVisitor, driver: ShownDriver, api: Api) -> StreamingResponse:
    """The API's event stream, for the page's cookie."""
    return await follow(driver, visitor.caller, api)


@router.post("/enter")
async def enter(request: Request, api: Api) -> Response:
    """Take a link's token, which the browser kept behind the `#`, into a cookie that no script reads."""
    form = await form_of(request)
    token = form.get("token", "")
    caller = await api.access.principal(token, api.real_now())
    if caller.driver_id is None:
        raise Refused(401, "unauthorized", "this is no driver's link")
    response = Response(status_code=204)
    keep(response, DRIVER_COOKIE, token, api, path="/driver")
    return response


@router.get("/language/{language}")
async def choose_language(language: str, api: Api) -> Response:
    """Speak this language from now on."""
    response = RedirectResponse("/driver", 303)
    spoken = language if language in ("en", "de") else "en"
    keep(response, LANGUAGE_COOKIE, spoken, api, path="/driver", seconds=365 * 24 * 3600)
    return response


@router.get("/back/{side}")
async def back(
    side: Side,
    visitor: DriverVisitor,
    driver: ShownDriver,
    api: Api,
    state: Annotated[str | None, Query(max_length=100)] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The browser comes back from the vendor's page."""
    api.limits.take(f"act:{driver.id}", api.config.actions_per_driver)
    action = LinkReturned(action_id=str(uuid4()), side=side, state=state, error=error)
    done = "left" if error else "linked"
    try:
        outcome = await api.workflows.act(driver.id, action, within=api.config.wait)
        await api.note(visitor.caller, action.type, driver.id, outcome.status)
    except NightchargeError:
        done = "" if error is None else done  # the page itself shows how things stand
    return RedirectResponse(f"/driver?done={done}", 303)


@router.get("/tonight/{act}")
async def ask_tonight(
    request: Request,
    act: str,
    visitor: DriverVisitor,
    driver: ShownDriver,
    api: Api,
    session: Annotated[str, Query(max_length=200)],
    until: Annotated[str, Query(pattern=r"^([0-2]\d:[0-5]\d)?$")] = "",
    target: Annotated[int | None, Query(ge=20, le=100)] = None,
    ready_by: Annotated[str, Query(pattern=r"^([0-2]\d:[0-5]\d)?$")] = "",
) -> Response:
    """What an action for tonight would cost and risk, before it is done."""
    seen = await see(request, driver, api)
    chosen = [one for one in seen.sessions if one.session_id == session] if seen else []
    if seen is None or not chosen:
        raise Refused(409, "refused", "this session is over")
    fields = {"until": until, "target": str(target or ""), "ready_by": ready_by}
    action = tonight_action(chosen[0], act, fields, api.now())
    preview = preview_of(chosen[0], action, api.now())
    return page(
        request,
        "driver_tonight.html.jinja",
        say=seen.about(chosen[0].car.device_id),
        csrf=visitor.csrf,
        act=act,
        session=session,
        fields={name: value for name, value in fields.items() if value},
        preview=preview,
        action=action,
    )


def tonight_action(state: SessionState, act: str, fields: dict[str, str], now: datetime) -> DriverActed:
    """The driver's word for tonight, from the fields of a form.

    Raises:
        ValidationError: it makes no sense.
    """
    wish = state.wish
    told = {"action_id": str(uuid4()), "at": now, "act": act}
    if act == "set_wish":
        changed = {name: fields[key] for name, key in _WISHES.items() if fields.get(key)}
        return DriverActed.model_validate({**told, "wish": Wish.model_validate({**wish.model_dump(), **changed})})
    if act == "pause_until":
        until = Wish.model_validate({"ready_by": fields.get("until") or "", "zone": wish.zone})
        return DriverActed.model_validate({**told, "until": next_departure(until, now)})
    if act == "name_charger":
        return DriverActed.model_validate({**told, "charger_id": fields.get("charger_id", "")})
    return DriverActed.model_validate(told)


_WISHES = {"target_soc_pct": "target", "ready_by": "ready_by"}


async def see(request: Request, driver: DriverRecord, api: Services) -> Seen | None:
    """What there is to show; None: the driver's account is gone."""
    try:
        state = await api.workflows.driver_state(driver.id)
        journey = await api.workflows.journey(driver.id)
    except UnknownWorkflow:
        return None
    if journey.stage is Stage.ERASED:
        return None
    sessions = []
    for opened in state.sessions.values():
        try:
            sessions.append(await api.workflows.session_state(opened.session_id))
        except UnknownWorkflow:
            continue
    nights = await api.reports.nights(driver.program, driver_id=driver.id, limit=NIGHTS_SHOWN)
    language = language_of(request)
    program = await api.tenants.program(driver.program) or state.program
    brand = car_name(state, None, program, language)
    say = Speaker(language, program, brand, state.wish.zone, state.program.tariff.currency)
    open_sessions = tuple(one for one in sessions if not one.is_closed)
    return Seen(driver, state, journey, open_sessions, tuple(nights), say)


async def _tonight(api: Services, seen: Seen, state: SessionState, now: datetime) -> Tonight | None:
    since = state.plugged_in_at - timedelta(minutes=5)
    readings = list(await api.store.readings(state.car.device_id, since, now + timedelta(hours=1)))
    names = {device.id: seen.name(device) for device in seen.state.of_side(Side.CHARGER)}
    return tonight_of(state, readings, names, now, seen.about(state.car.device_id))


def _steps(seen: Seen) -> list[tuple[str, str]]:
    """The way to smart charging: name of each step, and "done", "now" or "later". Empty once it is gone."""
    journey, state = seen.journey, seen.state
    if journey.is_enrolled and journey.is_enabled:
        return []
    steps = [("car", bool(journey.vehicles))]
    has_charger = bool(state.of_side(Side.CHARGER))
    is_asked = journey.stage in (Stage.CHARGER_REQUIRED, Stage.LOCATE_CHARGER)
    if has_charger or is_asked:
        unplaced = any(charger.id not in state.places for charger in state.of_side(Side.CHARGER))
        steps += [("charger", has_charger), ("place", has_charger and not unplaced)]
    steps.append(("consent", journey.is_enrolled))
    current = next((name for name, is_done in steps if not is_done), "")
    return [(name, "done" if is_done else "now" if name == current else "later") for name, is_done in steps]


async def _places(api: Services, seen: Seen) -> list[tuple[str, str]]:
    """Places the driver already has at the vendor, if one is to be chosen now."""
    is_asked = any(charger.id not in seen.state.places for charger in seen.state.of_side(Side.CHARGER))
    if api.vendor is None or not is_asked:
        return []
    try:
        return [(place.id, place.name) for place in await api.vendor.places(seen.driver.id)]
    except NightchargeError:
        return []


def _of_car(seen: Seen) -> dict[str, str]:
    """By intervention, the cars it is about; of an only car it goes without saying."""
    if len(seen.journey.vehicles) < 2:
        return dict.fromkeys((one.id for one in seen.journey.interventions), "")
    cars: dict[str, list[str]] = {}
    for one in seen.journey.interventions:
        cars.setdefault(one.id, []).append(seen.name(seen.state.devices[one.vehicle_id]))
    return {key: ", ".join(names) for key, names in cars.items()}


async def _interventions(api: Services, seen: Seen) -> list[Intervention]:
    """What the driver must do, in the vendor's words where they can be had."""
    wanted = list(dict.fromkeys(one.id for one in seen.journey.interventions))
    if not wanted:
        return []
    try:
        known = {one.id: one for one in await api.vendor.interventions(seen.say.language)} if api.vendor else {}
    except NightchargeError:
        known = {}
    unknown = seen.say("page.intervention.unknown")
    return [known.get(one) or Intervention(id=one, title=unknown, description="") for one in wanted]


def night_lines(nights: tuple[NightAccount, ...], say: Speaker) -> list[NightLine]:
    """Past nights, the latest first."""
    most = max((night.saving for night in nights), default=Decimal(0))
    return [
        NightLine(
            day=say.day(night.departs_at),
            saving=say.money(night.saving),
            cost=say.money(night.cost),
            energy=f"{say.number(float(night.energy_ac_kwh), 1)} kWh",
            level=f"{say.number(night.soc_end_pct)} %" if night.soc_end_pct is not None else "–",
            is_ready=night.is_ready,
            share_pct=max(0, round(100 * night.saving / most)) if most > 0 else 0,
        )
        for night in nights
    ]
