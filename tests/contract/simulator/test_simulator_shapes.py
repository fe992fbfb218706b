"""Every object on the wire has exactly the keys and types of the API's schema, nullable ones included."""

import re

import pytest

STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

VEHICLE = {"id", "userId", "vendor", "lastSeen", "isReachable", "information", "chargeState", "smartChargingPolicy"} | {
    "odometer",
    "capabilities",
    "scopes",
    "location",
}
VEHICLE_STATE = {
    "batteryLevel",
    "range",
    "isPluggedIn",
    "isCharging",
    "isFullyCharged",
    "batteryCapacity",
    "chargeLimit",
    "chargeRate",
    "chargeTimeRemaining",
    "lastUpdated",
    "maxCurrent",
    "powerDeliveryState",
    "pluggedInChargerId",
}
CHARGER = {"id", "userId", "vendor", "lastSeen", "isReachable", "information", "chargeState", "capabilities"} | {
    "scopes",
    "location",
}
CHARGER_STATE = {
    "isPluggedIn",
    "isCharging",
    "chargeRate",
    "lastUpdated",
    "maxCurrent",
    "powerDeliveryState",
    "pluggedInVehicleId",
}
VEHICLE_CAPABILITIES = {
    "information",
    "chargeState",
    "location",
    "odometer",
    "setMaxCurrent",
    "startCharging",
    "stopCharging",
    "smartCharging",
}
CHARGER_CAPABILITIES = {"information", "chargeState", "startCharging", "stopCharging", "setMaxCurrent"}
ACTION = {"id", "userId", "createdAt", "updatedAt", "completedAt", "state", "targetId", "targetType", "failureReason"}
WEBHOOK = {"id", "url", "events", "lastSuccess", "isActive", "createdAt", "apiVersion", "authentication"}
PLAN = {
    "id",
    "vehicleId",
    "userId",
    "locationId",
    "vendor",
    "currency",
    "nonSmartCost",
    "smartCost",
    "stopAt",
    "startAt",
    "estimatedFinishAt",
    "stopConfirmedAt",
    "startConfirmedAt",
    "endedAt",
    "finalState",
    "failureCondition",
}


async def test_a_vehicle_has_exactly_the_documented_keys(api) -> None:
    vehicle = await api.device("vehicle")
    assert set(vehicle) == VEHICLE
    assert set(vehicle["information"]) == {"vin", "brand", "model", "year", "displayName"}
    assert set(vehicle["chargeState"]) == VEHICLE_STATE
    assert set(vehicle["smartChargingPolicy"]) == {"isEnabled", "deadline", "minimumChargeLimit"}
    assert set(vehicle["odometer"]) == {"distance", "lastUpdated"}
    assert set(vehicle["location"]) == {"id", "latitude", "longitude", "lastUpdated"}
    assert set(vehicle["capabilities"]) == VEHICLE_CAPABILITIES
    assert all(set(entry) == {"isCapable", "interventionIds"} for entry in vehicle["capabilities"].values())
    assert STAMP.match(vehicle["lastSeen"])
    assert STAMP.match(vehicle["chargeState"]["lastUpdated"])


async def test_a_charger_has_exactly_the_documented_keys(api) -> None:
    charger = await api.device("charger")
    assert set(charger) == CHARGER
    assert set(charger["information"]) == {"brand", "model", "year", "serialNumber"}
    assert all(isinstance(charger["information"][key], str) for key in ("brand", "model", "serialNumber"))
    assert set(charger["chargeState"]) == CHARGER_STATE
    assert set(charger["capabilities"]) == CHARGER_CAPABILITIES
    assert set(charger["location"]) == {"id", "lastUpdated"}


