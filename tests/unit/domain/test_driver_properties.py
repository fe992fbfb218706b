"""What holds of a driver after any sequence of events, also ones nobody thought of.

`make properties` plays 20,000 sequences; the suite plays 500 of them.
"""

import os
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.factories import EVENING, make_device, make_driver, make_reading

from domain.capabilities import BrandRow, BrandTable
from domain.departure import Wish
from domain.devices import Capability, CapabilityKind, Device, LinkedVendor, PowerDeliveryState, Side
from domain.driver.apply import apply, begun
from domain.driver.decide import decide
from domain.driver.effects import (
    AskForRelease,
    BeginSession,
    CloseDriver,
    DriverEffect,
    EraseRecords,
    ForgetAtVendor,
    ListDevices,
    PassOn,
    SetPlace,
    StartLink,
    Unlink,
    WakeAt,
)
from domain.driver.events import (
    Act,
    ActionEnded,
    ActTonight,
    AskUnlink,
    ConfirmUnlink,
    CredentialsDied,
    DeviceGone,
    DeviceSeen,
    DismissPrompt,
    DriverEvent,
    Enroll,
    Erase,
    HoldsReleased,
    LinkReturned,
    NightReported,
    PassedOn,
    PlaceCharger,
    ProgramChanged,
    RequestLink,
    SessionEnded,
    SetWish,
    TimeReached,
    Withdraw,
)
from domain.driver.state import OUTCOMES_REMEMBERED, DriverState
from domain.journey import Stage, journey_of
from domain.program import Program
from domain.requirement import Requirement, Rules
from domain.resets import ResetRules
from domain.rollout.standing import Phase, Standing
from domain.session.state import ControlMode
from domain.wording import say

SEQUENCES = int(os.environ.get("NIGHTCHARGE_SEQUENCES", "500"))
EVENTS = 32
"""Events of one sequence."""

BRANDS = BrandTable(version="test", rows=(BrandRow(brand="Jeep", source="test"), BrandRow(brand="Kia", source="test")))
CARS = {"car-1": ("JEEP", "Jeep"), "car-2": ("KIA", "Kia")}
CHARGERS = {"charger-1": "ZAPTEC", "charger-2": "ZAPTEC", "charger-3": "EASEE"}
NEED = "phone-key"

cars, chargers = st.sampled_from(sorted(CARS)), st.sampled_from(sorted(CHARGERS))
devices = st.sampled_from([*sorted(CARS), *sorted(CHARGERS)])
yes_no = st.booleans()


