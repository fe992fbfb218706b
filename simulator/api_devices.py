"""Routes of vehicles and chargers: reading them, commanding them, and what became of a command."""

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from simulator import wire
from simulator.http import Caller, Page, PageQuery, Sim, device_or_404, paged
from simulator.problems import bad_request, not_found
from simulator.registry import Action, Device, DeviceKind, Json, Tenant
from simulator.simulation import Simulation

router = APIRouter()


class ChargingBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    action: Literal["START", "STOP"]


class MaxCurrentBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    maxCurrent: float = Field(gt=0, le=1000, allow_inf_nan=False)


class ChargerBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    locationId: str | None


def _list(sim: Simulation, tenant: Tenant, page: PageQuery, kind: DeviceKind, user_id: str | None = None) -> Json:
    """A user without devices, or unknown, has an empty list."""
    devices = [
        device
        for device in sim.cloud.devices.values()
        if device.kind == kind and device.user.tenant is tenant and user_id in (None, device.user.id)
    ]
    return paged(devices, page, lambda device: (device.created_at, device.id), sim.cloud.json)


def _refresh(sim: Simulation, device: Device) -> Response:
    sim.telemetry.observe_soon(device, sim.cloud.settings.hint_seconds)
    return Response(status_code=204)


def _action_or_404(sim: Simulation, tenant: Tenant, action_id: str, kind: DeviceKind) -> Action:
    action = sim.cloud.actions.get(action_id)
    if action is None or action.device.kind != kind or action.device.user.tenant is not tenant:
        raise not_found("Action not found", f"Could not find action with ID {action_id}")
    return action


def _cancel(sim: Simulation, action: Action) -> JSONResponse:
    was_cancelled = sim.control.cancel(action)
    return JSONResponse(wire.action(action), status_code=200 if was_cancelled else 409)


# -- vehicles -------------------------------------------------------------------------------------------------------


@router.get("/vehicles")
async def list_vehicles(sim: Sim, tenant: Caller, page: Page) -> Json:
    return _list(sim, tenant, page, "vehicle")


@router.get("/users/{user_id}/vehicles")
async def list_user_vehicles(user_id: str, sim: Sim, tenant: Caller, page: Page) -> Json:
    return _list(sim, tenant, page, "vehicle", user_id)


@router.get("/vehicles/{vehicle_id}")
async def get_vehicle(vehicle_id: str, sim: Sim, tenant: Caller) -> Json:
    return sim.cloud.json(device_or_404(sim, tenant, vehicle_id, "vehicle"))


@router.post("/vehicles/{vehicle_id}/refresh-hint", status_code=204)
async def refresh_vehicle(vehicle_id: str, sim: Sim, tenant: Caller) -> Response:
    return _refresh(sim, device_or_404(sim, tenant, vehicle_id, "vehicle"))


@router.post("/vehicles/{vehicle_id}/charging")
async def control_vehicle(vehicle_id: str, body: ChargingBody, sim: Sim, tenant: Caller) -> Json:
    return wire.action(sim.control.request(device_or_404(sim, tenant, vehicle_id, "vehicle"), body.action))


@router.post("/vehicles/{vehicle_id}/max-current")
async def vehicle_max_current(vehicle_id: str, body: MaxCurrentBody, sim: Sim, tenant: Caller) -> Json:
    device = device_or_404(sim, tenant, vehicle_id, "vehicle")
    return wire.action(sim.control.request_max_current(device, body.maxCurrent))


@router.get("/vehicles/actions/{action_id}")
async def get_vehicle_action(action_id: str, sim: Sim, tenant: Caller) -> Json:
    return wire.action(_action_or_404(sim, tenant, action_id, "vehicle"))


@router.post("/vehicles/actions/{action_id}/cancel")
async def cancel_vehicle_action(action_id: str, sim: Sim, tenant: Caller) -> JSONResponse:
    return _cancel(sim, _action_or_404(sim, tenant, action_id, "vehicle"))


# -- chargers -------------------------------------------------------------------------------------------------------


@router.get("/chargers")
async def list_chargers(sim: Sim, tenant: Caller, page: Page) -> Json:
    return _list(sim, tenant, page, "charger")


@router.get("/users/{user_id}/chargers")
async def list_user_chargers(user_id: str, sim: Sim, tenant: Caller, page: Page) -> Json:
    return _list(sim, tenant, page, "charger", user_id)


@router.get("/chargers/{charger_id}")
async def get_charger(charger_id: str, sim: Sim, tenant: Caller) -> Json:
    return sim.cloud.json(device_or_404(sim, tenant, charger_id, "charger"))


@router.put("/chargers/{charger_id}")
async def update_charger(charger_id: str, body: ChargerBody, sim: Sim, tenant: Caller) -> Json:
    device = device_or_404(sim, tenant, charger_id, "charger")
    place = None if body.locationId is None else tenant.locations.get(body.locationId)
    if body.locationId is not None and (place is None or place.user_id != device.user.id):
        raise bad_request("Location not found", f"User {device.user.id} has no location {body.locationId}")
    device.location_id = body.locationId
    device.location_set_at = sim.timeline.now
    sim.cloud.publish_user(device.user)
    return sim.cloud.json(device)


@router.post("/chargers/{charger_id}/refresh-hint", status_code=204)
async def refresh_charger(charger_id: str, sim: Sim, tenant: Caller) -> Response:
    return _refresh(sim, device_or_404(sim, tenant, charger_id, "charger"))


@router.post("/chargers/{charger_id}/charging")
async def control_charger(charger_id: str, body: ChargingBody, sim: Sim, tenant: Caller) -> Json:
    return wire.action(sim.control.request(device_or_404(sim, tenant, charger_id, "charger"), body.action))


@router.post("/chargers/{charger_id}/max-current")
async def charger_max_current(charger_id: str, body: MaxCurrentBody, sim: Sim, tenant: Caller) -> Json:
    device = device_or_404(sim, tenant, charger_id, "charger")
    return wire.action(sim.control.request_max_current(device, body.maxCurrent))


@router.get("/chargers/actions/{action_id}")
async def get_charger_action(action_id: str, sim: Sim, tenant: Caller) -> Json:
    return wire.action(_action_or_404(sim, tenant, action_id, "charger"))


@router.post("/chargers/actions/{action_id}/cancel")
async def cancel_charger_action(action_id: str, sim: Sim, tenant: Caller) -> JSONResponse:
    return _cancel(sim, _action_or_404(sim, tenant, action_id, "charger"))
