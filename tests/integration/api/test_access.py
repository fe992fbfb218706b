"""P16: who gets in, how far, and for how long (OWASP API1, API2, API3, API5; docs/security.md)."""

import asyncio
import base64
import json
from datetime import timedelta

import httpx
import pytest
from support.two_programs import SECRET, TODAY, House, Tenant, two_programs

from gateway.api.access import Access, Scope
from gateway.api.app import LARGEST_BODY, openapi_of
from gateway.api.services import ApiConfig
from storage.tenants import Tenants

OF_A_DRIVER = [
    "",
    "/journey",
    "/prompts",
    "/requirement?brand=Jeep",
    "/enrolments",
    "/devices",
    "/interventions",
    "/places",
    "/sessions",
    "/nights",
    "/sessions/{session}",
    "/sessions/{session}/plan",
    "/sessions/{session}/certificate",
    "/sessions/{session}/plan.svg",
    "/sessions/{vehicle}:0/nights/1",
    "/sessions/{vehicle}:0/nights/1/log",
    "/events",
]


def path_of(tenant: Tenant, rest: str) -> str:
    return f"/v1/drivers/{tenant.driver}" + rest.format(session=tenant.session, vehicle=f"{tenant.name}-car")


@pytest.mark.parametrize("rest", OF_A_DRIVER)
async def test_a_driver_is_seen_by_the_own_program_and_no_other(
    house: House, http: httpx.AsyncClient, rest: str
) -> None:
    """API1, broken object level authorization."""
    own = await http.get(path_of(house.beta, rest), headers=house.beta.bearer)
    others = await http.get(path_of(house.beta, rest), headers=house.alpha.bearer)
    unknown = await http.get("/v1/drivers/nobody" + rest.format(session="x", vehicle="x"), headers=house.alpha.bearer)
    assert (own.status_code, others.status_code, unknown.status_code) == (200, 404, 404)
    assert others.json() == unknown.json(), "the answer tells that the driver exists"


async def test_every_get_below_a_driver_is_in_the_list_above(house: House) -> None:
    document = openapi_of(house.app)
    below = {path for path, known in document["paths"].items() if path.startswith("/v1/drivers/{") and "get" in known}
    named = {
        "/v1/drivers/{driver_id}"
        + rest.partition("?")[0]
        .replace("{vehicle}:0/nights/1", "{session_id}/nights/{number}")
        .replace("{session}", "{session_id}")
        for rest in OF_A_DRIVER
    }
    actions = {"/actions/{action_id}", "/sessions/{session_id}/actions/{action_id}"}
    assert below - named == {"/v1/drivers/{driver_id}" + rest for rest in actions}


@pytest.mark.parametrize("rest", ["/sessions/{session}", "/sessions/{session}/plan", "/sessions/{vehicle}:0/nights/1"])
async def test_the_own_driver_does_not_open_another_drivers_session(
    house: House, http: httpx.AsyncClient, rest: str
) -> None:
    """API1: the id in the middle of the path is checked too."""
    path = f"/v1/drivers/{house.alpha.driver}" + rest.format(session=house.beta.session, vehicle="beta-car")
    assert (await http.get(path, headers=house.alpha.bearer)).status_code == 404


async def test_nobody_acts_in_another_programs_session(house: House, http: httpx.AsyncClient) -> None:
    for driver in (house.alpha.driver, house.beta.driver):
        path = f"/v1/drivers/{driver}/sessions/{house.beta.session}/actions"
        answer = await http.post(path, json={"act": "charge_now"}, headers=house.alpha.bearer)
        assert answer.status_code == 404
    assert house.desk.acted == []


async def test_a_link_opens_its_own_driver_and_nothing_else(house: House, http: httpx.AsyncClient) -> None:
    started = await http.post("/v1/drivers", json={"reference": "another"}, headers=house.alpha.bearer)
    another = started.json()["id"]
    link = house.alpha.as_driver
    assert (await http.get(f"/v1/drivers/{house.alpha.driver}/journey", headers=link)).status_code == 200
    assert (await http.get(f"/v1/drivers/{another}/journey", headers=link)).status_code == 404
    for path in ("/v1/drivers", "/v1/nights", "/v1/exports/nights.csv", "/v1/keys", "/v1/audit", "/v1/programs"):
        assert (await http.get(path, headers=link)).status_code == 403, path
    for path in ("/v1/drivers", f"/v1/drivers/{house.alpha.driver}/links", "/v1/approvals"):
        assert (await http.post(path, json={"reference": "x"}, headers=link)).status_code in (403, 422), path


