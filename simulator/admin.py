"""The administrator's API: the truth, the log, and a hand on cables, clock, faults and scenario. No authentication."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from domain.clock import Clock
from simulator.faultbook import concerns_body
from simulator.faults import Fault
from simulator.http import Sim
from simulator.linking import LinkFailed
from simulator.linkpage import back_uri
from simulator.physics import Body, Box, Car
from simulator.problems import Refused, bad_request, not_found
from simulator.registry import Json
from simulator.reported import state_of
from simulator.scenario import Instant, Occurrence, Scenario
from simulator.simulation import Simulation
from simulator.wire import problem, stamp, stamp_or_none
from simulator.world import UnknownBody

router = APIRouter(prefix="/admin")


class AdminBody(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CompleteBody(AdminBody):
    vendor: str | None = None  # None: the session's own


class PlugBody(AdminBody):
    charger_id: str | None = None  # None: a foreign box
    at: Instant | None = None


class WhenBody(AdminBody):
    at: Instant | None = None


class AdvanceBody(AdminBody):
    to: Instant


class CarBody(AdminBody):
    soc_pct: float | None = Field(default=None, ge=0, le=100)
    limit_pct: float | None = Field(default=None, gt=0, le=100)
    drive_km: float | None = Field(default=None, ge=0)


class HoldBody(AdminBody):
    side: Literal["vehicle", "charger"]
    device_id: str
    is_held: bool


# -- the truth ------------------------------------------------------------------------------------------------------


@router.get("/world")
async def world(sim: Sim) -> Json:
    """Exact state of every car and box at this instant."""
    sim.world.settle_all()
    return {
        "now": stamp(sim.timeline.now),
        "starts_at": stamp(sim.world.starts_at),
        "cars": [_car(sim, car) for car in sim.world.cars.values()],
        "boxes": [_box(sim, box) for box in sim.world.boxes.values()],
    }


def _common(sim: Simulation, body: Body) -> Json:
    device = next(iter(sim.cloud.devices_showing(body)), None)
    owner = next(iter(sim.cloud.prepared_of(body)), None)
    return {
        "id": body.id,
        "device_id": None if device is None else device.id,
        "user_id": None if owner is None else owner.user_id,
        "key": None if owner is None else owner.spec.key,
        "vendor": None if owner is None else owner.spec.vendor,
        "hold": body.hold,
        "blocks": sorted(body.blocks),
        "lets_through": body.lets_through,
        "ceiling_kw": body.ceiling_kw,
    }


def _car(sim: Simulation, car: Car) -> Json:
    return {
        **_common(sim, car),
        "state": state_of(car),
        "plugged_into": None if car.box is None else car.box.id,
        "stored_kwh": car.stored_kwh,
        "soc_pct": car.soc_pct,
        "limit_pct": car.limit_pct,
        "battery_capacity_kwh": car.capacity_kwh,
        "efficiency": car.efficiency,
        "power_kw": car.power_kw,
        "drawn_kwh": car.drawn_kwh,
        "odometer_km": car.odometer_km,
    }


def _box(sim: Simulation, box: Box) -> Json:
    return {
        **_common(sim, box),
        "state": state_of(box),
        "car_id": None if box.car is None else box.car.id,
        "meter_kwh": box.meter_kwh,
        "power_kw": 0.0 if box.car is None else box.car.power_kw,
        "max_current_a": box.max_current_a,
    }


@router.get("/log")
async def log(sim: Sim, device_id: str | None = None, kind: str | None = None, since: int = 0) -> list[Json]:
    """The world's log from entry number `since` on, narrowed to a device and a kind of entry."""
    names = {device_id, None if device_id is None else _body(sim, device_id).id}
    return [
        {
            "number": number,
            "at": stamp(entry.at),
            "kind": entry.kind,
            "device_id": entry.device_id,
            "side": entry.side,
            "was": entry.was,
            "now": entry.now,
            "cause": entry.cause,
        }
        for number, entry in enumerate(sim.world.log)
        if number >= since and (device_id is None or entry.device_id in names) and kind in (None, entry.kind)
    ]