async def test_keys_are_complete_before_the_first_reading_too(api) -> None:
    await api.link("new-user", "vehicle", "AUDI")
    await api.link("new-user", "charger", "EASEE")
    vehicle, charger = await api.device("vehicle", "new-user"), await api.device("charger", "new-user")
    assert set(vehicle) == VEHICLE
    assert set(vehicle["chargeState"]) == VEHICLE_STATE
    assert set(charger["chargeState"]) == CHARGER_STATE
    assert vehicle["chargeState"]["powerDeliveryState"] == "UNKNOWN"
    assert vehicle["chargeState"]["isFullyCharged"] is None


async def test_seeded_users_stand_as_documented(api) -> None:
    for user_id in ("sim-user-1", "sim-user-2"):
        vehicle, charger = await api.device("vehicle", user_id), await api.device("charger", user_id)
        assert (vehicle["vendor"], charger["vendor"]) == ("TESLA", "ZAPTEC")
        assert all(entry["isCapable"] for entry in vehicle["capabilities"].values())
        assert all(entry["isCapable"] for entry in charger["capabilities"].values())
        assert vehicle["chargeState"]["batteryLevel"] == 40
        assert vehicle["chargeState"]["powerDeliveryState"] == "PLUGGED_IN:STOPPED"
        assert charger["chargeState"]["powerDeliveryState"] == "PLUGGED_IN:STOPPED"
        assert vehicle["chargeState"]["pluggedInChargerId"] == charger["id"]
        assert charger["chargeState"]["pluggedInVehicleId"] == vehicle["id"]
        assert charger["location"]["id"] == vehicle["location"]["id"] is not None


@pytest.mark.parametrize("kind", ["vehicle", "charger"])
async def test_a_charge_action_has_exactly_the_documented_keys_through_its_life(api, kind) -> None:
    device = await api.device(kind)
    made = await api.post(f"/{kind}s/{device['id']}/charging", json={"action": "START"})
    assert made.status_code == 200
    assert set(made.json()) == ACTION | {"kind"}
    assert made.json()["completedAt"] is made.json()["failureReason"] is None
    assert (made.json()["targetId"], made.json()["targetType"]) == (device["id"], kind)
    await api.wait(minutes=1)
    done = await api.get(f"/{kind}s/actions/{made.json()['id']}")
    assert set(done.json()) == ACTION | {"kind"}
    assert done.json()["state"] == "CONFIRMED"
    assert STAMP.match(done.json()["completedAt"])


@pytest.mark.parametrize("kind", ["vehicle", "charger"])
async def test_a_current_action_carries_a_target_state_instead_of_a_kind(api, kind) -> None:
    device = await api.device(kind)
    made = await api.post(f"/{kind}s/{device['id']}/max-current", json={"maxCurrent": 16.0})
    assert set(made.json()) == ACTION | {"targetState"}
    assert made.json()["targetState"] == {"maxCurrent": 16.0}


async def test_users_have_their_two_shapes(api) -> None:
    page = (await api.get("/users")).json()
    assert set(page) == {"data", "pagination"}
    assert set(page["pagination"]) == {"after", "before"}
    assert set(page["data"][0]) == {"id", "createdAt", "scopes"}
    user = (await api.get("/users/sim-user-1")).json()
    assert set(user) == {"id", "linkedVendors"}
    assert sorted((v["vendor"], v["vendorType"], v["isValid"]) for v in user["linkedVendors"]) == [
        ("TESLA", "vehicle", True),
        ("ZAPTEC", "charger", True),
    ]


async def test_a_location_has_exactly_the_documented_keys(api) -> None:
    body = {"name": "Work", "latitude": 52.1, "longitude": 5.1, "timezoneName": "Europe/Amsterdam"}
    made = await api.post("/users/sim-user-1/locations", json=body)
    assert made.status_code == 200
    assert set(made.json()) == {"id", "userId", "name", "latitude", "longitude", "timezoneName", "createdAt"}
    changed = await api.put(f"/locations/{made.json()['id']}", json={"name": "Office"})
    assert changed.json() == {**made.json(), "name": "Office"}
    gone = await api.delete(f"/locations/{made.json()['id']}")
    assert (gone.status_code, gone.json()) == (200, changed.json())
    assert (await api.get(f"/locations/{made.json()['id']}")).status_code == 404


