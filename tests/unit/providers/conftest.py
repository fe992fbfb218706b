"""A scripted Enode behind a mock transport."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from providers.enode import EnodeClient, EnodeProvider, EnodeSettings

CLIENT_SECRET = "canary-client-secret"
BASE = "https://enode.test"


@dataclass
class ScriptedEnode:
    """Answers `METHOD path` from a script and records what was asked.

    A script entry is a response, an exception, a function of the request, or a list of these used up one by one (the
    last one stays). Tokens are `token-1`, `token-2`, ...; only the last one given out is accepted.
    """

    script: dict[str, Any] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    tokens: int = 0
    revoked: set[str] = field(default_factory=set)
    now: datetime = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.script.setdefault("POST /oauth2/token", self._grant)
        self.settings = EnodeSettings(
            client_id="client",
            client_secret=SecretStr(CLIENT_SECRET),
            base_url=BASE,
            token_url=f"{BASE}/oauth2/token",
            identity_salt=SecretStr("salt"),
        )
        self.client = self.new_client()
        self.provider = EnodeProvider(self.client)

    def new_client(self, **changes: Any) -> EnodeClient:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.handle))
        client = EnodeClient(self.settings.model_copy(update=changes), http)
        client.now = lambda: self.now
        return client

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        key = f"{request.method} {request.url.raw_path.decode().split('?')[0]}"
        if key not in self.script:
            return problem(404, "Not found")
        if "token" not in key and request.headers.get("authorization", "").removeprefix("Bearer ") in self.revoked:
            return problem(401, "Unauthorized")
        return await self._answer(self.script[key], request)

    async def _answer(self, entry: Any, request: httpx.Request) -> httpx.Response:
        if isinstance(entry, list):
            entry = entry.pop(0) if len(entry) > 1 else entry[0]
        if isinstance(entry, Exception):
            raise entry
        if callable(entry):
            answer = entry(request)
            return await answer if hasattr(answer, "__await__") else answer
        if isinstance(entry, httpx.Response):  # a response can be read once only
            return httpx.Response(entry.status_code, headers=entry.headers, content=entry.content)
        return httpx.Response(200, json=entry)

    def _grant(self, _: httpx.Request) -> httpx.Response:
        self.tokens += 1
        return httpx.Response(
            200, json={"access_token": f"token-{self.tokens}", "token_type": "bearer", "expires_in": 3599}
        )

    def asked(self, *, tokens: bool = False) -> list[str]:
        """Method and path of each request, token requests only if asked for."""
        lines = [f"{one.method} {one.url.raw_path.decode()}" for one in self.requests]
        return [one for one in lines if tokens or "/oauth2/token" not in one]

    def body(self, index: int = -1) -> Any:
        return json.loads(self.requests[index].content)

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)


def problem(status: int, title: str, *, kind: str = "bad-request", **more: Any) -> httpx.Response:
    headers = more.pop("headers", None)
    body = {"type": f"https://developers.enode.com/api/problems/{kind}", "title": title, "detail": "", **more}
    return httpx.Response(status, json=body, headers=headers)


def vehicle_body(**changes: Any) -> dict[str, Any]:
    able = {"isCapable": True, "interventionIds": []}
    return {
        "id": "car-1",
        "userId": "driver-1",
        "vendor": "JEEP",
        "lastSeen": "2026-03-01T18:02:11.000Z",
        "isReachable": True,
        "information": {
            "vin": "1C4PJXDN0XX000001",
            "brand": "Jeep",
            "model": "Avenger",
            "year": 2024,
            "displayName": "Anna's",
        },
        "chargeState": {
            "batteryLevel": 41,
            "range": 148,
            "isPluggedIn": True,
            "isCharging": True,
            "isFullyCharged": False,
            "batteryCapacity": 51,
            "chargeLimit": 90,
            "chargeRate": 7.2,
            "chargeTimeRemaining": 208,
            "lastUpdated": "2026-03-01T18:02:10.000Z",
            "maxCurrent": None,
            "powerDeliveryState": "PLUGGED_IN:CHARGING",
            "pluggedInChargerId": "box-1",
        },
        "smartChargingPolicy": {"isEnabled": False, "deadline": None, "minimumChargeLimit": 0},
        "odometer": {"distance": 12044, "lastUpdated": "2026-03-01T17:40:00.000Z"},
        "capabilities": {
            "information": able,
            "chargeState": able,
            "location": able,
            "odometer": able,
            "setMaxCurrent": {"isCapable": False, "interventionIds": []},
            "startCharging": {"isCapable": False, "interventionIds": ["fix-1", "fix-2"]},
            "stopCharging": able,
            "smartCharging": able,
        },
        "scopes": ["vehicle:control:charging", "vehicle:read:data", "vehicle:read:location"],
        "location": {"id": "home", "latitude": 52.370216, "longitude": 4.895168, "lastUpdated": None},
        **changes,
    }


def charger_body(**changes: Any) -> dict[str, Any]:
    able = {"isCapable": True, "interventionIds": []}
    return {
        "id": "box-1",
        "userId": "driver-1",
        "vendor": "ZAPTEC",
        "lastSeen": "2026-03-01T18:02:05.000Z",
        "isReachable": True,
        "information": {"brand": "Zaptec", "model": "Go", "year": None, "serialNumber": "ZAP012345"},
        "chargeState": {
            "isPluggedIn": True,
            "isCharging": True,
            "chargeRate": 7.2,
            "lastUpdated": "2026-03-01T18:02:05.000Z",
            "maxCurrent": 32,
            "powerDeliveryState": "PLUGGED_IN:CHARGING",
            "pluggedInVehicleId": "car-1",
        },
        "capabilities": dict.fromkeys(("information", "chargeState", "startCharging", "stopCharging"), able),
        "scopes": ["charger:control:charging", "charger:read:data"],
        "location": {"id": "home", "lastUpdated": "2026-02-20T09:00:00.000Z"},
        **changes,
    }


def action_body(**changes: Any) -> dict[str, Any]:
    return {
        "id": "action-1",
        "userId": "driver-1",
        "createdAt": "2026-03-01T18:00:00.000Z",
        "updatedAt": "2026-03-01T18:00:00.000Z",
        "completedAt": None,
        "state": "PENDING",
        "targetId": "box-1",
        "targetType": "charger",
        "kind": "START",
        "failureReason": None,
        **changes,
    }


class Bodies:
    """Wire bodies as the vendor sends them, with changes on demand."""

    vehicle = staticmethod(vehicle_body)
    charger = staticmethod(charger_body)
    action = staticmethod(action_body)
    problem = staticmethod(problem)

    @staticmethod
    def page(*items: Any, after: str | None = None) -> dict[str, Any]:
        return {"data": list(items), "pagination": {"after": after, "before": None}}


@pytest.fixture
def enode() -> ScriptedEnode:
    return ScriptedEnode()


@pytest.fixture
def wire() -> Bodies:
    return Bodies()
