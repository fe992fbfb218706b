"""What a session wants done. Each effect says why; the reasons are what operators read."""

from typing import Annotated, Literal

from pydantic import Field

from domain.commands import CommandOrder
from domain.devices import Side
from domain.model import Instant, Model
from domain.plan import ControlKind
from domain.relevance import Watch
from domain.reliability import RouteRecord
from domain.session.events import NightAccounted
from domain.session.state import Labels
from domain.tariff import Tariff


class PlanRequest(Model):
    """What the planner must know of the session; prices are added by the activity (`domain.session.problem`)."""

    revision: int
    starts_at: Instant
    departs_at: Instant
    tariff: Tariff
    battery_capacity_kwh: float
    soc_pct: float
    target_soc_pct: float
    min_soc_pct: float
    max_power_kw: float
    efficiency: float
    control: ControlKind
    is_on: bool
    frozen_until: Instant | None = None
    spread_seconds: float = 0.0  # every switch of the plan is delayed at random by up to this
    one_block: bool = False  # a pause might end the charge for good: once on, on to the target
    most_switches: int | None = None  # starts and stops left tonight; None: as many as pay
    route: RouteRecord = RouteRecord()  # of the side that will be commanded: this driver's nights and tonight
    taper_from_pct: float | None = None  # level at which the car's power begins to fall [%]; None: not known
    taper_end_power_kw: float = 0.0  # what is left of it at the full battery [kW, meter]


class OpenNight(Model):
    type: Literal["open_night"] = "open_night"
    number: int
    departs_at: Instant
    catches_up: bool = False  # the last departure was missed: go on to the target at once
    reason: str


class Plan(Model):
    type: Literal["plan"] = "plan"
    request: PlanRequest
    reason: str


class Send(Model):
    """Command one side. It supersedes an open command at the same device."""

    type: Literal["send"] = "send"
    order: CommandOrder
    reason: str


class Read(Model):
    type: Literal["read"] = "read"
    side: Side
    device_id: str
    reason: str


class Tell(Model):
    """Words to the driver, once per kind and cause."""

    type: Literal["tell"] = "tell"
    kind: Literal["at_risk", "act_now", "cost", "question", "withdrawn", "notice"]
    cause: str
    what_to_do: str
    reason: str


class Label(Model):
    """Change what operators filter by."""

    type: Literal["label"] = "label"
    labels: Labels
    reason: str


class Listen(Model):
    """Have relevant device events sent to this session; brings the newest readings along."""

    type: Literal["listen"] = "listen"
    watch: Watch
    reason: str


class Report(Model):
    """Tell the driver's workflow of a night."""

    type: Literal["report"] = "report"
    night: NightAccounted
    reason: str


class ReportReleased(Model):
    """Tell the driver's workflow that nothing of ours holds the leaving devices any more."""

    type: Literal["report_released"] = "report_released"
    device_ids: tuple[str, ...]
    reason: str


class CloseNight(Model):
    """Settle the account, store it with the log."""

    type: Literal["close_night"] = "close_night"
    number: int
    reason: str


class WakeAt(Model):
    """The next instant of interest."""

    type: Literal["wake_at"] = "wake_at"
    at: Instant
    reason: str


class Renew(Model):
    """Continue as new: the history has grown long and nothing is under way."""

    type: Literal["renew"] = "renew"
    reason: str


class CloseSession(Model):
    type: Literal["close_session"] = "close_session"
    reason: str


SessionEffect = Annotated[
    Listen
    | OpenNight
    | Plan
    | Send
    | Read
    | Tell
    | Label
    | CloseNight
    | Report
    | ReportReleased
    | WakeAt
    | Renew
    | CloseSession,
    Field(discriminator="type"),
]


class Vitals(Model):
    """What the engine says of itself."""

    history_events: int = 0
    continue_as_new_suggested: bool = False


class Decision(Model):
    """Effects decided on one state, with what was known. Recorded: policy may change under a running session."""

    at: Instant
    seen: int  # number of the last event the decision knew
    attempt: int = 0  # above 0: the decision before it was outrun by an event and not acted on
    effects: tuple[SessionEffect, ...]
