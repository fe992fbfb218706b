"""What Temporal's visibility store knows of a program. It may be away: a page says so and shows the rest."""

import asyncio
from datetime import datetime

from temporalio.service import RPCError

from client import Listed, Nightcharge
from domain.errors import NightchargeError
from domain.journey import Stage

SESSIONS_SHOWN = 50
ROLLOUTS_SHOWN = 6

ANSWERS_WITHIN_SECONDS = 5.0
"""Real time for a list; a page does not wait longer."""


async def stages(workflows: Nightcharge, program: str) -> dict[str, int]:
    """Drivers by where they stand, as the visibility store counts; empty if it does not answer."""
    quoted = _quoted(program)
    query = f"WorkflowType = 'Driver' AND Program = {quoted} AND ExecutionStatus = 'Running' AND Stage = "

    async def count(stage: Stage) -> int:
        return (await workflows.temporal.count_workflows(f"{query}'{stage.value}'")).count

    try:
        async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
            counts = await asyncio.gather(*map(count, Stage))
    except (RPCError, TimeoutError):  # an operator needs the rest of the page most when Temporal is away
        return {}
    return {stage.value.replace("_", " "): n for stage, n in zip(Stage, counts, strict=True) if n}


async def sessions(workflows: Nightcharge, program: str) -> list[Listed] | None:
    """Open sessions, newest first; None: Temporal does not answer."""
    found: list[Listed] = []
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
            async for one in workflows.sessions(program):
                found.append(one)
                if len(found) == SESSIONS_SHOWN:
                    break
    except (NightchargeError, TimeoutError):
        return None
    return found


async def rollouts(workflows: Nightcharge, program: str) -> list[tuple[str, str, datetime]]:
    """Rollouts of the program: workflow id, status, beginning."""
    query = f"WorkflowType = 'Rollout' AND Program = {_quoted(program)}"
    found = []
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
            async for one in workflows.temporal.list_workflows(query, limit=ROLLOUTS_SHOWN):
                found.append((one.id, one.status.name.lower() if one.status else "unknown", one.start_time))
    except (RPCError, TimeoutError):
        return []
    return found


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
