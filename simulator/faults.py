"""What may go wrong, as data: each fault has a target, a window in world time and its parameters.

A target is a device id, `USER/KEY` of a scenario, `user:ID`, `vendor:NAME`, or `*`; `side` narrows it to vehicles or
chargers. The numbers in the docstrings are those of the field-failure catalogue.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

Kind = Literal["START", "STOP"]


class FaultBase(BaseModel):
    """What every fault has. `from_at` None: from now on; `until` None: for ever.

    `p` is the share of commands, events or requests that a fault of these befalls; others are always in force.
    """

    model_config = ConfigDict(extra="forbid")

    id: str = ""
    target: str = "*"
    side: Literal["vehicle", "charger"] | None = None
    from_at: AwareDatetime | None = Field(default=None, validation_alias=AliasChoices("from_at", "from"))
    until: AwareDatetime | None = None
    p: float = Field(default=1.0, ge=0, le=1)


class IgnoreCommand(FaultBase):
    """The command is accepted and nothing happens; with `lie` its action is even CONFIRMED (F16)."""

    kind: Literal["ignore_command"] = "ignore_command"
    only: Kind | None = None
    lie: bool = False


class Offline(FaultBase):
    """The device is out of reach: readings frozen, commands unanswered; the truth goes on (F2, F12, F68)."""

    kind: Literal["offline"] = "offline"


class CommandOffline(FaultBase):
    """Commands fail as unanswered while readings keep coming (F3)."""

    kind: Literal["command_offline"] = "command_offline"
    only: Kind | None = None


class NullChargeRate(FaultBase):
    """The charge rate is never told (F12)."""

    kind: Literal["null_charge_rate"] = "null_charge_rate"


class LateWebhook(FaultBase):
    """Events about the device are sent `minutes` late; a read shows the state at once (F21, F40).

    With `at_random` each event is late by its own share of the span, so that they overtake each other.
    """

    kind: Literal["late_webhook"] = "late_webhook"
    minutes: float = Field(default=20, gt=0)
    at_random: bool = False


class DropWebhook(FaultBase):
    """Events about the device are never sent (F13, F41)."""

    kind: Literal["drop_webhook"] = "drop_webhook"


class RepeatWebhook(FaultBase):
    """Each event about the device is sent `times` more, each `seconds` after the other (F40, F42)."""

    kind: Literal["repeat_webhook"] = "repeat_webhook"
    times: int = Field(default=1, ge=1, le=1000)
    seconds: float = Field(default=30, ge=0)


class ForgedSignature(FaultBase):
    """Deliveries that carry such an event are signed wrongly (F43)."""

    kind: Literal["forged_signature"] = "forged_signature"


class FrozenSoc(FaultBase):
    """The battery level stays at its first value under this fault while time stamps go on (F6, F7)."""

    kind: Literal["frozen_soc"] = "frozen_soc"


class WrongSoc(FaultBase):
    """The battery level is reported off by `by_pct` (F8)."""

    kind: Literal["wrong_soc"] = "wrong_soc"
    by_pct: float = 20


class StaleReading(FaultBase):
    """Everything keeps its old value under new time stamps (F7)."""

    kind: Literal["stale_reading"] = "stale_reading"


class SlowReading(FaultBase):
    """Observations of a change come `minutes` late, for reads and events alike (F8, F20)."""

    kind: Literal["slow_reading"] = "slow_reading"
    minutes: float = Field(default=20, gt=0)


class FalseUnplug(FaultBase):
    """The device is reported unplugged while it is plugged in and in the given condition (F10, F11, F26)."""

    kind: Literal["false_unplug"] = "false_unplug"
    when: Literal["stopped", "full", "not_charging", "after_command", "always"] = "not_charging"
    seconds: float = Field(default=30, gt=0)  # how long after a command


class DropFields(FaultBase):
    """Each nullable field of the charge state is null with probability `share` at each observation (F13)."""

    kind: Literal["drop_fields"] = "drop_fields"
    share: float = Field(default=0.1, ge=0, le=1)


class NewEnum(FaultBase):
    """The power delivery state has a value no client has seen, and the object a new key (F15)."""

    kind: Literal["new_enum"] = "new_enum"
    value: str = "PLUGGED_IN:PREHEATING"


class ErrorAfterApply(FaultBase):
    """The command is carried out, but its request is answered with an error (F17)."""

    kind: Literal["error_after_apply"] = "error_after_apply"
    status: int = 500


class Toggle(FaultBase):
    """A start or stop that finds its wish fulfilled flips the state instead (F18)."""

    kind: Literal["toggle"] = "toggle"


class Refuse(FaultBase):
    """Commands are refused at once (F19, F33)."""

    kind: Literal["refuse"] = "refuse"
    only: Kind | None = None
    status: int = 400
    title: str = "Command refused by the device mode"


class SlowCommand(FaultBase):
    """Commands take effect after a uniform delay between these bounds (F21)."""

    kind: Literal["slow_command"] = "slow_command"
    min_seconds: float = Field(default=300, ge=0)
    max_seconds: float = Field(default=900, ge=0)


class StopEndsSession(FaultBase):
    """After a stop the box wants a replug or a new authorisation: no start is obeyed (F22)."""

    kind: Literal["stop_ends_session"] = "stop_ends_session"


class SlowPower(FaultBase):
    """Power is capped: fewer phases, minimum current, grid dimming, cold battery (F23, F51, F54, F56)."""

    kind: Literal["slow_power"] = "slow_power"
    kw: float = Field(default=1.4, ge=0)


class Asleep(FaultBase):
    """The car sleeps after `after_minutes` without power; a car command wakes it in `wake_seconds` (F1, F4)."""

    kind: Literal["asleep"] = "asleep"
    after_minutes: float = Field(default=15, ge=0)
    wake_seconds: float = Field(default=60, ge=0)
    never_p: float = Field(default=0.0, ge=0, le=1)  # share of wakes that do not happen


class DeafAfterHold(FaultBase):
    """After a pause of `minutes` the car takes no power until started on its own side or replugged (F25)."""

    kind: Literal["deaf_after_hold"] = "deaf_after_hold"
    minutes: float = Field(default=60, ge=0)


class Abort(FaultBase):
    """Charging breaks off `after_seconds` after each start, `times` times (F27)."""

    kind: Literal["abort"] = "abort"
    after_seconds: float = Field(default=100, gt=0)
    times: int = Field(default=3, ge=1)


class CarTimer(FaultBase):
    """The car's own timer: within the daily window it does not charge; `zone` is the car's (F28)."""

    kind: Literal["car_timer"] = "car_timer"
    starts: str = Field(default="02:00", pattern=r"^\d\d:\d\d$")
    ends: str = Field(default="05:00", pattern=r"^\d\d:\d\d$")
    zone: str = "Europe/Amsterdam"


class SelfRestart(FaultBase):
    """The device ends a stop by itself after `minutes` (F29)."""

    kind: Literal["self_restart"] = "self_restart"
    minutes: float = Field(default=42, gt=0)


class Rival(FaultBase):
    """Another app flips this side's hold every `minutes` (F31)."""

    kind: Literal["rival"] = "rival"
    minutes: float = Field(default=20, gt=0)


