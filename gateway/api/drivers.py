"""Drivers: start, find, show, act."""

import hashlib
from datetime import timedelta
from typing import Annotated, Any, Union

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Response

from client import StillPending, UnknownWorkflow, driver_id
from domain.devices import Device
from domain.driver.state import ActionOutcome, DriverState
from domain.journey import Journey
from domain.model import Model
from domain.requirement import VehicleAsked
from gateway.api.access import LINK_LIVES, DriverLink
from gateway.api.once import OnceRoute, documented_key
from gateway.api.paging import Cursor, Limit, Page, bad_cursor, cursor_of, place_of
from gateway.api.problems import EVERYWHERE, documented, not_found
from gateway.api.services import Actor, Api, OwnDriver, ProgramActor, ProgramReader, Reader, Services
from gateway.api.views import (
    ACTIONS,
    LENIENT,
    DeviceView,
    DriverView,
    EnrolmentView,
    LinkRequest,
    PendingIntervention,
    PlaceRequest,
    PromptsView,
    RequirementView,
    StartDriver,
    strict_of,
)
from gateway.api.words import prompts_of, requirement_in_words
from storage.tenants import DriverRecord

router = APIRouter(prefix="/v1/drivers", tags=["drivers"], route_class=OnceRoute, responses=EVERYWHERE)

Language = Annotated[str, Query(max_length=20, pattern="^[A-Za-z]{2}(-[A-Za-z0-9]+)*$")]

ONCE = [Depends(documented_key)]


@router.post("", status_code=201, dependencies=ONCE, responses=documented(409))
async def start_driver(wanted: StartDriver, caller: ProgramActor, api: Api, response: Response) -> DriverView:
    """Start a driver, or get the one that runs: the same reference is the same driver."""
    program = await api.tenants.program(caller.program)
    if program is None:
        raise not_found("program")
    record = DriverRecord(
        id=driver_id(caller.program, wanted.reference),
        program=caller.program,
        reference=wanted.reference,
        since=api.real_now(),
    )
    is_new = await api.tenants.add_driver(record)
    await api.workflows.start_driver(program.for_driver(wanted.region), wanted.reference)
    if is_new:
        await api.note(caller, "start driver", record.id)
    known = await api.tenants.driver(caller.program, record.id)
    response.headers["Location"] = f"/v1/drivers/{record.id}"
    return DriverView.of(known or record)


@router.get("")
async def list_drivers(
    caller: ProgramReader,
    api: Api,
    limit: Limit = 50,
    cursor: Cursor = None,
    reference: Annotated[str | None, Query(max_length=200, description="Only the driver of this reference.")] = None,
) -> Page[DriverView]:
    """The program's drivers, by id."""
    after = place_of(cursor) if cursor is not None else ""
    if not isinstance(after, str) or "\x00" in after:
        raise bad_cursor()
    if reference is not None and "\x00" in reference:
        return Page(items=())
    found = await api.tenants.drivers(caller.program, after=after, limit=limit + 1, reference=reference)
    more = cursor_of(found[limit - 1].id) if len(found) > limit else None
    return Page(items=tuple(map(DriverView.of, found[:limit])), next=more)


@router.get("/{driver_id}")
async def get_driver(driver: OwnDriver, _: Reader) -> DriverView:
    """One driver."""
    return DriverView.of(driver)


