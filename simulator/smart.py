"""Smart charging as far as its control reaches: a policy, one plan per stay, commands by it, and refusals meanwhile.

The platform's own optimiser is not copied: a plan stops at once and starts late enough to finish at the deadline.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from simulator import wire
from simulator.cloud import Cloud
from simulator.control import Control, Kind
from simulator.occurrences import next_wall
from simulator.physics import Box, Car
from simulator.problems import Refused, bad_request, not_found
from simulator.registry import Device, Json
from simulator.reported import COMPLETE
from simulator.schedules import Schedules, short_override
from simulator.timeline import Appointment

MARGIN = timedelta(minutes=15)
"""A plan finishes this long before the deadline."""

FLAT_PRICE_PER_KWH = 0.30
"""Price [EUR/kWh] of the costs a plan shows; the platform's prices are not simulated."""


@dataclass(kw_only=True, eq=False)
class Plan:
    id: str
    stop_at: datetime
    start_at: datetime
    finish_at: datetime
    cost: float
    stop_confirmed_at: datetime | None = None
    start_confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    final_state: str | None = None
    appointment: Appointment | None = None


class SmartCharging:
    """Policies, plans and overrides of all vehicles."""

    def __init__(self, cloud: Cloud, control: Control, schedules: Schedules) -> None:
        self._cloud = cloud
        self._control = control
        self._schedules = schedules
        self._plans: dict[str, list[Plan]] = {}
        self._states: dict[str, tuple[str, datetime]] = {}
        control.guards.append(self._guard)

    # -- policy -----------------------------------------------------------------------------------------------------

    def update_policy(self, device: Device, change: Json) -> Json:
        """Applies a partial change. Raises Refused (400) if the policy could not be carried out."""
        policy = {**device.policy, **change}
        if policy["isEnabled"]:
            self._check(device, policy)
        was_enabled, device.policy = device.policy["isEnabled"], policy
        if policy["isEnabled"]:
            self._schedules.disable_for(device)
        if was_enabled:
            self._end(device, "PLAN:ENDED:DEADLINE_CHANGED" if policy["isEnabled"] else "PLAN:ENDED:DISABLED")
        self._cloud.publish(device)
        self.on_observed(device)
        return dict(device.policy)

    def _check(self, device: Device, policy: Json) -> None:
        title = "Cannot activate smart charging"
        if not self._cloud.capabilities(device)["smartCharging"][0]:
            raise bad_request(title, "The vehicle is not capable of smart charging.")
        if policy["deadline"] is None:
            raise bad_request(title, "A deadline is needed.")
        limit = device.charge_state["chargeLimit"]
        if limit is not None and policy["minimumChargeLimit"] > limit:
            raise bad_request(title, "minimumChargeLimit is above the vehicle's charge limit.")

    # -- override ---------------------------------------------------------------------------------------------------

    def override(self, device: Device) -> Json:
        """Charges now, whatever plan or schedule say, until charging stops or the override is deleted."""
        action_id = None
        device.override = {
            "createdAt": wire.stamp(self._cloud.timeline.now),
            "endedAt": None,
            "targetType": "vehicle",
            "targetId": device.id,
            "vendorActionId": None,
            "userId": device.user.id,
            "vendor": device.vendor,
        }
        # A stop on its way would undo the override, though the last reading still shows charging.
        if not device.charge_state["isCharging"] or self._control.pending(device) is not None:
            try:
                action_id = self._control.request(device, "START", owner="override").id
            except Refused:
                device.override = None
                raise
        device.override["vendorActionId"] = action_id
        return device.override

    def end_override(self, device: Device) -> Json:
        """Raises Refused (404) if there is none."""
        override = device.override
        if override is None:
            raise not_found("Smart override not found", "No smart override is active for this vehicle.")
        device.override = None
        override["endedAt"] = wire.stamp(self._cloud.timeline.now)
        self._schedules.on_observed(device)
        self.on_observed(device)
        return override

    # -- carrying out -----------------------------------------------------------------------------------------------

    def on_observed(self, device: Device) -> None:
        """Moves the vehicle's plan along."""
        if device.kind != "vehicle":
            return
        self._watch_override(device)
        plan = self._plan(device)
        if plan is not None:
            self._follow(device, plan)
        elif self._is_ready(device):
            self._begin(device)
        self._tell(device)

    def _watch_override(self, device: Device) -> None:
        pending = self._control.pending(device)
        is_starting = pending is not None and pending.owner == "override"
        if device.override is not None and not device.charge_state["isCharging"] and not is_starting:
            self.end_override(device)

    def _is_ready(self, device: Device) -> bool:
        return bool(device.policy["isEnabled"]) and all(self._consideration(device)[key] for key in CONDITIONS)

    def _begin(self, device: Device) -> None:
        now = self._cloud.timeline.now
        hours, energy_kwh = self._need(device)
        finish_at = self._deadline(device) - MARGIN
        level = device.charge_state["batteryLevel"] or 0
        is_urgent = level < device.policy["minimumChargeLimit"]
        plan = Plan(
            id=self._cloud.ids.next("plan"),
            stop_at=now,
            start_at=now if is_urgent else max(now, finish_at - timedelta(hours=hours)),
            finish_at=finish_at,
            cost=round(energy_kwh * FLAT_PRICE_PER_KWH, 2),
        )
        self._plans.setdefault(device.id, []).append(plan)
        if plan.start_at > now:
            self._command(device, "STOP")
        plan.appointment = self._cloud.timeline.at(plan.start_at, lambda: self._start(device, plan))

    def _start(self, device: Device, plan: Plan) -> None:
        if plan.ended_at is None and device.id in self._cloud.devices:
            self._command(device, "START")
            self._tell(device)

    def _follow(self, device: Device, plan: Plan) -> None:
        now = self._cloud.timeline.now
        if device.charge_state["isPluggedIn"] is False:
            self._end(device, "PLAN:ENDED:UNPLUGGED")
        elif device.state == COMPLETE:
            self._end(device, "PLAN:ENDED:FINISHED")
        elif device.charge_state["isCharging"] and now >= plan.start_at:
            plan.start_confirmed_at = plan.start_confirmed_at or now
        elif not device.charge_state["isCharging"] and now < plan.start_at:
            plan.stop_confirmed_at = plan.stop_confirmed_at or now

    def _end(self, device: Device, final_state: str) -> None:
        plan = self._plan(device)
        if plan is None:
            return
        plan.ended_at, plan.final_state = self._cloud.timeline.now, final_state
        if plan.appointment is not None:
            plan.appointment.cancel()

    def _command(self, device: Device, kind: Kind) -> None:
        # Already so, or not possible: the state shown tells which.
        with suppress(Refused):
            self._control.request(device, kind, owner="smart-charging")

    def _guard(self, device: Device) -> str | None:
        if device.policy["isEnabled"] and self._plan(device) is not None and device.override is None:
            return f"An active smart charging plan controls this {device.kind}."
        return None

    # -- what is shown ----------------------------------------------------------------------------------------------

    def status(self, device: Device) -> Json:
        now = self._cloud.timeline.now
        state, changed_at = self._states.get(device.id, (self._state(device), now))
        plans = self._plans.get(device.id, [])
        is_on = bool(device.policy["isEnabled"])
        return {
            "updatedAt": wire.stamp(device.observed_at or now),
            "vehicleId": device.id,
            "userId": device.user.id,
            "vendor": device.vendor,
            "state": state,
            "stateChangedAt": wire.stamp(changed_at),
            "consideration": self._consideration(device) if is_on else None,
            "plan": self.plan_json(device, plans[-1]) if is_on and plans else None,
            "smartOverride": None if device.override is None else short_override(device.override),
        }

    def plan(self, device: Device, plan_id: str) -> Json:
        """One plan by id, or the `latest`. Raises Refused (404)."""
        plans = self._plans.get(device.id, [])
        found = plans[-1:] if plan_id == "latest" else [plan for plan in plans if plan.id == plan_id]
        if not found:
            raise not_found("Smart charging plan not found", f"Vehicle {device.id} has no plan {plan_id}")
        return self.plan_json(device, found[0])

    def plan_json(self, device: Device, plan: Plan) -> Json:
        return {
            "id": plan.id,
            "vehicleId": device.id,
            "userId": device.user.id,
            "locationId": self._cloud.location_id(device, can_locate=True),
            "vendor": device.vendor,
            "currency": "EUR",
            "nonSmartCost": plan.cost,
            "smartCost": None,
            "stopAt": wire.stamp(plan.stop_at),
            "startAt": wire.stamp(plan.start_at),
            "estimatedFinishAt": wire.stamp(plan.finish_at),
            "stopConfirmedAt": wire.stamp_or_none(plan.stop_confirmed_at),
            "startConfirmedAt": wire.stamp_or_none(plan.start_confirmed_at),
            "endedAt": wire.stamp_or_none(plan.ended_at),
            "finalState": plan.final_state,
            "failureCondition": None,
        }

    def _state(self, device: Device) -> str:
        if not device.policy["isEnabled"]:
            return "DISABLED"
        plans = self._plans.get(device.id, [])
        plan = self._plan(device)
        if plan is None:
            if device.state == COMPLETE:
                return "FULLY_CHARGED"
            just_ended = bool(plans) and plans[-1].ended_at == self._cloud.timeline.now
            return str(plans[-1].final_state) if just_ended else "CONSIDERING"
        if device.override is not None:
            return "PLAN:EXECUTING:OVERRIDDEN"
        is_charging = bool(device.charge_state["isCharging"])
        if self._cloud.timeline.now < plan.start_at:
            return "PLAN:EXECUTING:STOPPING" if is_charging else "PLAN:EXECUTING:STOPPED"
        if is_charging:
            return "PLAN:EXECUTING:STARTED"
        return "PLAN:EXECUTING:STARTING" if plan.start_confirmed_at is None else "PLAN:EXECUTING:CHARGE_INTERRUPTED"

    def _tell(self, device: Device) -> None:
        state = self._state(device)
        known = self._states.get(device.id)
        if known is not None and known[0] == state:
            return
        self._states[device.id] = (state, self._cloud.timeline.now)
        if known is None and state == "DISABLED":
            return
        name = "user:vehicle:smart-charging-status-updated"
        self._cloud.emit(device, name, smartChargingStatus=self.status(device), updatedFields=["state"])

    def _consideration(self, device: Device) -> dict[str, bool]:
        can_locate = self._cloud.capabilities(device)["location"][0]
        return {
            "isPluggedIn": bool(device.charge_state["isPluggedIn"]),
            "isCharging": bool(device.charge_state["isCharging"]),
            "atChargingLocation": self._cloud.location_id(device, can_locate) is not None,
            "hasTimeEstimate": device.state != COMPLETE and device.charge_state["batteryLevel"] is not None,
        }

    def _plan(self, device: Device) -> Plan | None:
        plans = self._plans.get(device.id, [])
        return plans[-1] if plans and plans[-1].ended_at is None else None

    def _need(self, device: Device) -> tuple[float, float]:
        """Hours and energy [kWh, AC] to the limit, at full power."""
        car = device.body
        assert isinstance(car, Car)
        box: Box | None = car.box
        kw = min(car.ceiling_kw, box.ceiling_kw if box is not None else car.ceiling_kw)
        energy_kwh = max(car.limit_kwh - car.stored_kwh, 0.0) / car.efficiency
        return energy_kwh / max(kw, 0.1), energy_kwh

    def _deadline(self, device: Device) -> datetime:
        location_id = self._cloud.location_id(device, can_locate=True)
        place = device.user.tenant.locations.get(location_id or "")
        zone = ZoneInfo("UTC" if place is None else place.zone)
        wall = time(0) if device.policy["deadline"] == "24:00" else time.fromisoformat(device.policy["deadline"])
        return next_wall(self._cloud.timeline.now, wall, list(range(7)), zone)


CONDITIONS = ("isPluggedIn", "atChargingLocation", "hasTimeEstimate")
"""What must hold for a plan to begin; charging itself need not."""
