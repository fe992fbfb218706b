"""A driver driven by the plain `temporal` program and JSON written by hand: what docs/contract/README.md shows."""

import asyncio
import os
import re
from pathlib import Path

from support.evening import Account
from support.fake_steps import FakeSteps
from support.servers import serve

from client import driver_id
from nights.processes import tool

README = Path(__file__).parents[3] / "docs" / "contract" / "README.md"


async def test_the_example_of_the_contract_does_what_it_says() -> None:
    [script] = re.findall(r"```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
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
