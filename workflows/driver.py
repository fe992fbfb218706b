"""One driver, as long as the account lives: links, prompts, enrolment, sessions."""

from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError

from domain import steps
from domain.departure import next_departure
from domain.driver.apply import apply, begun
from domain.driver.effects import (
    AskForRelease,
    BeginSession,
    CloseDriver,
    DriverDecision,
    DriverEffect,
    EraseRecords,
    ForgetAtVendor,
    LabelDriver,
    ListDevices,
    PassOn,
    SetPlace,
    StartLink,
    TellOfLogin,
    Unlink,
    Vitals,
)
from domain.driver.events import (
    Act,
    ActTonight,
    AskUnlink,
    ConfirmUnlink,
    CredentialsDied,
    DeviceGone,
    DeviceSeen,
    DismissPrompt,
    DriverAction,
    Enroll,
    Erase,
    LinkReturned,
    PassedOn,
    PlaceCharger,
    ProgramChanged,
    RequestLink,
    SessionEnded,
    SetWish,
    TimeReached,
    Withdraw,
)
from domain.driver.said import as_heard
from domain.driver.state import ActionOutcome, DriverState
from domain.journey import Journey, journey_of
from domain.requirement import VehicleAsked, Verdict
from domain.session.events import DevicesLeaving
from domain.story import driver_details
from workflows import policies
from workflows import search_attributes as labels
from workflows.ids import session_workflow_id
from workflows.messages import DRIVER_WORKFLOW, SESSION_WORKFLOW, SHELL, DriverStart, SessionReport, SessionStart
from workflows.shell import Shell


