"""Accounts come by link sessions, in the browser or by the administrator, and go by unlinking."""

import re

import pytest

from simulator.scenario import ChargerSpec, Scenario, UserSpec, VehicleSpec

VEHICLE_SCOPES = ["vehicle:read:data", "vehicle:read:location", "vehicle:control:charging"]
CHARGER_SCOPES = ["charger:read:data", "charger:control:charging"]
BACK = "http://127.0.0.1:1/back?state=abc"


def ann() -> Scenario:
    return Scenario(
        users=[
            UserSpec(
                id="ann",
                vehicles=[VehicleSpec(vendor="JEEP", capabilities={"startCharging": False}, plugged_into="box")],
                chargers=[ChargerSpec()],
                link_fails={"AUDI": "Wrong password"},
            )
        ]
    )


def session_body(scopes=VEHICLE_SCOPES, **more):
    return {"scopes": scopes, "language": "browser", "redirectUri": BACK, **more}


async def test_a_link_session_creates_the_user_and_nothing_else(make_api) -> None:
    api = await make_api(ann())
    assert (await api.get("/users/ann")).status_code == 404
    answer = await api.post("/users/ann/link", json=session_body())
    assert answer.status_code == 200
    assert set(answer.json()) == {"linkUrl", "linkToken"}
    assert (await api.get("/users/ann")).json() == {"id": "ann", "linkedVendors": []}
    assert (await api.get("/users/ann/vehicles")).json()["data"] == []


async def test_the_browser_chooses_a_brand_signs_in_consents_and_returns(make_api) -> None:
    api = await make_api(ann())
    url = (await api.post("/users/ann/link", json=session_body())).json()["linkUrl"]
    brands = await api.get(url)
    assert brands.headers["content-type"].startswith("text/html")
    assert '<option value="JEEP">' in brands.text
    assert '<option value="ZAPTEC">' not in brands.text
    sign_in = await api.get(url, params={"vendor": "JEEP"})
    assert "vehicle:control:charging" in sign_in.text
    assert 'type="password"' in sign_in.text
    form = {"vendor": "JEEP", "name": "ann", "password": "x", "consent": "yes"}
    done = await api.post(url, data=form)
    assert (done.status_code, done.headers["location"]) == (303, BACK)
    vehicle = await api.device("vehicle", "ann")
    assert (vehicle["vendor"], vehicle["scopes"]) == ("JEEP", sorted(VEHICLE_SCOPES))
    assert vehicle["capabilities"]["startCharging"]["isCapable"] is False
    assert (await api.get("/users/ann/chargers")).json()["data"] == []


async def test_a_session_that_names_the_vendor_skips_the_brand_picker(make_api) -> None:
    api = await make_api(ann())
    url = (await api.post("/users/ann/link", json=session_body(CHARGER_SCOPES, vendor="ZAPTEC"))).json()["linkUrl"]
    assert 'type="password"' in (await api.get(url)).text


async def test_leaving_and_failing_return_with_error_and_message(make_api) -> None:
    api = await make_api(ann())
    url = (await api.post("/users/ann/link", json=session_body())).json()["linkUrl"]
    failed = await api.post(url, data={"vendor": "AUDI", "consent": "yes"})
    assert failed.headers["location"] == f"{BACK}&error=linking_failed&error_message=Wrong+password"
    left = await api.post(url, data={"consent": "no"})
    assert re.match(re.escape(BACK) + "&error=cancelled&error_message=.+", left.headers["location"])
    # Neither used the session up.
    assert (await api.post(url, data={"vendor": "JEEP", "consent": "yes"})).headers["location"] == BACK


async def test_a_session_works_once_and_for_a_day(make_api) -> None:
    api = await make_api(ann())
    first = (await api.post("/users/ann/link", json=session_body())).json()
    second = (await api.post("/users/ann/link", json=session_body())).json()
    assert (await api.post(f"/admin/links/{first['linkToken']}/complete", json={"vendor": "JEEP"})).status_code == 200
    assert (await api.post(f"/admin/links/{first['linkToken']}/complete", json={"vendor": "JEEP"})).status_code == 404
    await api.wait(hours=25)
    assert (await api.get(second["linkUrl"])).status_code == 404


async def test_what_was_not_consented_to_is_not_possible(make_api) -> None:
    api = await make_api(Scenario())
    session = (await api.post("/users/ann/link", json=session_body(["vehicle:read:data"]))).json()
    await api.post(f"/admin/links/{session['linkToken']}/complete", json={"vendor": "TESLA"})
    able = (await api.device("vehicle", "ann"))["capabilities"]
    assert {name for name, entry in able.items() if entry["isCapable"]} == {"information", "chargeState", "odometer"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["vehicle:control:charging"]},
        {"scopes": ["charger:read:location"]},
        {"language": "tlh"},
        {"redirectUri": "about:blank"},
        {"redirectUri": "javascript:alert(1)"},
        {"redirectUri": "x" * 501},
        {"vendor": "ZAPTEC"},
        {"vendorType": "charger"},
    ],
)
async def test_a_wrong_link_request_is_refused(make_api, wrong) -> None:
    api = await make_api(ann())
    assert (await api.post("/users/ann/link", json={**session_body(), **wrong})).status_code == 400


