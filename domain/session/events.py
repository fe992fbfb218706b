"""What a session hears."""

from typing import Annotated, Literal

from pydantic import Field

from domain.commands import CommandOutcome
from domain.departure import Wish
from domain.devices import Reading
from domain.model import Instant, Model, Request, SaidInstant
from domain.plan import ChargingPlan
from domain.reliability import Routes


class ReadingArrived(Model):
    """A relevant reading: from a webhook, the sweep, or our own read."""

    type: Literal["reading_arrived"] = "reading_arrived"
    reading: Reading


class ReadFailed(Model):
    """A read we asked for did not succeed."""

    type: Literal["read_failed"] = "read_failed"
    device_id: str
    why: str


class PlanReady(Model):
    """A plan was computed for the request `revision`."""

    type: Literal["plan_ready"] = "plan_ready"
    revision: int
    plan: ChargingPlan
    prices_known_until: Instant | None = None  # end of the market's own prices; None: none were known


class PlanFailed(Model):
    """No plan could be computed."""

    type: Literal["plan_failed"] = "plan_failed"
    revision: int
    why: str


class CommandEnded(Model):
    """A command came to its end, proven or not."""

    type: Literal["command_ended"] = "command_ended"
    outcome: CommandOutcome


class PricesChanged(Model):
    """New market prices are out."""

    type: Literal["prices_changed"] = "prices_changed"
    area: str
    publication: str = ""  # which; the same one heard again changes nothing


class DriverActed(Request):
    """Tonight's actions. `action_id` makes repeats harmless."""

    type: Literal["driver_acted"] = "driver_acted"
    action_id: str
    at: SaidInstant  # when the driver acted
    act: Literal["charge_now", "stay_stopped", "skip_night", "pause_until", "follow_plan", "set_wish", "name_charger"]
    wish: Wish | None = None  # for set_wish
    until: SaidInstant | None = None  # for pause_until
    charger_id: str | None = None  # for name_charger: which charger the car is in; empty: none of these


class DevicesLeaving(Model):
    """Devices leave our hands: release our holds on them, then leave them alone."""

    type: Literal["devices_leaving"] = "devices_leaving"
    device_ids: tuple[str, ...]
    why: str = "unlinked"


class NightAccounted(Model):
    """The night's account is stored."""

    type: Literal["night_accounted"] = "night_accounted"
    number: int
    is_ready: bool
    saving: str  # Decimal as text [currency]
    why: str
    commands_sent: int = 0
    commands_proven: int = 0
    routes: Routes = Field(default_factory=dict)  # commands by side of the cable, as far as they tell of it


class TimeReached(Model):
    """The kept timer fired."""

    type: Literal["time_reached"] = "time_reached"


SessionEvent = Annotated[
    ReadingArrived
    | ReadFailed
    | PlanReady
    | PlanFailed
    | CommandEnded
    | PricesChanged
    | DriverActed
    | DevicesLeaving
    | NightAccounted
    | TimeReached,
    Field(discriminator="type"),
]