@workflow.defn(name=DRIVER_WORKFLOW)
class DriverWorkflow:
    """Link, prompt, enroll; open one session per plug-in."""

    @workflow.init
    def __init__(self, start: DriverStart) -> None:
        self.shell: Shell[DriverState, DriverDecision] = Shell(
            state=start.state,
            clock=start.clock,
            heard=start.heard,
            log=(),
            apply=apply,
            begun=begun,
            ask=self._ask,
            act=self._act,
            time_reached=TimeReached,
        )
        self._starting: set[str] = set()  # sessions that do not hear yet
        self._operator_url = start.operator_url

    @workflow.run
    async def run(self, start: DriverStart) -> None:
        while True:
            decision = await self.shell.decide_and_act()
            self.shell.log = ()  # a driver's record is its history and the audit in storage
            workflow.set_current_details(driver_details(self.shell.state, self._operator_url))
            if any(isinstance(effect, CloseDriver) for effect in decision.effects):
                await workflow.wait_condition(workflow.all_handlers_finished)
                return
            if await self.shell.must_renew(decision):
                await self._renew()

    # What a user can do. Every action is a signal with its id; where a caller waits there is the update `act`.

    @workflow.signal(description="Open a vendor page to link a car or a charger.")
    def request_link(self, action: RequestLink) -> None:
        self._hear(action)

    @workflow.signal(description="The browser came back from the vendor's page: look which devices are there.")
    def link_returned(self, action: LinkReturned) -> None:
        self._hear(action)

    @workflow.signal(description="Close a prompt that can be dismissed.")
    def dismiss_prompt(self, action: DismissPrompt) -> None:
        self._hear(action)

    @workflow.signal(description="Say at which place (vendor id) a charger stands.")
    def place_charger(self, action: PlaceCharger) -> None:
        self._hear(action)

    @workflow.signal(description="Consent to managed charging.")
    def enroll(self, action: Enroll) -> None:
        self._hear(action)

    @workflow.signal(description="End managed charging.")
    def withdraw(self, action: Withdraw) -> None:
        self._hear(action)

    @workflow.signal(description="Set target and departure for every night.")
    def set_wish(self, action: SetWish) -> None:
        self._hear(action)

    @workflow.signal(description="The driver's word for one night; kept for the next plug-in if no session is open.")
    def act_tonight(self, action: ActTonight) -> None:
        self._hear(action)

    @workflow.signal(description="Ask what unlinking a vendor's devices would mean; the outcome carries a token.")
    def ask_unlink(self, action: AskUnlink) -> None:
        self._hear(action)

    @workflow.signal(description="Unlink what was asked about, with the token.")
    def confirm_unlink(self, action: ConfirmUnlink) -> None:
        self._hear(action)

    @workflow.signal(description="Erase the driver here and at the vendor. It cannot be taken back.")
    def erase(self, action: Erase) -> None:
        self._hear(action)

    @workflow.update(description="Any action, answered with its outcome. A repeated id returns the first outcome.")
    async def act(self, action: DriverAction) -> ActionOutcome:
        self._hear(action)
        await workflow.wait_condition(lambda: self._outcome(action).status != "pending")
        return self._outcome(action)

    @act.validator
    def _can_act(self, action: DriverAction) -> None:
        """Refuse what the machine would refuse, so that it leaves no trace in history."""
        assert isinstance(action, Act)
        outcome = apply(self.shell.state, as_heard(action, self.shell.now())).outcomes.get(action.action_id)
        if outcome is not None and outcome.status == "refused" and action.action_id not in self.shell.state.outcomes:
            raise ApplicationError(outcome.detail, type="Refused", non_retryable=True)

    def _hear(self, action: Act) -> None:
        self.shell.hear(as_heard(action, self.shell.now()))

    def _outcome(self, action: Act) -> ActionOutcome:
        return self.shell.state.outcomes[action.action_id]

    # What the outside world tells.

    @workflow.signal(description="A linked device was discovered, or changed in ability, place or plug.")
    def device_seen(self, event: DeviceSeen) -> None:
        self.shell.hear(event)

    @workflow.signal(description="A linked device is gone from its account.")
    def device_gone(self, event: DeviceGone) -> None:
        self.shell.hear(event)

    @workflow.signal(description="The driver's login at a vendor ended; only the driver can renew it.")
    def credentials_died(self, event: CredentialsDied) -> None:
        self.shell.hear(event)

    @workflow.signal(description="A session reports a night, or its end.")
    def session_reported(self, report: SessionReport) -> None:
        for event in (report.night, report.released, report.ended):
            if event is not None:
                self.shell.hear(event)

    @workflow.signal(description="The program changed, or its rollout: what is asked of the driver follows.")
    def program_changed(self, event: ProgramChanged) -> None:
        self.shell.hear(event)

    @workflow.query(description="What the app shows now.")
    def journey(self) -> Journey:
        return journey_of(self.shell.state)

    @workflow.query(
        description="What will be asked of the driver with a car of this brand and model, before it is linked."
    )
    def announce(self, vehicle: VehicleAsked) -> Verdict:
        state = self.shell.state
        return state.program.announce(state.driver_id, vehicle.brand, vehicle.model, state.record)

    @workflow.query(description="Everything the driver's workflow knows.")
    def state(self) -> DriverState:
        return self.shell.state

    # How its machine is asked, and its effects begun.

    async def _ask(self, state: DriverState, now: datetime, seen: int, attempt: int, vitals: Vitals) -> DriverDecision:
        question = steps.DecideDriver(state=state, now=now, seen=seen, attempt=attempt, vitals=vitals)
        return await self.shell.recorded(steps.DECIDE_DRIVER, question, DriverDecision)

    def _act(self, effect: DriverEffect) -> None:
        shell, driver_id = self.shell, self.shell.state.driver_id
        step: Any
        match effect:
            case StartLink():
                step = steps.StartLinkStep(
                    driver_id=driver_id,
                    action_id=effect.action_id,
                    side=effect.side,
                    redirect_uri=effect.redirect_uri,
                    language=effect.language,
                    relink_device_id=effect.relink_device_id,
                )
                shell.begin(steps.START_LINK, effect.action_id, step, effect.reason, policies.VENDOR)
            case ListDevices():
                step = steps.ListDevicesStep(driver_id=driver_id, action_id=effect.action_id, side=effect.side)
                shell.begin(steps.LIST_DEVICES, effect.action_id, step, effect.reason, policies.VENDOR)
            case SetPlace():
                step = steps.SetPlaceStep(
                    action_id=effect.action_id,
                    charger_id=effect.charger_id,
                    place_id=effect.place_id,
                    clock=shell.clock,
                )
                shell.begin(steps.SET_PLACE, effect.action_id, step, effect.reason, policies.VENDOR)
            case BeginSession():
                shell.spawn(f"session {effect.session.session_id}", self._open_session(effect))
            case AskForRelease():
                shell.spawn(f"release {effect.session_id}", self._ask_for_release(effect))
            case Unlink():
                step = steps.UnlinkStep(
                    driver_id=driver_id, action_id=effect.action_id, side=effect.side, vendor=effect.vendor
                )
                shell.begin(steps.UNLINK, effect.action_id, step, effect.reason, policies.VENDOR)
            case ForgetAtVendor():
                step = steps.ForgetStep(driver_id=driver_id, action_id=effect.action_id)
                shell.begin(steps.FORGET_AT_VENDOR, "forget", step, effect.reason, policies.VENDOR)
            case EraseRecords():
                step = steps.EraseStep(
                    driver_id=driver_id, action_id=effect.action_id, at=effect.at, device_ids=effect.device_ids
                )
                shell.begin(steps.ERASE_RECORDS, "erase records", step, effect.reason)
            case TellOfLogin():
                step = steps.TellDriver(
                    driver_id=driver_id, session_id="", kind="act_now", cause="login_ended", what_to_do="relink"
                )
                shell.begin(steps.TELL, f"tell {effect.vendor}", step, effect.reason)
            case PassOn():
                shell.spawn(f"pass on {effect.word.action_id} to {effect.session_id}", self._pass_on(effect))
            case LabelDriver():
                workflow.upsert_search_attributes(
                    [labels.STAGE.value_set(effect.labels.stage), labels.BRAND.value_set(effect.labels.brand)]
                )

    async def _open_session(self, effect: BeginSession) -> None:
        """An abandoned child, so that the driver may continue as new at any time."""
        session = effect.session
        self._starting.add(session.session_id)
        departs_at = next_departure(session.wish, self.shell.now())
        try:
            await workflow.start_child_workflow(
                SESSION_WORKFLOW,
                SessionStart(state=session, clock=self.shell.clock, operator_url=self._operator_url, shell=SHELL),
                id=session_workflow_id(session.session_id),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                search_attributes=labels.for_session(session.program, session.car.brand, session.labels, departs_at),
                static_summary=f"{session.car.brand or session.car.vendor}: {session.wish.target_soc_pct:.0f} % by "
                f"{session.wish.ready_by:%H:%M}",
                static_details=f"Opened by `driver:{session.driver_id}` because {effect.reason}.",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("session is open already", extra={"session_id": session.session_id})
        finally:
            self._starting.discard(session.session_id)

    async def _session(self, session_id: str) -> workflow.ExternalWorkflowHandle[Any]:
        """A session that was started; before that it would seem to be gone."""
        if session_id in self._starting:
            await workflow.wait_condition(lambda: session_id not in self._starting)
        return workflow.get_external_workflow_handle(session_workflow_id(session_id))

    async def _pass_on(self, effect: PassOn) -> None:
        """Tell a session the driver's word; one that is gone leaves it for the next."""
        session = await self._session(effect.session_id)
        try:
            await session.signal("driver_acted", effect.word)
        except FailureError:
            vehicle_id = effect.session_id.rpartition(":")[0]
            self.shell.hear(SessionEnded(session_id=effect.session_id, vehicle_id=vehicle_id))
            self.shell.hear(PassedOn(action_id=effect.word.action_id, is_heard=False))
        else:
            self.shell.hear(PassedOn(action_id=effect.word.action_id, is_heard=True))

    async def _ask_for_release(self, effect: AskForRelease) -> None:
        """A session that is gone holds nothing, and is no open session any more."""
        session = await self._session(effect.session_id)
        try:
            await session.signal("devices_leaving", DevicesLeaving(device_ids=effect.device_ids, why=effect.why))
        except FailureError:
            vehicle_id = effect.session_id.rpartition(":")[0]
            self.shell.hear(SessionEnded(session_id=effect.session_id, vehicle_id=vehicle_id))

    async def _renew(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        shell = self.shell
        workflow.continue_as_new(
            DriverStart(state=shell.state, clock=shell.clock, heard=shell.heard, operator_url=self._operator_url)
        )