class DriverMachine(RuleBasedStateMachine):
    """A driver, a clock, and the outside world's answers, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = EVENING
        self.version = 0
        self.state: DriverState = make_driver(program=self.program(ControlMode.OWN, demanded=False))
        self.to_answer: list[DriverEffect] = []
        self.actions: list[Act] = []
        self.count = 0
        self.is_suppressed = False
        self.is_closed = False

    # How the machine is driven.

    def program(self, mode: ControlMode, *, demanded: bool, phase: Phase = Phase.LAUNCH) -> Program:
        rules = Rules(demanded_brands=frozenset({"Jeep"}) if demanded else frozenset())
        resets = ResetRules(unreachable_days=2, unmatched_nights=3)
        standing = Standing(phase=phase)
        return Program(
            name="test",
            version=self.version,
            mode=mode,
            brands=BRANDS,
            rules=rules,
            resets=resets,
            standing=standing,
        )

    def hear(self, event: DriverEvent) -> None:
        if self.is_closed:
            return
        self.now += timedelta(minutes=1)
        self.state = apply(self.state, event)
        for effect in self.decided():
            self.state = begun(self.state, effect, self.now)
            if isinstance(effect, CloseDriver):
                self.is_closed = True
            self.to_answer.append(effect)
        assert not self.decided(), "a decision must come to rest"

    def decided(self) -> list[DriverEffect]:
        effects = decide(self.state, self.now).effects
        for effect in effects:
            self.may_be_done(effect)
        return [effect for effect in effects if not isinstance(effect, WakeAt)]

    def may_be_done(self, effect: DriverEffect) -> None:
        """Nothing opens without consent and control; nothing is unlinked without a confirmation."""
        if isinstance(effect, BeginSession):
            journey = journey_of(self.state)
            enabled = {vehicle.vehicle_id for vehicle in journey.vehicles if vehicle.is_enabled}
            assert self.state.enrolment is not None
            assert effect.session.car.device_id in enabled
        if isinstance(effect, Unlink):
            assert isinstance(next(a for a in self.actions if a.action_id == effect.action_id), ConfirmUnlink)

    def act(self, make: type[Act], **fields: object) -> Act:
        self.count += 1
        action = make(action_id=f"a{self.count}", **fields)  # type: ignore[arg-type]
        self.actions.append(action)
        self.hear(action)  # type: ignore[arg-type]
        return action

    def device(self, device_id: str, *, can: bool = True, needs: bool = False, **reading: object) -> Device:
        is_car = device_id in CARS
        vendor, brand = CARS[device_id] if is_car else (CHARGERS[device_id], CHARGERS[device_id].title())
        control = Capability(is_capable=can, intervention_ids=(NEED,) if needs and not can else ())
        kinds = (CapabilityKind.START_CHARGING, CapabilityKind.STOP_CHARGING, CapabilityKind.LOCATION)
        known = self.state.devices.get(device_id)
        place = known.reading.location_id if known is not None else None
        fields = {"location_id": place, "paired_with": None, "observed_at": self.now, "received_at": self.now}
        side = Side.VEHICLE if is_car else Side.CHARGER
        return make_device(
            side,
            id=device_id,
            vendor=vendor,
            brand=brand,
            capabilities=dict.fromkeys(kinds, control),
            reading=make_reading(side, device_id=device_id, **{**fields, **reading}),
        )

    # What may happen.

    @rule(device_id=devices, can=yes_no, needs=yes_no, plugged=yes_no, reached=yes_no)
    def seen(self, device_id: str, can: bool, needs: bool, plugged: bool, reached: bool) -> None:
        state = PowerDeliveryState.STOPPED if plugged else PowerDeliveryState.UNPLUGGED
        device = self.device(device_id, can=can, needs=needs, state=state, is_reachable=reached)
        self.hear(DeviceSeen(device=device))

    @rule(car=cars, charger=chargers)
    def paired(self, car: str, charger: str) -> None:
        if car in self.state.devices:
            own = self.state.devices[car].capabilities.get(CapabilityKind.START_CHARGING, Capability())
            self.hear(DeviceSeen(device=self.device(car, can=own.is_capable, paired_with=charger)))

    @rule(device_id=devices)
    def gone(self, device_id: str) -> None:
        self.hear(DeviceGone(device_id=device_id, at=self.now))

    @rule(side=st.sampled_from(Side), renews=st.sampled_from([None, "JEEP", "ZAPTEC"]))
    def request_link(self, side: Side, renews: str | None) -> None:
        self.act(RequestLink, side=side, redirect_uri="https://app.example", renews=renews)

    @rule(side=st.sampled_from(Side), is_ours=yes_no, error=st.sampled_from([None, "cancelled"]))
    def link_returned(self, side: Side, is_ours: bool, error: str | None) -> None:
        link = self.state.links.get(side)
        self.act(LinkReturned, side=side, state=link.token if link and is_ours else "other", error=error)

    @precondition(lambda self: self.to_answer)
    @rule(data=st.data(), is_done=yes_no)
    def answer(self, data: st.DataObject, is_done: bool) -> None:
        """The outside world answers something that was asked of it."""
        effect = self.to_answer.pop(data.draw(st.integers(0, len(self.to_answer) - 1)))
        match effect:
            case StartLink() | ForgetAtVendor() | EraseRecords():
                self.hear(ActionEnded(action_id=effect.action_id, is_done=is_done))
            case ListDevices():
                found = (self.device("car-1" if effect.side is Side.VEHICLE else "charger-1"),) if is_done else ()
                login = LinkedVendor(vendor="JEEP", side=Side.VEHICLE, is_valid=is_done)
                answer = ActionEnded(action_id=effect.action_id, is_done=is_done, devices=found, logins=(login,))
                self.hear(answer)
            case SetPlace():
                self.hear(
                    ActionEnded(
                        action_id=effect.action_id,
                        is_done=is_done,
                        charger_id=effect.charger_id,
                        place_id=effect.place_id,
                    )
                )
            case Unlink():
                self.unlinked(effect, is_done)
            case BeginSession():
                session = effect.session
                report = NightReported(
                    session_id=session.session_id,
                    vehicle_id=session.car.device_id,
                    number=1,
                    is_ready=is_done,
                    saving="1",
                    why="test",
                    is_match_known=True,
                )
                self.hear(report)
                self.hear(SessionEnded(session_id=session.session_id, vehicle_id=session.car.device_id))
            case PassOn():
                self.hear(PassedOn(action_id=effect.word.action_id, is_heard=is_done))
            case AskForRelease():
                self.hear(HoldsReleased(session_id=effect.session_id))

    def unlinked(self, effect: Unlink, is_done: bool) -> None:
        """A stays A: a mandatory charger's end leads back to journey A (S19)."""
        demanding = self.demanding()
        self.hear(ActionEnded(action_id=effect.action_id, is_done=is_done))
        if effect.side is Side.CHARGER and is_done and not self.state.of_side(Side.CHARGER) and not self.is_gone():
            journey = journey_of(self.state)
            still = {v.vehicle_id for v in journey.vehicles if v.requirement is Requirement.MANDATORY}
            assert demanding <= still
            assert not any(v.is_enabled for v in journey.vehicles if v.vehicle_id in demanding)
            if demanding and not self.state.dead_logins:
                assert journey.prompt is not None
                assert journey.prompt.key == "prompt.charger_required"
            if not demanding and journey.is_enabled:
                self.is_suppressed = True

    @rule(charger=chargers, place=st.sampled_from([None, "home", "office"]))
    def place(self, charger: str, place: str | None) -> None:
        self.act(PlaceCharger, charger_id=charger, place_id=place)

    @rule()
    def dismiss(self) -> None:
        prompt = journey_of(self.state).prompt
        if prompt is None:
            return
        action = self.act(DismissPrompt, prompt=prompt.key)
        status = self.state.outcomes[action.action_id].status
        assert status == ("refused" if prompt.is_blocking or self.is_gone() else "done")
        if prompt.key == "prompt.charger_recommended" and status == "done":
            self.is_suppressed = True

    @rule()
    def enroll(self) -> None:
        self.act(Enroll, at=self.now, text_version="1")

    @rule()
    def withdraw(self) -> None:
        self.act(Withdraw, at=self.now)

    @rule(percent=st.integers(50, 100))
    def set_wish(self, percent: int) -> None:
        self.act(SetWish, wish=Wish(target_soc_pct=percent))

    @rule(car=cars, act=st.sampled_from(["charge_now", "skip_night"]))
    def act_tonight(self, car: str, act: str) -> None:
        self.act(ActTonight, at=self.now, vehicle_id=car, act=act)

    @rule(side=st.sampled_from(Side), vendor=st.sampled_from(["JEEP", "KIA", "ZAPTEC", "EASEE"]))
    def ask_unlink(self, side: Side, vendor: str) -> None:
        before, linked = journey_of(self.state), self.state.devices
        self.act(AskUnlink, side=side, vendor=vendor, at=self.now)
        assert self.state.devices == linked
        assert journey_of(self.state) == before

    @rule(is_right=yes_no, is_late=yes_no)
    def confirm_unlink(self, is_right: bool, is_late: bool) -> None:
        asked, linked = self.state.unlinking, self.state.devices
        token = asked.token if asked is not None and is_right else "wrong"
        at = self.now + timedelta(minutes=20 if is_late else 0)
        action = self.act(ConfirmUnlink, token=token, at=at)
        assert self.state.devices == linked, "confirmed is not yet unlinked"
        if (not is_right or is_late) and not self.is_closed:
            assert self.state.outcomes[action.action_id].status == "refused"

    @rule(vendor=st.sampled_from(["JEEP", "ZAPTEC"]))
    def login_died(self, vendor: str) -> None:
        self.hear(CredentialsDied(vendor=vendor, at=self.now))

    @rule(hours=st.sampled_from([1, 12, 60]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.hear(TimeReached())

    @rule(mode=st.sampled_from(ControlMode), demanded=yes_no, phase=st.sampled_from([Phase.LAUNCH, Phase.OPTIONAL]))
    def program_changed(self, mode: ControlMode, demanded: bool, phase: Phase) -> None:
        """A phase that admits no incapable vehicles leaves drivers outside, but never without a word."""
        self.version += 1
        self.hear(ProgramChanged(program=self.program(mode, demanded=demanded, phase=phase), reason="test"))

    @precondition(lambda self: self.count > 15)
    @rule(really=st.integers(0, 9))
    def erase(self, really: int) -> None:
        if really == 0:
            self.act(Erase, at=self.now)

    @precondition(lambda self: self.actions)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """A remembered action changes nothing when it is repeated."""
        action = data.draw(st.sampled_from(self.actions))
        if action.action_id in self.state.outcomes:
            assert apply(self.state, action) is self.state  # type: ignore[arg-type]

    # What always holds.

    def is_gone(self) -> bool:
        return self.state.erasing is not None

    def demanding(self) -> set[str]:
        vehicles = journey_of(self.state).vehicles
        return {v.vehicle_id for v in vehicles if v.requirement is Requirement.MANDATORY}

    @invariant()
    def enrolled_means_in_control(self) -> None:
        journey = journey_of(self.state)
        if journey.stage in (Stage.ENROLLED, Stage.READY_TO_ENROLL):
            enabled = [vehicle for vehicle in journey.vehicles if vehicle.is_enabled]
            assert enabled
            assert all(v.effective.can_start and v.effective.can_stop and v.effective.can_locate for v in enabled)

    @invariant()
    def blocked_means_told_why(self) -> None:
        journey = journey_of(self.state)
        if journey.is_enabled or self.is_gone():
            return
        assert journey.prompt is not None
        assert journey.prompt.is_blocking
        assert journey.prompt.actions
        say(journey.prompt.why, "en", brand="Jeep")

    @invariant()
    def suppressed_stays_suppressed(self) -> None:
        journey = journey_of(self.state)
        if self.demanding() or not journey.vehicles:
            return
        if self.is_suppressed and journey.prompt is not None:
            assert journey.prompt.key != "prompt.charger_recommended"

    @invariant()
    def interventions_only_where_missed(self) -> None:
        journey = journey_of(self.state)
        effective = {vehicle.vehicle_id: vehicle.effective for vehicle in journey.vehicles}
        for shown in journey.interventions:
            assert not effective[shown.vehicle_id].can_smart_charge

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.state.outcomes) <= OUTCOMES_REMEMBERED

    def teardown(self) -> None:
        assert DriverState.model_validate_json(self.state.model_dump_json()) == self.state


TestDriver = DriverMachine.TestCase
TestDriver.settings = settings(
    max_examples=SEQUENCES,
    stateful_step_count=EVENTS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
