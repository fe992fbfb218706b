"""Status codes, errors, paging and who may do what: the rules of the API around its objects."""

import pytest

from simulator.scenario import Scenario, seed_users

PROBLEM = {"type", "title", "detail"}
DOORS = [
    ("GET", "/users"),
    ("GET", "/vehicles"),
    ("GET", "/chargers"),
    ("GET", "/locations"),
    ("GET", "/webhooks"),
    ("GET", "/interventions"),
    ("GET", "/health/vehicles"),
    ("GET", "/integrations"),
    ("GET", "/users/sim-user-1/schedules"),
    ("POST", "/users/x/link"),
    ("POST", "/vehicles/x/charging"),
    ("POST", "/chargers/x/charging"),
    ("DELETE", "/users/sim-user-1"),
]


# -- tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic c2ltOnNpbQ=="])
async def test_nothing_opens_without_a_valid_token(make_api, method, path, header) -> None:
    api = await make_api(signs_in=False)
    headers = {} if header is None else {"authorization": header}
    answer = await api.request(method, path, headers=headers, json={} if method == "POST" else None)
    assert answer.status_code == 401
    assert set(answer.json()) == PROBLEM
    assert answer.headers["content-type"] == "application/json"


async def test_readiness_needs_no_token(make_api) -> None:
    api = await make_api(signs_in=False)
    assert (await api.get("/health/ready")).status_code == 204


async def test_a_token_lives_about_an_hour(make_api) -> None:
    api = await make_api(signs_in=False)
    answer = await api.post("/oauth2/token", auth=("sim", "sim"), data={"grant_type": "client_credentials"})
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 3599
    assert answer.json()["token_type"].lower() == "bearer"


@pytest.mark.parametrize(
    ("auth", "data", "status"),
    [
        (("sim", "wrong"), {"grant_type": "client_credentials"}, 401),
        (("nobody", "sim"), {"grant_type": "client_credentials"}, 401),
        (None, {"grant_type": "client_credentials"}, 401),
        (("sim", "sim"), {"grant_type": "password"}, 400),
        (("sim", "sim"), {}, 400),
    ],
)
async def test_a_token_is_given_to_known_clients_only(make_api, auth, data, status) -> None:
    api = await make_api(signs_in=False)
    answer = await api.post("/oauth2/token", auth=auth, data=data)
    assert answer.status_code == status
    assert "access_token" not in answer.json()


async def test_two_clients_never_see_each_other_s_data(make_api) -> None:
    users = [*seed_users(1), *[user.model_copy(update={"client": "other"}) for user in seed_users(1)]]
    api = await make_api(Scenario(clients={"sim": "sim", "other": "secret"}, users=users))
    mine = await api.device("vehicle")
    place = (await api.get("/locations")).json()["data"][0]["id"]
    await api.sign_in("other", "secret")
    theirs = await api.device("vehicle")
    assert mine["id"] != theirs["id"]
    assert len((await api.get("/vehicles")).json()["data"]) == 1
    for path in (f"/vehicles/{mine['id']}", f"/locations/{place}"):
        assert (await api.get(path)).status_code == 404
    assert theirs["chargeState"]["pluggedInChargerId"] == (await api.device("charger"))["id"]
    command = await api.post(f"/vehicles/{mine['id']}/charging", json={"action": "START"})
    assert command.status_code == 404


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/users/nobody",
        "/vehicles/none",
        "/chargers/none",
        "/locations/none",
        "/webhooks/none",
        "/schedules/none",
        "/interventions/none",
        "/vehicles/actions/none",
        "/chargers/actions/none",
        "/nowhere",
    ],
)
async def test_an_unknown_id_is_a_problem_of_its_own(api, path) -> None:
    answer = await api.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == PROBLEM
    assert answer.json()["type"].endswith("/problems/not-found")
    assert answer.headers["content-type"] == "application/json"


async def test_lists_of_an_unknown_user_are_empty_while_the_user_is_not_found(api) -> None:
    for kind in ("vehicles", "chargers", "locations", "schedules"):
        answer = await api.get(f"/users/nobody/{kind}")
        assert (answer.status_code, answer.json()["data"]) == (200, [])


