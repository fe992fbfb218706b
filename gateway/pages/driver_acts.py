"""What a driver does on the page. Every form bears the visitor's mark; an answer leads back to the page."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter

from client import StillPending
from domain.departure import Wish
from domain.devices import Side
from domain.driver.events import AskUnlink, ConfirmUnlink, DriverAction, PlaceCharger
from domain.driver.state import ActionOutcome
from gateway.api.problems import Refused, not_found
from gateway.api.services import Api, Services
from gateway.api.switching import allow_switching
from gateway.api.views import PlaceRequest
from gateway.pages.driver import CONSENT_VERSION, see, tonight_action
from gateway.pages.entry import DriverVisitor, Form, ShownDriver, Visitor, own_form
from gateway.pages.render import page
from gateway.pages.routes import PageRoute
from storage.tenants import DriverRecord

router = APIRouter(prefix="/driver", route_class=PageRoute, include_in_schema=False)

_ACTIONS: TypeAdapter[Any] = TypeAdapter(DriverAction)

LOCALES = {"en": "en-GB", "de": "de-DE"}
"""What the vendor's page is asked to speak."""


@router.post("/do/{act}")
async def do(request: Request, act: str, visitor: DriverVisitor, driver: ShownDriver, api: Api) -> Response:
    """Any action of the page."""
    form = await own_form(request, visitor)
    handle = _HANDLERS.get(act)
    if handle is None:
        raise not_found("action")
    return await handle(request, form, visitor, driver, api)


async def _act(api: Services, visitor: Visitor, driver: DriverRecord, **fields: Any) -> ActionOutcome:
    """One action at the driver's workflow, by the API's rules."""
    api.limits.take(f"act:{driver.id}", api.config.actions_per_driver)
    action = _ACTIONS.validate_python({"action_id": str(uuid4()), **fields})
    try:
        outcome = await api.workflows.act(driver.id, action, within=api.config.wait)
    except StillPending:
        outcome = ActionOutcome(action_id=action.action_id, status="pending")
    await api.note(visitor.caller, str(fields["type"]), driver.id, outcome.status)
    return outcome


def _back(done: str) -> Response:
    return RedirectResponse(f"/driver?done={done}", 303)


