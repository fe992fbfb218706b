"""Routes of tariffs: kept and shown as given. Nothing in the simulator reads them."""

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from simulator.api_locations import location_or_404
from simulator.http import Caller, Sim
from simulator.problems import bad_request, not_found
from simulator.registry import Json
from simulator.weekplan import HOUR_MINUTE

router = APIRouter()

TariffId = Annotated[str, Path(max_length=36, pattern=r"^[A-Za-z0-9_-]+$")]

DAY = 24 * 60
WEEK = 7 * DAY
"""Minutes."""


class Rate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    cost: str = Field(pattern=r"^-?\d+(\.\d+)?$")


class Interval(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    from_: str = Field(alias="from", pattern=HOUR_MINUTE)
    to: str = Field(pattern=HOUR_MINUTE)
    weekdays: list[Literal[0, 1, 2, 3, 4, 5, 6]] | None = None


class LocationTariff(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tariffId: str
    tariffIntervals: list[Interval]


@router.put("/tariffs/{tariff_id}", status_code=204)
async def put_tariff(tariff_id: TariffId, body: Annotated[list[Rate], Body()], sim: Sim, tenant: Caller) -> Response:
    tenant.tariffs[tariff_id] = [rate.model_dump() for rate in body]
    return Response(status_code=204)


@router.get("/tariffs/{tariff_id}")
async def get_tariff(tariff_id: TariffId, sim: Sim, tenant: Caller) -> list[Json]:
    rates = tenant.tariffs.get(tariff_id)
    if rates is None:
        raise not_found("Tariff not found", f"Could not find tariff with ID {tariff_id}")
    return rates


@router.put("/locations/{location_id}/tariff", status_code=204)
async def put_location_tariff(location_id: str, body: LocationTariff, sim: Sim, tenant: Caller) -> Response:
    location_or_404(tenant, location_id)
    rates = tenant.tariffs.get(body.tariffId)
    if rates is None:
        raise not_found("Tariff not found", f"Could not find tariff with ID {body.tariffId}")
    names = {rate["name"] for rate in rates}
    if any(interval.name not in names for interval in body.tariffIntervals):
        raise bad_request("Unknown rate", "An interval names a rate that the tariff does not have.")
    spans = sorted(span for interval in body.tariffIntervals for span in _spans(interval))
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise bad_request("Overlapping intervals", "Tariff intervals must not overlap.")
    tenant.location_tariffs[location_id] = {"tariffId": body.tariffId, "spans": spans}
    return Response(status_code=204)


@router.get("/locations/{location_id}/tariff")
async def get_location_tariff(location_id: str, sim: Sim, tenant: Caller) -> list[Json]:
    """The week in UTC, by the location's offset of today."""
    place = location_or_404(tenant, location_id)
    known = tenant.location_tariffs.get(location_id)
    if known is None:
        raise not_found("Tariff not found", f"Location {location_id} has no tariff")
    offset = sim.timeline.now.astimezone(ZoneInfo(place.zone)).utcoffset() or timedelta(0)
    shift = int(offset.total_seconds() // 60)
    pieces = sorted(piece for span in known["spans"] for piece in _pieces(span, shift))
    return [
        {
            "weekday": starts // DAY,
            "fromHourMinute": _hour_minute(starts % DAY),
            "toHourMinute": _hour_minute(ends - starts // DAY * DAY),
            "tariffId": known["tariffId"],
            "tariffName": name,
        }
        for starts, ends, name in pieces
    ]


def _spans(interval: Interval) -> list[tuple[int, int, str]]:
    """Spans of a week in minutes, half-open; one that runs over midnight is cut there."""
    starts, ends = _minute(interval.from_), _minute(interval.to)
    parts = [(starts, ends)] if starts < ends else [(starts, DAY), (0, ends)]
    days = interval.weekdays if interval.weekdays is not None else range(7)
    return [(day * DAY + a, day * DAY + b, interval.name) for day in days for a, b in parts if a < b]


def _pieces(span: tuple[int, int, str], shift: int) -> list[tuple[int, int, str]]:
    """The span moved to UTC and cut at midnights."""
    starts, ends, name = span
    starts, left = (starts - shift) % WEEK, ends - starts
    pieces = []
    while left > 0:
        length = min(left, DAY - starts % DAY)
        pieces.append((starts, starts + length, name))
        starts, left = (starts + length) % WEEK, left - length
    return pieces


def _minute(hour_minute: str) -> int:
    return int(hour_minute[:2]) * 60 + int(hour_minute[3:])


def _hour_minute(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
