"""The administrator sees the truth and has a hand on it."""

import pytest

from domain.clock import Clock
from simulator.scenario import Scenario, load_scenario, seed_users

NIGHT = """
seed: 7
settings:
  control: delegated
  command_seconds: [3, 3]
users:
  - id: ann
    vehicles:
      - {vendor: JEEP, battery_capacity_kwh: 51, p_max_kw: 7.4, soc_pct: 20, is_linked: true, plugged_into: box}
    chargers:
      - {vendor: EASEE, p_max_kw: 22, is_linked: true}
events:
  - {at: 2022-12-12T20:00:00Z, do: unplug, vehicle_id: ann/car}
faults:
  - {kind: offline, target: ann/box, from: 2022-12-12T18:00:00Z, until: 2022-12-12T19:00:00Z}
"""


async def test_the_truth_is_exact_where_the_api_rounds(api) -> None:
    vehicle = await api.device("vehicle")
    await api.post(f"/vehicles/{vehicle['id']}/charging", json={"action": "START"})
    await api.wait(minutes=30)
    world = (await api.get("/admin/world")).json()
    car = next(car for car in world["cars"] if car["id"] == vehicle["id"])
    box = next(box for box in world["boxes"] if box["car_id"] == vehicle["id"])
    assert car["user_id"] == "sim-user-1"
    assert 40 < car["soc_pct"] < 50
    assert car["soc_pct"] != round(car["soc_pct"])
    assert box["meter_kwh"] == pytest.approx(car["drawn_kwh"])
    assert (car["power_kw"], car["hold"], car["plugged_into"]) == (11.0, None, box["id"])


async def test_the_log_tells_commands_relays_and_what_flowed(api) -> None:
    charger = await api.device("charger")
    before = len((await api.get("/admin/log")).json())
    action = (await api.post(f"/chargers/{charger['id']}/charging", json={"action": "START"})).json()
    await api.wait(minutes=1)
    entries = (await api.get("/admin/log", params={"since": before})).json()
    assert [entry["kind"] for entry in entries] == ["command", "relay", "flow", "action"]
    assert all(set(entry) == {"number", "at", "kind", "device_id", "side", "was", "now", "cause"} for entry in entries)
    assert entries[1]["cause"] == f"client:START:{action['id']}"
    mine = (await api.get("/admin/log", params={"device_id": charger["id"], "kind": "command"})).json()
    assert [entry["now"] for entry in mine] == ["START"]


async def test_the_true_series_starts_with_the_world_and_ends_now(api) -> None:
    vehicle = await api.device("vehicle")
    await api.post(f"/vehicles/{vehicle['id']}/charging", json={"action": "START"})
    await api.wait(hours=1)
    points = (await api.get(f"/admin/telemetry/{vehicle['id']}")).json()
    assert [point["kw"] for point in points] == [0.0, 11.0, 11.0]
    assert points[-1]["at"] == (await api.get("/admin/clock")).json()["now"]


async def test_cables_are_pulled_and_plugged_at_once_or_at_an_instant(api) -> None:
    vehicle, charger = await api.device("vehicle"), await api.device("charger")
    base = f"/admin/vehicles/{vehicle['id']}"
    assert (await api.post(f"{base}/unplug")).status_code == 204
    await api.wait(minutes=1)
    assert (await api.device("vehicle"))["chargeState"]["isPluggedIn"] is False
    later = {"charger_id": charger["id"], "at": "2022-12-12T18:00:00Z"}
    assert (await api.post(f"{base}/plug", json=later)).status_code == 204
    await api.wait(minutes=50)
    assert (await api.device("vehicle"))["chargeState"]["isPluggedIn"] is False
    await api.wait(minutes=15)
    assert (await api.device("vehicle"))["chargeState"]["pluggedInChargerId"] == charger["id"]


async def test_level_limit_and_trips_are_set_by_hand(api) -> None:
    vehicle = await api.device("vehicle")
    base = f"/admin/vehicles/{vehicle['id']}"
    await api.patch(base, json={"soc_pct": 55, "limit_pct": 70})
    await api.wait(minutes=1)
    state = (await api.device("vehicle"))["chargeState"]
    assert (state["batteryLevel"], state["chargeLimit"]) == (55, 70)
    await api.patch(base, json={"drive_km": 100})
    await api.wait(minutes=1)
    moved = await api.device("vehicle")
    # 100 km x 17 kWh per 100 km of 60 kWh
    assert moved["chargeState"]["batteryLevel"] == 26
    assert moved["odometer"]["distance"] == 12100


