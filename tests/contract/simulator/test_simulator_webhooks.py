"""Webhooks: whom they may reach, what they carry, how they are signed, retried and given up."""

import json

import pytest

from simulator.scenario import Scenario, Settings, seed_users

SECRET = "a secret of thirty-two characters"


async def subscribe(api, url: str, **more):
    answer = await api.post("/webhooks", json={"url": url, "secret": SECRET, **more})
    assert answer.status_code == 200
    return answer.json()["id"]


async def start(api, user_id: str = "sim-user-1") -> None:
    charger = await api.device("charger", user_id)
    answer = await api.post(f"/chargers/{charger['id']}/charging", json={"action": "START"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://example.com/hook",
        "http://10.0.0.1/hook",
        "http://127.0.0.1.example.com/hook",
        "ftp://127.0.0.1/hook",
        "http://127.0.0.1:99999/hook",
        "http://[::ffff:8.8.8.8]/hook",
        "http://example.com@127.0.0.1/hook",
        "http://example.com\\@127.0.0.1/hook",
    ],
)
async def test_targets_beyond_the_loopback_are_refused(api, url) -> None:
    answer = await api.post("/webhooks", json={"url": url, "secret": SECRET})
    assert answer.status_code == 400


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://localhost:9/x", "http://[::1]:9/x"])
async def test_targets_on_the_loopback_are_taken_once(api, url) -> None:
    body = {"url": url, "secret": SECRET}
    assert (await api.post("/webhooks", json=body)).status_code == 200
    again = await api.post("/webhooks", json=body)
    assert (again.status_code, again.json()["title"]) == (400, "Duplicate webhook")


async def test_a_host_named_by_the_operator_is_allowed(make_api) -> None:
    api = await make_api(Scenario(settings=Settings(webhook_hosts=["gateway"])))
    await subscribe(api, "http://gateway:8000/hooks/enode")


async def test_events_arrive_signed_with_a_delivery_id_and_the_chosen_header(api, receiver, signed) -> None:
    authentication = {"headerName": "x-gate-key", "headerValue": "open"}
    await subscribe(api, receiver.url, authentication=authentication)
    await start(api)
    await api.wait(minutes=1)
    events = await receiver.got(3)
    assert sorted({event["event"] for event in events}) == [
        "user:charger:updated",
        "user:vehicle:updated",
        "user:vendor-action:updated",
    ]
    for headers, body in receiver.deliveries:
        assert headers["x-enode-signature"] == signed(SECRET, body)
        assert headers["x-gate-key"] == "open"
        assert headers["content-type"] == "application/json"
        assert isinstance(json.loads(body), list)
    ids = [headers["x-enode-delivery"] for headers, _ in receiver.deliveries]
    assert len(set(ids)) == len(ids)


async def test_an_event_carries_user_object_fields_version_and_time(api, receiver) -> None:
    await subscribe(api, receiver.url, events=["user:charger:updated"])
    await start(api)
    await api.wait(minutes=1)
    (event, *_) = await receiver.got(1)
    assert set(event) == {"event", "createdAt", "version", "user", "charger", "updatedFields"}
    assert event["version"] == "2024-10-01"
    assert event["user"] == {"id": "sim-user-1"}
    assert "chargeState.isCharging" in event["updatedFields"]
    assert event["charger"] == await api.device("charger")


async def test_linking_and_unlinking_are_told_as_discovered_updated_deleted(api, receiver, until) -> None:
    await subscribe(api, receiver.url)
    vehicle_id = await api.link("new", "vehicle", "AUDI")
    await api.wait(minutes=1)
    await receiver.got(2)
    await api.delete("/users/new/vendors/AUDI/vehicle")
    events = await receiver.got(3)
    assert [event["event"] for event in events] == [
        "user:vehicle:discovered",
        "user:vehicle:updated",
        "user:vehicle:deleted",
    ]
    assert {event["vehicle"]["id"] for event in events} == {vehicle_id}
    assert events[0]["vehicle"]["information"]["brand"] == "Audi"
    assert events[0]["vehicle"]["chargeState"] is None


async def test_dropping_credentials_sends_no_events(api, receiver) -> None:
    await subscribe(api, receiver.url)
    await api.delete("/users/sim-user-1/authorization")
    await start(api, "sim-user-2")
    await api.wait(minutes=1)
    events = await receiver.got(3)
    assert {event["user"]["id"] for event in events} == {"sim-user-2"}


async def test_a_flood_goes_out_in_batches_of_a_hundred_and_nothing_is_lost(make_api, receiver) -> None:
    api = await make_api(Scenario(users=seed_users(80)))
    await subscribe(api, receiver.url)
    for number in range(1, 81):
        await start(api, f"sim-user-{number}")
    await api.wait(minutes=1)
    events = await receiver.got(240)
    sizes = [len(json.loads(body)) for _, body in receiver.deliveries]
    assert max(sizes) == 100
    assert len(events) == 240
    assert len({json.dumps(event, sort_keys=True) for event in events}) == 240


