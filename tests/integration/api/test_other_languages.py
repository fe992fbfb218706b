"""The examples of the docs on a real server: the plain `temporal` program with JSON by hand, and the Python client."""

import asyncio
import os
import re
import sys
from pathlib import Path

from support.evening import Account
from support.fake_steps import FakeSteps
from support.servers import serve

from client import driver_id
from ops.processes import tool
from workflows.policies import TASK_QUEUE

DOCS = Path(__file__).parents[3] / "docs"


async def test_the_example_of_the_contract_does_what_it_says() -> None:
    [script] = re.findall(r"```sh\n(.*?)```", (DOCS / "contract" / "README.md").read_text("utf-8"), re.DOTALL)
    async with serve("dev", speed=1) as server:
        fakes = FakeSteps(server.clock)
        async with server.worker(fakes.all()):
            env = {
                **os.environ,
                "PATH": f"{Path(tool('temporal')).parent}{os.pathsep}{os.environ['PATH']}",
                "TEMPORAL_ADDRESS": server.client.service_client.config.target_host,
                "TASK_QUEUE": server.task_queue,
            }
            ran = await asyncio.create_subprocess_exec(
                "bash",
                "-euo",
                "pipefail",
                "-c",
                script,
                env=env,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said = (await ran.communicate())[0].decode()
            assert ran.returncode == 0, said
            assert '"link_vehicle"' in said.replace("\\", "")
            account = Account(server, fakes, driver_id("acme", "customer-42"))
            state = await account.state()
    assert state.outcomes["link-1"].status == "done"
    assert state.outcomes["link-1"].url in said
    assert (state.wish.target_soc_pct, state.wish.ready_by.isoformat()) == (90, "06:30:00")


async def test_the_example_of_the_client_does_what_it_says() -> None:
    [program] = re.findall(r"```python\n(.*?)```", (DOCS / "overview.md").read_text("utf-8"), re.DOTALL)
    async with serve("dev", speed=1) as server:
        server.task_queue = TASK_QUEUE
        fakes = FakeSteps(server.clock)
        async with server.worker(fakes.all()):
            env = {**os.environ, "TEMPORAL_ADDRESS": server.client.service_client.config.target_host}
            ran = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error", "-c", program),
                env=env,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said = (await ran.communicate())[0].decode()
    assert ran.returncode == 0, said
    assert "the driver opens http" in said
    assert "link_vehicle" in said
