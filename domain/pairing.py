"""Which charger holds a car, and how surely: the vendor's word, the driver's, else plug times, power edges and place.

A match needs evidence to change; the absence of data is none (F64). Below `SURE` nothing is done to the charger (P11).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import exp

from domain.devices import Reading, Side
from domain.energy_flow import FLOW_THRESHOLD_KW, measured_power_kw
from domain.model import Instant, Model

SURE = 0.95
"""Confidence from which a charger is commanded for this car (0-1)."""

SAME_PLUG = timedelta(minutes=2)
"""Two ends plugged in within this time may be one cable: vendors see a plug-in up to minutes apart."""

SAME_EDGE = timedelta(seconds=90)
"""Power that rises or falls at both ends within this time is one flow; telemetry comes every minute or two."""

EDGES_KEPT = 6

# Evidence in log-odds; a sure match takes 3. Each piece alone may be chance, two together hardly are.
PLUGGED_TOGETHER = 2.0  # and no other charger was plugged in at that time
PLUGGED_AMONG_OTHERS = 0.3  # several were: says little (F61)
SHARED_EDGE = 1.5  # per power edge that both ends show and no other charger does, two of them at most
LONE_EDGE = -2.0  # the charger's power changed while the car showed that its own did not (F62)
SAME_PLACE = 1.0


class Edge(Model):
    """Power that began or ceased at one end."""

    at: Instant
    is_on: bool


class Trace(Model):
    """What one end of the cable showed since this car was plugged in."""

    plugged_after: Instant | None = None  # last word of an empty socket
    plugged_by: Instant | None = None  # first word of a plug behind it
    is_on: bool | None = None  # whether power flowed when it was last told
    edges: tuple[Edge, ...] = ()


UNTRACED = Trace()
"""Of an end that showed nothing yet."""


class Match(Model):
    """The likeliest charger of a car. `confidence` is a probability; 1 is somebody's word."""

    charger_id: str
    confidence: float
    why: str

    @property
    def is_sure(self) -> bool:
        return self.confidence >= SURE


def traced(trace: Trace, reading: Reading) -> Trace:
    """The trace with one more reading."""
    at = reading.observed_at
    if at is None:
        return trace
    changes: dict[str, object] = {}
    if reading.is_plugged_in is False:
        changes |= {"plugged_after": at, "plugged_by": None, "edges": ()}
    elif reading.is_plugged_in and trace.plugged_by is None:
        changes["plugged_by"] = at
    power = measured_power_kw(reading)
    if power is not None:
        is_on = power > FLOW_THRESHOLD_KW
        if trace.is_on is not None and is_on is not trace.is_on and reading.is_plugged_in is not False:
            changes["edges"] = (*trace.edges, Edge(at=at, is_on=is_on))[-EDGES_KEPT:]
        changes["is_on"] = is_on
    return trace.model_copy(update=changes) if changes else trace


def word_of_the_vendor(car_id: str, readings: Mapping[str, Reading]) -> str | None:
    """The charger that the vendor names from either end, never contradicted by the other (S42, S43)."""
    car = readings.get(car_id)
    if car is not None and car.paired_with is not None:
        charger = readings.get(car.paired_with)
        is_denied = charger is not None and charger.paired_with not in (None, car_id)
        return None if is_denied else car.paired_with
    claims = [r.device_id for r in readings.values() if r.side is Side.CHARGER and r.paired_with == car_id]
    return claims[0] if len(claims) == 1 else None


def find_match(
    car_id: str,
    readings: Mapping[str, Reading],
    traces: Mapping[str, Trace],
    plugged_in_at: datetime,
    *,
    named: str | None = None,
    before: Match | None = None,
    doubted: frozenset[str] = frozenset(),
) -> Match | None:
    """The likeliest charger of this car; None if nothing speaks for any.

    `named`: the driver's answer, a charger id, or empty for "none of these". `before`: what was believed until now.
    `doubted`: chargers of which the vendor's word was disproved once; they need evidence of their own.
    """
    told = word_of_the_vendor(car_id, readings)
    if told is not None and told not in doubted and not _is_elsewhere(readings.get(car_id), readings.get(told)):
        return Match(charger_id=told, confidence=1.0, why="the vendor says so")
    if named is not None:
        return Match(charger_id=named, confidence=1.0, why="the driver says so") if named else None
    if before is not None and before.is_sure and not speaks_against(before.charger_id, car_id, readings, traces):
        return before
    plugged = [r for r in readings.values() if r.side is Side.CHARGER and _may_hold(r, car_id)]
    car, chargers = readings.get(car_id), [r for r in readings.values() if r.side is Side.CHARGER]
    weighed = []
    for reading in plugged:
        # Of a charger that has not spoken since, nobody knows whether it is the one that was plugged in (F61).
        is_rest_heard = all(_spoke_since(r, plugged_in_at) for r in chargers if r is not reading)
        odds = _log_odds(reading, car, car_id, plugged, traces, plugged_in_at, is_rest_heard=is_rest_heard)
        weighed.append((odds, reading))
    if not weighed:
        return None
    (likeliest, why), best = max(weighed, key=lambda pair: pair[0][0])
    return Match(charger_id=best.device_id, confidence=1 / (1 + exp(-likeliest)), why=why) if likeliest > 0 else None


def _spoke_since(charger: Reading, instant: datetime) -> bool:
    return charger.observed_at is not None and charger.observed_at >= instant - SAME_PLUG / 4