async def test_a_charger_is_not_a_vehicle(api) -> None:
    charger, vehicle = await api.device("charger"), await api.device("vehicle")
    assert (await api.get(f"/vehicles/{charger['id']}")).status_code == 404
    assert (await api.get(f"/chargers/{vehicle['id']}")).status_code == 404
    action = (await api.post(f"/chargers/{charger['id']}/charging", json={"action": "START"})).json()
    assert (await api.get(f"/vehicles/actions/{action['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/vehicles/{vehicle}/charging", {"action": "PAUSE"}),
        ("/vehicles/{vehicle}/charging", {"action": "START", "force": True}),
        ("/vehicles/{vehicle}/charging", {}),
        ("/chargers/{charger}/max-current", {"maxCurrent": "many"}),
        ("/chargers/{charger}/max-current", {"maxCurrent": 0}),
        ("/users/sim-user-1/locations", {"name": "X", "latitude": 91, "longitude": 0, "timezoneName": "UTC"}),
        ("/users/sim-user-1/locations", {"name": "X", "latitude": 1, "longitude": 0, "timezoneName": "Mars/Base"}),
        ("/webhooks", {"url": "http://127.0.0.1:9/x", "secret": "short"}),
        ("/webhooks", {"url": "http://127.0.0.1:9/x", "secret": "long enough", "events": ["user:boat:updated"]}),
    ],
)
async def test_a_malformed_request_names_its_issues(api, path, body) -> None:
    ids = {"vehicle": (await api.device("vehicle"))["id"], "charger": (await api.device("charger"))["id"]}
    answer = await api.post(path.format(**ids), json=body)
    assert answer.status_code == 400
    assert set(answer.json()) == PROBLEM | {"issues"}
    assert answer.json()["issues"]


async def test_the_header_of_an_old_api_version_is_refused(api) -> None:
    answer = await api.get("/vehicles", headers={"Enode-User-Id": "sim-user-1"})
    assert answer.status_code == 400
    assert (await api.get("/vehicles", headers={"Enode-Version": "2024-10-01"})).status_code == 200


async def test_the_charger_s_location_key_is_required_and_may_be_null(api) -> None:
    charger = await api.device("charger")
    path = f"/chargers/{charger['id']}"
    assert (await api.put(path, json={})).status_code == 400
    assert (await api.put(path, json={"locationId": "unknown"})).status_code == 400
    cleared = await api.put(path, json={"locationId": None})
    assert (cleared.status_code, cleared.json()["location"]["id"]) == (200, None)
    back = await api.put(path, json={"locationId": charger["location"]["id"]})
    assert back.json()["location"]["id"] == charger["location"]["id"]


async def test_a_charger_loses_a_location_that_is_deleted(api) -> None:
    charger = await api.device("charger")
    await api.delete(f"/locations/{charger['location']['id']}")
    assert (await api.device("charger"))["location"]["id"] is None


# -- commands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["vehicle", "charger"])
async def test_cancelling_answers_the_action_and_a_second_time_a_conflict(api, kind) -> None:
    device = await api.device(kind)
    action = (await api.post(f"/{kind}s/{device['id']}/charging", json={"action": "START"})).json()
    first = await api.post(f"/{kind}s/actions/{action['id']}/cancel")
    assert (first.status_code, first.json()["state"]) == (200, "CANCELLED")
    assert first.json()["failureReason"]["type"] == "REQUESTED_CANCELLATION"
    second = await api.post(f"/{kind}s/actions/{action['id']}/cancel")
    assert second.status_code == 409
    assert second.json() == first.json()


async def test_a_command_known_to_be_useless_is_refused(api) -> None:
    vehicle = await api.device("vehicle")
    answer = await api.post(f"/vehicles/{vehicle['id']}/charging", json={"action": "STOP"})
    assert answer.status_code == 400
    assert set(answer.json()) == PROBLEM


@pytest.mark.parametrize("kind", ["vehicle", "charger"])
async def test_an_enabled_schedule_refuses_commands_until_it_is_disabled(api, kind) -> None:
    device = await api.device(kind)
    schedule = {
        "targetId": device["id"],
        "targetType": kind,
        "locationId": None,
        "defaultShouldCharge": False,
        "rules": [],
    }
    made = (await api.post("/users/sim-user-1/schedules", json=schedule)).json()
    refused = await api.post(f"/{kind}s/{device['id']}/charging", json={"action": "START"})
    assert refused.status_code == 422
    assert set(refused.json()) == PROBLEM
    await api.put(f"/schedules/{made['id']}", json={"isEnabled": False})
    assert (await api.post(f"/{kind}s/{device['id']}/charging", json={"action": "START"})).status_code == 200


async def test_a_schedule_starts_and_stops_its_device(api) -> None:
    charger = await api.device("charger")
    schedule = {
        "targetId": charger["id"],
        "targetType": "charger",
        "locationId": None,
        "defaultShouldCharge": False,
        "rules": [{"shouldCharge": True, "hourMinute": {"from": "19:00", "to": "20:00"}}],
    }
    made = (await api.post("/users/sim-user-1/schedules", json=schedule)).json()
    seen = []
    for _ in range(4):
        status = (await api.get(f"/schedules/{made['id']}/status")).json()
        seen.append((status["isCharging"], status["state"]))
        await api.wait(hours=1, minutes=2)
    assert seen == [(False, "ALIGNED"), (False, "ALIGNED"), (True, "ALIGNED"), (False, "ALIGNED")]