@pytest.mark.parametrize(
    "spoilt", ["", "Basic abc", "Bearer", "Bearer nck_", "Bearer nck_x_y", "Bearer ncl_x.y", "Bearer ncl_.", "Bearer é"]
)
async def test_a_malformed_token_is_nobody(house: House, http: httpx.AsyncClient, spoilt: str) -> None:
    """API2, broken authentication."""
    answer = await http.get("/v1/me", headers={"Authorization": spoilt.encode("utf-8")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_right_key_id_with_a_wrong_secret_is_nobody(house: House, http: httpx.AsyncClient) -> None:
    prefix = "_".join(house.alpha.token.split("_")[:2])
    wrong = {"Authorization": f"Bearer {prefix}_{house.beta.token.split('_', 2)[2]}"}
    assert (await http.get("/v1/me", headers=wrong)).status_code == 401


async def test_a_key_ends_when_it_is_revoked(house: House, http: httpx.AsyncClient) -> None:
    made = await http.post("/v1/keys", json={"label": "l", "scopes": ["read"]}, headers=house.alpha.bearer)
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await http.get("/v1/me", headers=bearer)).status_code == 200
    assert (await http.delete(f"/v1/keys/{made.json()['id']}", headers=house.beta.bearer)).status_code == 404
    assert (await http.delete(f"/v1/keys/{made.json()['id']}", headers=house.alpha.bearer)).status_code == 204
    assert (await http.get("/v1/me", headers=bearer)).status_code == 401


async def test_keys_and_links_expire(house: House, http: httpx.AsyncClient) -> None:
    key = await house.key(house.alpha, Scope.READ, days=1)
    path = f"/v1/drivers/{house.alpha.driver}"
    for bearer, lives in ((key, timedelta(days=1)), (house.alpha.as_driver, timedelta(minutes=15))):
        house.services.real_now.now = TODAY + lives - timedelta(seconds=1)  # type: ignore[attr-defined]
        assert (await http.get(path, headers=bearer)).status_code == 200
        house.services.real_now.now = TODAY + lives  # type: ignore[attr-defined]
        assert (await http.get(path, headers=bearer)).status_code == 401


async def test_a_link_changed_in_one_place_is_nobody(house: House, http: httpx.AsyncClient) -> None:
    """The driver of another program, signed for one's own: the signature covers all of it."""
    payload, _, signature = house.alpha.link.removeprefix("ncl_").partition(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**said, "d": house.beta.driver, "p": "beta"}).encode()).decode()
    bearer = {"Authorization": f"Bearer ncl_{forged.rstrip('=')}.{signature}"}
    assert (await http.get(f"/v1/drivers/{house.beta.driver}", headers=bearer)).status_code == 401


async def test_a_signature_for_one_purpose_is_none_for_another(house: House, http: httpx.AsyncClient) -> None:
    payload = house.alpha.link.removeprefix("ncl_").partition(".")[0]
    bearer = {"Authorization": f"Bearer ncl_{payload}.{house.services.access.sign('hook', payload)}"}
    assert (await http.get("/v1/me", headers=bearer)).status_code == 401


async def test_a_gateway_without_a_proper_secret_does_not_start(house: House) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Access(Tenants(house.services.store.database), type(SECRET)("short"))


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/drivers", Scope.ACT),
        ("GET", "/v1/drivers", Scope.READ),
        ("GET", "/v1/nights", Scope.EXPORT),
        ("GET", "/v1/exports/nights.csv", Scope.EXPORT),
        ("GET", "/v1/keys", Scope.ADMIN),
        ("POST", "/v1/keys", Scope.ADMIN),
        ("GET", "/v1/audit", Scope.ADMIN),
        ("POST", "/v1/hooks", Scope.ADMIN),
        ("POST", "/v1/approvals", Scope.APPROVE),
    ],
)
async def test_a_key_without_the_scope_is_refused(
    house: House, http: httpx.AsyncClient, method: str, path: str, scope: Scope
) -> None:
    """API5, broken function level authorization."""
    others = await house.key(house.alpha, *(set(Scope) - {scope}))
    body = {"reference": "x", "label": "x", "scopes": ["read"], "url": "https://x.example"}
    wanted = {"/v1/drivers": ("reference",), "/v1/keys": ("label", "scopes"), "/v1/hooks": ("url",)}.get(path, ())
    json_body = {name: body[name] for name in wanted} if method == "POST" else None
    answer = await http.request(method, path, json=json_body, headers=others)
    assert answer.status_code == 403
    assert scope.value in answer.json()["detail"]


async def test_nobody_makes_a_key_that_may_more_than_their_own(house: House, http: httpx.AsyncClient) -> None:
    admin = await house.key(house.alpha, Scope.ADMIN)
    refused = await http.post("/v1/keys", json={"label": "l", "scopes": ["admin", "act"]}, headers=admin)
    assert refused.status_code == 403
    assert (await http.post("/v1/keys", json={"label": "l", "scopes": ["admin"]}, headers=admin)).status_code == 201


