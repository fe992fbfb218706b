"""Drivers over REST: start, find, show, act."""

import httpx
import pytest
from support.desk import VENDOR_PAGE
from support.factories import make_device
from support.two_programs import TODAY, House

from client import EngineUnavailable, driver_id
from domain.devices import Capability, CapabilityKind, Side
from domain.driver.events import DeviceSeen
from domain.program import Program
from gateway.api.limits import Rate
from storage.tenants import DriverRecord


async def test_the_same_reference_is_the_same_driver(house: House, http: httpx.AsyncClient) -> None:
    answers = [
        await http.post("/v1/drivers", json={"reference": "customer 7"}, headers=house.alpha.bearer) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["id"] == driver_id("alpha", "customer 7")
    assert answers[0].headers["location"] == f"/v1/drivers/{driver_id('alpha', 'customer 7')}"


async def test_drivers_are_listed_in_pages(house: House, http: httpx.AsyncClient) -> None:
    for n in range(4):
        await http.post("/v1/drivers", json={"reference": f"r{n}"}, headers=house.alpha.bearer)
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await http.get("/v1/drivers", params=params, headers=house.alpha.bearer)).json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 5
    assert seen == sorted(set(seen))


async def test_a_driver_is_found_by_the_backends_own_reference(house: House, http: httpx.AsyncClient) -> None:
    found = await http.get("/v1/drivers", params={"reference": "alpha-customer-1"}, headers=house.alpha.bearer)
    assert [item["id"] for item in found.json()["items"]] == [house.alpha.driver]