async def _link(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    """Open the vendor's page. A policy of ours forbids forms that lead elsewhere, so a page of ours leads there."""
    seen = await see(request, driver, api)
    say = seen.say if seen else None
    renews = form.get("renews") or None
    side = Side(form.get("side", "vehicle"))
    if renews is not None and seen is not None:
        side = next((device.side for device in seen.state.devices.values() if device.vendor == renews), side)
    home = (api.config.public_url or str(request.base_url)).rstrip("/")
    outcome = await _act(
        api,
        visitor,
        driver,
        type="request_link",
        side=side,
        redirect_uri=f"{home}/driver/back/{side.value}",
        language=LOCALES.get(say.language if say else "en", "en-GB"),
        renews=renews,
    )
    if outcome.url is None or say is None:
        raise Refused(503, "try-again", "the vendor's page is not open yet")
    return page(request, "driver_leave.html.jinja", say=say, url=outcome.url, side=side.value)


async def _dismiss(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    await _act(api, visitor, driver, type="dismiss_prompt", prompt=form.get("prompt", ""))
    return _back("dismissed")


async def _place(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    """A place the vendor knows already, or a new one. Coordinates go to the vendor and are kept nowhere here."""
    if api.vendor is None:
        raise not_found("vendor with places")
    place_id = form.get("place_id", "")
    if place_id:
        if place_id not in {place.id for place in await api.vendor.places(driver.id)}:
            raise not_found("place")
    else:
        state = await api.workflows.driver_state(driver.id)
        wanted = PlaceRequest.model_validate(
            {
                "name": form.get("name") or "Home",
                "latitude": form.get("latitude", "").replace(",", "."),
                "longitude": form.get("longitude", "").replace(",", "."),
                "zone": state.wish.zone,
            }
        )
        made = await api.vendor.create_place(driver.id, wanted.name, wanted.latitude, wanted.longitude, wanted.zone)
        place_id = made.id
    fields = PlaceCharger(action_id="-", charger_id=form.get("charger_id", ""), place_id=place_id)
    await _act(api, visitor, driver, **fields.model_dump(exclude={"action_id"}))
    return _back("placed")


async def _enroll(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    if form.get("agreed") != "yes":
        raise Refused(422, "invalid", "consent is given by ticking the box")
    seen = await see(request, driver, api)
    language = seen.say.language if seen else "en"
    await _act(api, visitor, driver, type="enroll", at=api.now(), text_version=CONSENT_VERSION, language=language)
    return _back("enrolled")


async def _wish(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    """For every night from now on; a session under way hears it too."""
    state = await api.workflows.driver_state(driver.id)
    changed = {"target_soc_pct": form.get("target"), "ready_by": form.get("ready_by")}
    wish = Wish.model_validate({**state.wish.model_dump(), **{k: v for k, v in changed.items() if v}})
    await _act(api, visitor, driver, type="set_wish", wish=wish)
    if form.get("session"):
        await _tell_session(form["session"], "set_wish", form, visitor, driver, api)
    return _back("wish")


async def _tonight(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    act = form.get("act", "")
    await _tell_session(form.get("session", ""), act, form, visitor, driver, api)
    return _back(act)


async def _tell_session(
    session_id: str, act: str, form: Form, visitor: Visitor, driver: DriverRecord, api: Services
) -> None:
    api.limits.take(f"act:{driver.id}", api.config.actions_per_driver)
    state = await api.workflows.session_state(session_id)
    if (state.program, state.driver_id) != (driver.program, driver.id) or state.is_closed:
        raise not_found("session")
    await allow_switching(api, visitor.caller, act, session_id, 0.0)
    await api.workflows.act_tonight(session_id, tonight_action(state, act, form, api.now()))


async def _ask_unlink(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    """What it would mean, word for word, with the token that confirms it."""
    fields = AskUnlink(action_id="-", side=Side(form.get("side", "")), vendor=form.get("vendor", ""), at=api.now())
    outcome = await _act(api, visitor, driver, **fields.model_dump(exclude={"action_id"}))
    seen = await see(request, driver, api)
    if seen is None or outcome.implications is None or outcome.token is None:
        raise Refused(409, "refused", "nothing to unlink")
    going = [seen.state.devices[one] for one in outcome.implications.device_ids if one in seen.state.devices]
    return page(
        request,
        "driver_unlink.html.jinja",
        say=seen.say,
        csrf=visitor.csrf,
        side=form.get("side", ""),
        token=outcome.token,
        going=[seen.name(device) for device in going],
        disables=outcome.implications.disables_smart_charging,
        means=[
            (seen.say.about(meaning.brand) if meaning.vehicle_id else seen.say)(meaning.key)
            for meaning in outcome.implications.meanings
        ],
    )


async def _unlink(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    fields = ConfirmUnlink(action_id="-", token=form.get("token", ""), at=api.now())
    await _act(api, visitor, driver, **fields.model_dump(exclude={"action_id"}))
    return _back("unlinked")


async def _ask_end(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    """Before the consent is withdrawn, or the account erased: what happens then."""
    seen = await see(request, driver, api)
    act = form.get("act", "")
    if seen is None or act not in ("withdraw", "erase"):
        raise not_found("action")
    return page(request, "driver_end.html.jinja", say=seen.say, csrf=visitor.csrf, act=act)


async def _withdraw(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    await _act(api, visitor, driver, type="withdraw", at=api.now())
    return _back("withdrawn")


async def _erase(request: Request, form: Form, visitor: Visitor, driver: DriverRecord, api: Services) -> Response:
    if form.get("sure") != "yes":
        raise Refused(422, "invalid", "erasing is confirmed by ticking the box")
    await _act(api, visitor, driver, type="erase", at=api.now())
    return _back("erased")


Handler = Callable[[Request, Form, Visitor, DriverRecord, Services], Awaitable[Response]]

_HANDLERS: dict[str, Handler] = {
    "link": _link,
    "dismiss": _dismiss,
    "place": _place,
    "enroll": _enroll,
    "wish": _wish,
    "tonight": _tonight,
    "ask_unlink": _ask_unlink,
    "unlink": _unlink,
    "ask_end": _ask_end,
    "withdraw": _withdraw,
    "erase": _erase,
}
