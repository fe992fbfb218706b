"""A program's rules over REST: nobody publishes what nobody looked at."""

import json
from typing import Any

import httpx
import pytest
from support.two_programs import House

from domain.program import Program
from gateway.api.access import Scope

ALPHA = "/v1/programs/alpha"
EARLIER = {"name": "alpha", "wish": {"ready_by": "06:30", "zone": "Europe/Amsterdam"}}


async def looked_at(house: House, http: httpx.AsyncClient, document: dict[str, Any] = EARLIER) -> dict[str, Any]:
    answer = await http.post(f"{ALPHA}/diff", json={"document": document}, headers=house.alpha.bearer)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_program_is_looked_at_published_and_kept_with_its_reason(house: House, http: httpx.AsyncClient) -> None:
    seen = await looked_at(house, http)
    assert [line for line in seen["lines"] if line.startswith("wish.ready_by")] == [
        'wish.ready_by: "07:00:00" -> "06:30:00"'
    ]
    assert (await http.get(f"{ALPHA}/versions", headers=house.alpha.bearer)).json()["items"] == []
    body = {"document": EARLIER, "reason": "the early shift", "diff": seen["diff"]}
    headers = {**house.alpha.bearer, "Idempotency-Key": "once"}
    first, again = [await http.post(f"{ALPHA}/versions", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, first.json()["version"], again.json()) == (201, 1, first.json())
    shown = (await http.get(ALPHA, headers=house.alpha.bearer)).json()
    assert shown["wish"]["ready_by"] == "06:30:00"
    [version] = (await http.get(f"{ALPHA}/versions", headers=house.alpha.bearer)).json()["items"]
    assert (version["version"], version["reason"]) == (1, "the early shift")
    assert any(act.act == "publish program" for act in await house.services.audit.acts("alpha", limit=5))


async def test_nobody_publishes_past_the_difference(house: House, http: httpx.AsyncClient) -> None:
    """Another document, another stored program meanwhile, or nothing new: each is refused, and nothing is stored."""
    seen = await looked_at(house, http)
    later = {**EARLIER, "wish": {**EARLIER["wish"], "ready_by": "08:00"}}  # type: ignore[dict-item]
    same = await looked_at(house, http, {"name": "alpha"})
    for document, diff in ((later, seen["diff"]), (EARLIER, "made up"), ({"name": "alpha"}, same["diff"])):
        body = {"document": document, "reason": "x", "diff": diff}
        assert (await http.post(f"{ALPHA}/versions", json=body, headers=house.alpha.bearer)).status_code == 409
    body = {"document": EARLIER, "reason": "first", "diff": seen["diff"]}
    assert (await http.post(f"{ALPHA}/versions", json=body, headers=house.alpha.bearer)).status_code == 201
    assert (await http.post(f"{ALPHA}/versions", json=body, headers=house.alpha.bearer)).status_code == 409
    assert await house.services.tenants.program("beta") == Program(name="beta")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"name": "beta"}, "another program"),
        ({"name": "alpha", "speed": 3}, "speed"),
        ({"name": "alpha", "standing": {}}, "not written by hand"),
        ({"name": "alpha", "\ud800": 1}, "unicode"),
    ],
)
async def test_a_document_that_does_not_fit_is_told_its_places(
    house: House, http: httpx.AsyncClient, document: dict[str, Any], told: str
) -> None:
    body = json.dumps({"document": document})
    answer = await http.post(
        f"{ALPHA}/diff", content=body, headers={**house.alpha.bearer, "Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


async def test_only_a_key_of_the_program_with_the_scope_publishes(house: House, http: httpx.AsyncClient) -> None:
    others = await house.key(house.alpha, *(set(Scope) - {Scope.PUBLISH}))
    for headers, status in ((others, 403), (house.alpha.as_driver, 403), (house.beta.bearer, 404)):
        for path in ("diff", "versions"):
            body = {"document": EARLIER, **({"reason": "x", "diff": "x"} if path == "versions" else {})}
            assert (await http.post(f"{ALPHA}/{path}", json=body, headers=headers)).status_code == status
    assert (await http.get(f"{ALPHA}/versions", headers=house.beta.bearer)).status_code == 404
