"""B. Telemetry that is stale or lies."""

from datetime import timedelta
from typing import Any

from domain.devices import PowerDeliveryState as State
from domain.devices import Reading
from nights.world.faults.registry import Window, distorting, injects, look
from nights.world.night import NightWorld
from nights.world.vendor import LeanDevice
from simulator.physics import Body

Told = dict[str, Any]


def unplugged(told: Told) -> Told:
    """What is told when a device is taken for unplugged."""
    return {**told, "is_plugged_in": False, "state": State.UNPLUGGED, "charge_rate_kw": None}


@injects("F6")
def frozen_level(world: NightWorld) -> None:
    """The level stays at its value of the plug-in."""
    at_plug_in = float(int(world.spec.car.soc_pct))
    distorting(world, "vehicle", lambda _, told: {**told, "soc_pct": at_plug_in})


@injects("F7")
def old_values(world: NightWorld, side: str, from_minutes: float, for_minutes: float) -> None:
    """Old values under new time stamps."""
    window = Window(world, from_minutes, for_minutes)
    kept: Told = {}

    def stale(_: LeanDevice, told: Told) -> Told:
        if not window.is_open():
            kept.clear()
            return told
        if not kept:
            kept.update(told)
        return {**kept, "observed_at": told["observed_at"], "received_at": told["received_at"]}

    distorting(world, side, stale)


@injects("F8")
def late_level(world: NightWorld, off_pct: float, for_minutes: float) -> None:
    """Until hours after the plug-in the level of before the trip is told, with its own old time stamp or a new one."""
    window = Window(world, -60, for_minutes + 60)
    before = float(int(min(max(world.spec.car.soc_pct + off_pct, 0.0), 100.0)))
    distorting(world, "vehicle", lambda _, told: {**told, "soc_pct": before} if window.is_open() else told)
    world.timeline.at(window.ends_at, lambda: look(world, world.car_device))


@injects("F9")
def two_copies(world: NightWorld, minutes: float) -> None:
    """What is read is an older copy than what was sent."""
    lag = timedelta(minutes=minutes)
    vendor, device = world.vendor, world.car_device
    older: list[Reading] = []
    poll = vendor.poll

    def slow_poll(asked: LeanDevice) -> None:
        poll(asked)
        if asked is device and asked.reading is not None and asked.reading.observed_at is not None:
            older.append(asked.reading)
            old = [r for r in older if r.observed_at is not None and r.observed_at <= world.timeline.now - lag]
            if old:
                asked.reading = old[-1]

    vendor.poll = slow_poll  # type: ignore[method-assign,assignment]


@injects("F10")
def wrong_plug(world: NightWorld, side: str, when: str) -> None:
    """Told as unplugged: after our stop, when full, without power, unless charging, or now and then for seconds."""
    device = world.device_of(side)
    flap = {"on": False}

    def distort(_: LeanDevice, told: Told) -> Told:
        is_lie = {
            "stopped": told["state"] is State.STOPPED,
            "full": told["state"] is State.COMPLETE,
            "no_power": told["state"] is State.NO_POWER,
            "not_charging": told["state"] is not State.CHARGING,
            "flaps": flap["on"],
        }[when]
        return unplugged(told) if is_lie and told["is_plugged_in"] else told

    distorting(world, side, distort)
    if when == "flaps":
        for _ in range(6):
            start = world.random.uniform(10, 600)

            def on() -> None:
                flap["on"] = True
                look(world, device)
                world.timeline.after_seconds(world.random.uniform(2, 25), off)

            def off() -> None:
                flap["on"] = False
                look(world, device)

            world.timeline.at(world.spec.plug_in_at + timedelta(minutes=start), on)


@injects("F11")
def drop_means_unplug(world: NightWorld, seconds: float) -> None:
    """When power drops the charger says unplugged for a while."""
    until = {"at": world.spec.plug_in_at - timedelta(days=1)}
    was_kw = {"kw": 0.0}

    def watch(body: Body) -> None:
        if body is world.car:
            if was_kw["kw"] > 0 and world.car.power_kw == 0.0 and world.car.box is not None:
                until["at"] = world.timeline.now + timedelta(seconds=seconds)
                world.timeline.after_seconds(seconds + 1, lambda: look(world, world.device_of("charger")))
            was_kw["kw"] = world.car.power_kw

    world.truth.watchers.append(watch)
    distorting(world, "charger", lambda _, told: unplugged(told) if world.timeline.now < until["at"] else told)


@injects("F12")
def no_rate(world: NightWorld, side: str, how: str) -> None:
    """The rate is never told; or the last one stays for ever once energy flowed."""
    last: dict[str, Any] = {}

    def distort(device: LeanDevice, told: Told) -> Told:
        if how == "null":
            return {**told, "charge_rate_kw": None}
        if told["charge_rate_kw"]:
            last["kw"] = told["charge_rate_kw"]
        if "kw" in last and told["is_plugged_in"]:
            return {**told, "charge_rate_kw": last["kw"], "is_reachable": False}
        return told

    distorting(world, side, distort)


@injects("F13")
def lost_fields(world: NightWorld, share: float, dark_from_minutes: float) -> None:
    """Single fields get lost; for half an hour everything does."""
    dark = Window(world, dark_from_minutes, 30)

    def distort(_: LeanDevice, told: Told) -> Told | None:
        if dark.is_open():
            return None
        kept = dict(told)
        for name in ("is_plugged_in", "charge_rate_kw", "soc_pct", "paired_with", "is_reachable", "charge_limit_pct"):
            if world.random.random() < share:
                kept[name] = None
        if world.random.random() < share:
            kept["state"] = State.UNKNOWN
        return kept

    distorting(world, None, distort)


@injects("F14")
def one_bad_reading(world: NightWorld, side: str, what: str, at_minutes: float) -> None:
    """One bad reading, good ones after it."""
    device, window = world.device_of(side), Window(world, at_minutes, 3)

    def distort(_: LeanDevice, told: Told) -> Told:
        if not window.is_open():
            return told
        return {**told, "is_reachable": False, "charge_rate_kw": None} if what == "unreachable" else unplugged(told)

    distorting(world, side, distort)
    world.timeline.at(window.starts_at, lambda: look(world, device))
    world.timeline.at(window.ends_at, lambda: look(world, device))


@injects("F15")
def new_words(world: NightWorld, share: float) -> None:
    """States nobody has heard of."""

    def distort(_: LeanDevice, told: Told) -> Told:
        return {**told, "state": State.UNKNOWN} if world.random.random() < share else told

    distorting(world, None, distort)
