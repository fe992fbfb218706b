"""What the app shows of a driver's journey: one value, computed from the state, served by query, REST and page alike.

Texts are keys into the message catalogues; wording never lives in code.
"""

from enum import StrEnum

from pydantic import Field

from domain.capabilities import Effective, OwnCapability
from domain.devices import Device, Side
from domain.driver.linked import effective_of, is_helpless, is_login_dead, is_placed, physical, standing_chargers
from domain.driver.plugged import VehicleNow, now_of
from domain.driver.state import DriverState, LinkStatus
from domain.interventions import VehicleIntervention, surfaced
from domain.model import Model
from domain.requirement import Requirement
from domain.resets import Reset, ResetCause
from domain.session.state import ControlMode


class Stage(StrEnum):
    """Where the driver stands."""

    LINK_VEHICLE = "link_vehicle"
    CHARGER_REQUIRED = "charger_required"  # journey A: charging stays as it is without us
    LOCATE_CHARGER = "locate_charger"
    RECONNECT = "reconnect"  # a login ended, or what the charger unlocked was taken back
    READY_TO_ENROLL = "ready_to_enroll"
    NOT_ELIGIBLE = "not_eligible"  # no vehicle of a brand that is admitted yet
    ENROLLED = "enrolled"
    ERASED = "erased"


class Prompt(Model):
    """What the app asks now."""

    key: str
    is_blocking: bool  # cannot be dismissed
    why: str  # message key of the honest reason
    benefits: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    vehicle_id: str | None = None  # the vehicle it is about
    vendor: str | None = None  # whose login is to be renewed


class VehicleJourney(Model):
    """One vehicle's part in it."""

    vehicle_id: str
    brand: str | None
    requirement: Requirement
    requirement_reason: str
    requirement_why: str  # key of the words for the driver
    own: OwnCapability
    effective: Effective
    is_enabled: bool  # smart charging may run
    session_id: str | None = None
    now: VehicleNow = VehicleNow()


class LinkShown(Model):
    """What became of a vendor page; the words are `link.<status>`."""

    side: Side
    status: LinkStatus
    detail: str = ""
    renews: str | None = None  # the vendor whose login is renewed


class Journey(Model):
    """The whole of it."""

    stage: Stage
    is_enabled: bool
    is_enrolled: bool
    prompt: Prompt | None = None
    settings: tuple[str, ...] = ()  # what the settings page offers
    vehicles: tuple[VehicleJourney, ...] = ()
    charger_ids: tuple[str, ...] = ()
    interventions: tuple[VehicleIntervention, ...] = ()  # to show now; the texts are the vendor's, by id
    resets: dict[str, Reset] = Field(default_factory=dict)  # by device: what it unlocked was taken back, and why
    links: tuple[LinkShown, ...] = ()  # the last page opened for each kind of device


RELINK_PROMPT = "prompt.relink"
CHECK_PROMPT = "prompt.check_charger"
LOCATE_PROMPT = "prompt.locate_charger"
NOT_ELIGIBLE_PROMPT = "prompt.not_eligible"


def journey_of(state: DriverState) -> Journey:
    """What to show now."""
    if state.erasing is not None:
        return Journey(stage=Stage.ERASED, is_enabled=False, is_enrolled=False)
    vehicles = tuple(_vehicle(state, device) for device in physical(state, Side.VEHICLE))
    stage = _stage(state, vehicles)
    return Journey(
        stage=stage,
        is_enabled=any(vehicle.is_enabled for vehicle in vehicles),
        is_enrolled=state.enrolment is not None,
        prompt=_prompt(state, stage, vehicles),
        settings=_settings(state, vehicles),
        vehicles=vehicles,
        charger_ids=tuple(device.id for device in physical(state, Side.CHARGER)),
        interventions=surfaced(state.interventions, {v.vehicle_id: v.effective for v in vehicles}),
        resets=_resets(state),
        links=tuple(
            LinkShown(side=link.side, status=link.status, detail=link.detail, renews=link.renews)
            for link in state.links.values()
        ),
    )


def _vehicle(state: DriverState, device: Device) -> VehicleJourney:
    own = state.own.get(device.id, OwnCapability())
    verdict = state.program.ask(state.driver_id, device.brand, own, state.record)
    unlocked = effective_of(state, device)
    session = state.sessions.get(device.id)
    is_met = _is_met(verdict.requirement, has_charger=bool(standing_chargers(state)))
    return VehicleJourney(
        vehicle_id=device.id,
        brand=device.brand,
        requirement=verdict.requirement,
        requirement_reason=verdict.reason,
        requirement_why=verdict.why,
        own=own,
        effective=unlocked,
        is_enabled=unlocked.can_smart_charge and is_met,
        session_id=session.session_id if session else None,
        now=now_of(state, device),
    )


