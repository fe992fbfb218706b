"""What a rollout hears."""

from typing import Literal

from domain.model import Instant, Model
from domain.rollout.asking import Rehearsal
from domain.rollout.evidence import Evidence
from domain.rollout.measures import Measures


class Operator(Model):
    """Base of an operator's word."""

    by: str
    at: Instant
    reason: str = ""


class Go(Operator):
    """Go on: after the dry run, or where an operator was asked to look."""

    type: Literal["go"] = "go"


class Stop(Operator):
    """Begin nothing new; pages under way end."""

    type: Literal["stop"] = "stop"


class Resume(Operator):
    type: Literal["resume"] = "resume"


class TakeBack(Operator):
    """Return to what was asked before this rollout; all drivers are told."""

    type: Literal["take_back"] = "take_back"


class SkipBrand(Operator):
    """Take the brand under way back, and go on with the next."""

    type: Literal["skip_brand"] = "skip_brand"
    brand: str = ""  # the one meant: said twice, it does not skip the next one, too; empty: whichever is under way


class BrandConfirmed(Operator):
    """An operator has enabled the brand at the vendor (S40)."""

    type: Literal["brand_confirmed"] = "brand_confirmed"
    brand: str


class Rehearsed(Model):
    """The dry run is done."""

    type: Literal["rehearsed"] = "rehearsed"
    rehearsal: Rehearsal
    brands: tuple[str, ...]
    enabled_brands: frozenset[str] | None = None
    at: Instant


class Published(Model):
    """A version of the program is in the table; or was refused, since another rollout has moved the program."""

    type: Literal["published"] = "published"
    version: int
    pages: int
    refused: str = ""  # why; empty: it was not
    at: Instant


class PageTold(Model):
    """The drivers of one page know the version."""

    type: Literal["page_told"] = "page_told"
    page: int
    version: int
    told: int = 0
    unchanged: int = 0
    gone: int = 0
    at: Instant


class PageLost(Model):
    """A page could not be told."""

    type: Literal["page_lost"] = "page_lost"
    page: int
    version: int
    why: str
    at: Instant


class Gathered(Model):
    """What was measured since the soak began."""

    type: Literal["gathered"] = "gathered"
    evidence: Evidence
    measures: Measures
    enabled_brands: frozenset[str] | None = None  # for linking here, by now; None: all
    at: Instant


class StepLost(Model):
    """A dry run, a publication or a gathering failed for good."""

    type: Literal["step_lost"] = "step_lost"
    step: Literal["rehearse", "publish", "gather"]
    why: str
    at: Instant


class TimeReached(Model):
    type: Literal["time_reached"] = "time_reached"


RolloutEvent = (
    Go
    | Stop
    | Resume
    | TakeBack
    | SkipBrand
    | BrandConfirmed
    | Rehearsed
    | Published
    | PageTold
    | PageLost
    | Gathered
    | StepLost
    | TimeReached
)
