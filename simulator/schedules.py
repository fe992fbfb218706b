"""Charge schedules that the platform executes: they command their device, and meanwhile nobody else may."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from simulator import wire
from simulator.cloud import Cloud
from simulator.control import Control
from simulator.problems import Refused
from simulator.registry import Device, Json, User
from simulator.reported import COMPLETE
from simulator.timeline import Appointment
from simulator.weekplan import Rule, should_charge, transitions

RETRY = timedelta(minutes=5)
"""A command that did not bring about what the schedule wants is given again after this span, not before."""


@dataclass(kw_only=True, eq=False)
class Schedule:
    """A charge schedule of one device."""

    id: str
    user: User
    target_id: str
    target_type: str
    location_id: str | None
    is_enabled: bool
    default_should_charge: bool
    rules: list[Rule] = field(default_factory=list)
    created_at: datetime
    changed_at: datetime
    state: str = ""
    commanded_at: datetime | None = None
    next: Appointment | None = None


class Schedules:
    """All schedules of all tenants."""

    def __init__(self, cloud: Cloud, control: Control) -> None:
        self.all: dict[str, Schedule] = {}
        self._cloud = cloud
        self._control = control
        control.guards.append(self._guard)

    # -- keeping ----------------------------------------------------------------------------------------------------

    def add(self, schedule: Schedule) -> None:
        self.all[schedule.id] = schedule
        self.changed(schedule)

    def changed(self, schedule: Schedule) -> None:
        """To be called after any change of the schedule's own values."""
        schedule.commanded_at = None
        device = self.device(schedule)
        if schedule.is_enabled and device is not None and device.policy["isEnabled"]:
            # A vehicle has one controller.
            device.policy["isEnabled"] = False
            self._cloud.publish(device)
        self._run(schedule)

    def remove(self, schedule: Schedule) -> None:
        self.all.pop(schedule.id, None)
        if schedule.next is not None:
            schedule.next.cancel()

    def remove_of(self, user: User) -> None:
        for schedule in [schedule for schedule in self.all.values() if schedule.user is user]:
            self.remove(schedule)

    def disable_for(self, device: Device) -> None:
        """Smart charging takes over."""
        for schedule in self._of(device):
            if schedule.is_enabled:
                schedule.is_enabled = False
                self.changed(schedule)

    def device(self, schedule: Schedule) -> Device | None:
        return self._cloud.devices.get(schedule.target_id)

    def zone(self, schedule: Schedule) -> ZoneInfo:
        """The location's zone; UTC without one."""
        place = schedule.user.tenant.locations.get(schedule.location_id or "")
        return ZoneInfo("UTC" if place is None else place.zone)

    # -- what is shown ----------------------------------------------------------------------------------------------

    def json(self, schedule: Schedule) -> Json:
        return {
            "id": schedule.id,
            "targetId": schedule.target_id,
            "targetType": schedule.target_type,
            "locationId": schedule.location_id,
            "isEnabled": schedule.is_enabled,
            "defaultShouldCharge": schedule.default_should_charge,
            "rules": [rule.model_dump(mode="json", by_alias=True, exclude_none=True) for rule in schedule.rules],
        }

    def status(self, schedule: Schedule) -> Json:
        now = self._cloud.timeline.now
        device, zone = self.device(schedule), self.zone(schedule)
        parts = self._parts(schedule, device)
        coming = transitions(schedule.rules, schedule.default_should_charge, now, zone, 2)
        return {
            "scheduleId": schedule.id,
            "scheduleType": "CHARGE",
            "changedAt": wire.stamp(schedule.changed_at),
            "state": self._state(schedule, device),
            "isCharging": device is not None and bool(device.charge_state["isCharging"]),
            "isChargingExpected": all(parts.values()),
            "isChargingExpectedParts": parts,
            "upcomingTransitions": [{"at": wire.stamp(at), "shouldCharge": wish} for at, wish in coming],
            "smartOverride": None if device is None or device.override is None else short_override(device.override),
        }

    def _parts(self, schedule: Schedule, device: Device | None) -> dict[str, bool]:
        rules, default = schedule.rules, schedule.default_should_charge
        wish = should_charge(rules, default, self._cloud.timeline.now, self.zone(schedule))
        if device is None:
            return {"needsCharge": False, "isPluggedIn": False, "shouldCharge": wish}
        return {
            "needsCharge": device.state != COMPLETE,
            "isPluggedIn": bool(device.charge_state["isPluggedIn"]),
            "shouldCharge": wish,
        }

    def _state(self, schedule: Schedule, device: Device | None) -> str:
        if not schedule.is_enabled:
            return "INACTIVE:DISABLED"
        if device is None:
            return "INACTIVE:INCAPABLE"
        able = self._cloud.capabilities(device)
        if not (able["startCharging"][0] and able["stopCharging"][0]):
            return "INACTIVE:INCAPABLE"
        if device.override is not None:
            return "INACTIVE:OVERRIDDEN"
        if self._is_away(schedule, device, able["location"][0] if device.kind == "vehicle" else False):
            return "INACTIVE:AWAY"
        if bool(device.charge_state["isCharging"]) == all(self._parts(schedule, device).values()):
            return "ALIGNED"
        return "MISALIGNED" if self._control.pending(device) is None else "PENDING"

    def _is_away(self, schedule: Schedule, device: Device, can_locate: bool) -> bool:
        if schedule.location_id is None:
            return False
        here = device.location_id if device.kind == "charger" else self._cloud.location_id(device, can_locate)
        return here != schedule.location_id

    # -- carrying out -----------------------------------------------------------------------------------------------

    def on_observed(self, device: Device) -> None:
        for schedule in self._of(device):
            self._align(schedule)

    def _run(self, schedule: Schedule) -> None:
        """Aligns now, and again at the next transition."""
        if schedule.next is not None:
            schedule.next.cancel()
        if schedule.id not in self.all:
            return
        schedule.commanded_at = None
        self._align(schedule)
        now, zone = self._cloud.timeline.now, self.zone(schedule)
        coming = transitions(schedule.rules, schedule.default_should_charge, now, zone, 1)
        if coming:
            schedule.next = self._cloud.timeline.at(coming[0][0], lambda: self._run(schedule))

    def _align(self, schedule: Schedule) -> None:
        device = self.device(schedule)
        if device is not None and self._state(schedule, device) == "MISALIGNED" and self._is_due(schedule):
            schedule.commanded_at = self._cloud.timeline.now
            wish = all(self._parts(schedule, device).values())
            # If the device cannot now, the next observation or transition tries again.
            with suppress(Refused):
                self._control.request(device, "START" if wish else "STOP", owner="schedule")
        self._tell(schedule)

    def _is_due(self, schedule: Schedule) -> bool:
        last = schedule.commanded_at
        return last is None or self._cloud.timeline.now - last >= RETRY

    def _tell(self, schedule: Schedule) -> None:
        device = self.device(schedule)
        state = self._state(schedule, device)
        if state == schedule.state:
            return
        schedule.state, schedule.changed_at = state, self._cloud.timeline.now
        if device is not None:
            self._cloud.emit(
                device,
                "user:schedule:execution-updated",
                schedule=self.json(schedule),
                status=self.status(schedule),
                updatedFields=["state", "changedAt"],
            )

    def _of(self, device: Device) -> list[Schedule]:
        return [schedule for schedule in self.all.values() if schedule.target_id == device.id]

    def _guard(self, device: Device) -> str | None:
        for schedule in self._of(device):
            if not self._state(schedule, device).startswith("INACTIVE"):
                return f"Schedule {schedule.id} controls this {device.kind}."
        return None


def short_override(override: Json) -> Json:
    """The override as statuses show it: without user and vendor."""
    return {key: override[key] for key in ("createdAt", "endedAt", "targetType", "targetId", "vendorActionId")}