def _is_elsewhere(car: Reading | None, charger: Reading | None) -> bool:
    """Whether both ends are at known places that differ: then a word that pairs them needs evidence (F66)."""
    if car is None or charger is None or car.location_id is None or charger.location_id is None:
        return False
    return car.location_id != charger.location_id


def is_disproved(car: Reading | None, charger: Reading | None, own: Trace) -> bool:
    """Whether power flowed into the car, before and after, when the charger showed none (F61): vendors guess too."""
    if car is None or charger is None or car.observed_at is None or charger.observed_at is None:
        return False
    power, began = measured_power_kw(charger), own.edges[-1].at if own.edges else None
    if power is None or power > FLOW_THRESHOLD_KW or not own.is_on or began is None:
        return False
    return began + SAME_PLUG / 2 <= charger.observed_at <= car.observed_at


def is_confirmed(
    charger_id: str,
    car_id: str,
    readings: Mapping[str, Reading],
    traces: Mapping[str, Trace],
    *,
    since: datetime | None = None,
) -> bool:
    """Whether a stop at this charger can take energy from no other car (P11): nothing is plugged into any other one, or
    power rose or fell at both ends and at no other charger, later than `since`, when the match was last put in question
    (F61, F62)."""
    others = _others_plugged({charger_id, car_id}, readings, traces)
    box, own = traces.get(charger_id, UNTRACED), traces.get(car_id, UNTRACED)
    return not others or any(
        _has(box, edge) and not any(_has(traces.get(other, UNTRACED), edge) for other in others)
        for edge in own.edges
        if since is None or edge.at > since + SAME_EDGE
    )


def _others_plugged(these: set[str], readings: Mapping[str, Reading], traces: Mapping[str, Trace]) -> list[str]:
    """Chargers beside these that may hold a car. One that was unlinked with a plug in it tells nothing any more (F38),
    and may be the car's own."""
    told = [r.device_id for r in readings.values() if r.side is Side.CHARGER and r.is_plugged_in is not False]
    gone = [key for key, trace in traces.items() if key not in readings and trace.plugged_by is not None]
    return [device_id for device_id in (*told, *gone) if device_id not in these]


def speaks_against(charger_id: str, car_id: str, readings: Mapping[str, Reading], traces: Mapping[str, Trace]) -> bool:
    """Whether the charger's or the car's own word denies the match, or power flowed at one end alone."""
    charger, car = readings.get(charger_id), readings.get(car_id)
    if charger is not None and not _may_hold(charger, car_id, unknown=True):
        return True
    if car is not None and car.paired_with not in (None, charger_id):
        return True
    box, own = traces.get(charger_id, UNTRACED), traces.get(car_id, UNTRACED)
    return _lone_edges(box, own, car) > 0


def _may_hold(charger: Reading, car_id: str, *, unknown: bool = False) -> bool:
    """Whether something is plugged into the charger, and nobody says that it is another car."""
    if charger.paired_with not in (None, car_id):
        return False
    return charger.is_plugged_in is True or (unknown and charger.is_plugged_in is None)


def _log_odds(
    charger: Reading,
    car: Reading | None,
    car_id: str,
    plugged: list[Reading],
    traces: Mapping[str, Trace],
    plugged_in_at: datetime,
    *,
    is_rest_heard: bool,
) -> tuple[float, str]:
    trace, own = traces.get(charger.device_id, UNTRACED), traces.get(car_id, UNTRACED)
    others = [traces.get(r.device_id, UNTRACED) for r in plugged if r.device_id != charger.device_id]
    reasons: list[str] = []
    odds = 0.0
    if _plugged_at(trace, plugged_in_at):
        is_alone = is_rest_heard and not any(_may_be_plugged_at(other, plugged_in_at) for other in others)
        odds += PLUGGED_TOGETHER if is_alone else PLUGGED_AMONG_OTHERS
        reasons.append("plugged in at the same time")
    shared = sum(_has(trace, edge) and not any(_has(other, edge) for other in others) for edge in own.edges)
    if shared:
        odds += SHARED_EDGE * min(shared, 2)
        reasons.append(f"power rose or fell together {shared} times")
    odds += LONE_EDGE * _lone_edges(trace, own, car)
    if car is not None and car.location_id is not None and car.location_id == charger.location_id:
        odds += SAME_PLACE
        reasons.append("at the same place")
    return odds, ", ".join(reasons) or "nothing speaks for it"


def _plugged_at(trace: Trace, instant: datetime) -> bool:
    """Whether the plug came between the last word of the empty socket and the first of the plug, `instant` near."""
    if trace.plugged_after is None or trace.plugged_by is None:
        return False
    return trace.plugged_after - SAME_PLUG <= instant <= trace.plugged_by + SAME_PLUG and (
        trace.plugged_by - instant <= 4 * SAME_PLUG
    )


def _may_be_plugged_at(trace: Trace, instant: datetime) -> bool:
    """The same, or nobody saw its socket empty before."""
    if trace.plugged_after is None and trace.plugged_by is not None:
        return trace.plugged_by >= instant - SAME_PLUG
    return _plugged_at(trace, instant)


def _has(trace: Trace, edge: Edge) -> bool:
    return any(e.is_on is edge.is_on and abs(e.at - edge.at) <= SAME_EDGE for e in trace.edges)


def _lone_edges(charger: Trace, own: Trace, car: Reading | None) -> int:
    """Edges of the charger that the car's own later readings deny."""
    if car is None or car.observed_at is None or measured_power_kw(car) is None:
        return 0
    last = charger.edges[-1:] if charger.edges else ()
    return sum(
        edge.at + SAME_EDGE < car.observed_at and own.is_on is not edge.is_on and not _has(own, edge) for edge in last
    )
