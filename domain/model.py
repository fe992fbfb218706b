"""The base of every value that crosses a boundary: frozen, aware UTC instants.

What we wrote ourselves is read tolerantly, so that an older worker can read what a newer one stored; what a caller
sends is strict about unknown keys, so that a misspelt wish is refused and not ignored.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

_set = object.__setattr__
_new = object.__new__

# What every model consists of, set without looking it up by name at every copy.
_set_values = BaseModel.__dict__["__dict__"].__set__
_set_stated = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


class Model(BaseModel):
    """A frozen value. Changed copies come from `model_copy(update=...)`."""

    __slots__ = ("__answers__",)  # what `domain.memo` remembers of it: no field, no part of any copy
    __answers__: ClassVar[dict[Any, Any]]

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")

    if not TYPE_CHECKING:  # else every misspelt attribute would pass the type checker

        def __getattr__(self, name: str) -> Any:
            """Answers are kept from the first question on."""
            if name != "__answers__":
                return super().__getattr__(name)
            known: dict[Any, Any] = {}
            _set(self, name, known)
            return known

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, without its cost where there is nothing but fields: states change at every event."""
        if deep or self.__pydantic_private__ is not None or self.__pydantic_extra__ is not None:
            return super().model_copy(update=update, deep=deep)
        copy = _new(type(self))
        changes = update or {}
        _set_values(copy, {**self.__dict__, **changes})
        stated = self.__pydantic_fields_set__
        _set_stated(copy, stated if stated.issuperset(changes) else stated.union(changes))
        _set_extra(copy, None)
        _set_private(copy, None)
        return copy

    @classmethod
    def trusted(cls, **fields: Any) -> Self:
        """A value of fields that we computed ourselves, every one of them, as they are: neither checked nor converted.

        For what is made so often that pydantic's `model_construct` would take longer than finding the values.
        """
        value = object.__new__(cls)
        _set(value, "__dict__", fields)
        _set(value, "__pydantic_fields_set__", set(fields))
        _set(value, "__pydantic_extra__", None)
        _set(value, "__pydantic_private__", None)
        return value


class Request(Model):
    """A value that callers write: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


def _to_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar's edge in UTC") from None


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An aware instant, held in UTC. Naive datetimes are refused."""

YEARS = range(1970, 2201)
"""In which an instant that a caller writes may lie: nearer to the calendar's edges, sums of it overflow."""


def _of_our_age(instant: datetime) -> datetime:
    if instant.year not in YEARS:
        raise ValueError(f"the year is not between {YEARS.start} and {YEARS.stop - 1}")
    return instant


SaidInstant = Annotated[Instant, AfterValidator(_of_our_age)]
"""An instant that a caller writes."""
