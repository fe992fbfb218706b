"""Faults of the line between client and platform: errors, delays, limits; and a record of every request."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.faultbook import concerns
from simulator.faults import HttpError, RateLimit, TokenTrouble
from simulator.problems import Refused
from simulator.registry import Device
from simulator.simulation import Simulation
from simulator.wire import problem

KEPT_REQUESTS = 100_000
"""Requests remembered; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it was answered, at world time."""

    at: datetime
    method: str
    path: str
    status: int


class RequestLog:
    """ASGI layer that notes every request outside `/admin` with the status of its answer."""

    def __init__(self, app: ASGIApp, seen: "deque[Seen]") -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/admin"):
            await self._app(scope, receive, send)
            return

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = scope["app"].state.simulation.now()
                self._seen.append(Seen(now, scope["method"], scope["path"], message["status"]))
            await send(message)

        await self._app(scope, receive, noting)


class Limits:
    """Who asked how often, and who is banned until when; one count per rate-limit fault."""

    def __init__(self) -> None:
        self._asked: dict[str, deque[datetime]] = {}
        self._banned_until: dict[str, datetime] = {}

    def ban(self, fault: RateLimit, now: datetime) -> timedelta | None:
        """How long the ban still lasts if this request falls under one."""
        until = self._banned_until.get(fault.id)
        if until is not None and now < until:
            return until - now
        asked = self._asked.setdefault(fault.id, deque())
        asked.append(now)
        while asked[0] <= now - timedelta(seconds=fault.per_seconds):
            asked.popleft()
        if len(asked) <= fault.count:
            return None
        asked.clear()
        self._banned_until[fault.id] = now + timedelta(seconds=fault.ban_seconds)
        return timedelta(seconds=fault.ban_seconds)


async def weather(request: Request, sim: Simulation, limits: Limits) -> None:
    """Lets the faults of the line have their way with this request. Raises Refused."""
    for limit in sim.faults.of_kind(RateLimit):
        if _hits(limit, request, sim) and (left := limits.ban(limit, sim.timeline.now)) is not None:
            body = problem("too-many-requests", "Too many requests", "Injected by the simulator.")
            raise Refused(429, body, {"Retry-After": str(max(round(left.total_seconds()), 1))})
    for fault in sim.faults.of_kind(HttpError):
        if not _hits(fault, request, sim) or not sim.faults.chance(fault.p):
            continue
        if fault.slow_seconds:
            await asyncio.sleep(fault.slow_seconds)
            sim.advance()
        if fault.status:
            headers = {} if fault.retry_after_seconds is None else {"Retry-After": str(fault.retry_after_seconds)}
            raise Refused(fault.status, problem(fault.problem, fault.title, "Injected by the simulator."), headers)


def token_weather(sim: Simulation) -> None:
    """Raises Refused while the token endpoint is in trouble."""
    for trouble in sim.faults.of_kind(TokenTrouble):
        if sim.faults.chance(trouble.p):
            raise Refused(trouble.status, {"error": "invalid_client", "error_description": "Injected."})


def _hits(fault: HttpError | RateLimit, request: Request, sim: Simulation) -> bool:
    path = request.url.path
    if fault.paths and not any(path.startswith(prefix) for prefix in fault.paths):
        return False
    if fault.methods and request.method not in fault.methods:
        return False
    if fault.target == "*" and fault.side is None:
        return True
    return any(concerns(fault, device) for device in _named_devices(path, sim))


def _named_devices(path: str, sim: Simulation) -> list[Device]:
    """The devices a path is about: by their own id, by an action's, or all of a user's of the listed kind."""
    parts = path.strip("/").split("/")
    named = [sim.cloud.devices[part] for part in parts if part in sim.cloud.devices]
    named += [sim.cloud.actions[part].device for part in parts if part in sim.cloud.actions]
    if len(parts) >= 2 and parts[0] == "users":
        kind = parts[2].removesuffix("s") if len(parts) > 2 else ""
        mine = [device for device in sim.cloud.devices.values() if device.user.id == parts[1]]
        named += [device for device in mine if kind in ("", device.kind)]
    return named
