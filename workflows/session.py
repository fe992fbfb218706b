"""One charging session: from plug-in to unplug, one or more nights."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError

from domain import steps
from domain.commands import CommandOrder
from domain.driver.events import HoldsReleased, NightReported, SessionEnded
from domain.nightlog import LogEntry
from domain.session.apply import apply, begun
from domain.session.effects import (
    CloseNight,
    CloseSession,
    Decision,
    Label,
    Listen,
    Plan,
    Read,
    Report,
    ReportReleased,
    Send,
    SessionEffect,
    Tell,
    Vitals,
)
from domain.session.events import DevicesLeaving, DriverActed, PricesChanged, ReadingArrived, TimeReached
from domain.session.preview import Preview
from domain.session.pulse import Pulse, pulse_of
from domain.session.state import SessionState
from domain.session.wants import max_power_kw
from domain.session.whatif import preview_of
from domain.story import session_details
from workflows import policies
from workflows import search_attributes as labels
from workflows.ids import driver_workflow_id
from workflows.messages import SESSION_WORKFLOW, SHELL, SessionReport, SessionStart, cancelled
from workflows.shell import Shell


@workflow.defn(name=SESSION_WORKFLOW)
class SessionWorkflow:
    """From plug-in to unplug: listen, plan, follow the plan with proven commands, account for each night."""

    @workflow.init
    def __init__(self, start: SessionStart) -> None:
        self._way = start.shell
        self._untold: NightReported | None = None  # a night whose report has not begun
        self.shell: Shell[SessionState, Decision] = Shell(
            state=start.state,
            clock=start.clock,
            heard=start.heard,
            log=start.log,
            apply=apply,
            begun=begun,
            ask=self._ask,
            act=self._act,
            time_reached=TimeReached,
        )
        self._operator_url = start.operator_url

    @property
    def _is_present(self) -> bool:
        """Whether this session goes the shell's present way; a recorded one may go an earlier (`SHELL`)."""
        return self._way >= SHELL

    @workflow.run
    async def run(self, start: SessionStart) -> None:
        """A cancellation is one more thing to hear, whatever it meets: the session first lets go of its devices."""
        life = asyncio.create_task(self._live())
        try:
            await asyncio.shield(life)
        except asyncio.CancelledError:
            self.shell.hear(cancelled(start))
            await life

    async def _live(self) -> None:
        """Decide and act until the session closes, then end it."""
        while True:
            decision = await self.shell.decide_and_act()
            workflow.set_current_details(session_details(self.shell.state, self.shell.wake, self._operator_url))
            if any(isinstance(effect, CloseSession) for effect in decision.effects):
                await self._end()
                return
            if await self.shell.must_renew(decision):
                await self._renew()

    # What can be said to a session. Handlers only hear.

    @workflow.signal(description="A relevant device reading: plug, flow, level or fault.")
    def reading(self, event: ReadingArrived) -> None:
        self.shell.hear(event)

    @workflow.signal(
        description="The driver's word: charge_now, stay_stopped, skip_night, pause_until, follow_plan, set_wish, "
        "name_charger."
    )
    def driver_acted(self, event: DriverActed) -> None:
        self.shell.hear(event)

    @workflow.signal(description="New market prices are out: plan again.")
    def prices_changed(self, event: PricesChanged) -> None:
        self.shell.hear(event)

    @workflow.signal(description="Devices are about to be unlinked: release our holds on them.")
    def devices_leaving(self, event: DevicesLeaving) -> None:
        self.shell.hear(event)

    @workflow.query(description="Everything the session knows.")
    def state(self) -> SessionState:
        return self.shell.state

    @workflow.query(description="What an action would cost and risk; nothing is done.")
    def what_would(self, action: DriverActed) -> Preview:
        return preview_of(self.shell.state, action, max(action.at, self.shell.now()))

    @workflow.query(description="What an action cost and risked when it was obeyed; null: not heard, or long ago.")
    def answer(self, action_id: str) -> Preview | None:
        return self.shell.state.answers.get(action_id)

    @workflow.query(description="A few words for the sweep: is it alive, and what does it listen to.")
    def pulse(self) -> Pulse:
        return pulse_of(
            self.shell.state, heard=self.shell.heard, wakes_at=self.shell.wake.at if self.shell.wake else None
        )

    @workflow.query(description="The log of the night so far.")
    def night_log(self) -> list[LogEntry]:
        return list(self.shell.log)

    # How its machine is asked, and its effects begun.

    async def _ask(self, state: SessionState, now: datetime, seen: int, attempt: int, vitals: Vitals) -> Decision:
        question = steps.DecideSession(state=state, now=now, seen=seen, attempt=attempt, vitals=vitals)
        return await self.shell.recorded(steps.DECIDE_SESSION, question, Decision)

    def _act(self, effect: SessionEffect) -> None:
        state, shell = self.shell.state, self.shell
        match effect:
            case Listen():
                to = steps.ListenTo(watch=effect.watch)
                shell.begin(steps.LISTEN, "listen", to, effect.reason, is_local=self._is_present)
            case Plan():
                plan = steps.MakePlan(request=effect.request)
                shell.begin(steps.MAKE_PLAN, "plan", plan, effect.reason, policies.VENDOR)
            case Send():
                self._send(effect.order, effect.reason)
            case Read():
                step = steps.ReadDevice(side=effect.side, device_id=effect.device_id, clock=shell.clock)
                shell.begin(steps.READ_DEVICE, f"read {effect.device_id}", step, effect.reason, policies.VENDOR)
            case Tell():
                words = steps.TellDriver(
                    driver_id=state.driver_id,
                    session_id=state.session_id,
                    kind=effect.kind,
                    cause=effect.cause,
                    what_to_do=effect.what_to_do,
                )
                shell.begin(steps.TELL, f"tell {effect.kind} {effect.cause}", words, effect.reason)
            case Label():
                self._label(effect)
            case CloseNight():
                self._close_night(effect)
            case Report():
                self._report(self._reported(effect))
            case ReportReleased():
                released = HoldsReleased(session_id=state.session_id)
                self._say("report released", self._tell_driver(SessionReport(released=released)))

    def _send(self, order: CommandOrder, reason: str) -> None:
        """At most one open command per device; a newer one supersedes it."""
        step = steps.SendCommand(session_id=self.shell.state.session_id, order=order, clock=self.shell.clock)
        limit = self.shell.clock.real_span(order.prove_by - self.shell.now()) + 6 * policies.REAL_FLOOR
        self.shell.begin(
            steps.SEND_COMMAND,
            f"command {order.device_id}",
            step,
            f"{order.goal.value} {order.side.value}: {reason}",
            policies.VENDOR,
            limit=limit,
            heartbeat=self.shell.clock.real_span(policies.COMMAND_HEARTBEAT, floor=policies.REAL_FLOOR),
        )

    def _label(self, effect: Label) -> None:
        wanted = effect.labels
        updates: list[Any] = [
            labels.STAGE.value_set(wanted.stage),
            labels.ROUTE.value_set(wanted.route),
            labels.READY.value_set(wanted.is_ready),
        ]
        if wanted.departs_at is not None:
            updates.append(labels.DEPARTS_AT.value_set(wanted.departs_at))
        workflow.upsert_search_attributes(updates)

    def _close_night(self, effect: CloseNight) -> None:
        """Hand the log over with the night; the next night begins a new one."""
        state, night = self.shell.state, self.shell.state.night
        assert night is not None
        step = steps.CloseTheNight(
            session_id=state.session_id,
            driver_id=state.driver_id,
            car=state.car,
            max_power_kw=max_power_kw(state),
            tariff=state.tariff,
            plugged_in_at=state.plugged_in_at,
            begins_at=state.last_closed_at,
            night=night,
            closed_at=night.closed_at or self.shell.now(),
            log=self.shell.log,
        )
        self.shell.log = ()
        self.shell.begin(steps.CLOSE_NIGHT, "close night", step, f"account for the night: {effect.reason}")

    # What the driver hears.

    def _report(self, night: NightReported) -> None:
        """One night. A session that ends with the same decision tells both at once."""
        if not self._is_present:
            self._say("report", self._tell_driver(SessionReport(night=night)))
            return
        self._untold = night
        self._say(f"report {night.number}", self._tell_night())

    async def _tell_night(self) -> None:
        if (night := self._take_untold()) is not None:
            await self._tell_driver(SessionReport(night=night))

    def _take_untold(self) -> NightReported | None:
        night, self._untold = self._untold, None
        return night

    def _say(self, name: str, words: Coroutine[Any, Any, None]) -> None:
        """The end waits for what has begun to be told."""
        self.shell.spawn(name, words, outlives=self._is_present)

    def _reported(self, effect: Report) -> NightReported:
        state, night = self.shell.state, effect.night
        return NightReported(
            session_id=state.session_id,
            vehicle_id=state.car.device_id,
            number=night.number,
            is_ready=night.is_ready,
            saving=night.saving,
            why=night.why,
            commands_sent=night.commands_sent,
            commands_proven=night.commands_proven,
            routes=night.routes,
            matched_charger_id=state.last_charger_id,
            is_match_known=state.is_match_known,
        )

    async def _tell_driver(self, report: SessionReport) -> None:
        """Best effort: the driver may be gone; accounts are in storage and the sweep repairs."""
        driver = workflow.get_external_workflow_handle(driver_workflow_id(self.shell.state.driver_id))
        try:
            await driver.signal("session_reported", report)
        except FailureError as failure:
            workflow.logger.warning("driver not told", extra={"why": str(failure)})

    async def _renew(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        shell = self.shell
        workflow.continue_as_new(
            SessionStart(
                state=shell.state,
                clock=shell.clock,
                heard=shell.heard,
                log=shell.log,
                operator_url=self._operator_url,
                shell=self._way,
            )
        )

    async def _end(self) -> None:
        """Let go of every step, and tell the driver: of the last night too, if that was just decided."""
        shell, state, last_night = self.shell, self.shell.state, self._take_untold()
        shell.cancel_all()
        if state.watch is not None:
            to = steps.ListenTo(watch=state.watch)
            await shell.do(steps.STOP_LISTENING, to, "the session is over", is_local=self._is_present)
        if self._is_present:
            await workflow.wait_condition(lambda: shell.is_quiet)
        ended = SessionEnded(
            session_id=state.session_id, vehicle_id=state.car.device_id, readings=tuple(state.readings.values())
        )
        await self._tell_driver(SessionReport(night=last_night, ended=ended))
        await workflow.wait_condition(workflow.all_handlers_finished)