async def test_an_active_smart_charging_plan_refuses_commands_except_an_override(api) -> None:
    base = f"/vehicles/{(await api.device('vehicle'))['id']}"
    await api.put(f"{base}/smart-charging-policy", json={"isEnabled": True, "deadline": "07:00"})
    assert (await api.post(f"{base}/charging", json={"action": "START"})).status_code == 422
    override = await api.post(f"{base}/smart-override")
    assert override.status_code == 200
    assert set(override.json()) == {
        "createdAt",
        "endedAt",
        "targetType",
        "targetId",
        "vendorActionId",
        "userId",
        "vendor",
    }
    await api.wait(minutes=1)
    assert (await api.device("vehicle"))["chargeState"]["isCharging"] is True
    ended = await api.delete(f"{base}/smart-override")
    assert (ended.status_code, ended.json()["endedAt"] is not None) == (200, True)
    assert (await api.delete(f"{base}/smart-override")).status_code == 404


async def test_an_override_replaces_a_stop_that_is_on_its_way(api) -> None:
    base = f"/vehicles/{(await api.device('vehicle'))['id']}"
    await api.post(f"{base}/charging", json={"action": "START"})
    await api.wait(minutes=1)
    await api.put(f"{base}/smart-charging-policy", json={"isEnabled": True, "deadline": "07:00"})
    await api.post(f"{base}/smart-override")
    await api.wait(minutes=5)
    assert (await api.device("vehicle"))["chargeState"]["isCharging"] is True
    assert (await api.delete(f"{base}/smart-override")).status_code == 200


async def test_a_smart_charging_plan_is_ready_before_its_deadline(api) -> None:
    base = f"/vehicles/{(await api.device('vehicle'))['id']}"
    await api.put(f"{base}/smart-charging-policy", json={"isEnabled": True, "deadline": "07:00"})
    await api.wait(hours=2)
    assert (await api.get(f"{base}/smart-charging-status")).json()["state"] == "PLAN:EXECUTING:STOPPED"
    await api.wait(hours=11)
    # 06:00 UTC is 07:00 in Amsterdam
    assert (await api.get(base)).json()["chargeState"]["batteryLevel"] == 100
    status = (await api.get(f"{base}/smart-charging-status")).json()
    assert (status["state"], status["plan"]["finalState"]) == ("FULLY_CHARGED", "PLAN:ENDED:FINISHED")


@pytest.mark.parametrize(
    "policy", [{"isEnabled": True}, {"isEnabled": True, "deadline": "07:00", "minimumChargeLimit": 100.1}]
)
async def test_a_policy_that_cannot_be_carried_out_is_refused(api, policy) -> None:
    base = f"/vehicles/{(await api.device('vehicle'))['id']}"
    assert (await api.put(f"{base}/smart-charging-policy", json=policy)).status_code == 400
    assert (await api.get(f"{base}/smart-charging-policy")).json()["isEnabled"] is False


async def test_a_vehicle_has_one_controller(api) -> None:
    vehicle = await api.device("vehicle")
    schedule = {
        "targetId": vehicle["id"],
        "targetType": "vehicle",
        "locationId": vehicle["location"]["id"],
        "defaultShouldCharge": True,
        "rules": [],
    }
    made = (await api.post("/users/sim-user-1/schedules", json=schedule)).json()
    policy_path = f"/vehicles/{vehicle['id']}/smart-charging-policy"
    await api.put(policy_path, json={"isEnabled": True, "deadline": "07:00"})
    assert (await api.get(f"/schedules/{made['id']}")).json()["isEnabled"] is False
    await api.put(f"/schedules/{made['id']}", json={"isEnabled": True})
    assert (await api.get(policy_path)).json()["isEnabled"] is False


# -- paging ---------------------------------------------------------------------------------------------------------


async def test_pages_cover_every_item_once_in_both_directions(make_api) -> None:
    api = await make_api(Scenario(users=seed_users(7)))
    whole = [item["id"] for item in (await api.get("/vehicles")).json()["data"]]
    assert len(set(whole)) == 7
    pages, cursor = [], None
    while True:
        params = {"pageSize": 3} if cursor is None else {"pageSize": 3, "after": cursor}
        page = (await api.get("/vehicles", params=params)).json()
        pages.append([item["id"] for item in page["data"]])
        cursor = page["pagination"]["after"]
        if cursor is None:
            break
    assert [len(part) for part in pages] == [3, 3, 1]
    assert [item_id for part in pages for item_id in part] == whole
    back = (await api.get("/vehicles", params={"pageSize": 3, "before": page["pagination"]["before"]})).json()
    assert [item["id"] for item in back["data"]] == pages[1]
    first = (await api.get("/vehicles", params={"pageSize": 3, "before": back["pagination"]["before"]})).json()
    assert [item["id"] for item in first["data"]] == pages[0]
    assert first["pagination"]["before"] is None


