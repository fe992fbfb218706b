"""Counts of what the vendor sent and we did not expect: unknown enum values, unreadable fields, unusable items."""

import logging
import re
from collections import Counter

logger = logging.getLogger(__name__)

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_:.\-]{0,39}")
_VIN = re.compile(r"\b(?=[A-Z]*\d)[A-HJ-NPR-Z0-9]{17}\b", re.IGNORECASE)
_EMAIL = re.compile(r"\S+@\S+")
_DEGREES = re.compile(r"-?\d{1,3}\.\d{3,}")

DISTINCT_LIMIT = 500
"""Distinct surprises kept apart; what comes after is counted under "other", so that junk can't fill the memory."""


class Surprises:
    """Counts by `field: what`. The first of each kind is logged; nothing personal is kept."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, field: str, what: object) -> None:
        """Count one surprise. Only a code-like string is kept as it came; of anything else, its type."""
        key = f"{field}: {_harmless(what)}"
        if key not in self.counts and len(self.counts) >= DISTINCT_LIMIT:
            key = "other"
        if key not in self.counts:
            logger.warning("unexpected value from the vendor: %s", key, extra={"action": "enode_surprise"})
        self.counts[key] += 1

    @property
    def total(self) -> int:
        return self.counts.total()


def scrub(text: str, *, limit: int = 200) -> str:
    """Vendor words fit for errors and logs: no VIN, e-mail address or coordinate; one line of `limit` characters."""
    one_line = " ".join(text.split())
    for pattern in (_VIN, _EMAIL, _DEGREES):
        one_line = pattern.sub("[…]", one_line)
    return one_line[:limit]


def _harmless(what: object) -> str:
    if isinstance(what, str) and _CODE.fullmatch(what) and not _VIN.search(what):
        return what
    return f"<{type(what).__name__}>"
