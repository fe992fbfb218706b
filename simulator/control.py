"""Commands on their way: what is refused at once, what is tried, and how each action ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, TypeVar

from simulator import wire
from simulator.cloud import Cloud
from simulator.faults import CommandOffline, ErrorAfterApply, IgnoreCommand, Offline, Refuse, SlowCommand, Toggle
from simulator.physics import REST, Box, Car
from simulator.problems import Refused, bad_request, unprocessable
from simulator.registry import Action, Device
from simulator.reported import CHARGING, COMPLETE, FAULT, NO_POWER, STOPPED, UNPLUGGED
from simulator.telemetry import Telemetry

Kind = Literal["START", "STOP"]
F = TypeVar("F", IgnoreCommand, CommandOffline)
Guard = Callable[[Device], str | None]
OnPress = Callable[[Device, Kind], bool]

COMMAND = "command"
"""Hold put on by a command. Only a start on the same side ends it."""

DONE = {
    ("vehicle", "START"): {CHARGING},
    ("charger", "START"): {CHARGING},
    ("vehicle", "STOP"): {STOPPED, NO_POWER, COMPLETE},
    ("charger", "STOP"): {STOPPED},
}
"""States in which the platform takes a command for done."""


class Control:
    """Actions of all devices. At most one is pending per device."""

    def __init__(self, cloud: Cloud, telemetry: Telemetry) -> None:
        self.guards: list[Guard] = []  # each may name what controls the device instead of the client
        self.on_press: list[OnPress] = []  # each may swallow a command that reached the device
        self._cloud = cloud
        self._telemetry = telemetry
        self._pending: dict[str, Action] = {}
        self._fates: dict[tuple[str, str], bool] = {}

    def request(self, device: Device, kind: Kind, owner: str = "client") -> Action:
        """Accepts a start or stop. Raises Refused when the outcome is known at once."""
        self._cloud.world.note("command", device.id, device.kind, None, kind, owner)
        self._check_guards(device, owner)
        self._check_capability(device, "startCharging" if kind == "START" else "stopCharging")
        refuse = self._cloud.faults.strike(Refuse, device)
        if refuse is not None and refuse.only in (None, kind):
            raise Refused(refuse.status, wire.problem("bad-request", refuse.title, f"{kind} is not possible now."))
        pending = self.pending(device)
        if pending is not None and pending.kind == kind and device.kind == "vehicle":
            return pending
        if pending is None and (unmet := self._unmet(device, kind)) is not None:
            return self._refuse(device, kind, owner, *unmet)
        if pending is not None:
            self._finish(pending, "CANCELLED", ("CONFLICT", "A newer action replaced this one."))
        action = self._open(device, kind, None, owner)
        if (error := self._cloud.faults.strike(ErrorAfterApply, device)) is not None:
            raise Refused(error.status, wire.problem("internal-error", "Internal error", "Something went wrong."))
        return action

    def request_max_current(self, device: Device, amperes: float) -> Action:
        """Accepts a new maximum current [A]."""
        self._cloud.world.note("command", device.id, device.kind, None, amperes, "client")
        self._check_capability(device, "setMaxCurrent")
        if (pending := self.pending(device)) is not None:
            self._finish(pending, "CANCELLED", ("CONFLICT", "A newer action replaced this one."))
        return self._open(device, None, amperes, "client")

    def cancel(self, action: Action, detail: str = "Cancelled on request.") -> bool:
        """Stops trying; False if the action is resolved already. The device may still act."""
        if action.state != "PENDING":
            return False
        self._finish(action, "CANCELLED", ("REQUESTED_CANCELLATION", detail))
        return True

    def pending(self, device: Device) -> Action | None:
        return self._pending.get(device.id)

    def on_observed(self, device: Device) -> None:
        """Resolves the device's pending action if the observation settles it."""
        action = self.pending(device)
        # A reading that was late on its way tells nothing of a command it is older than.
        if action is None or device.observed_at is None or device.observed_at < action.created_at:
            return
        if device.state == UNPLUGGED and action.kind is not None:
            self._finish(action, "CANCELLED", ("FAILED_PRECONDITION", "The device is not plugged in."))
        elif action.kind is None:
            if device.charge_state["maxCurrent"] == action.max_current_a:
                self._finish(action, "CONFIRMED", None)
        elif device.state in DONE[(device.kind, action.kind)]:
            self._finish(action, "CONFIRMED", None)

    def on_removed(self, device: Device) -> None:
        if (action := self.pending(device)) is not None:
            self._finish(action, "CANCELLED", ("NOT_FOUND", "The device was deleted."))

    # -- before an action exists ------------------------------------------------------------------------------------

    def _check_guards(self, device: Device, owner: str) -> None:
        if owner != "client":
            return
        for guard in self.guards:
            if (reason := guard(device)) is not None:
                raise unprocessable("Device is controlled otherwise", reason)

    def _check_capability(self, device: Device, name: str) -> None:
        if not self._cloud.capabilities(device)[name][0]:
            raise bad_request("Capability missing", f"This {device.kind} is not capable of {name}.")

    def _unmet(self, device: Device, kind: Kind) -> tuple[str, str] | None:
        """Failure type and detail when the last observation shows that the command is useless or impossible."""
        if device.state == UNPLUGGED:
            return "FAILED_PRECONDITION", f"The {device.kind} is not plugged in."
        if self._cloud.faults.find(Toggle, device) is not None:
            return None
        if kind == "START" and device.state == COMPLETE:
            return "FAILED_PRECONDITION", "The vehicle is fully charged."
        if kind == "START" and device.state == FAULT:
            return "FAILED_PRECONDITION", f"The {device.kind} has a fault."
        if kind == "START" and device.state == CHARGING:
            return "UNNECESSARY", "Charging already."
        if kind == "STOP" and device.state in (STOPPED, COMPLETE):
            return "UNNECESSARY", "Stopped already."
        return None

    def _refuse(self, device: Device, kind: Kind, owner: str, reason: str, detail: str) -> Action:
        if self._cloud.settings.refusals == "http":
            title = "Already in the desired state" if reason == "UNNECESSARY" else "Precondition failed"
            raise bad_request(title, detail)
        action = self._new(device, kind, None, owner)
        self._finish(action, "CANCELLED", (reason, detail))
        return action

    # -- the life of an action --------------------------------------------------------------------------------------

    def _new(self, device: Device, kind: Kind | None, amperes: float | None, owner: str) -> Action:
        now = self._cloud.timeline.now
        action = Action(
            id=self._cloud.ids.next("action"),
            device=device,
            kind=kind,
            max_current_a=amperes,
            created_at=now,
            updated_at=now,
            owner=owner,
        )
        self._cloud.actions[action.id] = action
        return action

    def _open(self, device: Device, kind: Kind | None, amperes: float | None, owner: str) -> Action:
        action = self._pending[device.id] = self._new(device, kind, amperes, owner)
        settings, timeline = self._cloud.settings, self._cloud.timeline
        timeline.after_seconds(settings.action_window_seconds, lambda: self._time_out(action))
        timeline.after_seconds(self._delay_seconds(device), lambda: self._attempt(action))
        return action

    def _delay_seconds(self, device: Device) -> float:
        settings = self._cloud.settings
        bounds = settings.command_seconds_by_vendor.get(device.vendor, settings.command_seconds)
        if (slow := self._cloud.faults.strike(SlowCommand, device)) is not None:
            bounds = (slow.min_seconds, slow.max_seconds)
        return self._cloud.random.uniform(*bounds)

    def _attempt(self, action: Action) -> None:
        if action.state != "PENDING":
            return
        action.attempts += 1
        for device in self._route(action):
            self._send(action, device)
        if self.pending(action.device) is action and action.attempts < self._cloud.settings.tries:
            resend = timedelta(seconds=self._cloud.settings.resend_seconds)
            self._cloud.timeline.after(resend, lambda: self._attempt(action))

    def _route(self, action: Action) -> list[Device]:
        """The devices to command. Delegated and paired: charger first; a stop reaches the car at the second try."""
        vehicle, charger = action.device, action.device.paired
        is_delegated = self._cloud.settings.control == "delegated" and vehicle.kind == "vehicle"
        if not is_delegated or charger is None or action.kind is None:
            return [vehicle]
        if action.kind == "STOP" and action.attempts == 1:
            return [charger]
        return [charger, vehicle]

    def _send(self, action: Action, device: Device) -> None:
        """One command to one device, through its faults."""
        faults = self._cloud.faults
        if faults.find(Offline, device) is not None or not device.account.is_valid:
            return
        if self._fate(CommandOffline, action, device) is not None:
            return
        if (ignore := self._fate(IgnoreCommand, action, device)) is not None:
            if ignore.lie:
                self._finish(action, "CONFIRMED", None)
            return
        self._press(action, device)
        self._telemetry.observe_soon(device)

    def _fate(self, kind: type[F], action: Action, device: Device) -> F | None:
        """The fault that befalls this action at this device. Drawn once: a repeated try does not escape it."""
        fault = self._cloud.faults.find(kind, device)
        if fault is None or fault.only not in (None, action.kind):
            return None
        key = (action.id, fault.id)
        if key not in self._fates:
            self._fates[key] = self._cloud.faults.chance(fault.p)
        return fault if self._fates[key] else None

    def _press(self, action: Action, device: Device) -> None:
        """The command reaches the device: the relay of this side moves, and of this side alone."""
        world, body, kind = self._cloud.world, device.body, action.kind
        cause = f"{action.owner}:{kind or 'MAX_CURRENT'}:{action.id}"
        device.pressed_at = self._cloud.timeline.now
        if kind is None:
            if isinstance(body, Box):
                world.set_max_current(body, action.max_current_a, cause)
            else:
                self._set_car_current(body, action.max_current_a, cause)
            return
        if any(swallow(device, kind) for swallow in self.on_press):
            return
        wants_hold = kind == "STOP"
        if self._cloud.faults.strike(Toggle, device) is not None and (body.hold is not None) == wants_hold:
            wants_hold = not wants_hold
        if wants_hold:
            world.set_hold(body, COMMAND, cause)
            return
        world.set_hold(body, None, cause)
        # A car at rest takes a fresh offer; one that was told to stop does not.
        if isinstance(body, Box) and body.car is not None and body.car.hold == REST:
            world.set_hold(body.car, None, cause)

    def _set_car_current(self, car: Car, amperes: float | None, cause: str) -> None:
        phases = car.box.phases if car.box is not None else 3
        kw = None if amperes is None else amperes * 230 * phases / 1000
        car.max_current_a = amperes
        self._cloud.world.set_cap(car, "max_current", kw, cause)

    def _time_out(self, action: Action) -> None:
        if action.state == "PENDING":
            self._finish(action, "FAILED", ("NO_RESPONSE", "The device did not react in time."))

    def _finish(
        self,
        action: Action,
        state: Literal["CONFIRMED", "FAILED", "CANCELLED"],
        failure: tuple[str, str] | None,
    ) -> None:
        now, device = self._cloud.timeline.now, action.device
        self._cloud.world.note("action", device.id, device.kind, action.state, state, action.id)
        if self.pending(device) is action:
            del self._pending[device.id]
        action.state, action.failure, action.updated_at, action.completed_at = state, failure, now, now
        fields = ["state", "updatedAt", "completedAt", "failureReason"]
        self._cloud.emit(device, "user:vendor-action:updated", vendorAction=wire.action(action), updatedFields=fields)