@router.get("/telemetry/{device_id}")
async def telemetry(device_id: str, sim: Sim) -> list[Json]:
    """The true power [kW, AC] and level [%] of a car (or of the car now in a box), as change points."""
    body = _body(sim, device_id)
    car = body if isinstance(body, Car) else body.car
    if car is None:
        raise not_found("No car", "No car is plugged into this box now.")
    sim.world.settle(car)
    points = [(point.at, point.kw, point.soc_pct) for point in sim.world.series[car.id]]
    points.append((sim.timeline.now, car.power_kw, car.soc_pct))
    return [{"at": stamp(at), "kw": kw, "soc_pct": soc_pct} for at, kw, soc_pct in points]


@router.get("/webhooks")
async def webhooks(sim: Sim) -> list[Json]:
    """How deliveries go, webhook by webhook."""
    return [
        {
            "id": box.webhook.id,
            "url": box.webhook.url,
            "is_active": box.webhook.is_active,
            "queued": len(box.queue),
            "delivered": box.delivered,
            "failed_tries": box.failed,
            "dropped": box.dropped,
        }
        for box in sim.outbox.mailboxes.values()
    ]


@router.get("/requests")
async def requests(request: Request, sim: Sim, path: str = "", method: str | None = None) -> list[Json]:
    """Requests as they were answered, oldest first, narrowed to a beginning of the path and a method."""
    return [
        {"at": stamp(seen.at), "method": seen.method, "path": seen.path, "status": seen.status}
        for seen in request.app.state.seen
        if seen.path.startswith(path) and method in (None, seen.method)
    ]


# -- a hand on the world --------------------------------------------------------------------------------------------


@router.post("/links/{token}/complete")
async def complete_link(token: str, body: CompleteBody, sim: Sim) -> Json:
    """What the link page does, at once. Answers where the browser would go and what came to light."""
    session = sim.linking.session(token)
    vendor = body.vendor or session.vendor
    if vendor is None or vendor not in sim.linking.vendors(session):
        raise bad_request("Unknown vendor", f"{vendor} can't be linked in this session.")
    try:
        devices = sim.linking.complete(session, vendor)
    except LinkFailed as failed:
        uri = back_uri(session.redirect_uri, error="linking_failed", error_message=str(failed))
        return {"redirect_uri": uri, "device_ids": [], "error": str(failed)}
    return {"redirect_uri": session.redirect_uri, "device_ids": [device.id for device in devices], "error": None}


@router.post("/vehicles/{vehicle_id}/plug", status_code=204)
async def plug(vehicle_id: str, body: PlugBody, sim: Sim) -> Response:
    charger_id = body.charger_id
    return _occur(sim, "plug", body.at, vehicle_id=_body(sim, vehicle_id).id, charger_id=charger_id)


@router.post("/vehicles/{vehicle_id}/unplug", status_code=204)
async def unplug(vehicle_id: str, sim: Sim, body: WhenBody | None = None) -> Response:
    return _occur(sim, "unplug", None if body is None else body.at, vehicle_id=_body(sim, vehicle_id).id)


@router.patch("/vehicles/{vehicle_id}", status_code=204)
async def change_car(vehicle_id: str, body: CarBody, sim: Sim) -> Response:
    """Sets level or limit, or drives some kilometres, by hand."""
    car_id = _body(sim, vehicle_id).id
    if body.drive_km is not None:
        _occur(sim, "trip", None, vehicle_id=car_id, km=body.drive_km)
    if body.soc_pct is not None:
        _occur(sim, "set_soc", None, vehicle_id=car_id, soc_pct=body.soc_pct)
    if body.limit_pct is not None:
        _occur(sim, "set_limit", None, vehicle_id=car_id, limit_pct=body.limit_pct)
    return Response(status_code=204)


