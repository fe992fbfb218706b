"""The base of every value that crosses a boundary: frozen, aware UTC instants.

What we wrote ourselves is read tolerantly, so that an older worker can read what a newer one stored; what a caller
sends is strict about unknown keys, so that a misspelt wish is refused and not ignored.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen value. Changed copies come from `model_copy(update=...)`."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")


class Request(Model):
    """A value that callers write: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


def _to_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An aware instant, held in UTC. Naive datetimes are refused."""
