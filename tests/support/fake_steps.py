"""Every durable step under its real name, played by a small world; any of them can be made to wait."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from support.factories import CHARGER, make_plan, make_reading
from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain import steps
from domain.clock import Clock
from domain.commands import CommandOrder, CommandOutcome, CommandResult, Goal
from domain.devices import Device, PowerDeliveryState, Reading, Side
from domain.driver.decide import decide as decide_for_driver
from domain.driver.effects import DriverDecision
from domain.driver.events import ActionEnded
from domain.plan import ChargingPlan
from domain.session.decide import decide as decide_for_session
from domain.session.effects import Decision, Vitals
from domain.session.events import NightAccounted, PlanReady, ReadingArrived

PCT_PER_HOUR = 11.0 * 0.9 / 60 * 100
"""Level gained at 11 kW by the car of the factories [%/h]."""

HEARTBEAT_SECONDS = 0.2


class Gate:
    """A place where a step waits."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()


class FakeSteps:
    """A car in its charger that obeys at once, and a note of every step asked for."""

    def __init__(self, clock: Clock, *, flows: bool = False) -> None:
        self.clock = clock
        self.flows = flows
        self.is_plugged = True
        self.says_pairing = True
        self.soc_pct = 40.0
        self.plan: Callable[[], ChargingPlan] = make_plan
        self.plan_fails = False
        self.devices: list[Device] = []
        self.asked: dict[str, list[Any]] = defaultdict(list)
        self.gates: dict[str, Gate] = {}
        self.renew_at_events: int | None = None
        self._since: datetime | None = None

    def park(self, step: str) -> Gate:
        """The next step of this name waits at a gate."""
        self.gates[step] = Gate()
        return self.gates[step]

    @property
    def orders(self) -> list[CommandOrder]:
        return [step.order for step in self.asked[steps.SEND_COMMAND]]

    @property
    def goals(self) -> list[Goal]:
        return [order.goal for order in self.orders]

    def all(self) -> Sequence[Callable[..., Any]]:
        """What a worker registers."""
        return [
            self.decide_session,
            self.decide_driver,
            self.listen,
            self.stop_listening,
            self.make_plan,
            self.send_command,
            self.read_device,
            self.tell,
            self.close_night,
            self.start_link,
            self.list_devices,
            self.set_place,
            self.unlink,
            self.forget_at_vendor,
            self.erase_records,
        ]

    @activity.defn(name=steps.DECIDE_SESSION)
    async def decide_session(self, question: steps.DecideSession) -> Decision:
        await self._ask(steps.DECIDE_SESSION, question)
        vitals = self._vitals(question.vitals)
        return decide_for_session(question.state, question.now, question.seen, vitals, question.attempt)

    @activity.defn(name=steps.DECIDE_DRIVER)
    async def decide_driver(self, question: steps.DecideDriver) -> DriverDecision:
        await self._ask(steps.DECIDE_DRIVER, question)
        vitals = self._vitals(question.vitals)
        return decide_for_driver(question.state, question.now, question.seen, vitals, question.attempt)

    @activity.defn(name=steps.LISTEN)
    async def listen(self, step: steps.ListenTo) -> steps.Heard:
        await self._ask(steps.LISTEN, step)
        return steps.Heard(readings=())

    @activity.defn(name=steps.STOP_LISTENING)
    async def stop_listening(self, step: steps.ListenTo) -> None:
        await self._ask(steps.STOP_LISTENING, step)

    @activity.defn(name=steps.MAKE_PLAN)
    async def make_plan(self, step: steps.MakePlan) -> PlanReady:
        await self._ask(steps.MAKE_PLAN, step)
        if self.plan_fails:
            raise ApplicationError("the prices do not parse", type="MalformedReply", non_retryable=True)
        return PlanReady(revision=step.request.revision, plan=self.plan())

    @activity.defn(name=steps.SEND_COMMAND)
    async def send_command(self, step: steps.SendCommand) -> CommandOutcome:
        await self._ask(steps.SEND_COMMAND, step)
        order, now = step.order, self._now()
        self._flow(order.goal is Goal.START, now)
        return CommandOutcome(
            number=order.number,
            key=order.key,
            goal=order.goal,
            side=order.side,
            result=CommandResult.PROVEN,
            sent_at=now,
            ended_at=now,
            reason="measured",
            evidence=tuple(self.reading(side, now) for side in Side),
        )

    @activity.defn(name=steps.READ_DEVICE)
    async def read_device(self, step: steps.ReadDevice) -> ReadingArrived:
        await self._ask(steps.READ_DEVICE, step)
        return ReadingArrived(reading=self.reading(step.side, self._now()))

    @activity.defn(name=steps.TELL)
    async def tell(self, step: steps.TellDriver) -> None:
        await self._ask(steps.TELL, step)

    @activity.defn(name=steps.CLOSE_NIGHT)
    async def close_night(self, step: steps.CloseTheNight) -> NightAccounted:
        await self._ask(steps.CLOSE_NIGHT, step)
        is_ready = step.night.ready_at is not None
        return NightAccounted(number=step.night.number, is_ready=is_ready, saving="1.50", why="as measured")

    @activity.defn(name=steps.START_LINK)
    async def start_link(self, step: steps.StartLinkStep) -> ActionEnded:
        await self._ask(steps.START_LINK, step)
        url = f"https://vendor.invalid/link/{len(self.asked[steps.START_LINK])}"
        return ActionEnded(action_id=step.action_id, is_done=True, url=url)

    @activity.defn(name=steps.LIST_DEVICES)
    async def list_devices(self, step: steps.ListDevicesStep) -> ActionEnded:
        await self._ask(steps.LIST_DEVICES, step)
        found = tuple(device for device in self.devices if device.side is step.side)
        return ActionEnded(action_id=step.action_id, is_done=bool(found), devices=found)

    @activity.defn(name=steps.SET_PLACE)
    async def set_place(self, step: steps.SetPlaceStep) -> ActionEnded:
        await self._ask(steps.SET_PLACE, step)
        return ActionEnded(action_id=step.action_id, is_done=True, charger_id=step.charger_id, place_id=step.place_id)

    @activity.defn(name=steps.UNLINK)
    async def unlink(self, step: steps.UnlinkStep) -> ActionEnded:
        await self._ask(steps.UNLINK, step)
        return ActionEnded(action_id=step.action_id, is_done=True)

    @activity.defn(name=steps.FORGET_AT_VENDOR)
    async def forget_at_vendor(self, step: steps.ForgetStep) -> ActionEnded:
        await self._ask(steps.FORGET_AT_VENDOR, step)
        return ActionEnded(action_id=step.action_id, is_done=True)

    @activity.defn(name=steps.ERASE_RECORDS)
    async def erase_records(self, step: steps.EraseStep) -> ActionEnded:
        await self._ask(steps.ERASE_RECORDS, step)
        return ActionEnded(action_id=step.action_id, is_done=True)

    def reading(self, side: Side, now: datetime, **changes: Any) -> Reading:
        """What this side shows now."""
        self._flow(self.flows, now)
        soc_pct = self.soc_pct if side is Side.VEHICLE else None
        values = {"observed_at": now, "received_at": now, "state": self._state(), "soc_pct": soc_pct, **changes}
        is_paired = self.is_plugged and self.says_pairing
        return make_reading(side, **(values if is_paired else {**values, "paired_with": None}))

    def unplug(self, now: datetime) -> list[Reading]:
        """Pull the cable; what both sides say of it."""
        self._flow(False, now)
        self.is_plugged = False
        return [self.reading(side, now) for side in Side]

    def _state(self) -> PowerDeliveryState:
        if not self.is_plugged:
            return PowerDeliveryState.UNPLUGGED
        return PowerDeliveryState.CHARGING if self.flows else PowerDeliveryState.STOPPED

    def _flow(self, flows: bool, now: datetime) -> None:
        now = max(now, self._since or now)  # a step that began before the last look must not turn time back
        if self.flows and self._since is not None:
            hours = (now - self._since).total_seconds() / 3600
            self.soc_pct = min(100.0, self.soc_pct + PCT_PER_HOUR * hours)
        self.flows, self._since = flows and self.is_plugged, now

    def _vitals(self, vitals: Vitals) -> Vitals:
        """A history that counts as long much sooner than the server would say."""
        is_long = self.renew_at_events is not None and vitals.history_events >= self.renew_at_events
        return vitals.model_copy(update={"continue_as_new_suggested": is_long})

    def _now(self) -> datetime:
        """World time by the server's clock, which may skip."""
        return self.clock.world(activity.info().started_time)

    async def _ask(self, name: str, step: BaseModel) -> None:
        self.asked[name].append(step)
        gate = self.gates.pop(name, None)
        if gate is None:
            return
        gate.reached.set()
        while not gate.opened.is_set():
            if not activity.info().is_local:
                activity.heartbeat()
            with_limit = asyncio.wait_for(gate.opened.wait(), HEARTBEAT_SECONDS)
            await asyncio.gather(with_limit, return_exceptions=True)


__all__ = ["CHARGER", "FakeSteps", "Gate"]
