"""What every route needs: the running world, the caller's tenant, the weather on the line, pages of a list."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, FastAPI, Query, Request

from simulator.faults import TokenTrouble
from simulator.problems import bad_request, not_found, unauthorized
from simulator.registry import Device, DeviceKind, Json, Tenant, User
from simulator.simulation import Simulation
from simulator.weather import weather
from simulator.wire import stamp

TOKEN_SECONDS = 3599
"""Life of an access token, in real time: clients count it by their own clock."""

T = TypeVar("T")


class Tokens:
    """Access tokens in circulation."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, float]] = {}

    def issue(self, client_id: str) -> str:
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (client_id, time.monotonic() + TOKEN_SECONDS)
        return token

    def client(self, token: str) -> str | None:
        client_id, expires = self._tokens.get(token, (None, 0.0))
        return client_id if time.monotonic() < expires else None

    def revoke_all(self) -> None:
        self._tokens.clear()


def simulation_of(app: FastAPI) -> Simulation:
    simulation = app.state.simulation
    assert isinstance(simulation, Simulation)
    return simulation


async def current_simulation(request: Request) -> Simulation:
    """The running world, brought up to the present."""
    simulation = simulation_of(request.app)
    simulation.advance()
    return simulation


Sim = Annotated[Simulation, Depends(current_simulation)]


async def current_tenant(request: Request, sim: Sim) -> Tenant:
    """The API client that calls. Raises Refused (401), or whatever the weather has in store."""
    if "enode-user-id" in request.headers:
        raise bad_request("Unknown header", "Enode-User-Id is a thing of the past: name the user in the path.")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    tokens = request.app.state.tokens
    assert isinstance(tokens, Tokens)
    if any(trouble.revoke for trouble in sim.faults.of_kind(TokenTrouble)):
        tokens.revoke_all()
    client_id = tokens.client(token) if scheme.lower() == "bearer" else None
    tenant = sim.cloud.tenants.get(client_id or "")
    if tenant is None:
        raise unauthorized()
    await weather(request, sim, request.app.state.limits)
    return tenant


Caller = Annotated[Tenant, Depends(current_tenant)]


# -- looking things up ----------------------------------------------------------------------------------------------


def device_or_404(sim: Simulation, tenant: Tenant, device_id: str, kind: DeviceKind) -> Device:
    """The tenant's linked device. Raises Refused (404)."""
    device = sim.cloud.devices.get(device_id)
    if device is None or device.kind != kind or device.user.tenant is not tenant:
        raise not_found(f"{kind.title()} not found", f"Could not find {kind} with ID {device_id}")
    return device


def user_or_404(tenant: Tenant, user_id: str) -> User:
    user = tenant.users.get(user_id)
    if user is None:
        raise not_found("User does not exist", f"Could not find user with ID {user_id}")
    return user


# -- pages ----------------------------------------------------------------------------------------------------------


class PageQuery:
    """`pageSize`, and `after` or `before`. Raises Refused (400) if both cursors are given or one is malformed."""

    def __init__(
        self,
        page_size: Annotated[int, Query(alias="pageSize", gt=0)] = 50,
        after: Annotated[str | None, Query()] = None,
        before: Annotated[str | None, Query()] = None,
    ) -> None:
        if after is not None and before is not None:
            raise bad_request("Invalid pagination", "Give either after or before, not both.")
        self.page_size = page_size
        self.after = None if after is None else _decode(after)
        self.before = None if before is None else _decode(before)


Page = Annotated[PageQuery, Depends()]

SortKey = tuple[str, str]


def paged(
    items: Sequence[T], page: PageQuery, sort_key: Callable[[T], tuple[datetime, str]], shape: Callable[[T], Json]
) -> Json:
    """One page of `items` by creation and id. A cursor is null where nothing lies beyond."""
    rows = sorted(((stamp(sort_key(item)[0]), sort_key(item)[1]), item) for item in _unique(items, sort_key))
    keys: list[SortKey] = [key for key, _ in rows]
    if page.before is not None:
        end = sum(key < page.before for key in keys)
        start = max(end - page.page_size, 0)
    else:
        start = 0 if page.after is None else sum(key <= page.after for key in keys)
        end = min(start + page.page_size, len(rows))
    shown = rows[start:end]
    return {
        "data": [shape(item) for _, item in shown],
        "pagination": {
            "after": _encode(keys[end - 1]) if shown and end < len(rows) else None,
            "before": _encode(keys[start]) if shown and start > 0 else None,
        },
    }


def _unique(items: Sequence[T], sort_key: Callable[[T], tuple[datetime, str]]) -> list[T]:
    """Items with distinct sort keys, so that rows never compare the items themselves."""
    return list({sort_key(item): item for item in items}.values())


def _encode(key: SortKey) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode(cursor: str) -> SortKey:
    try:
        at, item_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError):
        raise bad_request("Invalid pagination", "The cursor is malformed.") from None
    return str(at), str(item_id)