@pytest.mark.parametrize(
    "params",
    [{"pageSize": 0}, {"after": "!"}, {"after": "MQ=="}, {"before": "bnVsbA=="}, {"after": "W10=", "before": "W10="}],
)
async def test_a_wrong_page_is_refused(api, params) -> None:
    assert (await api.get("/vehicles", params=params)).status_code == 400


# -- weather --------------------------------------------------------------------------------------------------------


async def test_the_line_can_answer_with_any_status_and_a_retry_after(api) -> None:
    fault = {"kind": "http_error", "status": 429, "retry_after_seconds": 46800, "paths": ["/chargers"]}
    added = (await api.post("/admin/faults", json=fault)).json()
    limited = await api.get("/chargers")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "46800")
    assert (await api.get("/vehicles")).status_code == 200
    await api.delete(f"/admin/faults/{added['id']}")
    assert (await api.get("/chargers")).status_code == 200


async def test_a_rate_limit_bans_for_as_long_as_it_says_and_every_request_is_on_record(api) -> None:
    fault = {"kind": "rate_limit", "count": 3, "per_seconds": 600, "ban_seconds": 3600, "paths": ["/chargers"]}
    await api.post("/admin/faults", json=fault)
    assert [(await api.get("/chargers")).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    await api.wait(minutes=20)
    banned = await api.get("/chargers")
    assert (banned.status_code, banned.headers["retry-after"]) == (429, "2400")
    assert (await api.get("/vehicles")).status_code == 200
    await api.wait(minutes=41)
    assert (await api.get("/chargers")).status_code == 200
    record = (await api.get("/admin/requests", params={"path": "/chargers", "method": "GET"})).json()
    assert [seen["status"] for seen in record] == [200, 200, 200, 429, 429, 429, 200]
    assert set(record[0]) == {"at", "method", "path", "status"}


async def test_one_vendor_s_outage_spares_the_others(api) -> None:
    await api.post("/admin/faults", json={"kind": "http_error", "target": "vendor:ZAPTEC", "status": 403})
    charger_id = next(iter((await api.get("/admin/world")).json()["boxes"]))["device_id"]
    assert (await api.get(f"/chargers/{charger_id}")).status_code == 403
    assert (await api.get("/users/sim-user-1/chargers")).status_code == 403
    assert (await api.get("/users/sim-user-1/vehicles")).status_code == 200


async def test_a_revoked_token_is_refused_and_so_is_a_new_one(api) -> None:
    added = (await api.post("/admin/faults", json={"kind": "token_trouble"})).json()
    assert (await api.get("/vehicles")).status_code == 401
    again = await api.post("/oauth2/token", auth=("sim", "sim"), data={"grant_type": "client_credentials"})
    assert again.status_code == 401
    await api.delete(f"/admin/faults/{added['id']}")
    await api.sign_in()
    assert (await api.get("/vehicles")).status_code == 200


# -- tariffs --------------------------------------------------------------------------------------------------------


async def test_a_tariff_is_shown_as_given_and_a_location_s_week_in_utc(api) -> None:
    rates = [{"name": "day", "cost": "0.31"}, {"name": "night", "cost": "0.12"}]
    assert (await api.put("/tariffs/two-rates", json=rates)).status_code == 204
    assert (await api.get("/tariffs/two-rates")).json() == rates
    place = (await api.get("/locations")).json()["data"][0]["id"]
    night = {"name": "night", "from": "00:30", "to": "06:00", "weekdays": [0]}
    body = {"tariffId": "two-rates", "tariffIntervals": [night]}
    assert (await api.put(f"/locations/{place}/tariff", json=body)).status_code == 204
    # Amsterdam's Monday 00:30-06:00 is Sunday 23:30 to Monday 05:00 in UTC
    assert [
        (entry["weekday"], entry["fromHourMinute"], entry["toHourMinute"])
        for entry in (await api.get(f"/locations/{place}/tariff")).json()
    ] == [(0, "00:00", "05:00"), (6, "23:30", "24:00")]
    overlapping = {"tariffId": "two-rates", "tariffIntervals": [night, {**night, "from": "05:00", "to": "07:00"}]}
    assert (await api.put(f"/locations/{place}/tariff", json=overlapping)).status_code == 400
