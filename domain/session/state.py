"""Everything a session knows. Small, versioned, carried whole over continue-as-new."""

from enum import StrEnum

from pydantic import Field

from domain.budgets import Budgets
from domain.commands import CommandOrder, CommandOutcome, Goal
from domain.departure import Wish
from domain.devices import Reading, Side
from domain.energy_flow import Hold
from domain.level import Level
from domain.memo import remembered
from domain.model import Instant, Model
from domain.pairing import Match, Trace
from domain.plan import ChargingPlan, ControlKind
from domain.relevance import Watch
from domain.requirement import Record
from domain.session.events import NightAccounted
from domain.session.preview import Preview
from domain.tariff import Tariff


class ControlMode(StrEnum):
    """Who coordinates charger and car. The two are never mixed."""

    OWN = "own"  # we command charger and car ourselves
    DELEGATED = "delegated"  # the vendor coordinates; we command the vehicle only


class Car(Model):
    """The vehicle of this session, as far as control needs it."""

    device_id: str
    vendor: str
    brand: str | None = None
    battery_capacity_kwh: float = Field(default=60.0, gt=0)  # usable [kWh]
    max_power_kw: float = Field(default=11.0, gt=0)  # at the meter [kW]
    efficiency: float = Field(default=0.9, gt=0, le=1)
    control: ControlKind = ControlKind.ONOFF
    can_start: bool = True  # own capability, without a charger
    can_stop: bool = True
    toggles: bool = False  # a repeated command flips it
    resumes: bool = True  # False: a pause may end the charge for good
    acts_within_seconds: float | None = None  # from command to effect; None: as its maker's devices do
    aliases: tuple[str, ...] = ()  # the same car's ids at other vendors (F65)
    taper_from_pct: float | None = None  # level at which its power begins to fall [%]; None: not known
    taper_end_power_kw: float = Field(default=0.0, ge=0)  # what is left of it at the full battery [kW, meter]


class Box(Model):
    """A charger linked by the same driver."""

    device_id: str
    vendor: str
    max_power_kw: float = Field(default=11.0, gt=0)
    can_start: bool = True
    can_stop: bool = True
    toggles: bool = False
    resumes: bool = True
    acts_within_seconds: float | None = None
    aliases: tuple[str, ...] = ()  # the same charger's ids at other vendors (F65)


class OverrideKind(StrEnum):
    CHARGE_NOW = "charge_now"
    STAY_STOPPED = "stay_stopped"
    SKIP_NIGHT = "skip_night"
    PAUSE_UNTIL = "pause_until"


class Override(Model):
    """The driver's wish above the plan; it holds until unplug or until the driver takes it back."""

    kind: OverrideKind
    since: Instant
    until: Instant | None = None  # of a pause


class FlowSeen(Model):
    """Energy that began or ceased to flow, as measured."""

    is_on: bool
    since: Instant


class Undone(Model):
    """A change of the flow that we did not cause."""

    at: Instant
    is_on: bool
    ran_for_seconds: float | None = None  # how long the state before had lasted


class Command(Model):
    """A command of this night and what became of it."""

    order: CommandOrder
    begun_at: Instant
    outcome: CommandOutcome | None = None


class Night(Model):
    """From plug-in, or the last departure, to a departure."""

    number: int
    opened_at: Instant
    departs_at: Instant
    target_soc_pct: float
    min_soc_pct: float
    soc_start_pct: float | None = None
    charger_id: str | None = None  # the linked charger that surely held the car, last known
    is_box_plugged: bool = False  # a linked charger was plugged at some time, perhaps into this car
    plan: ChargingPlan | None = None
    plan_revision: int = 0
    plan_soc_pct: float | None = None  # the level the plan was asked for with [%]
    plan_from_at: Instant | None = None  # when it was asked for
    plan_target_pct: float | None = None  # the level it was asked to reach [%]
    plan_power_kw: float | None = None  # the power it counts on [kW]
    plan_requested_at: Instant | None = None  # a request is open
    plan_failures: int = 0
    prices_known_until: Instant | None = None
    wants_replan: str = ""  # why the plan in hand no longer fits; empty: it does
    commands: tuple[Command, ...] = ()
    undone: tuple[Undone, ...] = ()  # what somebody else did to the flow
    catches_up: bool = False  # the last departure was missed: go on to the target, whatever the price (F52)
    restarts: int = 0  # stops meant to be followed at once by a start
    reads: int = 0
    ready_at: Instant | None = None
    is_closing: bool = False
    closed_at: Instant | None = None


class Labels(Model):
    """What operators filter by in the Temporal UI."""

    stage: str = "opened"
    route: str = "none"
    departs_at: Instant | None = None
    is_ready: bool = False


