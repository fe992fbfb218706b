"""The night on which a session's cost is measured: ten hours, 4 commands, 2 new plans, 8 relevant device events.

The session is the real one, on a time-skipping server; car, charger and planner follow a script. Time goes on only
while the workflow rests, so that the same night has the same history on every machine.
"""

import asyncio
import typing
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.deciding import decide_session
from domain import steps
from domain.clock import Clock
from domain.commands import CommandOutcome, CommandResult, Goal
from domain.departure import Wish
from domain.devices import PowerDeliveryState, Reading, Side
from domain.plan import ChargingPlan, PlanStatus, SlotReason
from domain.session.effects import Decision
from domain.session.events import NightAccounted, PlanReady, PricesChanged, ReadingArrived
from domain.session.state import Box, Car, SessionState
from nights.temporal_session import A_LITTLE, TemporalSession, time_skipping
from workflows.answers import ANSWERS
from workflows.session import SessionWorkflow

QUEUE = "healthy-night"
PLUG_IN = datetime(2022, 12, 12, 18, 0, tzinfo=UTC)
CAR, CHARGER = "car-1", "charger-1"
POWER_KW = 11.0
PCT_PER_HOUR = POWER_KW * 0.9 / 60.0 * 100
"""Level gained by a battery of 60 kWh [%/h]."""

CHEAP_HOURS = (2, 6, 7)
"""Hours after the plug-in in which the plan charges: start, stop, start, and a stop once the target is reached."""

NEW_PLANS = 2
"""Beside the first."""

REST_SECONDS = 30.0
"""Real time in which the workflow must come to rest."""


