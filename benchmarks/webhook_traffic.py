"""What is sent in a test of webhooks under load: cars that report in turn, with repeats and late deliveries."""

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.inbox import WorkedOff
from providers.enode.webhooks import parse_delivery

PASSES = 20
"""One car in so many changes its plug state in one pass over the fleet: one event in twenty matters."""

LATE_SECONDS = (1.0, 5.0)


@dataclass(frozen=True)
class Load:
    """What is sent."""

    seconds: int = 60
    rate: int = 100  # deliveries a second
    events: int = 10  # in each
    cars: int = 5000
    drivers: int = 200  # the cars of every other one are watched by a session
    kills: int = 0
    whole: bool = False  # the kills hit the parent of the process that serves, too
    seed: int = 1
    duplicates: float = 0.1
    late: float = 0.1


@dataclass(frozen=True)
class Sent:
    """One delivery, due so many seconds after the start."""

    due: float
    id: str
    body: bytes = field(repr=False)


class Fleet:
    """Cars that report in turn; one in twenty per pass changes its plug state, each car at most once."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.begins_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        self.observed: dict[int, set[datetime]] = defaultdict(set)
        self.changed: set[int] = set()

    def deliveries(self) -> list[Sent]:
        """All that is sent, in order of time: distinct deliveries, repeats, and late ones."""
        load, rng = self.load, random.Random(self.load.seed)
        sent: list[Sent] = []
        distinct: list[Sent] = []
        for n in range(load.seconds * load.rate):
            due = n / load.rate
            if distinct and rng.random() < load.duplicates:
                known = rng.choice(distinct[-5 * load.rate :])
                sent.append(Sent(due, known.id if rng.random() < 0.5 else f"again-{n}", known.body))
                continue
            first = len(distinct) * load.events
            events = [self.event(index, due) for index in range(first, first + load.events)]
            delivery = Sent(due, f"delivery-{n}", json.dumps(events).encode())
            distinct.append(delivery)
            late = rng.uniform(*LATE_SECONDS) if rng.random() < load.late else 0.0
            sent.append(Sent(due + late, delivery.id, delivery.body))
        return sorted(sent, key=lambda one: one.due)

    def event(self, index: int, due: float) -> dict[str, Any]:
        car, turn = index % self.load.cars, index // self.load.cars
        at = self.begins_at + timedelta(seconds=60 + due)
        self.observed[car].add(at)
        if turn == car % PASSES:
            self.changed.add(car)
        return self.told(car, at, is_plugged_in=turn >= car % PASSES, soc_pct=30 + turn % 60)

    def first_pictures(self) -> WorkedOff:
        """Every car as it was before."""
        body = json.dumps(
            [self.told(n, self.begins_at, is_plugged_in=False, soc_pct=30) for n in range(self.load.cars)]
        )
        devices = [one.device for one in parse_delivery(body.encode(), self.begins_at) if one.kind == "device_updated"]
        return WorkedOff(devices=devices)

    def told(self, car: int, at: datetime, *, is_plugged_in: bool, soc_pct: float) -> dict[str, Any]:
        return event(car, f"driver-{car % self.load.drivers}", at, is_plugged_in=is_plugged_in, soc_pct=soc_pct)


def event(car: int, user: str, at: datetime, *, is_plugged_in: bool, soc_pct: float) -> dict[str, Any]:
    """A `user:vehicle:updated` as large as a real one."""
    stamp = at.isoformat().replace("+00:00", "Z")
    able = {"isCapable": True, "interventionIds": []}
    kinds = ("information", "chargeState", "location", "odometer", "setMaxCurrent", "startCharging", "stopCharging")
    return {
        "event": "user:vehicle:updated",
        "createdAt": stamp,
        "version": "2024-10-01",
        "user": {"id": user},
        "updatedFields": ["chargeState"],
        "vehicle": {
            "id": f"car-{car}",
            "userId": user,
            "vendor": "TESLA",
            "lastSeen": stamp,
            "isReachable": True,
            "information": {"vin": f"5YJ3E1EA7KF{car:06}", "brand": "Tesla", "model": "Model 3", "year": 2023},
            "chargeState": {
                "batteryLevel": soc_pct,
                "range": 200,
                "isPluggedIn": is_plugged_in,
                "isCharging": False,
                "isFullyCharged": False,
                "batteryCapacity": 60,
                "chargeLimit": 90,
                "chargeRate": None,
                "chargeTimeRemaining": None,
                "lastUpdated": stamp,
                "maxCurrent": None,
                "powerDeliveryState": "PLUGGED_IN:STOPPED" if is_plugged_in else "UNPLUGGED",
                "pluggedInChargerId": None,
            },
            "smartChargingPolicy": {"isEnabled": False, "deadline": None, "minimumChargeLimit": 0},
            "odometer": {"distance": 12044, "lastUpdated": stamp},
            "capabilities": {**dict.fromkeys(kinds, able), "smartCharging": able},
            "scopes": ["vehicle:control:charging", "vehicle:read:data", "vehicle:read:location"],
            "location": {"id": None, "latitude": None, "longitude": None, "lastUpdated": None},
        },
    }
