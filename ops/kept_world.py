"""The simulated world, kept over a restart of the simulator: who linked what, levels, and which car is plugged in.

The simulator itself remembers nothing; its ids follow from users and keys, so a world begun from this scenario has the
same devices. What does not come back: readings, link pages still open, faults.
"""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

KEPT_EVERY_SECONDS = 5.0


async def keep(simulator_url: str, file: Path) -> None:
    """Write the world down now and then, for ever."""
    async with httpx.AsyncClient(base_url=simulator_url, timeout=10, trust_env=False) as http:
        while True:
            try:
                world = (await http.get("/admin/world")).raise_for_status().json()
                homes = await _homes(http, {body["user_id"] for body in (*world["cars"], *world["boxes"])} - {None})
            except (httpx.HTTPError, ValueError):
                pass  # it is being restarted
            else:
                _write(file, scenario_of(world, homes))
            await asyncio.sleep(KEPT_EVERY_SECONDS)


def scenario_of(world: dict[str, Any], homes: Iterable[str] = ()) -> dict[str, Any]:
    """The scenario that begins where this world is; `homes` are users whose charging place is known to the vendor."""
    known = set(homes)
    users: dict[str, dict[str, Any]] = {}
    keys = {box["id"]: (box["user_id"], box["key"]) for box in world["boxes"]}

    def user(user_id: str) -> dict[str, Any]:
        start = {"id": user_id, "home": {"is_set": user_id in known}, "vehicles": [], "chargers": []}
        return users.setdefault(user_id, start)

    for box in world["boxes"]:
        if box["user_id"] is not None:
            is_linked = box["device_id"] is not None
            user(box["user_id"])["chargers"].append(
                {"key": box["key"], "vendor": box["vendor"], "is_linked": is_linked}
            )
    for car in world["cars"]:
        if car["user_id"] is None:
            continue
        owner, key = keys.get(car["plugged_into"], (None, None))
        user(car["user_id"])["vehicles"].append(
            {
                "key": car["key"],
                "vendor": car["vendor"],
                "battery_capacity_kwh": car["battery_capacity_kwh"],
                "soc_pct": round(car["soc_pct"], 3),
                "is_linked": car["device_id"] is not None,
                "plugged_into": key if owner == car["user_id"] else None,
            }
        )
    return {"users": list(users.values())}


async def _homes(http: httpx.AsyncClient, user_ids: set[str]) -> set[str]:
    """Users who have a charging place at the vendor."""
    token = await http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("sim", "sim"))
    bearer = {"Authorization": f"Bearer {token.raise_for_status().json()['access_token']}"}
    found = set()
    for user_id in user_ids:
        answer = await http.get(f"/users/{user_id}/locations", headers=bearer)
        if answer.status_code == 200 and answer.json().get("data"):
            found.add(user_id)
    return found


def _write(file: Path, scenario: dict[str, Any]) -> None:
    """In one step: a kill in the middle leaves the one before."""
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(scenario))
    draft.replace(file)
