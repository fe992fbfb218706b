"""What the API shows. Tables, workflow states and these are three things; a change of one is no change of another."""

from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar, get_args
from uuid import uuid4

from pydantic import Field, create_model

from domain.account import NightAccount
from domain.departure import Wish
from domain.devices import Capability, CapabilityKind, Device, PowerDeliveryState, Side
from domain.driver.events import Act, DriverAction
from domain.driver.state import Enrolment
from domain.journey import Stage
from domain.model import Instant, Model, Request, SaidInstant
from domain.plan import ChargingPlan
from domain.requirement import Verdict
from domain.session.events import DriverActed
from domain.session.preview import Preview
from domain.session.state import SessionState
from storage.tenants import DriverRecord

RequestT = TypeVar("RequestT", bound=Request)


class PreviewView(Model):
    """What an action costs and risks, beside the plan in hand."""

    act: str
    at: Instant
    cost: Decimal | None  # of the energy to the target, that way [currency]; None: no prices are known
    cost_as_planned: Decimal | None
    extra_cost: Decimal | None  # how much more than the plan in hand; negative: less
    currency: str
    departs_at: Instant | None
    soc_at_departure_pct: float | None
    ready_at: Instant | None  # None: the target is not reached that way
    is_at_risk: bool

    @classmethod
    def of(cls, preview: Preview) -> "PreviewView":
        return cls.model_validate({**preview.model_dump(), "extra_cost": preview.extra_cost})


class DriverView(Model):
    """A driver. `id` derives from program and reference; both name the same driver for ever."""

    id: str
    program: str
    reference: str
    since: Instant

    @classmethod
    def of(cls, record: DriverRecord) -> "DriverView":
        return cls.model_validate(record.model_dump())


class DeviceView(Model):
    """A linked device and what it last told. Where it is, is not shown."""

    id: str
    side: Side
    vendor: str
    brand: str | None
    model: str | None
    year: int | None
    capabilities: dict[CapabilityKind, Capability]
    observed_at: Instant | None
    is_reachable: bool | None
    is_plugged_in: bool | None
    state: PowerDeliveryState
    charge_rate_kw: float | None
    soc_pct: float | None
    charge_limit_pct: float | None

    @classmethod
    def of(cls, device: Device) -> "DeviceView":
        return cls.model_validate({**device.reading.model_dump(), **device.model_dump(exclude={"reading"})})


class Choice(Model):
    """Something the driver can do, with the words for it."""

    key: str
    label: str


class PromptView(Model):
    """What the app asks now, in words."""

    key: str
    is_blocking: bool
    title: str
    why: str
    benefits: tuple[str, ...]
    actions: tuple[Choice, ...]
    vehicle_id: str | None


class PromptsView(Model):
    """The prompt of the moment, if any, and what settings offer."""

    stage: Stage
    stage_words: str
    prompt: PromptView | None
    settings: tuple[Choice, ...]


class PendingIntervention(Model):
    """Something a person must do before a vehicle can do everything again."""

    id: str
    vehicle_id: str
    blocks: tuple[CapabilityKind, ...]
    since: Instant  # when it was first heard of
    is_shown: bool  # False: a linked charger makes up for it, the driver is not asked
    title: str | None = None  # None: the vendor's catalogue is out of reach
    description: str | None = None
    needs_relink: bool | None = None
    is_physical: bool | None = None


class CommandView(Model):
    """One command of the night and what proved it."""

    number: int
    goal: str
    side: Side
    begun_at: Instant
    result: str | None  # None: under way
    reason: str


class SessionView(Model):
    """One plug-in. Of a closed session only its nights are left."""

    id: str
    driver_id: str
    vehicle_id: str
    is_open: bool
    stage: str
    route: str
    plugged_in_at: Instant | None = None
    departs_at: Instant | None = None
    target_soc_pct: float | None = None
    soc_pct: float | None = None
    is_ready: bool = False
    override: str | None = None
    wish: Wish | None = None
    commands: tuple[CommandView, ...] = ()
    told: tuple[str, ...] = ()
    nights_closed: int = 0

    @classmethod
    def of(cls, state: SessionState) -> "SessionView":
        night = state.night
        car = state.readings.get(state.car.device_id)
        return cls(
            id=state.session_id,
            driver_id=state.driver_id,
            vehicle_id=state.car.device_id,
            is_open=not state.is_closed,
            stage=state.labels.stage,
            route=state.labels.route,
            plugged_in_at=state.plugged_in_at,
            departs_at=night.departs_at if night else None,
            target_soc_pct=night.target_soc_pct if night else None,
            soc_pct=car.soc_pct if car else None,
            is_ready=state.labels.is_ready,
            override=state.override.kind.value if state.override else None,
            wish=state.wish,
            commands=tuple(
                CommandView(
                    number=command.order.number,
                    goal=command.order.goal.value,
                    side=command.order.side,
                    begun_at=command.begun_at,
                    result=command.outcome.result.value if command.outcome else None,
                    reason=command.outcome.reason if command.outcome else "",
                )
                for command in (night.commands if night else ())
            ),
            told=state.told,
            nights_closed=state.nights_closed,
        )


