"""`nightcharge up`: killed in mid-life and started again, everything is there."""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

QUICKSTART = Path(__file__).parents[2] / "docs" / "quickstart.md"

UP_WITHIN_SECONDS = 240.0
DONE_WITHIN_SECONDS = 60.0


async def start(folder: Path) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    """An installation that is up, and where it is."""
    command = (sys.executable, "-m", "cli", "up", "--folder", str(folder), "--json")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), UP_WITHIN_SECONDS)
    assert line, "it ended instead of coming up"
    return process, json.loads(line)


async def linked_car(http: httpx.AsyncClient, simulator: str) -> str:
    """A driver with a car, linked through the vendor's page; the driver's id."""
    driver: str = (await http.post("/v1/drivers", json={"reference": "me"})).raise_for_status().json()["id"]
    wanted = {"type": "request_link", "side": "vehicle", "redirect_uri": "https://app.invalid/back"}
    opened = (await http.post(f"/v1/drivers/{driver}/actions", json=wanted)).raise_for_status().json()
    token = opened["url"].rstrip("/").rsplit("/", 1)[-1]
    async with httpx.AsyncClient(base_url=simulator, timeout=DONE_WITHIN_SECONDS) as vendor:
        (await vendor.post(f"/admin/links/{token}/complete", json={"vendor": "TESLA"})).raise_for_status()
    back = {"type": "link_returned", "side": "vehicle"}
    (await http.post(f"/v1/drivers/{driver}/actions", json=back)).raise_for_status()
    return driver


def env_of(folder: Path) -> dict[str, str]:
    """What `set -a; . FOLDER/env` gives a shell."""
    return {**os.environ, **dict(line.split("=", 1) for line in (folder / "env").read_text().splitlines())}


async def follow_the_quickstart(folder: Path) -> None:
    """Every command of docs/quickstart.md from the driver on, in one shell."""
    script = "\n".join(re.findall(r"```sh\n(.*?)```", QUICKSTART.read_text("utf-8"), re.DOTALL))
    ran = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        env=env_of(folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await asyncio.wait_for(ran.communicate(), UP_WITHIN_SECONDS))[0].decode()
    assert ran.returncode == 0, said
    assert "enrolled" in said


async def ailments(folder: Path) -> list[dict[str, str]]:
    """What `nightcharge doctor` finds wrong."""
    env = env_of(folder)
    doctor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "doctor", "--json"), env=env, stdout=asyncio.subprocess.PIPE
    )
    said = (await doctor.communicate())[0].decode()
    found = [json.loads(line) for line in said.splitlines()]
    assert {"database", "temporal", "workers", "vendor", "gateway", "programs"} <= {one["what"] for one in found}
    wrong = [one for one in found if one["state"] == "fail"]
    assert doctor.returncode == (1 if wrong else 0)
    return wrong


async def cars(http: httpx.AsyncClient, driver: str) -> list[str]:
    devices = (await http.get(f"/v1/drivers/{driver}/devices")).raise_for_status().json()["items"]
    return [device["id"] for device in devices]


async def test_killed_and_started_again_it_goes_on_where_it_was(tmp_path: Path) -> None:
    first, told = await start(tmp_path)
    try:
        headers = {"Authorization": f"Bearer {told['api_key']}"}
        async with httpx.AsyncClient(base_url=told["gateway"], headers=headers, timeout=DONE_WITHIN_SECONDS) as http:
            driver = await linked_car(http, told["simulator"])
            linked = await cars(http, driver)
            assert len(linked) == 1
            os.kill(first.pid, signal.SIGKILL)
            await first.wait()
            first, again = await start(tmp_path)
            assert again == told
            assert await cars(http, driver) == linked
            journey = (await http.get(f"/v1/drivers/{driver}/journey")).raise_for_status().json()
            assert journey["stage"] == "ready_to_enroll"
        assert await ailments(tmp_path) == []
        await follow_the_quickstart(tmp_path)
    finally:
        first.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(first.wait(), UP_WITHIN_SECONDS) == 0
