"""One night as a story: what was decided and why, from its NightLog, beside what was true."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from nights.judge.truth import Truth
from nights.judge.verdict import Verdict
from nights.play import PlayedNight
from ops.telling import in_words

Line = tuple[datetime, str, str]


def story(night: PlayedNight, truth: Truth, verdict: Verdict) -> str:
    """The night in words, with the time at the charging place; truth is marked with a star, words to the driver with
    an exclamation mark."""
    zone = ZoneInfo(night.spec.wish.zone)
    told = sorted([*_log(night), *_truth(night), *_words(truth)], key=lambda line: line[0])
    lines = [*_heading(night, verdict), ""]
    lines += [f"{at.astimezone(zone):%a %H:%M:%S} {mark} {words}" for at, mark, words in told]
    return "\n".join([*lines, "", _verdict(truth, verdict)])


def _heading(night: PlayedNight, verdict: Verdict) -> Iterator[str]:
    spec, zone = night.spec, ZoneInfo(night.spec.wish.zone)
    car, box = spec.car, spec.box
    yield (
        f"night {spec.k}: {car.brand} of {car.capacity_kwh:g} kWh at {car.soc_pct:g} %, {car.max_kw:g} kW, "
        + (f"{box.vendor} of {box.max_kw:g} kW" if box else "no charger of ours")
    )
    yield (
        f"wanted: {spec.wish.target_pct:g} % by {spec.departs_at.astimezone(zone):%a %H:%M} "
        f"(plugged in {spec.plug_in_at.astimezone(zone):%a %H:%M}, {spec.wish.zone})"
    )
    for fault in spec.faults:
        yield f"{fault.f}: " + ", ".join(f"{name} {value}" for name, value in fault.params.items())
    if not verdict.faults:
        yield "nothing goes wrong"


def _log(night: PlayedNight) -> Iterator[Line]:
    for session in night.sessions:
        for entry in session.log():
            for words in in_words(entry):
                yield entry.at, " ", words


def _truth(night: PlayedNight) -> Iterator[Line]:
    for entry in night.world.truth.log:
        if entry.kind in ("relay", "flow", "plug", "block"):
            yield entry.at, "*", f"{entry.kind} {entry.side}: {entry.was} -> {entry.now} ({entry.cause})"
        elif entry.kind == "command":
            yield entry.at, "*", f"{entry.now} reaches the vendor of the {entry.side}"


def _words(truth: Truth) -> Iterator[Line]:
    for word in truth.words:
        yield word.at, "!", f"{word.kind}: {word.cause}, {word.what_to_do}"


def _verdict(truth: Truth, verdict: Verdict) -> str:
    level = f"{truth.soc_pct(truth.judged_at):.1f} % of {truth.wish.target_pct:g} %"
    ready = "ready" if verdict.is_ready else "not ready"
    possible = "possible" if verdict.is_possible else f"impossible ({truth.possible_pct:.1f} % at most)"
    told = "the driver was warned" if verdict.is_told else "the driver was not warned"
    broken = f"; broken: {', '.join(verdict.broken)}" if verdict.broken else ""
    return f"{ready}, {level}; {possible}; {told}; paid {verdict.cost:.3f}, least {verdict.least_cost:.3f}{broken}"