async def test_the_connection_limit_is_a_forbidden_of_its_own(make_api) -> None:
    api = await make_api(Scenario(settings={"connection_limit": 1}))
    assert (await api.post("/users/one/link", json=session_body())).status_code == 200
    full = await api.post("/users/two/link", json=session_body())
    assert (full.status_code, full.json()["title"]) == (403, "Connections limit reached.")


async def test_an_unprepared_account_brings_a_stock_device(api) -> None:
    vehicle_id = await api.link("stranger", "vehicle", "VOLVO")
    assert (await api.get(f"/vehicles/{vehicle_id}")).json()["information"]["brand"] == "Volvo"


async def test_unlinking_one_kind_leaves_the_account_s_other_kind(api) -> None:
    await api.link("both", "vehicle", "TESLA")
    await api.link("both", "charger", "TESLA")
    assert (await api.delete("/users/both/vendors/TESLA/charger")).status_code == 204
    assert (await api.get("/users/both")).json()["linkedVendors"] == [
        {"vendor": "TESLA", "vendorType": "vehicle", "isValid": True}
    ]
    assert (await api.get("/users/both/chargers")).json()["data"] == []
    assert len((await api.get("/users/both/vehicles")).json()["data"]) == 1


async def test_unlinking_a_vendor_removes_all_it_brought(api) -> None:
    await api.link("both", "vehicle", "TESLA")
    await api.link("both", "charger", "TESLA")
    assert (await api.delete("/users/both/vendors/TESLA")).status_code == 204
    assert (await api.get("/users/both")).json()["linkedVendors"] == []
    assert (await api.delete("/users/both/vendors/TESLA")).status_code == 404


async def test_unlinking_leaves_the_truth_as_it_is(api) -> None:
    charger = await api.device("charger")
    await api.post(f"/chargers/{charger['id']}/charging", json={"action": "START"})
    await api.wait(minutes=1)
    await api.delete("/users/sim-user-1/vendors/ZAPTEC/charger")
    world = (await api.get("/admin/world")).json()
    box = next(box for box in world["boxes"] if box["id"] == charger["id"])
    assert (box["device_id"], box["power_kw"]) == (None, 11.0)
    assert (await api.device("vehicle"))["chargeState"]["pluggedInChargerId"] is None


async def test_linking_again_after_unlinking_brings_a_new_device(api) -> None:
    old = await api.device("charger")
    await api.delete("/users/sim-user-1/vendors/ZAPTEC/charger")
    new = await api.link("sim-user-1", "charger", "ZAPTEC")
    assert new != old["id"]
    assert (await api.get(f"/chargers/{old['id']}")).status_code == 404
    told = (await api.get(f"/chargers/{new}")).json()
    assert told["information"]["serialNumber"] == old["information"]["serialNumber"]


async def test_linking_again_after_dropping_credentials_restores_the_device(api) -> None:
    old = await api.device("charger")
    assert (await api.delete("/users/sim-user-1/authorization")).status_code == 204
    assert (await api.get("/users/sim-user-1")).json()["linkedVendors"] == []
    assert (await api.get("/users/sim-user-1/locations")).json()["data"] != []
    assert await api.link("sim-user-1", "charger", "ZAPTEC") == old["id"]


async def test_deleting_a_user_deletes_everything_of_it(api) -> None:
    assert (await api.delete("/users/sim-user-1")).status_code == 204
    assert (await api.get("/users/sim-user-1")).status_code == 404
    for kind in ("vehicles", "chargers", "locations"):
        assert (await api.get(f"/users/sim-user-1/{kind}")).json()["data"] == []
    assert len((await api.get("/users")).json()["data"]) == 1


async def test_relinking_is_for_dead_accounts_only(api) -> None:
    vehicle = await api.device("vehicle")
    body = {"language": "en-US", "redirectUri": BACK}
    assert (await api.post(f"/assets/{vehicle['id']}/relink", json=body)).status_code == 400
    assert (await api.post("/assets/unknown/relink", json=body)).status_code == 400
    await api.post("/admin/faults", json={"kind": "bad_credentials", "target": vehicle["id"]})
    assert (await api.get("/users/sim-user-1")).json()["linkedVendors"][0]["isValid"] is False
    session = await api.post(f"/assets/{vehicle['id']}/relink", json=body)
    assert set(session.json()) == {"linkUrl", "linkToken"}
    await api.post(f"/admin/links/{session.json()['linkToken']}/complete", json={})
    assert (await api.get("/users/sim-user-1")).json()["linkedVendors"][0]["isValid"] is True
    assert (await api.device("vehicle"))["id"] == vehicle["id"]