class SessionState(Model):
    """One plug-in of one car."""

    version: int = 1
    session_id: str
    driver_id: str
    program: str
    mode: ControlMode = ControlMode.OWN
    seed: int = 0  # source of the random spread
    spread_seconds: int = 0  # ceiling of the random delay of every planned switch (P12)
    budgets: Budgets = Budgets()  # of every night
    car: Car
    boxes: tuple[Box, ...] = ()
    wish: Wish
    tariff: Tariff = Tariff()
    plugged_in_at: Instant
    record: Record = Record()  # of this driver's commands before this session
    readings: dict[str, Reading] = Field(default_factory=dict)  # newest per device id
    traces: dict[str, Trace] = Field(default_factory=dict)  # what each end showed over time, per device id
    match: Match | None = None  # the likeliest charger of this car
    doubted_chargers: frozenset[str] = frozenset()  # the vendor's word on them was disproved by power
    named_charger: str | None = None  # the driver's answer which charger it is; empty: none of these
    level: Level | None = None  # the battery's, between bounds
    flow: FlowSeen | None = None  # last known, and since when
    measured_kw: float | None = None  # power of this night once it had settled [kW]
    seen_kw: float | None = None  # most power measured so far, settled or not [kW]
    unable: frozenset[str] = frozenset()  # "side:goal" that a device said it cannot do
    lying: frozenset[str] = frozenset()  # devices whose word of power the other end disproves; it is ignored tonight
    no_login: frozenset[str] = frozenset()  # devices whose login ended; a reading of theirs re-arms them
    banned_until: dict[str, Instant] = Field(default_factory=dict)  # device id -> no request before (F35)
    acted_within_seconds: dict[Side, float] = Field(default_factory=dict)  # the longest a late effect took, per side
    stuck_sides: frozenset[Side] = frozenset()  # sides that did not resume after a pause of ours (F22, F25)
    unplug_said_at: Instant | None = None  # since when the readings of all witnesses say unplugged
    is_unplug_doubted: bool = False  # the car alone says so, right after a stop of ours
    night: Night | None = None
    nights_closed: int = 0
    last_departure_at: Instant | None = None
    last_undone: tuple[Undone, ...] = ()  # what others did to the flow in the last night
    last_charger_id: str | None = None  # the linked charger of the last night
    is_match_known: bool = False  # whether the last night knew which linked charger held the car, or that none did
    is_short: bool = False  # the last night's target was not reached
    last_closed_at: Instant | None = None  # when the last night was closed: the next account begins here
    holds: tuple[Hold, ...] = ()
    next_command: int = 1
    asked_at: dict[str, Instant] = Field(default_factory=dict)  # when each device was last read by us
    reads_open: frozenset[str] = frozenset()
    override: Override | None = None
    told: tuple[str, ...] = ()  # "kind:cause", once each
    labels: Labels = Labels()
    acted: tuple[str, ...] = ()  # ids of the last actions obeyed
    answers: dict[str, Preview] = Field(default_factory=dict)  # what the last actions cost and risk, per action id
    watch: Watch | None = None  # what we listen to
    wake_at: Instant | None = None  # for when the timer was last set
    publication: str = ""  # of prices, last heard of
    to_report: NightAccounted | None = None  # a night the driver's workflow has not been told of
    leaving: frozenset[str] = frozenset()  # devices about to leave our hands
    leaving_why: str = ""
    ends_because: str = ""  # what takes the car out of our hands in mid-session; empty: nothing
    is_closed: bool = False

    @property
    @remembered
    def device_ids(self) -> tuple[str, ...]:
        return (self.car.device_id, *(box.device_id for box in self.boxes))

    def side_of(self, device_id: str) -> Side:
        return Side.VEHICLE if device_id == self.car.device_id else Side.CHARGER

    @property
    def charger_id(self) -> str | None:
        """The charger that surely holds this car."""
        return self.match.charger_id if self.match is not None and self.match.is_sure else None

    @property
    @remembered
    def box(self) -> Box | None:
        """The linked charger that surely holds this car."""
        charger_id = self.charger_id
        return None if charger_id is None else next((box for box in self.boxes if box.device_id == charger_id), None)

    def is_unable(self, side: Side, goal: Goal) -> bool:
        return f"{side.value}:{goal.value}" in self.unable

    def hold_on(self, side: Side) -> Hold | None:
        return next((hold for hold in self.holds if hold.side is side), None)

    def open_command_on(self, side: Side) -> Command | None:
        """The command under way at this side, of which there is at most one."""
        if self.night is None:
            return None
        return next((c for c in self.night.commands if c.outcome is None and c.order.side is side), None)

    @remembered
    def open_commands(self) -> tuple[Command, ...]:
        return () if self.night is None else tuple(c for c in self.night.commands if c.outcome is None)
