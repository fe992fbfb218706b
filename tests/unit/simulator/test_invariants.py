"""Whatever is done to a world, its laws hold: energy is conserved, every obstacle counts, reports never lead."""

import random
from contextlib import suppress

import pytest

from simulator.physics import flow_kw
from simulator.problems import Refused

FAULTS = [
    {"kind": "ignore_command", "p": 0.5},
    {"kind": "offline"},
    {"kind": "toggle"},
    {"kind": "slow_reading", "minutes": 5},
    {"kind": "false_unplug", "when": "not_charging"},
    {"kind": "stop_ends_session"},
    {"kind": "slow_power", "kw": 3.7},
    {"kind": "asleep", "after_minutes": 10},
    {"kind": "deaf_after_hold", "minutes": 20},
    {"kind": "abort", "after_seconds": 200},
    {"kind": "car_timer"},
    {"kind": "self_restart", "minutes": 7},
    {"kind": "rival", "minutes": 9},
    {"kind": "broken"},
    {"kind": "power_cut", "returns": "holding"},
    {"kind": "wrong_pair"},
    {"kind": "bad_credentials"},
]


def disturb(s, chance: random.Random) -> None:
    """One random thing that people, clients, faults or vendors do."""
    world, device = s.sim.world, chance.choice([s.vehicle, s.charger])
    what = chance.randrange(7)
    if what < 3:
        with suppress(Refused):
            (s.start if chance.random() < 0.5 else s.stop)(device)
    elif what == 3:
        world.unplug(s.car, "test")
    elif what == 4:
        world.plug(s.car, s.box if chance.random() < 0.8 else s.sim.cloud.foreign_box(), "test")
    elif what == 5:
        s.fault(target=device.id, **chance.choice(FAULTS))
    elif s.sim.faults.faults:
        s.sim.faults.remove(chance.choice(sorted(s.sim.faults.faults)))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("control", ["own", "delegated"])
def test_the_laws_hold_under_any_disturbance(stage, seed, control) -> None:
    chance = random.Random(f"{seed}:{control}")
    s = stage(seed=seed, settings={"control": control}, car={"taper_from_pct": 70, "charge_limit_pct": 90})
    before_kwh, last_at = s.car.stored_kwh, s.sim.timeline.now
    for _ in range(60):
        disturb(s, chance)
        s.wait(seconds=chance.randrange(1, 900))
        world = s.sim.world
        world.settle_all()
        assert s.car.power_kw in (0.0, flow_kw(s.car))
        if s.car.power_kw:
            assert s.car.box is not None
            assert (s.car.hold, s.car.box.hold) == (None, None)
            assert not s.car.blocks | s.car.box.blocks
        assert s.car.stored_kwh <= s.car.limit_kwh + 1e-6
        assert s.car.stored_kwh - before_kwh == pytest.approx(s.car.drawn_kwh * s.car.efficiency)
        assert sum(box.meter_kwh for box in world.boxes.values()) == pytest.approx(s.car.drawn_kwh)
        assert all(device.observed_at <= s.sim.timeline.now for device in (s.vehicle, s.charger))
        assert s.sim.timeline.now > last_at
        last_at = s.sim.timeline.now
    entries = s.sim.world.log
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    for action in s.sim.cloud.actions.values():
        age = s.sim.timeline.now - action.created_at
        assert action.state != "PENDING" or age.total_seconds() <= s.sim.cloud.settings.action_window_seconds
