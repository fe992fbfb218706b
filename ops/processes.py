"""The processes of an embedded installation: started, watched for their first word, stopped."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from temporalio.client import Client
from temporalio.service import RPCError

from client import EngineUnavailable, connect
from ops.ports import free_port as free_port  # found here too

STARTS_WITHIN_SECONDS = 120.0
"""Real time a process gets to say that it is ready; the machine may be busy."""

STOPS_WITHIN_SECONDS = 10.0


class StartFailed(RuntimeError):
    """A process ended or stayed silent; its log says more."""


def tool(name: str) -> str:
    """The path of a program installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


async def answering(address: str) -> Client:
    """A client of the Temporal server at `address`, once it answers questions.

    Raises:
        StartFailed: it does not within some twenty seconds.
    """
    for _ in range(200):
        try:
            client = await connect(address)
            await client.count_workflows()
        except (RPCError, EngineUnavailable):
            await asyncio.sleep(0.1)
        else:
            return client
    raise StartFailed("the Temporal server does not answer")


class Processes:
    """Child processes with one log file each in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, asyncio.subprocess.Process]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_all()

    async def start(
        self, name: str, *command: str, ready: str, env: Mapping[str, str] | None = None
    ) -> tuple[asyncio.subprocess.Process, str]:
        """Start `command` and wait until a line of its output contains `ready`; returns that line.

        Raises:
            StartFailed: it ended, or said nothing of the kind in time.
        """
        log = self._folder / f"{name}.log"
        said = log.stat().st_size if log.exists() else 0  # by one that ran before
        with log.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=sink, stderr=asyncio.subprocess.STDOUT, env={**os.environ, **(env or {})}
            )
        self._running.append((name, process))
        deadline = asyncio.get_running_loop().time() + STARTS_WITHIN_SECONDS
        while asyncio.get_running_loop().time() < deadline and process.returncode is None:
            for line in log.read_bytes()[said:].decode(errors="replace").splitlines():
                if ready in line:
                    return process, line
            await asyncio.sleep(0.05)
        raise StartFailed(f"{name} did not get ready; see {log}")

    async def stop_all(self) -> None:
        """Ask every process to stop and kill what does not; the first one, on which the others lean, comes last."""
        first, others = self._running[:1], self._running[1:]
        self._running = []
        for together in (others, first):
            await asyncio.gather(*(_stop(process) for _, process in together))

    def dead(self) -> list[str]:
        """Names of processes that ended by themselves."""
        return [name for name, process in self._running if process.returncode is not None]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOPS_WITHIN_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