@router.post("/holds", status_code=204)
async def hold(body: HoldBody, sim: Sim) -> Response:
    """A person presses stop or start at the car or box itself."""
    sim.world.set_hold(_body(sim, body.device_id), "person" if body.is_held else None, "admin")
    return Response(status_code=204)


@router.post("/events", status_code=204)
async def events(body: list[Occurrence] | Occurrence, sim: Sim) -> Response:
    for occurrence in body if isinstance(body, list) else [body]:
        sim.occurrences.book(occurrence)
    return Response(status_code=204)


@router.post("/users/{user_id}/pairing/reset", status_code=204)
async def reset_pairing(user_id: str, sim: Sim, client: str = "sim") -> Response:
    """Delegated control: what a charger unlocked is taken back until a charger is linked again."""
    user = sim.cloud.tenants[client].users.get(user_id)
    if user is None:
        raise not_found("User does not exist", f"Could not find user with ID {user_id}")
    user.is_pairing_reset = True
    sim.cloud.publish_user(user)
    return Response(status_code=204)


def _occur(sim: Simulation, do: str, at: Any, **what: Any) -> Response:
    occurrence = Occurrence(at=at or sim.timeline.now, do=do, **what)
    if at is None:
        sim.occurrences.happen(occurrence, "admin")
    else:
        sim.occurrences.book(occurrence)
    return Response(status_code=204)


def _body(sim: Simulation, name: str) -> Car | Box:
    return sim.cloud.body_named(name)


# -- faults ---------------------------------------------------------------------------------------------------------


@router.get("/faults")
async def faults(sim: Sim) -> list[Fault]:
    return list(sim.faults.faults.values())


@router.post("/faults")
async def add_fault(body: Fault, sim: Sim) -> Json:
    """Answers the fault's id and the cars and boxes it is about now."""
    added = sim.faults.add(body)
    sim.advance()
    return {"id": added.id, "concerns": [p.id for p in sim.cloud.prepared if concerns_body(added, p)]}


@router.delete("/faults/{fault_id}", status_code=204)
async def remove_fault(fault_id: str, sim: Sim) -> Response:
    if not sim.faults.remove(fault_id):
        raise not_found("Unknown fault", f"There is no fault {fault_id}")
    return Response(status_code=204)


# -- clock and scenario ---------------------------------------------------------------------------------------------


@router.get("/clock")
async def clock(sim: Sim) -> Json:
    """World time now, and the instant of the world's next event."""
    return {
        "now": stamp(sim.timeline.now),
        "next_event_at": stamp_or_none(sim.timeline.next_at),
        "clock": None if sim.clock is None else sim.clock.model_dump(mode="json"),
    }


@router.post("/clock")
async def set_clock(body: Clock, request: Request, sim: Sim) -> Json:
    """Restarts the present scenario under this clock: time never goes back within one world."""
    await request.app.state.restart(sim.scenario, body)
    return {"clock": body.model_dump(mode="json")}


@router.post("/advance")
async def advance(body: AdvanceBody, sim: Sim) -> Json:
    """Moves a world that follows no clock."""
    try:
        sim.step(body.to)
    except ValueError as error:
        raise Refused(409, problem("conflict", "Clock in charge", str(error))) from None
    return await clock(sim)


@router.get("/scenario")
async def scenario(sim: Sim) -> Scenario:
    return sim.scenario


@router.post("/scenario", status_code=204)
async def set_scenario(body: Scenario, request: Request, sim: Sim) -> Response:
    """Starts a new world. Its clock is the scenario's, else the present one."""
    try:
        await request.app.state.restart(body, body.clock or sim.clock)
    except (UnknownBody, ValueError) as error:
        raise bad_request("Scenario does not hold together", str(error)) from None
    return Response(status_code=204)
