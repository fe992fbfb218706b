"""`python -m nights.kills`: nights whose worker dies by SIGKILL at every step; what comes of them must not change.

Each night is played undisturbed, then once for each moment of a step at which the worker can die: before anything was
done (and within every decision), after the vendor took a request that nobody noted, and after all was done but before
the server knew. In each of these plays every step is killed once, at its first attempt, and taken up by a new process.
One play with all kills stands for as many plays with one kill each: what a step leaves behind is in the books and in
history alone, never in the process, so that a later kill finds what it would have found without the earlier ones, but
for the time they took. That time is the world's: a command is tried again once its heartbeat has timed out.

Exit code 1 if an outcome differs, or a relay changed twice for one order.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer

from domain.commands import CommandOrder
from domain.session.effects import Decision, Send
from nights.evidence import truth_of
from nights.judge.promises import broken_promises
from nights.judge.truth import Relay, Truth
from nights.judge.verdict import judge
from nights.kills_night import KilledNight, Moment
from nights.runner import Nights, Wanted
from nights.temporal_engine import play_as


@dataclass(frozen=True)
class Ending:
    """What came of a night."""

    is_ready: bool
    is_told: bool
    orders: tuple[tuple[str, str, str], ...]  # goal, side, start of the price slot
    moved: tuple[tuple[str, str], ...]  # what the relays did at our word, in order: side, new state
    moved_twice: tuple[str, ...] = ()  # orders for which a relay changed more than once

    def differs_in(self, other: "Ending") -> list[str]:
        return [name for name, value in asdict(self).items() if name != "moved_twice" and value != asdict(other)[name]]


@dataclass
class Tally:
    """Nights added up."""

    nights: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    same: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def ending_of(night: KilledNight) -> Ending:
    truth = truth_of(night)
    verdict = judge(truth, broken_promises(truth))
    orders = [(at, effect.order) for at, effect in _sent(night)]
    ours = [relay for relay in truth.relays if relay.cause.startswith("client:")]
    return Ending(
        is_ready=verdict.is_ready,
        is_told=verdict.is_told,
        orders=tuple((o.goal.value, o.side.value, _slot(truth, at)) for at, o in orders),
        moved=tuple((relay.side, relay.now) for relay in ours),
        moved_twice=moved_twice(ours, orders),
    )


def moved_twice(relays: Sequence[Relay], orders: Sequence[tuple[datetime, CommandOrder]]) -> tuple[str, ...]:
    """Keys of the orders for which a relay changed more than once. A change is laid to the last order that meant it."""
    count = Counter(_order_of(relay, orders) for relay in relays)
    return tuple(key for key, times in count.items() if times > 1)


def _order_of(relay: Relay, orders: Sequence[tuple[datetime, CommandOrder]]) -> str:
    goal = relay.cause.split(":")[1].lower()  # as the world tells it: client:START:<request>
    meant = [order.key for at, order in orders if at <= relay.at and (order.side, order.goal) == (relay.side, goal)]
    return meant[-1] if meant else f"no order of ours: {relay.side} {relay.now}"


def _sent(night: KilledNight) -> list[tuple[datetime, Send]]:
    return [
        (at, effect)
        for session in night.sessions
        for _, at, value, _ in session.record
        if isinstance(value, Decision)
        for effect in value.effects
        if isinstance(effect, Send)
    ]


def _slot(truth: Truth, at: datetime) -> str:
    return next((slot.starts_at.isoformat() for slot in truth.prices if slot.starts_at <= at < slot.ends_at), "none")


def play(nights: Nights, k: int, moment: Moment | None) -> tuple[KilledNight, Ending]:
    """Night `k`, with the worker dying at `moment` of every step."""
    night = asyncio.run(play_as(partial(KilledNight, moment=moment), nights.spec(k), nights.series))
    return night, ending_of(night)


def hold(nights: Nights, k: int, tally: Tally) -> None:
    """Night `k` undisturbed and under kills, told on stderr."""
    began = time.monotonic()
    quiet, meant = play(nights, k, None)
    tally.nights += 1
    tally.steps += len(quiet.steps_seen)
    tally.wrong += [{"k": k, "moment": "none", "twice": meant.moved_twice}] if meant.moved_twice else []
    words = []
    for moment in Moment:
        night, ending = play(nights, k, moment)
        tally.kills[moment.value] += len(night.killed)
        words.append(f"{len(night.killed)} {moment.value}")
        if (differing := ending.differs_in(meant)) or ending.moved_twice:
            found = {name: [asdict(meant)[name], asdict(ending)[name]] for name in differing}
            tally.wrong.append({"k": k, "moment": moment.value, "differs": found, "twice": ending.moved_twice})
            words[-1] += f" DIFFERS in {', '.join([*differing, *ending.moved_twice])}"
    tally.same += not any(wrong["k"] == k for wrong in tally.wrong)
    tally.seconds += time.monotonic() - began
    steps, spent = len(quiet.steps_seen), time.monotonic() - began
    print(f"night {k}: {steps} steps, killed {', '.join(words)}; {spent:.0f} s", file=sys.stderr, flush=True)


def main(
    nights: Annotated[int, typer.Option(min=1, help="Nights to play.")] = 20,
    seed: Annotated[int, typer.Option(help="As `nightcharge nights` draws them.")] = 1,
    faults: Annotated[int, typer.Option(min=0, help="Failures a night, beside the kills.")] = 0,
    first: Annotated[int, typer.Option(min=0, help="Number of the first night.")] = 0,
) -> None:
    """Kill the worker by SIGKILL at every step of these nights; exit code 1 if anything comes of it."""
    drawn, tally = Nights(Wanted(nights, seed, (faults, faults))), Tally()
    for k in range(first, first + nights):
        hold(drawn, k, tally)
    print(json.dumps({"seed": seed, "faults": faults, **asdict(tally), "seconds": round(tally.seconds)}))
    raise typer.Exit(1 if tally.wrong else 0)


if __name__ == "__main__":
    typer.run(main)
