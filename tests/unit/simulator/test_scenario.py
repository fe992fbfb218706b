"""Scenario files: each shipped one makes a world, and a wrong key is named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

import simulator
from simulator.scenario import Scenario, VehicleSpec, load_scenario, seed_users
from simulator.simulation import Simulation

SHIPPED = sorted((Path(simulator.__file__).parent / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_makes_a_world(path: Path) -> None:
    sim = Simulation(load_scenario(path), None, starts_at=datetime(2022, 12, 12, 15, tzinfo=UTC))
    sim.step(datetime(2022, 12, 13, 7, tzinfo=UTC))
    assert sim.world.cars
    assert all(car.soc_pct >= 89.9 for car in sim.world.cars.values())


def test_a_wrong_key_is_named() -> None:
    with pytest.raises(ValidationError, match="soc_percent"):
        Scenario.model_validate({"users": [{"id": "x", "vehicles": [{"soc_percent": 4}]}]})


def test_an_account_that_would_bring_more_than_the_scenario_marks_is_refused() -> None:
    (user,) = seed_users(1)
    user.vehicles.append(
        user.vehicles[0].model_copy(update={"key": "second", "plugged_into": None, "is_linked": False})
    )
    with pytest.raises(ValueError, match="second"):
        Simulation(Scenario(users=[user]), None)


def test_ids_depend_on_names_alone() -> None:
    worlds = [Simulation(Scenario(seed=seed, users=seed_users(2)), None) for seed in (0, 1)]
    assert list(worlds[0].cloud.devices) == list(worlds[1].cloud.devices)


def test_a_fault_of_a_car_that_does_not_exist_is_refused() -> None:
    scenario = {"users": seed_users(1), "faults": [{"kind": "offline", "target": "sim-user-1/bux"}]}
    with pytest.raises(LookupError, match="bux"):
        Simulation(Scenario.model_validate(scenario), None)


def test_one_car_linked_through_two_vendors_is_two_devices_with_one_identity() -> None:
    (user,) = seed_users(1)
    user.vehicles.append(VehicleSpec(key="again", vendor="AUDI", same_as="car", is_linked=True))
    sim = Simulation(Scenario(users=[user]), None)
    vehicles = {device.vendor: device for device in sim.cloud.devices.values() if device.kind == "vehicle"}
    first, second = vehicles["TESLA"], vehicles["AUDI"]
    assert first.id != second.id
    assert len(sim.world.cars) == 1
    told = [sim.cloud.json(device) for device in (first, second)]
    assert told[0]["information"]["vin"] == told[1]["information"]["vin"]
    sim.control.request(second, "START")
    sim.step(sim.timeline.now + timedelta(minutes=1))
    assert [sim.cloud.json(device)["chargeState"]["isCharging"] for device in (first, second)] == [True, True]
    sim.linking.unlink(second.user, "AUDI", ["vehicle"])
    sim.step(sim.timeline.now + timedelta(minutes=10))
    assert sim.cloud.json(first)["chargeState"]["batteryLevel"] == 42