class NightView(Model):
    """A night as it ended, without its slots."""

    session_id: str
    number: int
    driver_id: str
    vehicle_id: str
    route: str
    plugged_in_at: Instant
    departs_at: Instant
    ready_at: Instant | None
    is_ready: bool
    why: str
    soc_start_pct: float | None
    soc_end_pct: float | None
    target_soc_pct: float
    currency: str
    energy_ac_kwh: str
    cost: str
    baseline_cost: str
    saving: str
    commands_sent: int
    commands_proven: int

    @classmethod
    def of(cls, account: NightAccount) -> "NightView":
        return cls.model_validate(account.model_dump(mode="json"))


class PlanSlot(Model):
    """What one slot does and why."""

    starts_at: Instant
    ends_at: Instant
    price_per_kwh: float
    is_forecast: bool
    power_kw: float
    reason: str
    words: str


class Certificate(Model):
    """How good the plan is, and how that is known: no plan costs less than `lower_bound`."""

    status: str
    cost: float  # objective: energy, switching, missing energy [currency]
    energy_cost: float  # [currency]
    lower_bound: float  # proven [currency]
    gap_fraction: float  # (cost - lower_bound) / |cost|; 0: proven best
    shortfall_ac_kwh: float  # missing at departure [kWh, meter]
    target_price_per_kwh: float | None  # what one more kWh of target would cost [currency/kWh]
    solver: str
    solve_ms: float

    @classmethod
    def of(cls, plan: ChargingPlan) -> "Certificate":
        gap = max(0.0, plan.cost - plan.lower_bound) / max(abs(plan.cost), 1e-9) if plan.cost > plan.lower_bound else 0
        return cls.model_validate({**plan.model_dump(mode="json"), "gap_fraction": round(gap, 9)})


class PlanView(Model):
    """Tonight's plan, slot by slot, with its certificate."""

    session_id: str
    revision: int
    departs_at: Instant
    currency: str
    certificate: Certificate
    slots: tuple[PlanSlot, ...]


class EnrolmentView(Model):
    """A consent to managed charging, and how it ended."""

    at: Instant
    text_version: str
    language: str
    ended_at: Instant | None
    ended_why: str

    @classmethod
    def of(cls, enrolment: Enrolment) -> "EnrolmentView":
        return cls.model_validate(enrolment.model_dump())


class RequirementView(Verdict):
    """What will be asked of the driver with a car of this brand and model, and why."""

    brand: str
    model: str | None
    words: str  # why, for the driver


class PlaceRequest(Request):
    """A charging place. The coordinates go to the vendor and are kept nowhere here."""

    name: str = Field(min_length=1, max_length=100)
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    zone: str = Field(default="Europe/Amsterdam", max_length=64)


class StartDriver(Request):
    """A driver to be."""

    reference: str = Field(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="The backend's own name of the driver.",
    )
    region: str | None = Field(default=None, max_length=100, description="Of the program's regions, if it has any.")


class LinkRequest(Request):
    """For how long the driver's link opens."""

    minutes: float = Field(default=15, gt=0, le=720)


class Accepted(Model):
    """The session has the action; what came of it shows in the session."""

    action_id: str
    session_id: str


def _lenient(action: type[RequestT]) -> type[RequestT]:
    """The action as callers of the API may write it: id and instant are ours to fill in if they are left out."""
    extra: dict[str, Any] = {"action_id": (str | None, Field(default=None, min_length=1, max_length=100))}
    at = action.model_fields.get("at")
    if at is not None and at.is_required():
        extra["at"] = (SaidInstant | None, None)
    return create_model(action.__name__, __base__=action, __doc__=action.__doc__, **extra)


def strict_of(kind: type[RequestT], wanted: Request, now: datetime) -> RequestT:
    """The action as it is sent, with id and instant. An instant later than now cannot be true, and counts as now."""
    told = wanted.model_dump(exclude_none=True)
    if "at" in kind.model_fields:
        told["at"] = min(told.get("at", now), now)
    return kind.model_validate({"action_id": str(uuid4()), **told})


ACTIONS: tuple[type[Act], ...] = get_args(get_args(DriverAction)[0])
"""Every action there is. A new one appears in the API by itself."""

LENIENT: tuple[type[Act], ...] = tuple(_lenient(action) for action in ACTIONS)

TonightRequest: type[DriverActed] = _lenient(DriverActed)
"""The driver's word for tonight. It wins over the plan at once, until unplug or until it is taken back."""

BELONGS = {"wish": "set_wish", "until": "pause_until", "charger_id": "name_charger"}
"""Which act takes which field."""