class CapabilityOff(FaultBase):
    """The vendor withdraws functions (F34)."""

    kind: Literal["capability_off"] = "capability_off"
    capabilities: list[str] = Field(default_factory=lambda: ["startCharging", "stopCharging"])


class Broken(FaultBase):
    """The device shows a fault; nothing flows."""

    kind: Literal["broken"] = "broken"


class PowerCut(FaultBase):
    """No mains at the box; afterwards it comes back offering full power, or holding (F11, F67)."""

    kind: Literal["power_cut"] = "power_cut"
    returns: Literal["as_before", "offering", "holding"] = "as_before"


class WrongPair(FaultBase):
    """The vendor takes this car to be plugged into another charger of the user (F61, F62)."""

    kind: Literal["wrong_pair"] = "wrong_pair"
    charger_id: str | None = None  # None: never paired


class BadCredentials(FaultBase):
    """The user's account at the vendor died: readings frozen, capabilities blocked, link again (F37)."""

    kind: Literal["bad_credentials"] = "bad_credentials"


class HttpError(FaultBase):
    """Requests about the target are answered with `status` (F35, F36, F69-F71); a target of `*` means all of the API.

    `paths` narrows it to paths that start so; `retry_after_seconds` adds the header; `slow_seconds` (real time) delays
    the answer, and with `status` 0 only delays it.
    """

    kind: Literal["http_error"] = "http_error"
    status: int = 503
    title: str = "Vendor temporarily unavailable"
    problem: str = "vendor-temporarily-unavailable"
    retry_after_seconds: int | None = None
    slow_seconds: float = Field(default=0.0, ge=0)
    paths: list[str] = Field(default_factory=list)
    methods: list[str] = Field(default_factory=list)


class RateLimit(FaultBase):
    """More than `count` requests within `per_seconds` are answered 429 until `ban_seconds` are over (F35).

    Counted are requests about the target, all kinds together, in world time; those refused are on record as well.
    """

    kind: Literal["rate_limit"] = "rate_limit"
    count: int = Field(default=200, ge=0)
    per_seconds: float = Field(default=86400, gt=0)
    ban_seconds: float = Field(default=3600, gt=0)
    paths: list[str] = Field(default_factory=list)
    methods: list[str] = Field(default_factory=list)


class TokenTrouble(FaultBase):
    """The token endpoint answers `status`; with `revoke`, tokens given before are refused as well (F37)."""

    kind: Literal["token_trouble"] = "token_trouble"
    status: int = 401
    revoke: bool = True


Fault = Annotated[
    IgnoreCommand
    | Offline
    | CommandOffline
    | NullChargeRate
    | LateWebhook
    | DropWebhook
    | RepeatWebhook
    | ForgedSignature
    | FrozenSoc
    | WrongSoc
    | StaleReading
    | SlowReading
    | FalseUnplug
    | DropFields
    | NewEnum
    | ErrorAfterApply
    | Toggle
    | Refuse
    | SlowCommand
    | StopEndsSession
    | SlowPower
    | Asleep
    | DeafAfterHold
    | Abort
    | CarTimer
    | SelfRestart
    | Rival
    | CapabilityOff
    | Broken
    | PowerCut
    | WrongPair
    | BadCredentials
    | HttpError
    | RateLimit
    | TokenTrouble,
    Field(discriminator="kind"),
]

FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)


def is_within(fault: FaultBase, now: datetime) -> bool:
    """Whether `now` lies in the fault's half-open window."""
    return (fault.from_at is None or fault.from_at <= now) and (fault.until is None or now < fault.until)
