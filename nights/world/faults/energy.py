"""I. Power that is not what was thought, and cables that come and go."""

from datetime import timedelta

from nights.world.faults.registry import Window, injects
from nights.world.night import NightWorld
from simulator.physics import Body


def capped(world: NightWorld, name: str, kw: float, window: Window) -> None:
    """A lower ceiling at the box within a window."""
    window.at_edges(
        lambda: world.truth.set_cap(world.box, name, kw, name), lambda: world.truth.set_cap(world.box, name, None, name)
    )


@injects("F51")
def below_plan(world: NightWorld, share: float) -> None:
    """Power lies below what was thought all night."""
    capped(world, "below plan", min(world.car.max_kw, world.box.max_kw) * share, Window(world, 0))


@injects("F54")
def cold_battery(world: NightWorld, kw: float, for_minutes: float) -> None:
    """The first energy heats the battery: little power for the first minutes of charging."""
    begun: list[bool] = []
    world.truth.set_cap(world.car, "cold", kw, "cold")

    def watch(body: Body) -> None:
        if body is world.car and world.car.power_kw > 0 and not begun:
            begun.append(True)
            world.timeline.after_seconds(60 * for_minutes, lambda: world.truth.set_cap(world.car, "cold", None, "warm"))

    world.truth.watchers.append(watch)


@injects("F55")
def below_minimum(world: NightWorld, offer_kw: float, from_minutes: float, for_minutes: float) -> None:
    """For a while the box offers less than the car's minimum: nothing flows."""
    capped(world, "below minimum", offer_kw, Window(world, from_minutes, for_minutes))


@injects("F56")
def fewer_phases(world: NightWorld, kw: float, from_minutes: float) -> None:
    """One of three phases, or a cap by the grid operator."""
    capped(world, "fewer phases", kw, Window(world, from_minutes))


@injects("F59")
def replug(world: NightWorld, at_minutes: float, for_minutes: float) -> None:
    """The cable is pulled and put back a little later."""
    out = world.spec.plug_in_at + timedelta(minutes=at_minutes)
    back = out + timedelta(minutes=for_minutes)
    if back < world.spec.departs_at:
        world.timeline.at(out, lambda: world.pull("driver"))
        world.timeline.at(back, world.plug_in)
