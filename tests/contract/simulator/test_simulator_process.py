"""The simulator as a process of its own: one line when it listens, same world each time, a clean end."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from domain.clock import Clock

COMMAND = "import typer; from simulator.command import simulator; typer.run(simulator)"


@pytest.fixture
def launch() -> Iterator:
    """Starts simulators on free ports and ends them."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], httpx.Client]:
        process = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("simulator listening on http://127.0.0.1:")
        client = httpx.Client(base_url=line.split()[-1], trust_env=False)
        token = client.post("/oauth2/token", auth=("sim", "sim"), data={"grant_type": "client_credentials"}).json()
        client.headers["authorization"] = f"Bearer {token['access_token']}"
        return process, client

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def ids(client: httpx.Client) -> list[str]:
    return [item["id"] for path in ("/vehicles", "/chargers") for item in client.get(path).json()["data"]]


def test_two_starts_give_the_same_users_and_devices_and_sigterm_ends_cleanly(launch) -> None:
    (one, first), (two, second) = launch("--seed-users", "3"), launch("--seed-users", "3")
    assert [user["id"] for user in first.get("/users").json()["data"]] != []
    assert sorted(user["id"] for user in first.get("/users").json()["data"]) == [
        "sim-user-1",
        "sim-user-2",
        "sim-user-3",
    ]
    assert ids(first) == ids(second)
    first.close()
    second.close()
    for process in (one, two):
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_given_clock_sets_the_world_s_time(launch) -> None:
    epoch = datetime(2022, 12, 12, 17, tzinfo=UTC)
    clock = Clock.starting(epoch, real_now=datetime.now(UTC), speed=1.0)
    _, client = launch("--clock", json.dumps(clock.model_dump(mode="json")), "--seed-users", "1")
    assert client.get("/admin/clock").json()["now"].startswith("2022-12-12T17:0")
    client.close()


@pytest.mark.parametrize("trouble", ["taken port", "broken scenario"])
def test_a_start_that_cannot_be_says_why_in_one_line(tmp_path, trouble) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("users: [{id: ann, vehicles: [{plugged_into: nowhere}]}]", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ["--port", port] if trouble == "taken port" else ["--scenario", str(path)]
        ended = subprocess.run([sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert ended.stderr.startswith("simulator: ")
    assert "Traceback" not in ended.stderr
