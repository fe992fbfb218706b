"""Whatever the vendor sends, an answer is a value or one of our errors, and never anything else."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.devices import Side
from domain.errors import MalformedReply, NightchargeError
from domain.provider_events import Ignored
from providers.enode import schemas
from providers.enode.errors import Kind, Outcome, judge, retry_after
from providers.enode.mapping import WireMapping
from providers.enode.webhooks import parse_delivery, verify

NOW = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


def spoil(body: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """`body` with the value at `path` replaced."""
    head, *rest = path
    inner = body.get(head)
    return {**body, head: spoil(inner, rest, value) if rest and isinstance(inner, dict) else value}


paths = st.sampled_from(
    [
        ["chargeState"],
        ["information"],
        ["capabilities"],
        ["location"],
        ["vendor"],
        ["isReachable"],
        ["capabilities", "startCharging"],
        ["capabilities", "startCharging", "interventionIds"],
        ["chargeState", "batteryLevel"],
        ["chargeState", "lastUpdated"],
        ["chargeState", "powerDeliveryState"],
        ["chargeState", "chargeRate"],
        ["chargeState", "isPluggedIn"],
        ["information", "vin"],
        ["information", "year"],
    ]
)


@FEW
@given(path=paths, value=anything)
def test_spoilt_field_never_costs_the_device(wire: Any, path: list[str], value: Any) -> None:
    body = spoil(wire.vehicle(), path, value)
    asset = schemas.Asset.model_validate(body)
    device = WireMapping().device(Side.VEHICLE, asset, received_at=NOW)
    assert (device.id, device.driver_id) == ("car-1", "driver-1")
    assert device.model_validate_json(device.model_dump_json()) == device


@FEW
@given(
    name=st.sampled_from(["user:vehicle:updated", "user:vendor-action:updated", "user:credentials:invalidated"])
    | st.text(max_size=20),
    extra=st.dictionaries(
        st.sampled_from(["user", "vehicle", "charger", "vendorAction", "vendor", "pendingEvents", "createdAt"]),
        anything,
    ),
)
def test_any_event_becomes_exactly_one_event(name: str, extra: dict[str, Any]) -> None:
    body = json.dumps([{"event": name, **extra}, {"event": "system:heartbeat"}]).encode()
    assert len(parse_delivery(body, NOW)) == 2


@FEW
@given(body=st.binary(max_size=200))
def test_any_bytes_are_a_delivery_that_can_be_put_aside(body: bytes) -> None:
    assert all(isinstance(one, Ignored) for one in parse_delivery(body, NOW))


@FEW
@given(secret=st.text(min_size=1), body=st.binary(), header=st.none() | st.text())
def test_any_header_is_a_no_and_never_an_exception(secret: str, body: bytes, header: str | None) -> None:
    assert verify(secret.encode("utf-8", "replace").decode(), body, header) is False


@FEW
@given(value=st.text(max_size=40))
def test_any_retry_after_is_a_wait_or_none(value: str) -> None:
    wait = retry_after(httpx.Headers([(b"retry-after", value.encode("utf-8", "replace"))]), NOW)
    assert wait is None or wait.total_seconds() >= 0


@FEW
@given(
    kind=st.sampled_from(Kind),
    status=st.integers(100, 599).filter(lambda one: not 200 <= one < 300),
    body=anything,
)
def test_any_error_body_has_a_meaning(kind: Kind, status: int, body: Any) -> None:
    try:
        problem = schemas.Problem.model_validate(body)
    except ValueError:
        problem = schemas.Problem()
    means = judge(kind, status, problem)
    assert isinstance(means, Outcome) or issubclass(means, NightchargeError)


async def test_any_good_answer_is_a_device_or_malformed(enode: Any) -> None:
    """Bodies chosen for the ways JSON can be odd."""
    for content in (
        b"null",
        b"0",
        b'""',
        b"[]",
        b"{}",
        b"NaN",
        b"1e999",
        b'{"id":1,"userId":"d"}',
        b"\x00",
        b"{" * 5000,
    ):
        enode.script["GET /vehicles/car-1"] = httpx.Response(200, content=content)
        try:
            await enode.provider.read(Side.VEHICLE, "car-1")
        except MalformedReply:
            continue
        raise AssertionError(content)