async def test_no_field_that_is_not_ours_to_give_is_taken(house: House, http: httpx.AsyncClient) -> None:
    """API3, broken object property level authorization: a program cannot be chosen, a state not be written."""
    for body in ({"reference": "x", "program": "beta"}, {"reference": "x", "id": "y"}):
        assert (await http.post("/v1/drivers", json=body, headers=house.alpha.bearer)).status_code == 422


async def test_a_body_that_is_too_large_is_not_read(house: House, http: httpx.AsyncClient) -> None:
    """API4, unrestricted resource consumption: also when its length is not told."""
    huge = b"x" * (LARGEST_BODY + 1)

    async def in_pieces():  # type: ignore[no-untyped-def]
        yield huge

    told = await http.post("/v1/drivers", content=huge, headers=house.alpha.bearer)
    untold = await http.post("/v1/drivers", content=in_pieces(), headers=house.alpha.bearer)
    assert (told.status_code, untold.status_code) == (413, 413)


async def test_every_answer_carries_the_secure_headers(house: House, http: httpx.AsyncClient) -> None:
    """API8, security misconfiguration."""
    for path in ("/v1/me", "/v1/nowhere", "/v1/openapi.json", "/nowhere"):
        headers = (await http.get(path, headers=house.alpha.bearer)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert "max-age" in headers["strict-transport-security"]
        assert "access-control-allow-origin" not in headers


async def test_every_operation_asks_for_a_token_and_documents_its_refusals(house: House) -> None:
    """API9, improper inventory: nothing stands below /v1 that the document does not tell."""
    document = openapi_of(house.app)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["security"] == [{"HTTPBearer": []}], f"{method} {path}"
            assert {"401", "403", "404", "429"} <= set(operation["responses"]), f"{method} {path}"


async def test_privileged_acts_stand_in_the_audit_of_their_program_only(house: House, http: httpx.AsyncClient) -> None:
    await http.post("/v1/drivers", json={"reference": "r"}, headers=house.alpha.bearer)
    await http.post(f"/v1/drivers/{house.alpha.driver}/links", headers=house.alpha.bearer)
    await http.post(f"/v1/drivers/{house.alpha.driver}/tonight", json={"act": "charge_now"}, headers=house.alpha.bearer)
    await http.get("/v1/exports/nights.csv", headers=house.alpha.bearer)
    acts = (await http.get("/v1/audit", headers=house.alpha.bearer)).json()["items"]
    assert [one["act"] for one in acts] == ["export nights", "charge_now", "make link", "start driver"]
    assert {one["actor"] for one in acts} == {f"key:{house.alpha.key_id}"}
    assert (await http.get("/v1/audit", headers=house.beta.bearer)).json()["items"] == []


@pytest.fixture
async def careful(tmp_path):  # type: ignore[no-untyped-def]
    """A house in which a program's keys switch at most 30 kW a minute: two cars of 11 kW."""
    config = ApiConfig(most_switched_kw=30)
    made = await two_programs(tmp_path, config=config)
    yield made
    await made.services.store.close()


async def test_a_stolen_key_switches_no_more_than_set_without_a_second_person(careful: House) -> None:
    """P16: 11 kW a time, 30 kW a minute; the second person's key is another key, and the driver's own word is free."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=careful.app), base_url="http://g") as http:
        path = f"/v1/drivers/{careful.alpha.driver}/tonight"

        async def switch(headers: dict[str, str]) -> int:
            return (await http.post(path, json={"act": "charge_now"}, headers=headers)).status_code

        assert [await switch(careful.alpha.bearer) for _ in range(3)] == [202, 202, 429]
        assert await switch(careful.alpha.as_driver) == 202
        assert (await http.post("/v1/approvals", headers=careful.alpha.bearer)).status_code == 201
        assert await switch(careful.alpha.bearer) == 429, "one person approved their own wish"
        second = await careful.key(careful.alpha, Scope.APPROVE)
        assert (await http.post("/v1/approvals", headers=second)).status_code == 201
        assert await switch(careful.alpha.bearer) == 202
        assert len(careful.desk.acted) == 4


async def test_many_requests_at_once_do_not_slip_past_the_switching_limit(careful: House) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=careful.app), base_url="http://g") as http:
        path = f"/v1/drivers/{careful.alpha.driver}/tonight"
        wants = [http.post(path, json={"act": "charge_now"}, headers=careful.alpha.bearer) for _ in range(10)]
        codes = [answer.status_code for answer in await asyncio.gather(*wants)]
    assert sorted(codes) == [202] * 2 + [429] * 8
