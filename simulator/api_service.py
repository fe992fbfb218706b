"""Routes of the platform itself: tokens, health, vendor availability, the catalogue of interventions."""

import base64
import secrets
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response

from simulator.http import TOKEN_SECONDS, Caller, Sim, Tokens
from simulator.interventions import listed
from simulator.problems import Refused, not_found
from simulator.registry import Json
from simulator.vendors import KINDS, OTHER_KINDS, vendors_of
from simulator.weather import token_weather

router = APIRouter()


@router.post("/oauth2/token")
async def token(request: Request, sim: Sim) -> Json:
    """Client credentials by Basic authentication, nothing else."""
    token_weather(sim)
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    if form.get("grant_type") != ["client_credentials"]:
        raise Refused(400, {"error": "unsupported_grant_type", "error_description": "Use client_credentials."})
    client_id = _basic_client(request, sim.scenario.clients)
    if client_id is None:
        refusal = {"error": "invalid_client", "error_description": "Unknown client or wrong secret."}
        raise Refused(401, refusal, {"WWW-Authenticate": "Basic"})
    tokens = request.app.state.tokens
    assert isinstance(tokens, Tokens)
    return {"access_token": tokens.issue(client_id), "token_type": "bearer", "expires_in": TOKEN_SECONDS, "scope": ""}


def _basic_client(request: Request, clients: dict[str, str]) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return None
    known = clients.get(client_id)
    return client_id if known is not None and secrets.compare_digest(known.encode(), secret.encode()) else None


@router.get("/health/ready", status_code=204)
async def ready(sim: Sim) -> Response:
    return Response(status_code=204)


def _availability(vendor: str) -> Json:
    return {
        "vendor": vendor,
        "displayName": vendor.title(),
        "status": "READY",
        "portalName": f"{vendor.title()} account",
        "linkingStatus": "READY",
    }


@router.get("/health/{plural}")
async def vendor_health(plural: str, sim: Sim, tenant: Caller) -> list[Json]:
    plurals = {"vehicles": "vehicle", "chargers": "charger", "batteries": "battery"}
    plurals |= {f"{kind}s": kind for kind in OTHER_KINDS} | {"hvacs": "hvac"}
    kind = plurals.get(plural)
    if kind is None:
        raise not_found("Not found", f"There is no health of {plural}")
    return [_availability(vendor) for vendor in sorted(vendors_of(kind))]


@router.get("/integrations")
async def integrations(
    sim: Sim, tenant: Caller, asset_types: Annotated[str | None, Query(alias="assetTypes")] = None
) -> list[Json]:
    wanted = list(KINDS) if asset_types is None else asset_types.split(",")
    vendors = sorted(set().union(*(vendors_of(kind) for kind in wanted)))
    return [_integration(vendor, wanted) for vendor in vendors]


def _integration(vendor: str, wanted: list[str]) -> Json:
    kinds = [kind for kind in wanted if vendor in vendors_of(kind)]
    scopes = [scope for kind in kinds for scope in (f"{kind}:read:data", f"{kind}:control:charging")]
    scopes += ["vehicle:read:location"] if "vehicle" in kinds else []
    return {**_availability(vendor), "assetTypes": kinds, "scopes": scopes}


@router.get("/interventions")
async def interventions(
    sim: Sim,
    tenant: Caller,
    vendor: str | None = None,
    vendor_type: Annotated[str | None, Query(alias="vendorType")] = None,
) -> list[Json]:
    """The language is accepted and ignored: every entry falls back to en-US."""
    return listed(vendor, vendor_type)


@router.get("/interventions/{intervention_id}")
async def intervention(intervention_id: str, sim: Sim, tenant: Caller) -> Json:
    for entry in listed():
        if entry["id"] == intervention_id:
            return entry
    raise not_found("Intervention not found", f"Could not find intervention with ID {intervention_id}")


@router.get("/hvacs")
@router.get("/batteries")
@router.get("/inverters")
@router.get("/meters")
@router.get("/users/{user_id}/hvacs")
@router.get("/users/{user_id}/batteries")
@router.get("/users/{user_id}/inverters")
@router.get("/users/{user_id}/meters")
async def nothing(sim: Sim, tenant: Caller) -> Json:
    """Kinds of device that do not exist here."""
    return {"data": [], "pagination": {"after": None, "before": None}}
