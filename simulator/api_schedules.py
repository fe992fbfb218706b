"""Routes of schedules, smart charging and overrides."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from simulator.http import Caller, Page, Sim, device_or_404, paged
from simulator.problems import bad_request, not_found
from simulator.registry import Device, Json, Tenant
from simulator.schedules import Schedule
from simulator.simulation import Simulation
from simulator.weekplan import HOUR_MINUTE, Rule

router = APIRouter()


class ScheduleChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    targetId: str | None = None
    targetType: Literal["vehicle", "charger"] | None = None
    locationId: str | None = None
    isEnabled: bool | None = None
    defaultShouldCharge: bool | None = None
    rules: list[Rule] | None = None


class ScheduleBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    targetId: str
    targetType: Literal["vehicle", "charger"]
    locationId: str | None
    isEnabled: bool = True
    defaultShouldCharge: bool
    rules: list[Rule]


class PolicyChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    isEnabled: bool | None = None
    deadline: Annotated[str, Field(pattern=HOUR_MINUTE)] | None = None
    minimumChargeLimit: float | None = Field(default=None, ge=0, le=100)


def _schedule_or_404(sim: Simulation, tenant: Tenant, schedule_id: str) -> Schedule:
    schedule = sim.schedules.all.get(schedule_id)
    if schedule is None or schedule.user.tenant is not tenant:
        raise not_found("Schedule not found", f"Could not find schedule with ID {schedule_id}")
    return schedule


def _check_target(sim: Simulation, tenant: Tenant, target_id: str, target_type: str, location_id: str | None) -> None:
    device = sim.cloud.devices.get(target_id)
    if device is None or device.kind != target_type or device.user.tenant is not tenant:
        raise bad_request("Target not found", f"There is no {target_type} {target_id}")
    if location_id is not None and location_id not in tenant.locations:
        raise bad_request("Location not found", f"There is no location {location_id}")


@router.get("/users/{user_id}/schedules")
async def list_schedules(user_id: str, sim: Sim, tenant: Caller, page: Page) -> Json:
    mine = [s for s in sim.schedules.all.values() if s.user.tenant is tenant and s.user.id == user_id]
    return paged(mine, page, lambda schedule: (schedule.created_at, schedule.id), sim.schedules.json)


@router.post("/users/{user_id}/schedules")
async def create_schedule(user_id: str, body: ScheduleBody, sim: Sim, tenant: Caller) -> Json:
    _check_target(sim, tenant, body.targetId, body.targetType, body.locationId)
    user = sim.cloud.devices[body.targetId].user
    if user.id != user_id:
        raise bad_request("Target not found", f"User {user_id} has no {body.targetType} {body.targetId}")
    schedule = Schedule(
        id=sim.cloud.ids.next("schedule"),
        user=user,
        created_at=sim.timeline.now,
        target_id=body.targetId,
        target_type=body.targetType,
        location_id=body.locationId,
        is_enabled=body.isEnabled,
        default_should_charge=body.defaultShouldCharge,
        rules=body.rules,
        changed_at=sim.timeline.now,
    )
    sim.schedules.add(schedule)
    return sim.schedules.json(schedule)


@router.get("/schedules/{schedule_id}")
async def get_schedule(schedule_id: str, sim: Sim, tenant: Caller) -> Json:
    return sim.schedules.json(_schedule_or_404(sim, tenant, schedule_id))


@router.put("/schedules/{schedule_id}")
async def update_schedule(schedule_id: str, body: ScheduleChange, sim: Sim, tenant: Caller) -> Json:
    schedule = _schedule_or_404(sim, tenant, schedule_id)
    target_id = body.targetId or schedule.target_id
    target_type = body.targetType or schedule.target_type
    location_id = body.locationId if "locationId" in body.model_fields_set else schedule.location_id
    _check_target(sim, tenant, target_id, target_type, location_id)
    schedule.target_id, schedule.target_type, schedule.location_id = target_id, target_type, location_id
    if body.isEnabled is not None:
        schedule.is_enabled = body.isEnabled
    if body.defaultShouldCharge is not None:
        schedule.default_should_charge = body.defaultShouldCharge
    if body.rules is not None:
        schedule.rules = body.rules
    sim.schedules.changed(schedule)
    return sim.schedules.json(schedule)


@router.delete("/schedules/{schedule_id}", status_code=204)
async def delete_schedule(schedule_id: str, sim: Sim, tenant: Caller) -> Response:
    sim.schedules.remove(_schedule_or_404(sim, tenant, schedule_id))
    return Response(status_code=204)


@router.get("/schedules/{schedule_id}/status")
async def schedule_status(schedule_id: str, sim: Sim, tenant: Caller) -> Json:
    return sim.schedules.status(_schedule_or_404(sim, tenant, schedule_id))


# -- smart charging -------------------------------------------------------------------------------------------------


def _vehicle(sim: Simulation, tenant: Tenant, vehicle_id: str) -> Device:
    return device_or_404(sim, tenant, vehicle_id, "vehicle")


@router.get("/vehicles/{vehicle_id}/smart-charging-policy")
async def get_policy(vehicle_id: str, sim: Sim, tenant: Caller) -> Json:
    return dict(_vehicle(sim, tenant, vehicle_id).policy)


@router.put("/vehicles/{vehicle_id}/smart-charging-policy")
async def update_policy(vehicle_id: str, body: PolicyChange, sim: Sim, tenant: Caller) -> Json:
    change = body.model_dump(exclude_unset=True)
    for name in ("isEnabled", "minimumChargeLimit"):
        if name in change and change[name] is None:
            del change[name]
    return sim.smart.update_policy(_vehicle(sim, tenant, vehicle_id), change)


@router.get("/vehicles/{vehicle_id}/smart-charging-status")
async def smart_status(vehicle_id: str, sim: Sim, tenant: Caller) -> Json:
    return sim.smart.status(_vehicle(sim, tenant, vehicle_id))


@router.get("/vehicles/{vehicle_id}/smart-charging-plans/{plan_id}")
async def smart_plan(vehicle_id: str, plan_id: str, sim: Sim, tenant: Caller) -> Json:
    return sim.smart.plan(_vehicle(sim, tenant, vehicle_id), plan_id)


@router.post("/vehicles/{vehicle_id}/smart-override")
async def create_override(vehicle_id: str, sim: Sim, tenant: Caller) -> Json:
    return sim.smart.override(_vehicle(sim, tenant, vehicle_id))


@router.delete("/vehicles/{vehicle_id}/smart-override")
async def end_override(vehicle_id: str, sim: Sim, tenant: Caller) -> Json:
    return sim.smart.end_override(_vehicle(sim, tenant, vehicle_id))
