"""P15: names, VINs, tokens and coordinates, planted in the world and sent to us, are written down nowhere.

Searched are the logs of all processes, and all that Temporal keeps of every workflow: ids, search attributes, summaries
and the whole decoded history, failures included.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from google.protobuf.json_format import MessageToDict

from domain.clock import Clock
from domain.program import Program
from gateway.api.access import Scope, new_key
from ops.embedded import GATEWAY_SECRET, WEBHOOK_SECRET, Installation, installation
from storage.sql import SqlStore
from storage.tenants import Tenants
from workflows.ids import driver_id, driver_workflow_id

BEGINS_AT = datetime(2022, 12, 14, 16, 0, tzinfo=UTC)
SPEED = 300
BOOT = timedelta(seconds=5)
DEADLINE_SECONDS = 150.0

PROGRAM = Program(name="acme")
NAME, MAIL, VIN = "Kanarienvogel", "kanarienvogel@mail.example", "WVWZZZCANARY00042"
REFERENCE = f"{NAME} <{MAIL}>"
LATITUDE, LONGITUDE, PLACE = 52.987654, 4.876543, "Kanarienweg 7"
USER = driver_id(PROGRAM.name, REFERENCE)

PLANTED = (NAME, MAIL, VIN, PLACE, str(LATITUDE), str(LONGITUDE), GATEWAY_SECRET, WEBHOOK_SECRET)


def scenario() -> dict[str, Any]:
    """A home of which the vendor tells too much: its errors quote VIN, mail and place.

    A name in a vendor's free text is the one thing that nothing can tell from other words; Enode's texts have none.
    """
    car = {"vendor": "TESLA", "battery_capacity_kwh": 40, "soc_pct": 50, "max_kw": 11, "auto_start": False}
    home = {"latitude": LATITUDE, "longitude": LONGITUDE, "name": PLACE, "is_set": False}
    user = {"id": USER, "home": home, "vehicles": [car], "chargers": [{"vendor": "ZAPTEC", "max_kw": 11}]}
    talkative = {
        "target": f"{USER}/car",
        "kind": "http_error",
        "status": 400,
        "title": f"The car {VIN} of {MAIL} at {LATITUDE}, {LONGITUDE} does not answer",
        "problem": f"car-{VIN}-of-{MAIL}",
        "methods": ["POST"],
    }
    return {"seed": 7, "settings": {"pairing_seconds": 0}, "users": [user], "faults": [talkative]}


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
    while not (seen := await look()):
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.1)
    return seen


async def key_of(at: Installation) -> str:
    """A key of the program, as an operator makes one."""
    store = SqlStore(at.settings.database_url)
    tenants, now = Tenants(store.database), datetime.now(UTC)
    await tenants.save_program(PROGRAM, now)
    record, token = new_key(PROGRAM.name, "canary", frozenset(Scope), now)
    await tenants.add_key(record)
    await store.close()
    return token.get_secret_value()


async def link(http: httpx.AsyncClient, at: Installation, side: str, vendor: str) -> None:
    wanted = {"type": "request_link", "side": side, "redirect_uri": "https://app.invalid/back"}
    opened = (await http.post(f"/v1/drivers/{USER}/actions", json=wanted)).raise_for_status().json()
    await at.admin("POST", f"links/{opened['url'].rstrip('/').rsplit('/', 1)[-1]}/complete", vendor=vendor)
    back = {"type": "link_returned", "side": side}
    (await http.post(f"/v1/drivers/{USER}/actions", json=back)).raise_for_status()


async def live(http: httpx.AsyncClient, at: Installation) -> list[str]:
    """A driver's evening in which all the planted things pass through us; the tokens that were given out."""
    (await http.post("/v1/drivers", json={"reference": REFERENCE})).raise_for_status()
    token = (await http.post(f"/v1/drivers/{USER}/links")).raise_for_status().json()["token"]
    await link(http, at, "vehicle", "TESLA")
    await link(http, at, "charger", "ZAPTEC")
    where = {"name": PLACE, "latitude": LATITUDE, "longitude": LONGITUDE}
    place = (await http.post(f"/v1/drivers/{USER}/places", json=where)).raise_for_status().json()["id"]
    devices = (await http.get(f"/v1/drivers/{USER}/devices")).raise_for_status().json()["items"]
    charger = next(device["id"] for device in devices if device["side"] == "charger")
    put = {"type": "place_charger", "charger_id": charger, "place_id": place}
    (await http.post(f"/v1/drivers/{USER}/actions", json=put)).raise_for_status()
    (await http.post(f"/v1/drivers/{USER}/actions", json={"type": "enroll", "text_version": "1"})).raise_for_status()
    now = at.settings.clock.now().isoformat()
    await at.admin("POST", "events", at=now, do="plug", vehicle_id=f"{USER}/car")

    async def session() -> Any:
        found = (await http.get(f"/v1/drivers/{USER}/sessions")).raise_for_status().json()["items"]
        return [one for one in found if one["is_open"]]

    await until(session, "a session")
    (await http.post(f"/v1/drivers/{USER}/tonight", json={"act": "charge_now"})).raise_for_status()

    async def is_tried() -> Any:
        return [command for one in await session() for command in one["commands"] if command["result"]]

    await until(is_tried, "the end of a command")
    return [token]