@router.get("/{driver_id}/journey", response_model=Journey, responses={304: {"description": "As it was."}})
async def get_journey(
    driver: OwnDriver,
    _: Reader,
    api: Api,
    response: Response,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> Journey | Response:
    """What the app shows now. With `If-None-Match` a journey that has not changed is not sent again."""
    journey = await api.workflows.journey(driver.id)
    etag = etag_of(journey)
    if if_none_match is not None and etag in (one.strip() for one in if_none_match.split(",")):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return journey


@router.get("/{driver_id}/prompts")
async def get_prompts(driver: OwnDriver, _: Reader, api: Api, language: Language = "en") -> PromptsView:
    """What the app asks and offers now, in words."""
    state, journey = await api.workflows.driver_state(driver.id), await api.workflows.journey(driver.id)
    return prompts_of(state, journey, language, await api.tenants.program(driver.program))


@router.get("/{driver_id}/requirement")
async def get_requirement(
    driver: OwnDriver,
    _: Reader,
    api: Api,
    brand: Annotated[str, Query(min_length=1, max_length=100, examples=["Jeep"], description="Of the car.")],
    model: Annotated[str | None, Query(max_length=100, examples=["Avenger"], description="Of the car.")] = None,
    language: Language = "en",
) -> RequirementView:
    """What will be asked of the driver with a car of this brand and model, before it is linked, and why."""
    asked = VehicleAsked(brand=brand, model=model)
    verdict = await api.workflows.announce(driver.id, asked.brand, asked.model)
    program = await api.tenants.program(driver.program)
    if program is None:
        raise not_found("program")
    return requirement_in_words(asked, verdict, language, program)


@router.get("/{driver_id}/enrolments")
async def get_enrolments(driver: OwnDriver, _: Reader, api: Api) -> Page[EnrolmentView]:
    """The driver's consents with time, text version and language, the latest first, and how those before ended."""
    state = await api.workflows.driver_state(driver.id)
    given = (*state.past_enrolments, *((state.enrolment,) if state.enrolment is not None else ()))
    return Page(items=tuple(EnrolmentView.of(one) for one in reversed(given)))


@router.get("/{driver_id}/devices")
async def get_devices(driver: OwnDriver, _: Reader, api: Api) -> Page[DeviceView]:
    """The driver's linked devices, by id."""
    devices = await latest_devices(api, await api.workflows.driver_state(driver.id))
    return Page(items=tuple(map(DeviceView.of, sorted(devices, key=lambda device: device.id))))


@router.get("/{driver_id}/interventions")
async def get_interventions(
    driver: OwnDriver, _: Reader, api: Api, language: Language = "en"
) -> Page[PendingIntervention]:
    """What somebody must do before a vehicle can do everything again; resolved ones are left out."""
    state, journey = await api.workflows.driver_state(driver.id), await api.workflows.journey(driver.id)
    wanted = [
        PendingIntervention(**one.model_dump(exclude={"resolved_at"}), is_shown=one in journey.interventions)
        for one in state.interventions.values()
        if one.resolved_at is None
    ]
    known = {one.id: one for one in await api.vendor.interventions(language)} if wanted and api.vendor else {}
    told = [
        one.model_copy(update=known[one.id].model_dump(include=set(PendingIntervention.model_fields) - {"id"}))
        if one.id in known
        else one
        for one in wanted
    ]
    return Page(items=tuple(told))


@router.post("/{driver_id}/links", status_code=201, dependencies=ONCE)
async def make_link(driver: OwnDriver, caller: ProgramActor, api: Api, wanted: LinkRequest | None = None) -> DriverLink:
    """A short-lived link that opens this driver's page, for the driver's own browser."""
    lives = timedelta(minutes=wanted.minutes) if wanted is not None else LINK_LIVES
    expires_at = (api.real_now() + lives).replace(microsecond=0)
    token = api.access.link(driver.program, driver.id, expires_at)
    await api.note(caller, "make link", driver.id)
    url = f"{api.config.public_url}/driver#{token}"  # behind the #: no server and no log ever sees it
    return DriverLink(token=token, url=url, expires_at=expires_at)


class PlaceView(Model):
    """A charging place by its id at the vendor."""

    id: str
    name: str
    zone: str


@router.post("/{driver_id}/places", status_code=201, dependencies=ONCE, responses=documented(409))
async def make_place(driver: OwnDriver, _: Actor, api: Api, wanted: PlaceRequest) -> PlaceView:
    """Make a charging place at the vendor; its id goes into the action `place_charger`."""
    if api.vendor is None:
        raise not_found("vendor with places")
    place = await api.vendor.create_place(driver.id, wanted.name, wanted.latitude, wanted.longitude, wanted.zone)
    return PlaceView.model_validate(place.model_dump())


@router.get("/{driver_id}/places")
async def get_places(driver: OwnDriver, _: Reader, api: Api) -> Page[PlaceView]:
    """The driver's charging places at the vendor."""
    if api.vendor is None:
        raise not_found("vendor with places")
    return Page(items=tuple(PlaceView.model_validate(one.model_dump()) for one in await api.vendor.places(driver.id)))


@router.post(
    "/{driver_id}/actions",
    dependencies=ONCE,
    response_model=ActionOutcome,
    responses={**documented(409), 202: {"model": ActionOutcome, "description": "Under way: ask again."}},
)
async def act(
    driver: OwnDriver,
    caller: Actor,
    api: Api,
    response: Response,
    wanted: Annotated[Union[LENIENT], Body(discriminator="type")],  # type: ignore[valid-type]  # noqa: UP007
) -> Any:
    """Do any action and wait a moment for its outcome. A repeated `action_id` returns the first outcome."""
    api.limits.take(f"act:{driver.id}", api.config.actions_per_driver)
    strict = next(one for one in ACTIONS if issubclass(type(wanted), one))
    action = strict_of(strict, wanted, api.now())
    try:
        outcome = await api.workflows.act(driver.id, action, within=api.config.wait)
    except StillPending:
        response.status_code = 202
        outcome = ActionOutcome(action_id=action.action_id, status="pending")
    response.headers["Location"] = f"/v1/drivers/{driver.id}/actions/{action.action_id}"
    await api.note(caller, action.type, driver.id, outcome.status)  # type: ignore[attr-defined]
    return outcome


@router.get("/{driver_id}/actions/{action_id}")
async def get_outcome(
    driver: OwnDriver, _: Reader, api: Api, action_id: Annotated[str, Path(max_length=100)]
) -> ActionOutcome:
    """What became of an action; the last 500 are remembered."""
    outcome = await api.workflows.outcome(driver.id, action_id)
    if outcome is None:
        raise not_found("action")
    return outcome


async def latest_devices(api: Services, state: DriverState) -> list[Device]:
    """The driver's linked devices as they last told; the workflow hears only what concerns it, storage everything."""
    stored = {device.id: device for device in await api.store.devices(state.driver_id)}
    return [stored.get(device.id, device) for device in state.devices.values()]


def etag_of(value: Model) -> str:
    """Changes when the value does."""
    return f'"{hashlib.sha256(value.model_dump_json().encode()).hexdigest()[:32]}"'


async def open_sessions(api: Services, driver: DriverRecord) -> list[str]:
    """Ids of the driver's sessions under way."""
    try:
        state = await api.workflows.driver_state(driver.id)
    except UnknownWorkflow:
        return []
    return [opened.session_id for opened in state.sessions.values()]
