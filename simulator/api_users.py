"""Routes of users, linking and unlinking."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from simulator import wire
from simulator.http import Caller, Page, Sim, paged, user_or_404
from simulator.linking import KINDS
from simulator.problems import bad_request
from simulator.registry import Json, LinkSession, Tenant
from simulator.simulation import Simulation
from simulator.vendors import OTHER_KINDS, vendors_of

router = APIRouter()

Scope = Literal[
    "vehicle:read:data",
    "vehicle:read:location",
    "vehicle:control:charging",
    "charger:read:data",
    "charger:control:charging",
    "hvac:read:data",
    "hvac:control:mode",
    "inverter:read:data",
    "inverter:read:location",
    "battery:read:data",
    "battery:read:location",
    "battery:control:operation_mode",
    "meter:read:data",
    "meter:read:location",
]

Language = Literal[
    "browser",
    "da-DK",
    "de-DE",
    "en-US",
    "en-GB",
    "es-ES",
    "fi-FI",
    "fr-FR",
    "it-IT",
    "ja-JP",
    "lv-LV",
    "lt-LT",
    "nb-NO",
    "nl-NL",
    "nl-BE",
    "pl-PL",
    "pt-PT",
    "ro-RO",
    "sv-SE",
]

RedirectUri = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class RelinkBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    language: Language
    redirectUri: RedirectUri
    colorScheme: Literal["system", "light", "dark"] = "system"


class LinkBody(RelinkBody):
    scopes: list[Scope] = Field(min_length=1)
    vendor: str | None = None
    vendorType: Literal["vehicle", "charger", "hvac", "inverter", "battery", "meter"] | None = None


@router.get("/users")
async def list_users(sim: Sim, tenant: Caller, page: Page) -> Json:
    return paged(list(tenant.users.values()), page, lambda user: (user.created_at, user.id), wire.user_entry)


@router.get("/users/{user_id}")
async def get_user(user_id: str, sim: Sim, tenant: Caller) -> Json:
    return wire.user_response(user_or_404(tenant, user_id))


@router.delete("/users/{user_id}", status_code=204)
async def delete_user(user_id: str, sim: Sim, tenant: Caller) -> Response:
    sim.linking.delete_user(user_or_404(tenant, user_id))
    return Response(status_code=204)


@router.delete("/users/{user_id}/authorization", status_code=204)
async def deauthorize(user_id: str, sim: Sim, tenant: Caller) -> Response:
    sim.linking.deauthorize(user_or_404(tenant, user_id))
    return Response(status_code=204)


@router.delete("/users/{user_id}/vendors/{vendor}", status_code=204)
async def unlink_vendor(user_id: str, vendor: str, sim: Sim, tenant: Caller) -> Response:
    sim.linking.unlink(user_or_404(tenant, user_id), vendor, list(KINDS))
    return Response(status_code=204)


@router.delete("/users/{user_id}/vendors/{vendor}/{vendor_type}", status_code=204)
async def unlink_vendor_type(user_id: str, vendor: str, vendor_type: str, sim: Sim, tenant: Caller) -> Response:
    kinds = [kind for kind in KINDS if kind == vendor_type]
    if not kinds and vendor_type not in OTHER_KINDS:
        raise bad_request("Unknown vendor type", f"There is no vendor type {vendor_type}.")
    sim.linking.unlink(user_or_404(tenant, user_id), vendor, kinds)
    return Response(status_code=204)


@router.post("/users/{user_id}/link")
async def link_user(user_id: str, body: LinkBody, request: Request, sim: Sim, tenant: Caller) -> Json:
    _check_redirect(body.redirectUri)
    _check_scopes(body)
    session = sim.linking.open_session(
        tenant,
        user_id,
        scopes=list(body.scopes),
        language=body.language,
        redirect_uri=body.redirectUri,
        vendor=body.vendor,
        vendor_kind=body.vendorType,
    )
    return _answer(request, session)


@router.post("/assets/{asset_id}/relink")
async def relink(asset_id: str, body: RelinkBody, request: Request, sim: Sim, tenant: Caller) -> Json:
    _check_redirect(body.redirectUri)
    return _answer(request, _relink_session(asset_id, body, sim, tenant))


def _relink_session(asset_id: str, body: RelinkBody, sim: Simulation, tenant: Tenant) -> LinkSession:
    device = sim.cloud.devices.get(asset_id)
    if device is None or device.user.tenant is not tenant:
        raise bad_request("Asset not found", f"Could not find asset with ID {asset_id}")
    if device.account.is_valid:
        raise bad_request("Asset already linked", "The asset's account is linked and valid.")
    return sim.linking.open_session(
        tenant,
        device.user.id,
        scopes=sorted(device.account.scopes),
        language=body.language,
        redirect_uri=body.redirectUri,
        vendor=device.vendor,
        relinks=device,
    )


def _check_redirect(uri: str) -> None:
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest or scheme.lower() in ("about", "javascript", "data"):
        raise bad_request("Invalid redirectUri", "redirectUri must be a URI of an app or a web page.")


def _check_scopes(body: LinkBody) -> None:
    readable = [scope.split(":")[0] for scope in body.scopes if scope.endswith(":read:data")]
    missing = {scope.split(":")[0] for scope in body.scopes} - set(readable)
    if missing or (body.vendorType is not None and body.vendorType not in readable):
        raise bad_request("Invalid scopes", "Each type to be linked needs its read:data scope.")
    known = set().union(*(vendors_of(kind) for kind in readable))
    if body.vendor is not None and body.vendor not in known:
        raise bad_request("Unknown vendor", f"{body.vendor} has no devices of the types asked for.")


def _answer(request: Request, session: LinkSession) -> Json:
    return {"linkUrl": f"{str(request.base_url).rstrip('/')}/link/{session.token}", "linkToken": session.token}
