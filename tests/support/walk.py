"""docs/integration.md as a reader walks it: every block as it stands there, from top to bottom."""

import ast
import asyncio
import inspect
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from domain.clock import Clock

PAGE = Path(__file__).parents[2] / "docs" / "integration.md"
EVENING = datetime(2022, 12, 14, 17, 0, tzinfo=UTC)
"""Of the year whose prices ship with the product; dear for hours to come, however slowly the walk goes."""

SPEED = 40.0
UP_WITHIN_SECONDS = 240.0
SHELL_WITHIN_SECONDS = 120.0


class Block(NamedTuple):
    """A fenced block of the page."""

    line: int
    kind: str
    text: str


def blocks() -> Iterator[Block]:
    """Bash and Python blocks of the page, in order."""
    page = PAGE.read_text("utf-8")
    for found in re.finditer(r"^```(bash background|bash|python)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield Block(page.count("\n", 0, found.start()) + 2, found[1], found[2])


class Walk:
    """A reader with two shells and one Python, in a folder of his own."""

    def __init__(self, folder: Path, mode: str) -> None:
        clock = Clock.starting(EVENING, real_now=datetime.now(UTC), speed=SPEED).model_dump_json()
        programs = Path(sys.executable).parent
        self._folder, self._process = folder, None
        self.env = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "MODE": mode,
            "NIGHTCHARGE_CLOCK": clock,
            "NIGHTCHARGE_SIMULATOR_CLOCK": clock,
        }
        self.names: dict[str, Any] = {"__name__": "walk"}

    async def take(self, block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
        if block.kind == "bash background":
            await self._up(block)
            for name, value in self.env.items():
                monkeypatch.setenv(name, value)
        elif block.kind == "bash":
            await self._shell(block)
        else:
            await self._python(block)

    async def _up(self, block: Block) -> None:
        """What is left running in a first shell; then the second shell's environment."""
        self._process = await asyncio.create_subprocess_exec(
            *("bash", "-ec", block.text.replace("nightcharge up", "exec nightcharge up --json")),
            cwd=self._folder,
            env=self.env,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), UP_WITHIN_SECONDS)
        assert line, "it ended instead of coming up"
        lines = (self._folder / "walk" / "env").read_text().splitlines()
        self.env |= dict(one.split("=", 1) for one in lines)

    async def _shell(self, block: Block) -> None:
        shell = await asyncio.create_subprocess_exec(
            "bash", "-ec", block.text, cwd=self._folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(shell.communicate(), SHELL_WITHIN_SECONDS)
        assert shell.returncode == 0, f"line {block.line}: {said.decode()}"

    async def _python(self, block: Block) -> None:
        """As `python -m asyncio` takes it: top-level await, one namespace; errors point into the page."""
        code = compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, self.names)
        if inspect.isawaitable(outcome):
            await outcome

    async def leave(self) -> None:
        for name in ("simulator", "enode"):
            left = self.names.get(name)
            if left is not None:
                await (left.aclose() if name == "simulator" else left.client.aclose())
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self._process.communicate(), UP_WITHIN_SECONDS)


async def walk(mode: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole page in this mode of control."""
    reader = Walk(folder, mode)
    try:
        for block in blocks():
            await reader.take(block, monkeypatch)
    finally:
        await reader.leave()