class HealthyHome:
    """Car and charger that obey at once, a planner that always answers the same, and the books."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flows, self._since, self._soc_pct = False, PLUG_IN, 40.0
        self.is_plugged = True
        self.goals: list[Goal] = []
        self.plans = 0

    def by_name(self) -> dict[str, Callable[[Any], Any]]:
        return {
            steps.LISTEN: self.listen,
            steps.STOP_LISTENING: self.stop_listening,
            steps.MAKE_PLAN: self.make_plan,
            steps.SEND_COMMAND: self.send_command,
            steps.READ_DEVICE: self.read_device,
            steps.CLOSE_NIGHT: self.close_night,
        }

    def listen(self, _step: steps.ListenTo) -> steps.Heard:
        return steps.Heard(readings=())

    def stop_listening(self, _step: steps.ListenTo) -> None:
        return None

    def make_plan(self, step: steps.MakePlan) -> PlanReady:
        self.plans += 1
        return PlanReady(revision=step.request.revision, plan=_plan())

    def send_command(self, step: steps.SendCommand) -> CommandOutcome:
        order, now = step.order, self._now()
        self.goals.append(order.goal)
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

    def read_device(self, step: steps.ReadDevice) -> ReadingArrived:
        return ReadingArrived(reading=self.reading(step.side, self._now()))

    def close_night(self, step: steps.CloseTheNight) -> NightAccounted:
        is_ready = step.night.ready_at is not None
        return NightAccounted(number=step.night.number, is_ready=is_ready, saving="1.50", why="as measured")

    def reading(self, side: Side, now: datetime) -> Reading:
        """What this side shows."""
        self._flow(self._flows, now)
        is_car = side is Side.VEHICLE
        state = PowerDeliveryState.CHARGING if self._flows else PowerDeliveryState.STOPPED
        return Reading(
            side=side,
            device_id=CAR if is_car else CHARGER,
            observed_at=now,
            received_at=now,
            is_reachable=True,
            is_plugged_in=self.is_plugged,
            state=state if self.is_plugged else PowerDeliveryState.UNPLUGGED,
            charge_rate_kw=POWER_KW if self._flows else 0.0,
            soc_pct=self._soc_pct if is_car else None,
            battery_capacity_kwh=60.0 if is_car else None,
            paired_with=(CHARGER if is_car else CAR) if self.is_plugged else None,
        )

    def _flow(self, flows: bool, now: datetime) -> None:
        if self._flows:
            self._soc_pct += PCT_PER_HOUR * ((now - self._since) / timedelta(hours=1))
        self._flows, self._since = flows, now

    def _now(self) -> datetime:
        return self._clock.world(activity.info().started_time)


def _plan() -> ChargingPlan:
    """Hourly slots to the departure."""
    on = [hour in CHEAP_HOURS for hour in range(10)]
    return ChargingPlan(
        status=PlanStatus.OPTIMAL,
        edges=tuple(PLUG_IN + timedelta(hours=hour) for hour in range(11)),
        energy_ac_kwh=tuple(POWER_KW if is_on else 0.0 for is_on in on),
        price_per_kwh=tuple(0.2 if is_on else 0.4 for is_on in on),
        reasons=tuple(SlotReason.CHEAPEST if is_on else SlotReason.WAIT_CHEAPER for is_on in on),
        cost=6.6,
        energy_cost=6.6,
        lower_bound=6.6,
        shortfall_ac_kwh=0.0,
        solver="by hand",
        solve_ms=0.0,
    )


class HealthyNight:
    """The night, step by step."""

    def __init__(self, env: WorkflowEnvironment, clock: Clock) -> None:
        self._env, self._clock = env, clock
        self.home = HealthyHome(clock)
        self.session = TemporalSession(self._opened(), env.client, QUEUE, clock)
        self._now = PLUG_IN

    def _opened(self) -> SessionState:
        return SessionState(
            session_id=f"{CAR}:1",
            driver_id="driver-1",
            program="healthy",
            car=Car(device_id=CAR, vendor="TESLA", brand="Tesla"),
            boxes=(Box(device_id=CHARGER, vendor="ZAPTEC"),),
            wish=Wish(target_soc_pct=80, ready_by=time(5, 0), zone="Europe/Amsterdam"),
            plugged_in_at=PLUG_IN,
            seen_kw=POWER_KW,
            readings={r.device_id: r for r in (self.home.reading(side, PLUG_IN) for side in Side)},
        )

    async def play(self) -> WorkflowHistory:
        """From the plug-in to the end of the session; its history."""
        async with Worker(
            self._env.client, task_queue=QUEUE, workflows=[SessionWorkflow], activities=self._activities()
        ):
            await self._rest()
            for minutes, happen in self._script():
                await self._go_to(PLUG_IN + timedelta(minutes=minutes))
                happen()
                await self._rest()
            while not self.session.is_closed:
                await self.session.pending()
                await asyncio.sleep(0.005)
            return await self._env.client.get_workflow_handle(self.session.workflow_id).fetch_history()

    def _script(self) -> list[tuple[float, Callable[[], None]]]:
        """Minutes after the plug-in, and what happens."""
        return [
            (1, self._prices),
            (2, lambda: self._show(Side.VEHICLE)),
            (130, lambda: self._show(Side.CHARGER)),  # the first start, at 120
            (190, lambda: self._show(Side.CHARGER)),  # the stop, at 180
            (195, self._prices),
            (370, lambda: self._show(Side.CHARGER)),  # the second start, at 360
            (460, lambda: self._show(Side.VEHICLE)),  # the level that has reached the target: the last stop
            (470, lambda: self._show(Side.CHARGER)),
            (610, self._unplug),
            (611, lambda: self._show(Side.VEHICLE)),  # the other side of the cable tells it later
        ]

    def _prices(self) -> None:
        self.session.hear(PricesChanged(area="NL"))

    def _show(self, side: Side) -> None:
        self.session.hear(ReadingArrived(reading=self.home.reading(side, self._now)))

    def _unplug(self) -> None:
        self.home.is_plugged = False
        self._show(Side.CHARGER)

    def _activities(self) -> list[Callable[..., Any]]:
        @activity.defn(name=steps.DECIDE_SESSION)
        async def decide(question: steps.DecideSession) -> Decision:
            decision = decide_session(question)
            self.session.decided(decision)
            return decision

        return [decide, *(self._noted(name, step) for name, step in self.home.by_name().items())]

    def _noted(self, name: str, method: Callable[[Any], Any]) -> Callable[..., Awaitable[Any]]:
        """The step; the session's picture for stepping learns of it."""

        async def run(step: Any) -> Any:
            self.session.begun += 1
            result = method(step)
            self.session.heard(ANSWERS[name].heard_as(result), self._now)
            return result

        hints = typing.get_type_hints(method)
        run.__annotations__ = {key if key == "return" else "step": kind for key, kind in hints.items()}
        return activity.defn(name=name)(run)

    # -- stepping ---------------------------------------------------------------------------------------------------

    async def _go_to(self, at: datetime) -> None:
        """Let the night go on until `at`, resting wherever the session's timer fires."""
        while True:
            wake_at = self.session.wake_at
            is_due = wake_at is not None and wake_at <= at
            until = wake_at + A_LITTLE if is_due and wake_at is not None else at
            self._now = self._clock.world(await self._env.get_current_time())
            if until > self._now:
                await self._env.sleep(until - self._now)
            self._now = max(until, self._now)
            if not is_due:
                return
            self.session.look_at_timer(self._now)
            await self._rest()

    async def _rest(self) -> None:
        """Wait until the session has decided on all it heard, and every step was answered."""
        deadline = asyncio.get_running_loop().time() + REST_SECONDS
        await self.session.say_all()
        while not self.session.is_over:
            if self.session.is_at_rest and not (await self.session.pending()).under_way:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(self.session.progress())
            await asyncio.sleep(0.005)


async def play() -> WorkflowHistory:
    """The night's history.

    Raises:
        AssertionError: it was another night, because sessions decide otherwise now.
    """
    async with time_skipping() as env:
        clock = Clock.starting(PLUG_IN, real_now=await env.get_current_time(), speed=1)
        night = HealthyNight(env, clock)
        history = await night.play()
    shape = (night.home.goals, night.home.plans)
    assert shape == ([Goal.START, Goal.STOP, Goal.START, Goal.STOP], 1 + NEW_PLANS), f"not the night meant: {shape}"
    return history
