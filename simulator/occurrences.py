"""Things people do: plugging, unplugging, driving; once at an instant, or as a daily habit."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from simulator.cloud import Cloud
from simulator.physics import Box, Car
from simulator.scenario import Habit, Occurrence, UserSpec, VehicleSpec
from simulator.world import UnknownBody


class Occurrences:
    """Books what the scenario or an administrator wants to happen."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def book(self, occurrence: Occurrence) -> None:
        """Raises UnknownBody if the occurrence names a car or box that does not exist."""
        for name in (occurrence.vehicle_id, occurrence.charger_id):
            if name is not None:
                self._cloud.body_named(name)
        self._cloud.timeline.at(occurrence.at, lambda: self.happen(occurrence))

    def happen(self, occurrence: Occurrence, cause: str = "event") -> None:
        """Carries the occurrence out now."""
        world = self._cloud.world
        if occurrence.do in ("set_hold", "clear_hold"):
            body = self._cloud.body_named(occurrence.charger_id or occurrence.vehicle_id or "")
            world.set_hold(body, "person" if occurrence.do == "set_hold" else None, cause)
            return
        car = self._car(occurrence.vehicle_id)
        if occurrence.do == "plug":
            world.plug(car, self._box(occurrence.charger_id), cause)
        elif occurrence.do == "unplug":
            world.unplug(car, cause)
        elif occurrence.do == "trip":
            self.drive(car, occurrence.km or 0.0, cause)
        elif occurrence.do == "set_soc" and occurrence.soc_pct is not None:
            world.set_soc(car, occurrence.soc_pct, cause)
        elif occurrence.do == "set_limit" and occurrence.limit_pct is not None:
            world.set_limit(car, occurrence.limit_pct, cause)

    def drive(self, car: Car, km: float, cause: str) -> None:
        """Unplugs, drives away and comes back with less in the battery."""
        self._cloud.world.unplug(car, cause)
        spec = self._cloud.prepared_of(car)[0].spec
        assert isinstance(spec, VehicleSpec)
        left_kwh = max(car.stored_kwh - km * spec.kwh_per_100km / 100, 0.02 * car.capacity_kwh)
        car.odometer_km += km
        self._cloud.world.set_soc(car, 100 * left_kwh / car.capacity_kwh, cause)

    def book_habits(self, spec: UserSpec) -> None:
        zone = ZoneInfo(spec.home.zone if spec.home is not None else "UTC")
        for vehicle in spec.vehicles:
            for habit in vehicle.habits:
                for what in ("plug_in", "unplug"):
                    self._book_habit(spec, vehicle, habit, what, zone)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _book_habit(self, spec: UserSpec, vehicle: VehicleSpec, habit: Habit, what: str, zone: ZoneInfo) -> None:
        wall = getattr(habit, what)
        if wall is None:
            return

        def act() -> None:
            self._act_habit(spec, vehicle, habit, what)
            self._book_habit(spec, vehicle, habit, what, zone)

        self._cloud.timeline.at(
            next_wall(self._cloud.timeline.now, time.fromisoformat(wall), habit.weekdays, zone), act
        )

    def _act_habit(self, spec: UserSpec, vehicle: VehicleSpec, habit: Habit, what: str) -> None:
        car = self._cloud.body_of(spec, vehicle.key)
        assert isinstance(car, Car)
        if what == "unplug":
            self._cloud.world.unplug(car, "habit")
            return
        if habit.trip_km:
            self.drive(car, habit.trip_km, "habit")
        key = habit.charger or vehicle.plugged_into or (spec.chargers[0].key if spec.chargers else None)
        box = self._cloud.foreign_box() if key is None else self._cloud.body_of(spec, key)
        assert isinstance(box, Box)
        self._cloud.world.plug(car, box, "habit")

    def _car(self, name: str | None) -> Car:
        body = self._cloud.body_named(name or "")
        if not isinstance(body, Car):
            raise UnknownBody(name)
        return body

    def _box(self, name: str | None) -> Box:
        if name is None:
            return self._cloud.foreign_box()
        body = self._cloud.body_named(name)
        if not isinstance(body, Box):
            raise UnknownBody(name)
        return body


def next_wall(after: datetime, wall: time, weekdays: list[int], zone: ZoneInfo) -> datetime:
    """The first instant after `after` at which clocks in `zone` show `wall` on one of the weekdays (0 = Monday)."""
    day = after.astimezone(zone).date()
    for _ in range(9):
        at = datetime.combine(day, wall, zone).astimezone(after.tzinfo)
        if at > after and day.weekday() in weekdays:
            return at
        day += timedelta(days=1)
    raise ValueError("a habit needs at least one weekday")
