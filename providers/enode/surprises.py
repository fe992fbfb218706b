"""Counts of what the vendor sent and we did not expect: unknown enum values, unreadable fields, unusable items."""

import logging
import re
from collections import Counter

logger = logging.getLogger(__name__)

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_:.\-]{0,39}")
_VIN = re.compile(r"\b(?=[A-Z]*\d)[A-HJ-NPR-Z0-9]{17}\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # with what an apostrophe joins
_HIDDEN = re.compile(r"…(?:[^\w\s]*\s*…)+")

_HARMLESS = """
a about above access account action actions active address after again all allowed already also an and another any are
as asleep asset at authorization available awake away bad battery be because been before being below busy but by call
can cannot capability capable car change charge charged charger chargers charging client cloud command complete
conflict connected connection connections control could credentials current data day deadline delete deleted denied
detail device devices did disabled disconnected does done down due during enabled endpoint error exceeded exist exists
expired fail failed failure fault field find first for forbidden found from full fully gateway given had has have hour
hours http https id in inactive information internal invalid is issue it its key later level limit limits link linked
linking location login longer maintenance max maximum may minute minutes missing mode moment must my need needs
network new no not now number of off offline on online only or other out owner passed period permission plan please
plugged point policy possible power precondition problem provided quick quota rate reach reachable reached react
reacted read ready received refused rejected request requests required requires resource respond responded response
retry schedule scheduled seconds seems server service session set sleep sleeping slow slowly smart something soon
start started state status stop stopped supported system temporarily than that the then there this throttled time
timed timeout to token too try unable unauthorized unavailable under unexpected unknown unlinked unnecessary unplugged
unreachable unsupported until up update updated upstream url used user users validation value vehicle vehicles vendor
vin wait was went were when while will window with within without wrong you your
"""

_HARMLESS_WORDS = frozenset(_HARMLESS.split())

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
    """Vendor words fit for errors and logs: one line of `limit` characters, without anything of anybody's.

    Only words that such messages are made of are passed on: a name, an address or a VIN can't be told by its looks, and
    a message with a hole in it still says what is wrong.
    """
    one_line = " ".join(text[: 10 * limit].split())
    return _HIDDEN.sub("…", _WORD.sub(_harmless_word, one_line))[:limit]


def _harmless_word(found: re.Match[str]) -> str:
    return found[0] if found[0].lower() in _HARMLESS_WORDS else "…"


def _harmless(what: object) -> str:
    if isinstance(what, str) and _CODE.fullmatch(what) and not _VIN.search(what):
        return what
    return f"<{type(what).__name__}>"
