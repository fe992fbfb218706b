"""JSON shapes of the Enode API, version 2024-10-01. Every required key is always present, nullable ones included."""

from datetime import UTC, datetime
from typing import Any

from simulator.physics import Box
from simulator.registry import Action, Device, Json, Location, User, Webhook
from simulator.scenario import ChargerSpec, VehicleSpec

API_VERSION = "2024-10-01"
PROBLEMS = "https://developers.enode.com/api/problems/"

Capabilities = dict[str, tuple[bool, list[str]]]


def stamp(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp_or_none(instant: datetime | None) -> str | None:
    return None if instant is None else stamp(instant)


def problem(kind: str, title: str, detail: str, issues: list[Json] | None = None) -> Json:
    body: Json = {"type": PROBLEMS + kind, "title": title, "detail": detail}
    return body if issues is None else {**body, "issues": issues}


def user_entry(user: User) -> Json:
    return {"id": user.id, "createdAt": stamp(user.created_at), "scopes": ["all"]}


def user_response(user: User) -> Json:
    vendors = [
        {"vendor": account.vendor, "vendorType": kind, "isValid": account.is_valid}
        for account in user.accounts.values()
        for kind in sorted(account.kinds)
    ]
    return {"id": user.id, "linkedVendors": vendors}


def _capabilities(capabilities: Capabilities) -> Json:
    return {name: {"isCapable": able, "interventionIds": list(ids)} for name, (able, ids) in capabilities.items()}


def _head(device: Device) -> Json:
    return {
        "id": device.id,
        "userId": device.user.id,
        "vendor": device.vendor,
        "lastSeen": stamp(device.last_seen_at),
        "isReachable": device.is_reachable,
    }


def _vehicle_information(device: Device) -> Json:
    spec = device.spec
    assert isinstance(spec, VehicleSpec)
    return {
        "vin": "SIM" + device.body.id.replace("-", "").upper()[:14],
        "brand": spec.brand or spec.vendor.title(),
        "model": spec.model,
        "year": spec.year,
        "displayName": None,
    }


def vehicle(device: Device, capabilities: Capabilities, location_id: str | None) -> Json:
    """The full vehicle object, as last observed."""
    can_locate = capabilities["location"][0] and device.position is not None
    latitude, longitude = device.position if can_locate and device.position else (None, None)
    knows_place = can_locate or location_id is not None
    return {
        **_head(device),
        "information": _vehicle_information(device),
        "chargeState": {
            **device.charge_state,
            "lastUpdated": stamp_or_none(device.observed_at),
            "pluggedInChargerId": device.paired.id if device.paired else None,
        },
        "smartChargingPolicy": dict(device.policy),
        "odometer": {
            "distance": None if device.odometer_km is None else round(device.odometer_km),
            "lastUpdated": stamp_or_none(None if device.odometer_km is None else device.observed_at),
        },
        "capabilities": _capabilities(capabilities),
        "scopes": device.scopes,
        "location": {
            "id": location_id,
            "latitude": latitude,
            "longitude": longitude,
            "lastUpdated": stamp_or_none(device.observed_at if knows_place else None),
        },
    }


def discovered_vehicle(device: Device) -> Json:
    """The vehicle of a discovery event: only `information` is filled."""
    empty = dict.fromkeys(
        ("chargeState", "smartChargingPolicy", "odometer", "capabilities", "location", "isReachable"), None
    )
    return {**_head(device), "information": _vehicle_information(device), "scopes": device.scopes, **empty}


def charger(device: Device, capabilities: Capabilities) -> Json:
    """The full charger object, as last observed."""
    spec = device.spec
    assert isinstance(spec, ChargerSpec)
    return {
        **_head(device),
        "information": {
            "brand": spec.brand or spec.vendor.title(),
            "model": spec.model,
            "year": None,
            "serialNumber": "SIM" + device.body.id.replace("-", "").upper()[:9],
        },
        "chargeState": {
            **device.charge_state,
            "lastUpdated": stamp_or_none(device.observed_at),
            "pluggedInVehicleId": device.paired.id if device.paired else None,
        },
        "capabilities": _capabilities(capabilities),
        "scopes": device.scopes,
        "location": {"id": device.location_id, "lastUpdated": stamp_or_none(device.location_set_at)},
    }


def empty_charge_state(device: Device) -> Json:
    """What is known before the first observation: nothing."""
    if isinstance(device.body, Box):
        names = ["isPluggedIn", "isCharging", "chargeRate", "maxCurrent"]
    else:
        names = ["batteryLevel", "range", "isPluggedIn", "isCharging", "isFullyCharged", "batteryCapacity"]
        names += ["chargeLimit", "chargeRate", "chargeTimeRemaining", "maxCurrent"]
    return {**dict.fromkeys(names, None), "powerDeliveryState": "UNKNOWN"}


def location(place: Location) -> Json:
    return {
        "id": place.id,
        "userId": place.user_id,
        "name": place.name,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "timezoneName": place.zone,
        "createdAt": stamp(place.created_at),
    }


def action(done: Action) -> Json:
    body: Json = {
        "id": done.id,
        "userId": done.device.user.id,
        "createdAt": stamp(done.created_at),
        "updatedAt": stamp(done.updated_at),
        "completedAt": stamp_or_none(done.completed_at),
        "state": done.state,
        "targetId": done.device.id,
        "targetType": done.device.kind,
        "failureReason": None if done.failure is None else {"type": done.failure[0], "detail": done.failure[1]},
    }
    if done.kind is None:
        return {**body, "targetState": {"maxCurrent": done.max_current_a}}
    return {**body, "kind": done.kind}


def webhook(hook: Webhook) -> Json:
    shown = hook.authentication
    return {
        "id": hook.id,
        "url": hook.url,
        "events": list(hook.events),
        "lastSuccess": stamp(hook.last_success_at),
        "isActive": hook.is_active,
        "createdAt": stamp(hook.created_at),
        "apiVersion": hook.api_version,
        "authentication": None if shown is None else {"headerName": shown["headerName"]},
    }


def event(name: str, at: datetime, **content: Any) -> Json:
    return {"event": name, "createdAt": stamp(at), "version": API_VERSION, **content}


def flat(value: Json, prefix: str = "") -> dict[str, Any]:
    """Dotted paths to the leaves, without the time stamps that change at every observation."""
    leaves: dict[str, Any] = {}
    for key, item in value.items():
        if key in ("lastSeen", "lastUpdated"):
            continue
        if isinstance(item, dict):
            leaves.update(flat(item, f"{prefix}{key}."))
        else:
            leaves[prefix + key] = item
    return leaves