async def test_a_failed_delivery_is_repeated_unchanged(api, receiver, until) -> None:
    receiver.answers = [500, 503]
    await subscribe(api, receiver.url, events=["user:vendor-action:updated"])
    await start(api)

    async def moved_on() -> bool | None:
        await api.wait(seconds=5)
        return len(receiver.deliveries) >= 3 or None

    await until(moved_on)
    (first, second, third) = receiver.deliveries[:3]
    assert first[1] == second[1] == third[1]
    assert first[0]["x-enode-delivery"] == third[0]["x-enode-delivery"]


async def patience(api, until, number: int) -> None:
    """Moves the world until so many tries have failed."""

    async def tries() -> bool | None:
        await api.wait(seconds=1)
        boxes = (await api.get("/admin/webhooks")).json()
        return (boxes and boxes[0]["failed_tries"] >= number) or None

    await until(tries)


async def test_a_webhook_that_never_succeeds_is_switched_off_and_revived_by_a_test(make_api, receiver, until) -> None:
    settings = Settings(webhook_retry_seconds=[1, 1], heartbeat_minutes=None)
    api = await make_api(Scenario(users=seed_users(1), settings=settings))
    receiver.answers = [500] * 3
    hook = await subscribe(api, receiver.url)
    await start(api)
    await api.wait(minutes=1)
    await patience(api, until, 3)
    assert (await api.get(f"/webhooks/{hook}")).json()["isActive"] is False
    (box,) = (await api.get("/admin/webhooks")).json()
    assert (box["queued"], box["delivered"]) == (0, 0)
    assert box["dropped"] > 0
    outcome = (await api.post(f"/webhooks/{hook}/test")).json()
    assert (outcome["status"], outcome["response"]["code"]) == ("SUCCESS", 200)
    assert receiver.events[-1]["event"] == "enode:webhook:test"
    assert (await api.get(f"/webhooks/{hook}")).json()["isActive"] is True


async def test_an_update_revives_a_webhook_too(make_api, receiver, until) -> None:
    settings = Settings(webhook_retry_seconds=[], heartbeat_minutes=None)
    api = await make_api(Scenario(users=seed_users(1), settings=settings))
    receiver.answers = [500]
    hook = await subscribe(api, receiver.url)
    await start(api)
    await api.wait(minutes=1)
    await patience(api, until, 1)
    before = len(receiver.events)
    revived = await api.patch(f"/webhooks/{hook}", json={"events": ["*"]})
    assert revived.json()["isActive"] is True
    await api.wait(minutes=4)
    await receiver.got(before + 1)


async def test_a_failing_test_tells_how_and_changes_nothing(api, receiver) -> None:
    receiver.answers = [418]
    hook = await subscribe(api, receiver.url)
    outcome = (await api.post(f"/webhooks/{hook}/test")).json()
    assert set(outcome) == {"status", "description", "response"}
    assert outcome["status"] == "FAILURE"
    assert set(outcome["response"]) == {"code", "body", "headers"}
    assert outcome["response"]["code"] == 418


async def test_a_test_without_an_answer_has_no_response(api) -> None:
    # Port 9 (discard) is not listened on.
    hook = await subscribe(api, "http://127.0.0.1:9/hook")
    outcome = (await api.post(f"/webhooks/{hook}/test")).json()
    assert (outcome["status"], outcome["response"]) == ("FAILURE", None)


async def test_heartbeats_come_whatever_is_subscribed(make_api, receiver) -> None:
    api = await make_api(Scenario(settings=Settings(heartbeat_minutes=10)))
    await subscribe(api, receiver.url, events=["user:vehicle:deleted"])
    await api.wait(minutes=10)
    (beat,) = await receiver.got(1)
    assert set(beat) == {"event", "createdAt", "version", "pendingEvents"}
    assert beat["event"] == "system:heartbeat"


async def test_a_forged_delivery_does_not_bear_the_signature(api, receiver, signed) -> None:
    await api.post("/admin/faults", json={"kind": "forged_signature", "target": "user:sim-user-1"})
    await subscribe(api, receiver.url)
    await start(api)
    await api.wait(minutes=1)
    await receiver.got(1)
    headers, body = receiver.deliveries[0]
    assert headers["x-enode-signature"] != signed(SECRET, body)


async def test_a_deleted_webhook_hears_nothing_more(api, receiver) -> None:
    gone = await subscribe(api, receiver.url + "/gone")
    await subscribe(api, receiver.url)
    assert (await api.delete(f"/webhooks/{gone}")).status_code == 204
    await start(api)
    await api.wait(minutes=1)
    events = await receiver.got(3)
    assert len({json.dumps(event) for event in events}) == len(events)