async def misuse(http: httpx.AsyncClient) -> None:
    """Requests that are refused, full of what must not be written down."""
    for path in (f"/v1/drivers/{VIN}", f"/v1/drivers?reference={MAIL}&limit={NAME}", f"/v1/{NAME}"):
        await http.get(path)
    await http.post("/v1/drivers", json={"reference": REFERENCE, "vin": VIN})
    await http.post("/v1/drivers", content=f'{{"reference": "{NAME}'.encode())
    await http.post("/webhooks/enode", json=[{"event": VIN, "user": {"id": MAIL}}], headers={"x-enode-signature": NAME})


def decoded(node: Any) -> Any:
    """A history as it can be read: payloads in clear."""
    if isinstance(node, dict):
        return {key: _text(value) if key == "data" else decoded(value) for key, value in node.items()}
    return [decoded(one) for one in node] if isinstance(node, list) else node


def _text(value: Any) -> Any:
    try:
        return base64.b64decode(value).decode() if isinstance(value, str) else decoded(value)
    except ValueError:
        return value


async def kept_by_temporal(at: Installation) -> dict[str, str]:
    """All that is kept of every workflow, by its id."""
    kept = {}
    async for found in at.temporal.list_workflows():
        handle = at.temporal.get_workflow_handle(found.id, run_id=found.run_id)
        events = [decoded(MessageToDict(event)) for event in (await handle.fetch_history()).events]
        told = decoded(MessageToDict((await handle.describe()).raw_description))
        kept[found.id] = json.dumps([told, events], ensure_ascii=False)
    return kept


async def test_what_was_planted_is_readable_in_no_log_and_in_no_history(tmp_path: Path) -> None:
    clock = Clock.starting(BEGINS_AT, real_now=datetime.now(UTC) + BOOT, speed=SPEED)
    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps(scenario()))
    async with installation(tmp_path, clock, file) as at:
        key = await key_of(at)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=at.gateway_url, headers=headers, timeout=60) as http:
            tokens = await live(http, at)
            await misuse(http)
        kept = await kept_by_temporal(at)
    logs = {f"{name}.log": (tmp_path / f"{name}.log").read_text() for name in ("worker", "gateway", "temporal")}
    assert driver_workflow_id(USER) in kept
    assert any(workflow_id.startswith("session:") for workflow_id in kept)
    for secret in (*PLANTED, *tokens, key, key.rsplit("_", 1)[-1]):
        for where, text in {**logs, **kept}.items():
            assert secret not in where
            assert secret not in text, (
                f"{secret!r} is readable in {where}: {text[max(0, text.index(secret) - 300) :][:400]}"
            )
