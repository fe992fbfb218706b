"""Everything a rollout's workflow knows. Drivers are in storage: here are counts and examples only."""

from typing import Literal

from pydantic import Field

from domain.model import Instant, Model
from domain.program import Limits
from domain.rollout.asking import Rehearsal
from domain.rollout.effects import Publish
from domain.rollout.evidence import Evidence
from domain.rollout.measures import Measures
from domain.rollout.standing import Phase, Standing

STEPS_REMEMBERED = 40


class Spread(Model):
    """A version of the program on its way to the drivers, page by page."""

    version: int
    pages: int
    next_page: int = 0
    in_flight: frozenset[int] = frozenset()
    lost: tuple[int, ...] = ()  # to be told again
    told: int = 0
    unchanged: int = 0
    gone: int = 0
    is_everyone: bool = False  # also those of whom nothing else is asked


class Soak(Model):
    """Nights of waiting for evidence."""

    began_at: Instant
    look_at: Instant
    nights: int = 0  # looked at
    evidence: Evidence | None = None  # of exactly these nights
    is_judged: bool = True  # the evidence was acted on


class Step(Model):
    """One step, for the record."""

    at: Instant
    words: str


class Treated(Model):
    """What became of one brand."""

    brand: str
    result: Literal["rolled out", "taken back"]
    reason: str


class RolloutState(Model):
    """One rollout of one phase of one program."""

    version: int = 1
    rollout_id: str  # <program>:<phase>:<seq>
    program: str
    phase: Phase
    limits: Limits
    enabled_brands: frozenset[str] | None = None  # for linking here; None: all
    before: Standing  # what taking back returns to
    published: Standing  # what drivers are told, or on their way to be told
    wanted: Standing  # what is to be published next, if it differs
    wanted_reason: str = ""  # why
    is_dry: bool = False  # ends with the dry run
    rehearsal: Rehearsal | None = None
    brands: tuple[str, ...] | None = None  # still to treat, the first one is under way; None: not known yet
    share: int = -1  # index of the share the brand under way has reached; -1: none yet
    treated: tuple[Treated, ...] = ()
    confirmed: dict[str, str] = Field(default_factory=dict)  # brand -> operator who enabled it at the vendor
    began_at: Instant | None = None  # when the first change was published
    change: int = 0  # number of the last change published
    is_going: bool = False  # the operator said go, or need not
    is_stopped: bool = False
    is_leaving: bool = False  # taken back as a whole
    is_asking: str = ""  # why an operator must look; empty: no need
    word: Literal["", "widen", "take_back"] = ""  # an operator's decision on the brand under way
    word_reason: str = ""
    is_spread_out: bool = False  # everyone was told the last version
    under_way: Literal["", "rehearse", "publish", "gather"] = ""
    publishing: Publish | None = None
    spread: Spread | None = None
    soak: Soak | None = None
    measures: Measures | None = None
    told: int = 0  # over all changes
    ends_because: str = ""
    steps: tuple[Step, ...] = ()  # the last ones

    @property
    def brand(self) -> str | None:
        """The brand under way."""
        return self.brands[0] if self.brands else None

    @property
    def is_enabled_here(self) -> bool:
        """Whether the brand under way may be linked here (S40); only phase 3 asks."""
        enabled, brand = self.enabled_brands, (self.brand or "").casefold()
        return self.phase is not Phase.EXTENDED or enabled is None or brand in {name.casefold() for name in enabled}

    @property
    def is_free(self) -> bool:
        """Whether something new may begin: nothing is under way, and nobody said stop."""
        return self.is_going and not (self.is_stopped or self.is_asking or self.under_way or self.spread)

    @property
    def shares(self) -> tuple[float, ...]:
        """Phase 1 asks everybody at once, and nobody must."""
        return (1.0,) if self.phase is Phase.OPTIONAL else self.limits.shares


def noted(state: RolloutState, at: Instant, words: str) -> RolloutState:
    """The state with one more step on record."""
    return state.model_copy(update={"steps": (*state.steps, Step(at=at, words=words))[-STEPS_REMEMBERED:]})
