"""P16: every operation of the OpenAPI document, fuzzed by one program with the ids of two.

No 5xx, no undocumented answer, nothing read of the other program and nothing changed in it. `NIGHTCHARGE_FUZZ=1000`
fuzzes longer than the suite does.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.postgres import fresh_database
from support.two_programs import House, Tenant, two_programs

EXAMPLES = int(os.environ.get("NIGHTCHARGE_FUZZ", "5"))
"""Requests per operation."""

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)

REFUSALS = {400, 403, 404, 409, 422}


@pytest.fixture(scope="module")
def house(postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all operations: what one changes, the next meets. PostgreSQL is the stricter of the two."""
    url = fresh_database(postgresql_server, "fuzz")
    made = asyncio.run(two_programs(tmp_path_factory.mktemp("fuzz"), url=url))
    yield made
    asyncio.run(made.services.store.close())


def ids(tenant: Tenant) -> dict[str, str]:
    """What stands in paths, by the name of the parameter."""
    return {
        "driver_id": tenant.driver,
        "session_id": tenant.session,
        "program": tenant.name,
        "key_id": tenant.key_id,
        "hook_id": tenant.hook,
        "number": "1",
        "action_id": "a1",
    }


def belongings(house: House, tenant: Tenant) -> str:
    """All there is of a program, in storage and in workflows."""

    async def look() -> list[Any]:
        api, name = house.services, tenant.name
        return [
            [program.model_dump_json() for program in await api.tenants.programs() if program.name == name],
            [one.model_dump_json() for one in await api.tenants.drivers(name, limit=1000)],
            [one.model_dump_json() for one in await api.tenants.keys(name)],
            [one.model_dump_json() for one in await api.hooks.of_program(name)],
            [one.model_dump_json() for one in await api.audit.acts(name, limit=1000)],
            [one.model_dump_json() for one in await api.reports.nights(name, limit=1000)],
            house.desk.drivers[tenant.driver].model_dump_json(),
            house.desk.sessions[tenant.session].model_dump_json(),
            sorted(key for key, state in house.desk.drivers.items() if state.program.name == name),
        ]

    return json.dumps(asyncio.run(look()))


def traces(tenant: Tenant) -> tuple[str, ...]:
    """What no answer to the other program may contain."""
    return (tenant.driver, f"{tenant.name}-customer", f"{tenant.name}-car", f"{tenant.name}-box", tenant.key_id)


def test_no_operation_fails_leaks_or_answers_undocumented(house: House) -> None:
    """Alpha calls everything, with its own ids, the other's, and any; as backend and as driver."""
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", house.app)
    before = belongings(house, house.beta)
    called: set[str] = set()
    met: set[int] = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        called.add(operation.label)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), whose=st.sampled_from(["alpha", "beta", "any"]), token=st.booleans())
        def fuzz(case: Any, whose: str, token: bool) -> None:
            if whose != "any":
                known = ids(house.alpha if whose == "alpha" else house.beta)
                case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
            if "key_id" in (case.path_parameters or {}) and whose == "alpha":
                return  # it would end the very key that calls
            case.headers = {k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"}
            headers = house.alpha.bearer if token else house.alpha.as_driver
            response = case.call_and_validate(headers=headers, checks=CHECKS)
            met.add(response.status_code)
            echoed = json.dumps(
                [case.body if isinstance(case.body, (dict, list, str)) else None, case.query], default=str
            )
            for trace in traces(house.beta):
                if trace not in echoed:
                    assert trace not in response.text, f"{case.method} {case.path} told of {trace}"
            if whose == "beta" and {"driver_id", "program", "key_id", "hook_id"} & set(case.path_parameters or {}):
                assert response.status_code in REFUSALS, f"{case.method} {case.path} let another program in"

        fuzz()
    assert belongings(house, house.beta) == before
    assert len(called) > 25
    assert {200, 201, 403, 404, 422} <= met, "the fuzz hardly reached anything"


def test_without_a_token_nothing_is_told(house: House) -> None:
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", house.app)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=2, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def fuzz(case: Any) -> None:
            known = ids(house.beta)
            case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
            case.headers = {k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"}
            response = case.call()
            assert response.status_code in (401, 422), f"{case.method} {case.path}: {response.status_code}"
            assert not [trace for trace in traces(house.beta) if trace in response.text]

        fuzz()