async def test_a_webhook_has_exactly_the_documented_keys_and_never_its_secret(api) -> None:
    body = {
        "url": "http://127.0.0.1:9/hook",
        "secret": "s" * 32,
        "authentication": {"headerName": "x-key", "headerValue": "v"},
    }
    made = await api.post("/webhooks", json=body)
    assert made.status_code == 200
    assert set(made.json()) == WEBHOOK
    assert STAMP.match(made.json()["lastSuccess"])
    assert made.json()["events"] == ["*"]
    assert made.json()["authentication"] == {"headerName": "x-key"}
    bare = await api.patch(f"/webhooks/{made.json()['id']}", json={"authentication": None})
    assert bare.json()["authentication"] is None


async def test_interventions_are_a_bare_array_of_complete_entries(api) -> None:
    entries = (await api.get("/interventions", params={"language": "de-DE"})).json()
    assert isinstance(entries, list)
    for entry in entries:
        assert set(entry) == {"id", "vendor", "vendorType", "brand", "introducedAt", "domain", "resolution"}
        assert set(entry["resolution"]) == {"title", "description", "access", "agent", "action"}
        assert entry["domain"] in ("Account", "Device")
        assert entry["resolution"]["access"] in ("Remote", "Physical")
        assert entry["resolution"]["action"] in ("Link", None)
    one = await api.get(f"/interventions/{entries[0]['id']}")
    assert one.json() == entries[0]
    audi = (await api.get("/interventions", params={"vendor": "AUDI", "vendorType": "vehicle"})).json()
    assert {entry["vendor"] for entry in audi} == {"AUDI"}


@pytest.mark.parametrize(("path", "vendor"), [("vehicles", "JEEP"), ("chargers", "ZAPTEC")])
async def test_vendor_health_lists_every_vendor(api, path, vendor) -> None:
    entries = (await api.get(f"/health/{path}")).json()
    assert vendor in {entry["vendor"] for entry in entries}
    assert all(set(entry) == {"vendor", "displayName", "status", "portalName", "linkingStatus"} for entry in entries)


async def test_integrations_add_types_and_scopes(api) -> None:
    entries = (await api.get("/integrations", params={"assetTypes": "vehicle,charger"})).json()
    tesla = next(entry for entry in entries if entry["vendor"] == "TESLA")
    assert tesla["assetTypes"] == ["vehicle", "charger"]
    assert "charger:control:charging" in tesla["scopes"]


@pytest.mark.parametrize("path", ["hvacs", "batteries", "inverters", "meters"])
async def test_kinds_of_device_that_do_not_exist_here_have_empty_pages(api, path) -> None:
    empty = {"data": [], "pagination": {"after": None, "before": None}}
    assert (await api.get(f"/{path}")).json() == empty
    assert (await api.get(f"/users/sim-user-1/{path}")).json() == empty


async def test_smart_charging_shows_policy_status_and_plan_in_full(api) -> None:
    vehicle_id = (await api.device("vehicle"))["id"]
    base = f"/vehicles/{vehicle_id}"
    policy = await api.put(f"{base}/smart-charging-policy", json={"isEnabled": True, "deadline": "07:00"})
    assert policy.json() == {"isEnabled": True, "deadline": "07:00", "minimumChargeLimit": 0}
    status = (await api.get(f"{base}/smart-charging-status")).json()
    assert set(status) == {
        "updatedAt",
        "vehicleId",
        "userId",
        "vendor",
        "state",
        "stateChangedAt",
        "consideration",
        "plan",
        "smartOverride",
    }
    assert set(status["consideration"]) == {"isPluggedIn", "isCharging", "atChargingLocation", "hasTimeEstimate"}
    assert set(status["plan"]) == PLAN
    assert (await api.get(f"{base}/smart-charging-plans/latest")).json() == status["plan"]


