"""Our webhooks at Enode are found, made, revived, and nothing else is touched."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from domain.errors import CallerError, CommandRejected
from providers.enode import Webhooks
from providers.enode.hooks import EVENTS

URL = "https://gateway.test/hooks/enode"
SECRET = SecretStr("0123456789abcdef" * 2)


def hook(**changes: Any) -> dict[str, Any]:
    return {
        "id": "hook-1",
        "url": URL,
        "events": list(EVENTS),
        "lastSuccess": "2026-03-01T17:00:00.000Z",
        "isActive": True,
        "createdAt": "2026-02-01T17:00:00.000Z",
        "apiVersion": "2024-10-01",
        "authentication": None,
        **changes,
    }


async def test_hook_is_created_with_secret_events_and_version(enode: Any) -> None:
    enode.script["POST /webhooks"] = hook()
    created = await Webhooks(enode.client).create(URL, SECRET)
    assert enode.body() == {
        "url": URL,
        "secret": SECRET.get_secret_value(),
        "events": list(EVENTS),
        "apiVersion": "2024-10-01",
    }
    assert (created.id, created.is_active) == ("hook-1", True)


async def test_weak_secret_is_refused_before_it_is_sent(enode: Any) -> None:
    with pytest.raises(CallerError):
        await Webhooks(enode.client).create(URL, SecretStr("weak"))
    assert enode.asked() == []


async def test_healthy_hook_is_left_alone(enode: Any, wire: Any) -> None:
    enode.script["GET /webhooks"] = wire.page(hook(id="other", url="https://other.test"), hook())
    assert (await Webhooks(enode.client).keep_alive(URL, SECRET)).id == "hook-1"
    assert enode.asked() == ["GET /webhooks?pageSize=50"]


async def test_missing_hook_is_created(enode: Any, wire: Any) -> None:
    enode.script["GET /webhooks"] = wire.page()
    enode.script["POST /webhooks"] = hook()
    assert (await Webhooks(enode.client).keep_alive(URL, SECRET)).id == "hook-1"


async def test_hook_made_by_a_quicker_worker_is_taken(enode: Any, wire: Any) -> None:
    enode.script["GET /webhooks"] = [wire.page(), wire.page(hook())]
    enode.script["POST /webhooks"] = wire.problem(400, "Duplicate webhook")
    assert (await Webhooks(enode.client).keep_alive(URL, SECRET)).id == "hook-1"


async def test_refusal_that_is_no_duplicate_is_told(enode: Any, wire: Any) -> None:
    enode.script["GET /webhooks"] = wire.page()
    enode.script["POST /webhooks"] = wire.problem(400, "Not an https address")
    with pytest.raises(CommandRejected, match="Not an https address"):
        await Webhooks(enode.client).keep_alive(URL, SECRET)


async def test_inactive_hook_is_brought_back_by_a_change(enode: Any, wire: Any) -> None:
    enode.script["GET /webhooks"] = wire.page(hook(isActive=False))
    enode.script["PATCH /webhooks/hook-1"] = hook()
    assert (await Webhooks(enode.client).keep_alive(URL, SECRET)).is_active
    assert enode.body() == {"secret": SECRET.get_secret_value(), "events": list(EVENTS)}


@pytest.mark.parametrize(("status", "is_active"), [("SUCCESS", True), ("FAILURE", False)])
async def test_hook_that_stays_inactive_is_tested(enode: Any, wire: Any, status: str, is_active: bool) -> None:
    enode.script["GET /webhooks"] = wire.page(hook(isActive=False))
    enode.script["PATCH /webhooks/hook-1"] = hook(isActive=False)
    enode.script["POST /webhooks/hook-1/test"] = {"status": status, "description": "", "response": None}
    assert (await Webhooks(enode.client).keep_alive(URL, SECRET)).is_active is is_active


@pytest.mark.parametrize(("events", "calls"), [(["*"], 1), (["user:vehicle:updated"], 2)])
async def test_hook_that_lacks_events_is_widened(enode: Any, wire: Any, events: list[str], calls: int) -> None:
    enode.script["GET /webhooks"] = wire.page(hook(events=events))
    enode.script["PATCH /webhooks/hook-1"] = hook()
    await Webhooks(enode.client).keep_alive(URL, SECRET)
    assert len(enode.asked()) == calls


async def test_test_delivery_tells_what_we_answered(enode: Any) -> None:
    enode.script["POST /webhooks/hook-1/test"] = {
        "status": "FAILURE",
        "description": "timed out",
        "response": {"code": 500, "body": "x", "headers": None},
    }
    tested = await Webhooks(enode.client).test("hook-1")
    assert (tested.succeeded, tested.status_code, tested.description) == (False, 500, "timed out")


async def test_deleting_a_hook_twice_is_no_error(enode: Any, wire: Any) -> None:
    enode.script["DELETE /webhooks/hook-1"] = [httpx.Response(204), wire.problem(404, "Webhook not found")]
    for _ in range(2):
        await Webhooks(enode.client).delete("hook-1")


async def test_brand_new_hook_without_last_success_is_read(enode: Any, wire: Any) -> None:
    enode.script["GET /webhooks"] = wire.page(hook(lastSuccess=None))
    [found] = await Webhooks(enode.client).list()
    assert found.last_success_at is None