async def test_a_person_can_hold_a_side_at_the_device_itself(api) -> None:
    charger = await api.device("charger")
    await api.post(f"/chargers/{charger['id']}/charging", json={"action": "START"})
    await api.wait(minutes=1)
    body = {"side": "charger", "device_id": charger["id"], "is_held": True}
    assert (await api.post("/admin/holds", json=body)).status_code == 204
    await api.wait(minutes=1)
    assert (await api.device("charger"))["chargeState"]["powerDeliveryState"] == "PLUGGED_IN:STOPPED"


async def test_faults_are_listed_added_and_removed(api) -> None:
    added = (await api.post("/admin/faults", json={"kind": "offline", "target": "vendor:TESLA"})).json()
    (listed,) = (await api.get("/admin/faults")).json()
    assert (listed["id"], listed["kind"]) == (added["id"], "offline")
    assert (await api.device("vehicle"))["id"] in added["concerns"]
    assert (await api.device("charger"))["id"] not in added["concerns"]
    assert (await api.delete(f"/admin/faults/{added['id']}")).status_code == 204
    assert (await api.get("/admin/faults")).json() == []
    assert (await api.delete(f"/admin/faults/{added['id']}")).status_code == 404
    assert (await api.post("/admin/faults", json={"kind": "gremlins"})).status_code == 400


async def test_a_scenario_file_is_a_whole_world(make_api, tmp_path) -> None:
    path = tmp_path / "night.yaml"
    path.write_text(NIGHT, encoding="utf-8")
    api = await make_api(load_scenario(path))
    vehicle = await api.device("vehicle", "ann")
    assert (vehicle["vendor"], vehicle["chargeState"]["batteryLevel"]) == ("JEEP", 20)
    await api.wait(hours=1, minutes=30)
    assert (await api.device("charger", "ann"))["isReachable"] is False
    await api.wait(hours=1, minutes=31)
    assert (await api.device("charger", "ann"))["isReachable"] is True
    assert (await api.device("vehicle", "ann"))["chargeState"]["powerDeliveryState"] == "UNPLUGGED"


async def test_a_new_scenario_replaces_the_world_and_a_broken_one_does_not(api) -> None:
    broken = {"users": [{"id": "x", "vehicles": [{"plugged_into": "nowhere"}]}]}
    assert (await api.post("/admin/scenario", json=broken)).status_code == 400
    assert (await api.post("/admin/scenario", json={"nonsense": 1})).status_code == 400
    assert len((await api.get("/users")).json()["data"]) == 2
    fresh = Scenario(users=seed_users(1)).model_dump(mode="json")
    assert (await api.post("/admin/scenario", json=fresh)).status_code == 204
    assert len((await api.get("/users")).json()["data"]) == 1


async def test_a_clock_restarts_the_world_at_its_own_time(api) -> None:
    real_now = (await api.get("/admin/clock")).json()["now"]
    clock = Clock(epoch_at="2022-12-01T12:00:00Z", started_at=real_now, speed=1e-6)
    answer = await api.post("/admin/clock", json=clock.model_dump(mode="json"))
    assert answer.status_code == 200
    # The clock began with the machine's clock long past `started_at`, at a speed at which that hardly counts.
    assert (await api.get("/admin/clock")).json()["now"].startswith("2022-12-01T12:")
    assert (await api.post("/admin/advance", json={"to": "2023-01-01T00:00:00Z"})).status_code == 409
    assert (await api.device("vehicle"))["chargeState"]["batteryLevel"] == 40


async def test_a_pairing_reset_shows_in_delegated_control_only(make_api) -> None:
    users = seed_users(1)
    users[0].vehicles[0].capabilities = {"startCharging": False}
    api = await make_api(Scenario(users=users, settings={"control": "delegated"}))
    assert (await api.device("vehicle"))["capabilities"]["startCharging"]["isCapable"] is True
    assert (await api.post("/admin/users/sim-user-1/pairing/reset")).status_code == 204
    assert (await api.device("vehicle"))["capabilities"]["startCharging"]["isCapable"] is False