async def test_a_schedule_and_its_status_have_exactly_the_documented_keys(api) -> None:
    charger_id = (await api.device("charger"))["id"]
    body = {
        "targetId": charger_id,
        "targetType": "charger",
        "locationId": None,
        "defaultShouldCharge": False,
        "rules": [{"shouldCharge": True, "hourMinute": {"from": "23:00", "to": "05:00"}, "weekdays": [0, 1, 2]}],
    }
    made = await api.post("/users/sim-user-1/schedules", json=body)
    assert made.json() == {**body, "id": made.json()["id"], "isEnabled": True}
    status = (await api.get(f"/schedules/{made.json()['id']}/status")).json()
    assert set(status) == {
        "scheduleId",
        "scheduleType",
        "changedAt",
        "state",
        "isCharging",
        "isChargingExpected",
        "isChargingExpectedParts",
        "upcomingTransitions",
        "smartOverride",
    }
    assert set(status["isChargingExpectedParts"]) == {"needsCharge", "isPluggedIn", "shouldCharge"}
    # Monday 17:00 UTC: on at 23:00, off at 05:00
    assert status["upcomingTransitions"] == [
        {"at": "2022-12-12T23:00:00.000Z", "shouldCharge": True},
        {"at": "2022-12-13T05:00:00.000Z", "shouldCharge": False},
    ]


NUMBER, BOOL, TEXT, NULL = (int, float), (bool,), (str,), (type(None),)
TYPES = {
    "batteryLevel": NUMBER + NULL,
    "range": NUMBER + NULL,
    "isPluggedIn": BOOL + NULL,
    "isCharging": BOOL + NULL,
    "isFullyCharged": BOOL + NULL,
    "batteryCapacity": NUMBER + NULL,
    "chargeLimit": NUMBER + NULL,
    "chargeRate": NUMBER + NULL,
    "chargeTimeRemaining": NUMBER + NULL,
    "lastUpdated": TEXT + NULL,
    "maxCurrent": NUMBER + NULL,
    "powerDeliveryState": TEXT,
    "pluggedInChargerId": TEXT + NULL,
    "pluggedInVehicleId": TEXT + NULL,
}
CHARGER_STATES = {"UNKNOWN", "UNPLUGGED"} | {
    f"PLUGGED_IN:{state}" for state in ("INITIALIZING", "CHARGING", "STOPPED", "NO_POWER", "FAULT", "DISCHARGING")
}
STATES = {"vehicle": CHARGER_STATES | {"PLUGGED_IN:COMPLETE"}, "charger": CHARGER_STATES}


@pytest.mark.parametrize("kind", ["vehicle", "charger"])
@pytest.mark.parametrize("situation", ["stopped", "charging", "complete", "unplugged", "broken", "new"])
async def test_types_and_states_keep_to_the_closed_sets_in_every_situation(api, kind, situation) -> None:
    user_id = "sim-user-1"
    vehicle = await api.device("vehicle")
    if situation in ("charging", "complete"):
        await api.post(f"/vehicles/{vehicle['id']}/charging", json={"action": "START"})
    if situation == "unplugged":
        await api.post(f"/admin/vehicles/{vehicle['id']}/unplug")
    if situation == "broken":
        await api.post("/admin/faults", json={"kind": "broken", "target": f"user:{user_id}", "side": kind})
    if situation == "new":
        user_id = "newcomer"
        await api.link(user_id, kind, "TESLA")
    else:
        await api.wait(hours=10 if situation == "complete" else 0.1)
    state = (await api.device(kind, user_id))["chargeState"]
    for key, value in state.items():
        assert type(value) in TYPES[key], key
    assert state["powerDeliveryState"] in STATES[kind]
    assert (state["chargeRate"] is not None) is (situation == "charging")
    expected = {"stopped": "STOPPED", "charging": "CHARGING", "broken": "FAULT"}.get(situation)
    if expected is not None:
        assert state["powerDeliveryState"] == f"PLUGGED_IN:{expected}"
