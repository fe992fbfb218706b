"""Routes of locations: the places a user charges at."""

from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, field_validator

from simulator import wire
from simulator.http import Caller, Page, PageQuery, Sim, paged
from simulator.problems import not_found
from simulator.registry import Json, Location, Tenant

router = APIRouter()


def _check_zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"unknown time zone {name}") from None
    return name


class LocationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    timezoneName: str

    _zone = field_validator("timezoneName")(_check_zone)


class LocationChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    timezoneName: str | None = None

    _zone = field_validator("timezoneName")(_check_zone)


def location_or_404(tenant: Tenant, location_id: str) -> Location:
    place = tenant.locations.get(location_id)
    if place is None:
        raise not_found("Location not found", f"Could not find location with ID {location_id}")
    return place


def _list(tenant: Tenant, page: PageQuery, user_id: str | None = None) -> Json:
    places = [place for place in tenant.locations.values() if user_id in (None, place.user_id)]
    return paged(places, page, lambda place: (place.created_at, place.id), wire.location)


@router.get("/locations")
async def list_locations(sim: Sim, tenant: Caller, page: Page) -> Json:
    return _list(tenant, page)


@router.get("/users/{user_id}/locations")
async def list_user_locations(user_id: str, sim: Sim, tenant: Caller, page: Page) -> Json:
    return _list(tenant, page, user_id)


@router.post("/users/{user_id}/locations")
async def create_location(user_id: str, body: LocationBody, sim: Sim, tenant: Caller) -> Json:
    user = sim.cloud.user(tenant, user_id)
    place = Location(
        id=sim.cloud.ids.next("location"),
        user_id=user_id,
        name=body.name,
        latitude=body.latitude,
        longitude=body.longitude,
        zone=body.timezoneName,
        created_at=sim.timeline.now,
    )
    tenant.locations[place.id] = place
    sim.cloud.publish_user(user)
    return wire.location(place)


@router.get("/locations/{location_id}")
async def get_location(location_id: str, sim: Sim, tenant: Caller) -> Json:
    return wire.location(location_or_404(tenant, location_id))


@router.put("/locations/{location_id}")
async def update_location(location_id: str, body: LocationChange, sim: Sim, tenant: Caller) -> Json:
    place = location_or_404(tenant, location_id)
    place.name = place.name if body.name is None else body.name
    place.latitude = place.latitude if body.latitude is None else body.latitude
    place.longitude = place.longitude if body.longitude is None else body.longitude
    place.zone = place.zone if body.timezoneName is None else body.timezoneName
    sim.cloud.publish_user(tenant.users[place.user_id])
    return wire.location(place)


@router.delete("/locations/{location_id}")
async def delete_location(location_id: str, sim: Sim, tenant: Caller) -> Json:
    """Chargers at the location lose it."""
    place = location_or_404(tenant, location_id)
    del tenant.locations[location_id]
    user = tenant.users[place.user_id]
    for charger in sim.cloud.devices_of(user, "charger"):
        if charger.location_id == location_id:
            charger.location_id, charger.location_set_at = None, sim.timeline.now
    sim.cloud.publish_user(user)
    return wire.location(place)
