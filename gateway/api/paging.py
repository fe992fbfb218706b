"""Lists in pages. A cursor is opaque to callers and carries only the place, never a right."""

import base64
import binascii
import json
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query

from domain.model import Model
from gateway.api.problems import Refused

ItemT = TypeVar("ItemT")

Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]


class Page(Model, Generic[ItemT]):
    """One page; `next` is the cursor of the one after, null on the last."""

    items: tuple[ItemT, ...]
    next: str | None = None


def cursor_of(place: Any) -> str:
    """The cursor of a place, which is any JSON."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str) -> Any:
    """The place of a cursor.

    Raises:
        Refused: it is none of ours (422).
    """
    try:
        return json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise bad_cursor() from None


def bad_cursor() -> Refused:
    return Refused(422, "invalid", "no such cursor")
