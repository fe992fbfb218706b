"""A command from intent to proof. One intent, one effect: the relay changes once."""

from enum import StrEnum

from domain.devices import ActionState, Reading, Side
from domain.model import Instant, Model


class Goal(StrEnum):
    """What a command is to bring about at its side of the cable."""

    START = "start"
    STOP = "stop"


class Proof(StrEnum):
    """What must be measured for a command to have worked."""

    FLOW = "flow"  # energy flows
    NO_FLOW = "no_flow"  # energy has stopped flowing
    RELEASED = "released"  # this side no longer holds; the other side may still
    HELD = "held"  # this side holds, whether energy flowed or not


class CommandOrder(Model):
    """A decided command. `key` names the intent: same key, same intent, whoever tries it, however often."""

    key: str  # "<session id>/<night number>/<command number>"
    number: int  # within the session, rising
    goal: Goal
    side: Side
    device_id: str
    driver_id: str
    proof: Proof
    prove_by: Instant  # world instant at which the waiting for proof ends
    witness_ids: dict[Side, str]  # devices whose readings can prove it
    toggles: bool = False  # a repeated command flips the device: never send twice
    known_at: Instant | None = None  # what was observed until then speaks against the goal: only later words count
    is_level_behind: bool = False  # energy was metered that the car's word lacks: should it rise, that proves no flow
    is_restart: bool = False  # a stop that is to be followed at once by a start
    is_pulse: bool = False  # a stop of a charger that offers in vain: taken away and given back, the offer wakes cars
    spread_seconds: float = 0.0  # of the random delay that this planned switch has had, for the record


class CommandResult(StrEnum):
    PROVEN = "proven"  # measured
    ALREADY_SO = "already_so"  # measured before anything was sent; nothing was sent
    UNPROVEN = "unproven"  # sent, but not measured in time
    REFUSED = "refused"  # the vendor or device refused
    UNREACHABLE = "unreachable"  # could not be sent
    SUPERSEDED = "superseded"  # a newer intent took its place


class CommandOutcome(Model):
    """What became of a command, with the evidence."""

    number: int
    key: str
    goal: Goal
    side: Side
    result: CommandResult
    sent_at: Instant | None = None  # None: nothing was sent
    ended_at: Instant
    action_state: ActionState | None = None  # the vendor's last word
    reason: str = ""  # why, in words for the record
    error: str = ""  # type of the error that ended it (domain.errors); empty: none
    retry_at: Instant | None = None  # the vendor asked for no request before this instant
    evidence: tuple[Reading, ...] = ()  # latest reading per witness

    @property
    def worked(self) -> bool:
        return self.result in (CommandResult.PROVEN, CommandResult.ALREADY_SO)


class CommandIntent(Model):
    """The stored side of a command: written before the request, so that no crash can send it twice unseen."""

    key: str
    session_id: str
    order: CommandOrder
    intended_at: Instant
    requested_at: Instant | None = None  # set just before the request leaves
    action_id: str | None = None  # the vendor's id, once known
    outcome: CommandOutcome | None = None
