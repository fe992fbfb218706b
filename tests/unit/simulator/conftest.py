"""A world moved by hand, and short words for what the tests do to it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.faults import FAULT
from simulator.physics import Box, Car
from simulator.registry import Action, Device, Json
from simulator.scenario import ChargerSpec, Scenario, Settings, UserSpec, VehicleSpec
from simulator.simulation import Simulation

STARTS_AT = datetime(2022, 12, 12, 17, 0, tzinfo=UTC)


class Stage:
    """One user with a car plugged into a box, both linked."""

    def __init__(self, scenario: Scenario) -> None:
        self.sim = Simulation(scenario, None, starts_at=STARTS_AT)
        self.events: list[Json] = []
        self.sim.cloud.send = lambda tenant, event, is_forged: self.events.append(event)

    def wait(self, **span: float) -> None:
        self.sim.step(self.sim.timeline.now + timedelta(**span))

    def device(self, kind: str, user_id: str = "ann") -> Device:
        return next(d for d in self.sim.cloud.devices.values() if d.kind == kind and d.user.id == user_id)

    @property
    def vehicle(self) -> Device:
        return self.device("vehicle")

    @property
    def charger(self) -> Device:
        return self.device("charger")

    @property
    def car(self) -> Car:
        body = self.sim.cloud.body_named("ann/car")
        assert isinstance(body, Car)
        return body

    @property
    def box(self) -> Box:
        body = self.sim.cloud.body_named("ann/box")
        assert isinstance(body, Box)
        return body

    def start(self, device: Device) -> Action:
        return self.sim.control.request(device, "START")

    def stop(self, device: Device) -> Action:
        return self.sim.control.request(device, "STOP")

    def fault(self, kind: str, target: str = "*", **what: Any) -> str:
        added = self.sim.faults.add(FAULT.validate_python({"kind": kind, "target": target, **what}))
        self.sim.advance()
        return added.id

    def told(self, device: Device) -> Json:
        return self.sim.cloud.json(device)

    def state(self, device: Device) -> str:
        return str(self.told(device)["chargeState"]["powerDeliveryState"])

    def relays(self, body_id: str) -> list[tuple[str, str]]:
        return [(e.was, e.now) for e in self.sim.world.log if e.kind == "relay" and e.device_id == body_id]

    def names(self) -> list[str]:
        return [event["event"] for event in self.events]


def scenario(
    *, car: Json | None = None, box: Json | None = None, linked: bool = True, settings: Json | None = None, **more: Any
) -> Scenario:
    """Ann's car in Ann's box. Keys of `car`, `box`, `settings` replace the defaults."""
    vehicle = {"plugged_into": "box", "is_linked": linked, **(car or {})}
    charger = {"is_linked": linked, **(box or {})}
    ann = UserSpec(
        id="ann", vehicles=[VehicleSpec.model_validate(vehicle)], chargers=[ChargerSpec.model_validate(charger)]
    )
    return Scenario(users=[ann], settings=Settings.model_validate(settings or {}), **more)


@pytest.fixture
def stage() -> Callable[..., Stage]:
    """Builds a stage from the keys of `scenario`."""
    return lambda **keys: Stage(scenario(**keys))