def _is_met(requirement: Requirement, *, has_charger: bool) -> bool:
    if requirement is Requirement.NOT_ELIGIBLE:
        return False
    return has_charger or requirement is not Requirement.MANDATORY


def _resets(state: DriverState) -> dict[str, Reset]:
    """By the charger that no longer counts, or by the vehicle whose ability the platform took back."""
    if state.program.mode is ControlMode.DELEGATED:
        return state.vendor_resets
    return {key: record.reset for key, record in state.chargers.items() if record.reset is not None}


def _stage(state: DriverState, vehicles: tuple[VehicleJourney, ...]) -> Stage:
    if not vehicles:
        return Stage.LINK_VEHICLE
    if all(vehicle.requirement is Requirement.NOT_ELIGIBLE for vehicle in vehicles):
        return Stage.NOT_ELIGIBLE
    if any(vehicle.is_enabled for vehicle in vehicles):
        return Stage.ENROLLED if state.enrolment else Stage.READY_TO_ENROLL
    if _is_cut_off(state):
        return Stage.RECONNECT
    return Stage.LOCATE_CHARGER if state.of_side(Side.CHARGER) else Stage.CHARGER_REQUIRED


def _is_cut_off(state: DriverState) -> bool:
    """Whether what is linked would do, were it not for an ended login or a reset."""
    chargers = standing_chargers(state)
    is_all_placed = all(is_placed(state, charger) for charger in chargers)
    has_lost_all = bool(state.of_side(Side.CHARGER)) and is_all_placed  # all that can be done here is done
    has_dead_login = any(is_login_dead(state, device) for device in state.devices.values())
    return has_lost_all or has_dead_login or (state.program.mode is ControlMode.DELEGATED and bool(state.vendor_resets))


def _prompt(state: DriverState, stage: Stage, vehicles: tuple[VehicleJourney, ...]) -> Prompt | None:
    if stage is Stage.LINK_VEHICLE:
        return Prompt(key="prompt.link_vehicle", is_blocking=True, why="why.link_vehicle", actions=("link_vehicle",))
    wanted = (_relink_prompt, _check_prompt, _asking_prompt, _not_eligible_prompt)
    prompts = [prompt for prompt in (make(state, stage, vehicles) for make in wanted) if prompt is not None]
    return next((prompt for prompt in prompts if prompt.is_blocking), prompts[0] if prompts else None)


def _asking_prompt(state: DriverState, stage: Stage, vehicles: tuple[VehicleJourney, ...]) -> Prompt | None:
    """What is still to be linked or said: the charger, then its place."""
    asked = tuple(v for v in vehicles if v.requirement in (Requirement.MANDATORY, Requirement.RECOMMENDED))
    if not asked:
        return None
    if not state.of_side(Side.CHARGER):
        return _charger_prompt(state, asked)
    if _unplaced_charger(state):
        is_needed = stage is Stage.LOCATE_CHARGER
        return Prompt(
            key=LOCATE_PROMPT,
            is_blocking=is_needed,
            why="why.locate_charger",
            actions=("place_charger",) if is_needed else ("place_charger", "dismiss"),
            vehicle_id=_in_need(asked).vehicle_id,
        )
    return None


def _not_eligible_prompt(state: DriverState, stage: Stage, vehicles: tuple[VehicleJourney, ...]) -> Prompt | None:
    """A car that cannot take part yet: what it misses, and that there is nothing to do but to link another."""
    left_out = [vehicle for vehicle in vehicles if vehicle.requirement is Requirement.NOT_ELIGIBLE]
    is_alone = stage is Stage.NOT_ELIGIBLE
    if not left_out or (NOT_ELIGIBLE_PROMPT in state.dismissed and not is_alone):
        return None
    return Prompt(
        key=NOT_ELIGIBLE_PROMPT,
        is_blocking=is_alone,
        why=left_out[0].requirement_why,
        actions=("link_vehicle",) if is_alone else ("link_vehicle", "dismiss"),
        vehicle_id=left_out[0].vehicle_id,
    )


def _in_need(vehicles: tuple[VehicleJourney, ...]) -> VehicleJourney:
    """The car that a question about a charger is about: the first that cannot do without."""
    in_need = [v for v in vehicles if v.own.missing or not v.is_enabled]
    return next((v for v in in_need if v.requirement is not Requirement.NOT_ELIGIBLE), vehicles[0])


