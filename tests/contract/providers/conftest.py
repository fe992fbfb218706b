"""The platforms the contract is played on: Enode as recorded, and an Enode-compatible server that runs.

The server is our simulator, started as a process and spoken to by HTTP alone, or the one named by `ENODE_CONTRACT_URL`,
which may be the vendor's sandbox: `ENODE_CONTRACT_TOKEN_URL`, `ENODE_CONTRACT_CLIENT_ID` and
`ENODE_CONTRACT_CLIENT_SECRET` then say how to log in, `ENODE_CONTRACT_DRIVERS` who is there, separated by commas. Where
they are not set it has client id and secret `sim` and drivers `sim-user-1`, `sim-user-2`, ... Each driver has one car
plugged into one charger, stopped, below its limit. Each test takes the next driver, so that tests do not see each
other's changes.
"""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from domain.devices import Device, Side
from domain.ports import DeviceProvider
from providers.enode import EnodeClient, EnodeProvider, EnodeSettings

REPLIES = Path(__file__).parent / "replies"
URL_VARIABLE = "ENODE_CONTRACT_URL"
STARTUP_SECONDS = 60


@dataclass(frozen=True)
class Stage:
    """An adapter and a driver with one car plugged into one charger, stopped, below its limit."""

    provider: DeviceProvider
    driver_id: str
    never_linked: str = "never-linked"

    async def device(self, side: Side) -> Device:
        [device] = await self.provider.list_devices(self.driver_id, side)
        return device


class Recording:
    """Answers from a file of recorded replies.

    An entry with `after` counts once that request was made; of the entries that fit, the last one answers. A request
    may name its body. What was not recorded is 404.
    """

    def __init__(self, path: Path) -> None:
        self._entries: list[dict[str, Any]] = json.loads(path.read_text())
        self._seen: set[str] = set()

    def handle(self, request: httpx.Request) -> httpx.Response:
        line = f"{request.method} {request.url.path}"
        names = (line, f"{line} {request.content.decode()}")
        fits = [one for one in self._entries if one["request"] in names and self._is_due(one)]
        self._seen.update(names)
        if not fits:
            return httpx.Response(404, json={"type": "not-found", "title": "Not found", "detail": ""})
        entry = fits[-1]
        content = json.dumps(entry["body"]).encode() if "body" in entry else b""
        return httpx.Response(entry["status"], content=content, headers={"content-type": "application/json"})

    def _is_due(self, entry: dict[str, Any]) -> bool:
        return "after" not in entry or entry["after"] in self._seen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stage" in metafunc.fixturenames:
        metafunc.parametrize("stage", ["recorded", "running"], indirect=True)


@pytest.fixture(scope="session")
def running_enode_url() -> Iterator[str]:
    """Address of a running server."""
    if URL_VARIABLE in os.environ:
        yield os.environ[URL_VARIABLE]
        return
    command = [str(Path(sys.executable).with_name("nightcharge")), "simulator", "--port", "0", "--seed-users", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _address_told_by(process)
        finally:
            process.terminate()


def _address_told_by(process: "subprocess.Popen[str]") -> str:
    """The address it prints, once it answers there."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], STARTUP_SECONDS)
    assert ready, "the simulator told no address in time"
    [url] = re.findall(r"http://\S+", process.stdout.readline())
    ends_at = time.monotonic() + STARTUP_SECONDS
    while not _answers(url):
        assert process.poll() is None, "the simulator ended at once"
        assert time.monotonic() < ends_at, "the simulator did not answer in time"
        time.sleep(0.05)
    return url


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def seeded_drivers() -> Iterator[str]:
    """Drivers of the running server nobody has touched yet; where few are named, they take turns."""
    named = os.environ.get("ENODE_CONTRACT_DRIVERS")
    return cycle(named.split(",")) if named else (f"sim-user-{number}" for number in count(1))


@pytest.fixture
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """The adapter on the platform under test."""
    if request.param == "recorded":
        driver_id = "driver-1"
        url, login = "https://enode.test", _login("https://enode.test", {})
        http = httpx.AsyncClient(transport=httpx.MockTransport(Recording(REPLIES / "enode.json").handle))
    else:
        driver_id = next(request.getfixturevalue("seeded_drivers"))
        url = request.getfixturevalue("running_enode_url").rstrip("/")
        login = _login(url, os.environ)
        # On loopback plain http, where loading certificates takes longer than a test.
        http = httpx.AsyncClient(verify=url.startswith("https:"))
    settings = EnodeSettings(
        base_url=url,
        **login,
        identity_salt=SecretStr("salt"),
    )
    async with http:
        yield Stage(EnodeProvider(EnodeClient(settings, http)), driver_id)


def _login(url: str, env: Mapping[str, str]) -> dict[str, Any]:
    return {
        "token_url": env.get("ENODE_CONTRACT_TOKEN_URL", f"{url}/oauth2/token"),
        "client_id": env.get("ENODE_CONTRACT_CLIENT_ID", "sim"),
        "client_secret": SecretStr(env.get("ENODE_CONTRACT_CLIENT_SECRET", "sim")),
    }