async def test_an_unchanged_journey_is_not_sent_again(house: House, http: httpx.AsyncClient) -> None:
    path = f"/v1/drivers/{house.alpha.driver}/journey"
    first = await http.get(path, headers=house.alpha.bearer)
    assert first.json()["stage"] == "enrolled"
    again = await http.get(path, headers={**house.alpha.bearer, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await http.post(f"/v1/drivers/{house.alpha.driver}/actions", json={"type": "withdraw"}, headers=house.alpha.bearer)
    changed = await http.get(path, headers={**house.alpha.bearer, "If-None-Match": first.headers["etag"]})
    assert changed.json()["is_enrolled"] is False


async def test_prompts_come_in_words_of_the_language(house: House, http: httpx.AsyncClient) -> None:
    started = await http.post("/v1/drivers", json={"reference": "new"}, headers=house.alpha.bearer)
    path = f"/v1/drivers/{started.json()['id']}/prompts"
    english = (await http.get(path, headers=house.alpha.bearer)).json()
    german = (await http.get(path, params={"language": "de-AT"}, headers=house.alpha.bearer)).json()
    assert english["prompt"]["title"] == "Link your car to begin"
    assert german["prompt"]["title"] != english["prompt"]["title"]
    assert english["prompt"]["actions"] == [{"key": "link_vehicle", "label": "Link my car"}]


async def test_s12_what_will_be_asked_is_told_by_brand_and_model_before_a_car_is_linked(
    house: House, http: httpx.AsyncClient
) -> None:
    started = await http.post("/v1/drivers", json={"reference": "soon"}, headers=house.alpha.bearer)
    path = f"/v1/drivers/{started.json()['id']}/requirement"
    asked = {"brand": "Jeep", "model": "Avenger", "language": "de"}
    told = (await http.get(path, params=asked, headers=house.alpha.bearer)).json()
    assert (told["requirement"], told["brand"], told["model"]) == ("mandatory", "Jeep", "Avenger")
    assert told["words"].startswith("Ihr Jeep")
    assert told["reason"]
    other = (await http.get(path, params={"brand": "Tesla"}, headers=house.alpha.bearer)).json()
    assert (other["requirement"], other["model"]) == ("recommended", None)
    assert (await http.get(path, headers=house.alpha.bearer)).status_code == 422


async def test_an_instant_of_the_future_counts_as_now(house: House, http: httpx.AsyncClient) -> None:
    path = f"/v1/drivers/{house.alpha.driver}/actions"
    ask = {"type": "ask_unlink", "side": "vehicle", "vendor": make_device().vendor, "at": "2199-01-01T00:00:00Z"}
    told = (await http.post(path, json=ask, headers=house.alpha.bearer)).json()
    assert told["expires_at"] < "2199"
    for edge in ("0001-01-01T00:00:00+23:59", "1969-01-01T00:00:00Z"):
        assert (await http.post(path, json={**ask, "at": edge}, headers=house.alpha.bearer)).status_code == 422
    tonight = f"/v1/drivers/{house.alpha.driver}/sessions/{house.alpha.session}/actions"
    for at in ({"at": "0001-01-01T00:00:00+23:59"}, {"until": "9999-12-31T23:59:59Z"}):
        answer = await http.post(tonight, json={"act": "pause_until", **at}, headers=house.alpha.bearer)
        assert answer.status_code == 422


async def test_every_consent_is_on_record_with_its_text_and_its_end(house: House, http: httpx.AsyncClient) -> None:
    path = f"/v1/drivers/{house.alpha.driver}"
    again = {"type": "enroll", "text_version": "2", "language": "de"}
    for action in ({"type": "withdraw"}, again):
        assert (await http.post(f"{path}/actions", json=action, headers=house.alpha.bearer)).status_code == 200
    now, before = (await http.get(f"{path}/enrolments", headers=house.alpha.bearer)).json()["items"]
    assert (now["text_version"], now["language"], now["ended_at"]) == ("2", "de", None)
    assert before["ended_at"] == now["at"]
    assert before["ended_why"] == "withdrawn by the driver"


async def test_an_action_is_done_and_its_outcome_found_again(house: House, http: httpx.AsyncClient) -> None:
    action = {
        "type": "request_link",
        "action_id": "l1",
        "side": "charger",
        "redirect_uri": "https://app.invalid/back",
    }
    path = f"/v1/drivers/{house.alpha.driver}/actions"
    done = await http.post(path, json=action, headers=house.alpha.bearer)
    assert done.json()["status"] == "done"
    assert done.json()["url"] == VENDOR_PAGE
    again = await http.get(done.headers["location"], headers=house.alpha.bearer)
    assert again.json() == done.json()


async def test_an_action_without_id_and_instant_gets_both(house: House, http: httpx.AsyncClient) -> None:
    action = {"type": "ask_unlink", "side": "charger", "vendor": "ZAPTEC"}
    asked = await http.post(f"/v1/drivers/{house.alpha.driver}/actions", json=action, headers=house.alpha.bearer)
    assert asked.status_code == 200
    assert asked.json()["token"]
    assert asked.json()["expires_at"] == "2022-12-12T22:10:00Z"  # world time of the house, 22:00, and ten minutes


async def test_a_refused_action_is_a_conflict_that_says_why(house: House, http: httpx.AsyncClient) -> None:
    action = {"type": "dismiss_prompt", "prompt": "prompt.link_vehicle"}
    refused = await http.post(f"/v1/drivers/{house.alpha.driver}/actions", json=action, headers=house.alpha.bearer)
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:nightcharge:problem:refused"
    assert refused.json()["detail"] == "this prompt is not shown"


@pytest.mark.parametrize("body", [{}, {"type": "fly"}, {"type": "withdraw", "extra": 1}, [], "x"])
async def test_what_does_not_fit_is_told_field_by_field(house: House, http: httpx.AsyncClient, body: object) -> None:
    answer = await http.post(f"/v1/drivers/{house.alpha.driver}/actions", json=body, headers=house.alpha.bearer)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_devices_are_shown_without_place_and_digest(house: House, http: httpx.AsyncClient) -> None:
    page = (await http.get(f"/v1/drivers/{house.alpha.driver}/devices", headers=house.alpha.bearer)).json()
    assert [item["id"] for item in page["items"]] == ["alpha-box", "alpha-car"]
    assert not {"location_id", "identity_digest"} & set(page["items"][0])


async def test_devices_are_shown_as_they_last_told(house: House, http: httpx.AsyncClient) -> None:
    """The workflow hears only of changes that concern it; the level of tonight is in storage."""
    state = house.desk.drivers[house.alpha.driver]
    car = next(device for device in state.devices.values() if device.side is Side.VEHICLE)
    fresh = car.model_copy(update={"reading": car.reading.model_copy(update={"soc_pct": 63.0})})
    await house.services.store.save_device(fresh)
    shown = (await http.get(f"/v1/drivers/{house.alpha.driver}/devices", headers=house.alpha.bearer)).json()["items"]
    assert {one["id"]: one["soc_pct"] for one in shown}[car.id] == 63
    assert len(shown) == len(state.devices)


async def test_coordinates_go_to_the_vendor_and_are_not_kept(house: House, http: httpx.AsyncClient) -> None:
    place = {"name": "Home", "latitude": 52.123456, "longitude": 4.654321}
    made = await http.post(f"/v1/drivers/{house.alpha.driver}/places", json=place, headers=house.alpha.bearer)
    assert made.status_code == 201
    assert "52.123456" not in made.text
    assert house.vendor.made == [(house.alpha.driver, 52.123456, 4.654321)]


async def test_an_engine_that_does_not_answer_is_a_passing_failure(house: House, http: httpx.AsyncClient) -> None:
    house.desk.fails = EngineUnavailable("the engine does not answer")
    answer = await http.get(f"/v1/drivers/{house.alpha.driver}/journey", headers=house.alpha.bearer)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_repeat_with_its_key_gets_the_first_answer_and_does_nothing(
    house: House, http: httpx.AsyncClient
) -> None:
    headers = {**house.alpha.bearer, "Idempotency-Key": "once"}
    path = f"/v1/drivers/{house.alpha.driver}/places"
    first, again = [
        await http.post(path, json={"name": "Home", "latitude": 1, "longitude": 2}, headers=headers) for _ in range(2)
    ]
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert len(house.vendor.made) == 1


async def test_a_repeat_also_says_where_the_thing_stands(house: House, http: httpx.AsyncClient) -> None:
    headers = {**house.alpha.bearer, "Idempotency-Key": "once"}
    first, again = [await http.post("/v1/drivers", json={"reference": "a"}, headers=headers) for _ in range(2)]
    assert again.headers["location"] == first.headers["location"] == f"/v1/drivers/{first.json()['id']}"


async def test_a_key_used_for_another_request_is_refused(house: House, http: httpx.AsyncClient) -> None:
    headers = {**house.alpha.bearer, "Idempotency-Key": "once"}
    await http.post("/v1/drivers", json={"reference": "a"}, headers=headers)
    other = await http.post("/v1/drivers", json={"reference": "b"}, headers=headers)
    assert other.status_code == 409
    assert other.json()["type"] == "urn:nightcharge:problem:idempotency"


async def test_the_same_key_of_another_program_is_another_key(house: House, http: httpx.AsyncClient) -> None:
    ids = set()
    for tenant in (house.alpha, house.beta):
        headers = {**tenant.bearer, "Idempotency-Key": "once"}
        ids.add((await http.post("/v1/drivers", json={"reference": "a"}, headers=headers)).json()["id"])
    assert len(ids) == 2


async def test_a_failure_is_not_kept_as_the_first_answer(house: House, http: httpx.AsyncClient) -> None:
    headers = {**house.alpha.bearer, "Idempotency-Key": "once"}
    house.desk.fails = EngineUnavailable("down")
    assert (await http.post("/v1/drivers", json={"reference": "a"}, headers=headers)).status_code == 503
    house.desk.fails = None
    assert (await http.post("/v1/drivers", json={"reference": "a"}, headers=headers)).status_code == 201


async def test_an_intervention_is_told_with_the_vendors_words_and_whether_it_is_asked(
    house: House, http: httpx.AsyncClient
) -> None:
    """S27: suppressed while a charger makes up for it, and still told to the backend."""
    driver = await house.desk.start_driver(Program(name="alpha"), "second")
    await house.services.tenants.add_driver(DriverRecord(id=driver, program="alpha", reference="second", since=TODAY))
    waits = Capability(is_capable=False, intervention_ids=("i-1",))
    kinds = {CapabilityKind.START_CHARGING: waits, CapabilityKind.STOP_CHARGING: Capability(is_capable=True)}
    house.desk.see(driver, DeviceSeen(device=make_device(Side.VEHICLE, driver_id=driver, capabilities=kinds)))
    path = f"/v1/drivers/{driver}/interventions"
    [one] = (await http.get(path, headers=house.alpha.bearer)).json()["items"]
    assert (one["title"], one["blocks"], one["is_shown"]) == ("Open the app", ["start_charging"], True)
    house.desk.see(driver, DeviceSeen(device=make_device(Side.CHARGER, driver_id=driver)))
    [one] = (await http.get(path, headers=house.alpha.bearer)).json()["items"]
    assert one["is_shown"] is False


async def test_too_many_requests_are_told_when_to_come_back(house: House, http: httpx.AsyncClient) -> None:
    house.services.config = house.services.config.model_copy(update={"per_key": Rate(burst=2, per_second=0.1)})
    codes = [(await http.get("/v1/me", headers=house.alpha.bearer)).status_code for _ in range(3)]
    refused = await http.get("/v1/me", headers=house.alpha.bearer)
    assert codes == [200, 200, 429]
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert (await http.get("/v1/me", headers=house.beta.bearer)).status_code == 200