def _relink_prompt(state: DriverState, stage: Stage, vehicles: tuple[VehicleJourney, ...]) -> Prompt | None:
    """A login that ended can be renewed by the driver alone."""
    is_blocking = stage is Stage.RECONNECT
    if not state.dead_logins or (RELINK_PROMPT in state.dismissed and not is_blocking):
        return None
    vendor = min(state.dead_logins)
    of_vendor = [v.vehicle_id for v in vehicles if state.devices[v.vehicle_id].vendor == vendor]
    return Prompt(
        key=RELINK_PROMPT,
        is_blocking=is_blocking,
        why="why.login_ended",
        actions=("relink",) if is_blocking else ("relink", "dismiss"),
        vehicle_id=of_vendor[0] if of_vendor else None,
        vendor=vendor,
    )


def _check_prompt(state: DriverState, stage: Stage, vehicles: tuple[VehicleJourney, ...]) -> Prompt | None:
    """What the charger unlocked was taken back (S26), or it never could: the driver can look after it."""
    is_blocking = stage is Stage.RECONNECT
    is_waiting = is_blocking and not state.dead_logins  # for the platform, if nothing was taken back
    why = _what_to_check(state) or ("why.not_unlocked" if is_waiting else "")
    if not why or (CHECK_PROMPT in state.dismissed and not is_blocking):
        return None
    return Prompt(
        key=CHECK_PROMPT,
        is_blocking=is_blocking,
        why=why,
        actions=("link_charger",) if is_blocking else ("link_charger", "dismiss"),
        vehicle_id=_in_need(vehicles).vehicle_id,
    )


def _what_to_check(state: DriverState) -> str:
    """Why a charger does not count, but for an ended login, of which the driver is asked elsewhere; empty: it does."""
    is_ours, chargers = state.program.mode is ControlMode.OWN, physical(state, Side.CHARGER)
    counting = {charger.id for charger in chargers}
    resets = [reset for key, reset in sorted(_resets(state).items()) if key in counting or not is_ours]
    causes = [reset.cause for reset in resets if reset.cause is not ResetCause.LOGIN_DEAD]
    if causes:
        return f"why.reset_{causes[0].value}"
    return "why.charger_helpless" if is_ours and any(map(is_helpless, chargers)) else ""


def _charger_prompt(state: DriverState, vehicles: tuple[VehicleJourney, ...]) -> Prompt | None:
    """Journey A persists and cannot be dismissed; journey B is shown until it is dismissed (S9-S15)."""
    demanding = next((v for v in vehicles if v.requirement is Requirement.MANDATORY), None)
    if demanding is not None:
        return Prompt(
            key="prompt.charger_required",
            is_blocking=True,
            why=demanding.requirement_why,
            benefits=_benefits(demanding),
            actions=("link_charger",),
            vehicle_id=demanding.vehicle_id,
        )
    leaving = state.unlinking  # once confirmed, also if the vendor tells that it is gone before it answers (S21)
    is_unwanted = leaving is not None and leaving.side is Side.CHARGER and leaving.action_id is not None
    if is_unwanted or "prompt.charger_recommended" in state.dismissed:
        return None
    return Prompt(
        key="prompt.charger_recommended",
        is_blocking=False,
        why=vehicles[0].requirement_why,
        benefits=_benefits(vehicles[0]),
        actions=("link_charger", "dismiss"),
        vehicle_id=vehicles[0].vehicle_id,
    )


def _benefits(vehicle: VehicleJourney) -> tuple[str, ...]:
    """What this driver gains with this car (S5): no fallback for what the car never could, no rate that it tells."""
    own, now = vehicle.own, vehicle.now
    gains = {
        "benefit.takes_part": vehicle.requirement is Requirement.MANDATORY,
        "benefit.faster_plug_in": True,
        "benefit.fallback": own.can_control,
        "benefit.charge_rate": now.charge_rate_from is not Side.VEHICLE,
    }
    return tuple(key for key, is_gained in gains.items() if is_gained)


def _unplaced_charger(state: DriverState) -> bool:
    if LOCATE_PROMPT in state.dismissed and all(own.can_locate for own in state.own.values()):
        return False
    return any(not is_placed(state, charger) for charger in physical(state, Side.CHARGER))


def _settings(state: DriverState, vehicles: tuple[VehicleJourney, ...]) -> tuple[str, ...]:
    offers = ["link_vehicle"]
    if vehicles:
        offers.append("link_charger")  # stays here after a prompt was dismissed, and after an unlink (S22)
    if state.of_side(Side.CHARGER):
        offers += ["unlink_charger", "place_charger"]
    if vehicles:
        offers.append("unlink_vehicle")
    if state.dead_logins:
        offers.append("relink")
    if state.enrolment:
        offers.append("withdraw")
    offers.append("erase")
    return tuple(offers)
