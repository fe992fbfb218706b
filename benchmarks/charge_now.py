"""From "charge now" over REST to the command at the device: `python -m benchmarks.charge_now` writes charge_now.md.

A real Temporal dev server, a worker, a gateway and the simulator, each a process. A sample is a car that waits for its
cheap hours, plugged into a linked charger: `POST .../sessions/{id}/actions` with `charge_now`, until the simulator has
START in its log. In between lie the object check, the word into the session, a recorded decision, the stored intent,
the read-back of charger and car, and the request. Beside it, taken in turns in the same run, the bare way: one signal
to a workflow that starts one activity that sends START, with a worker of its own and nothing else.

Both are told until the device has the command, and the bare one also until its activity begins. The limit is held
against the latter, the smaller one.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple, TypeVar

import httpx
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from benchmarks.bare import SIMULATOR, TASK_QUEUE, BareWorkflow, Order
from client import driver_id
from domain.clock import Clock
from domain.program import Program
from domain.steps import SEND_COMMAND
from gateway.api.access import Scope, new_key
from ops.embedded import Installation, installation
from storage.sql import SqlStore
from storage.tenants import Tenants
from workflows.ids import session_workflow_id

BEGINS_AT = datetime(2022, 12, 14, 16, 0, tzinfo=UTC)
"""17:00 in Amsterdam, on a night whose cheap hours are far."""

PROGRAM = Program(name="benchmark")
SAMPLES = 120
WARM_UP = 5
AT_ONCE = 4  # drivers brought home at a time
WAITS_SECONDS = 300.0
PAUSE_SECONDS = 0.25
"""Real time between two samples, so that none is measured on the other's tail."""

MOST = 4.0
AIM = 2.5
RESULTS = Path(__file__).with_name("charge_now.md")


STAGES = (
    "POST until the engine has the word",
    "the word until the command is scheduled (decision)",
    "scheduled until the step begins",
    "the step until START (intent, read-back, request)",
)

Found = TypeVar("Found")


class Car(NamedTuple):
    """A car that waits, by its ids."""

    driver: str
    session: str
    charger: str


@dataclass
class Figures:
    """What was measured [ms]."""

    ours: list[float] = field(default_factory=list)  # POST begun until the simulator has START
    answered: list[float] = field(default_factory=list)  # POST begun until its answer
    bare: list[float] = field(default_factory=list)  # signal begun until its activity begins
    bare_at_device: list[float] = field(default_factory=list)  # ... until the simulator has START
    stages: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in STAGES})  # of ours

    def ratio(self, percent: int, beside: list[float]) -> float:
        """Ours to the bare way, at a percentile."""
        return at(self.ours, percent) / at(beside, percent)

    @property
    def is_quick(self) -> bool:
        return all(self.ratio(percent, self.bare) <= MOST for percent in (50, 99))


def at(values: list[float], percent: int) -> float:
    """The percentile, by linear interpolation."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


class Bench:
    """One run on an installation."""

    def __init__(self, temporal: Client, clock: Clock, http: httpx.AsyncClient, simulator: httpx.AsyncClient) -> None:
        self._temporal, self._clock, self._http, self._simulator = temporal, clock, http, simulator
        self.figures = Figures()
        self.token = ""  # at the simulator, for the bare way

    async def bring_home(self, reference: str, gate: asyncio.Semaphore) -> Car:
        """A driver whose car waits for its cheap hours in a charger."""
        async with gate:
            driver = (await self._post("drivers", reference=reference))["id"]
            for side in ("charger", "vehicle"):
                await self._post(f"drivers/{driver}/actions", type="link_returned", side=side)
            await self._post(f"drivers/{driver}/actions", type="enroll", text_version="1")

            async def waits() -> Car | None:
                found = (await self._get(f"drivers/{driver}/sessions"))["items"]
                if not found or (await self._http.get(f"drivers/{driver}/sessions/{found[0]['id']}/plan")).is_error:
                    return None
                [charger] = (await self._get(f"drivers/{driver}/journey"))["charger_ids"]
                return Car(driver, found[0]["id"], charger)

            return await until(waits, f"the plan of {reference}", every=0.5)

    async def ours(self, car: Car) -> None:
        """Charge now, until the charger has the command."""
        begun = self._clock.now()
        await self._post(f"drivers/{car.driver}/sessions/{car.session}/actions", act="charge_now")
        answered = self._clock.now()
        arrived = await self._arrival(car.charger)
        self.figures.ours.append(milliseconds(arrived - begun))
        self.figures.answered.append(milliseconds(answered - begun))
        passed = (begun, *[self._clock.world(one) for one in await self._passed(car.session)], arrived)
        for name, (start, end) in zip(STAGES, pairwise(passed), strict=True):
            self.figures.stages[name].append(milliseconds(end - start))

    async def _passed(self, session: str) -> tuple[datetime, datetime, datetime]:
        """When the engine had the word, when it scheduled the command, and when the command's step began."""
        handle = self._temporal.get_workflow_handle(session_workflow_id(session))
        described = (await handle.describe()).raw_description.pending_activities
        [step] = [one for one in described if one.activity_type.name == SEND_COMMAND]
        heard = [
            event.event_time.ToDatetime(UTC)
            async for event in handle.fetch_history_events()
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        ]
        scheduled_at = step.scheduled_time.ToDatetime(UTC)
        before = [one for one in heard if one <= scheduled_at]
        return before[-1], scheduled_at, step.last_started_time.ToDatetime(UTC)

    async def bare(self, reference: str) -> None:
        """The same by one signal and one activity."""
        user = driver_id(PROGRAM.name, reference)
        handle = await self._temporal.start_workflow(BareWorkflow.run, id=f"bare:{user}", task_queue=TASK_QUEUE)
        [charger] = (await self._simulator.get(f"/users/{user}/chargers")).raise_for_status().json()["data"]
        await asyncio.sleep(PAUSE_SECONDS)  # its first task is over
        begun = self._clock.now()
        await handle.signal(BareWorkflow.go, Order(path=f"/chargers/{charger['id']}/charging", token=self.token))
        self.figures.bare_at_device.append(milliseconds(await self._arrival(charger["id"]) - begun))
        began_at = datetime.fromtimestamp(await handle.result(), UTC)
        self.figures.bare.append(milliseconds(self._clock.world(began_at) - begun))

    async def _arrival(self, charger: str) -> datetime:
        """When START came to the charger; each has but one."""

        async def came() -> datetime | None:
            query = {"device_id": charger, "kind": "command"}
            found = (await self._simulator.get("/admin/log", params=query)).raise_for_status().json()
            return datetime.fromisoformat(found[0]["at"]) if found else None

        return await until(came, f"START at {charger}", every=0.05)

    async def _post(self, path: str, **body: Any) -> Any:
        return _said(await self._http.post(path, json=body))

    async def _get(self, path: str) -> Any:
        return _said(await self._http.get(path))


async def run(samples: int, folder: Path) -> Figures:
    """Everything up, the cars at home, and the samples taken in turns."""
    clock = Clock.starting(BEGINS_AT, real_now=datetime.now(UTC), speed=1)
    mine = [f"ours-{n}" for n in range(samples + WARM_UP)]
    others = [f"bare-{n}" for n in range(samples + WARM_UP)]
    world = folder / "scenario.json"
    world.write_text(json.dumps({"seed": 7, "users": [_user(reference) for reference in (*mine, *others)]}))
    async with installation(folder, clock, world) as there, AsyncExitStack() as stack:
        command = (sys.executable, "-m", "benchmarks.bare")
        env = {**there.env, SIMULATOR: there.simulator_url}
        await there.processes.start("bare", *command, ready="bare worker runs", env=env)
        http = httpx.AsyncClient(base_url=f"{there.gateway_url}/v1", headers=await _bearer(there), timeout=60)
        simulator = httpx.AsyncClient(base_url=there.simulator_url, timeout=60)
        await stack.enter_async_context(http)
        await stack.enter_async_context(simulator)
        bench = Bench(there.temporal, clock, http, simulator)
        token = await simulator.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("sim", "sim"))
        bench.token = token.raise_for_status().json()["access_token"]
        simulator.headers["authorization"] = f"Bearer {bench.token}"
        gate = asyncio.Semaphore(AT_ONCE)
        cars = await asyncio.gather(*(bench.bring_home(reference, gate) for reference in mine))
        for number, (car, other) in enumerate(zip(cars, others, strict=True)):
            if number == WARM_UP:
                bench.figures = Figures()
            await bench.ours(car)
            await asyncio.sleep(PAUSE_SECONDS)
            await bench.bare(other)
        return bench.figures


async def _bearer(there: Installation) -> dict[str, str]:
    """Headers of a key of the program."""
    store = SqlStore(there.settings.database_url)
    now, tenants = datetime.now(UTC), Tenants(store.database)
    await tenants.save_program(PROGRAM, now)
    record, token = new_key(PROGRAM.name, "benchmark", frozenset(Scope), now)
    await tenants.add_key(record)
    await store.close()
    return {"Authorization": f"Bearer {token.get_secret_value()}"}


def _user(reference: str) -> dict[str, Any]:
    """A car that waits for a start, in a linked charger at home."""
    car = {"vendor": "TESLA", "battery_capacity_kwh": 57.5, "soc_pct": 45, "max_kw": 11, "is_linked": True}
    return {
        "id": driver_id(PROGRAM.name, reference),
        "vehicles": [{**car, "auto_start": False, "plugged_into": "box"}],
        "chargers": [{"key": "box", "vendor": "ZAPTEC", "max_kw": 11, "is_linked": True}],
    }


def _said(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise RuntimeError(f"{answer.url}: {answer.status_code} {answer.text}")
    return answer.json()


async def until(look: Callable[[], Awaitable[Found | None]], what: str, *, every: float) -> Found:
    """What `look` finds, once it finds something."""
    async with asyncio.timeout(WAITS_SECONDS):
        while (found := await look()) is None:  # noqa: ASYNC110  (nobody tells; one has to ask)
            await asyncio.sleep(every)
    return found


def milliseconds(span: timedelta) -> float:
    return span / timedelta(milliseconds=1)


def report(figures: Figures, load: float) -> str:
    """The figures as Markdown."""
    rows = {
        "charge now, POST to START at the charger": figures.ours,
        "charge now, POST to its answer": figures.answered,
        "bare, signal to the activity": figures.bare,
        "bare, signal to START at the charger": figures.bare_at_device,
    }
    lines = [
        "# From charge now to the command at the device",
        "",
        f"By `python -m benchmarks.charge_now`: {len(figures.ours)} samples each, in turns, on {os.cpu_count()} cores",
        f"(load {load:.1f} at the start), everything on one machine. Milliseconds.",
        "",
        "| | p50 | p90 | p99 |",
        "|---|---|---|---|",
    ]
    for name, values in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{at(values, p):.1f}" for p in (50, 90, 99)) + " |")
    for name, beside in (("activity", figures.bare), ("device", figures.bare_at_device)):
        ratios = " | ".join(f"{figures.ratio(p, beside):.2f}" for p in (50, 90, 99))
        lines.append(f"| ratio to the bare way, to the {name} | {ratios} |")
    lines += ["", "Where our time goes:", "", "| | p50 | p90 | p99 |", "|---|---|---|---|"]
    lines += [
        f"| {name} | " + " | ".join(f"{at(v, p):.1f}" for p in (50, 90, 99)) + " |"
        for name, v in figures.stages.items()
    ]
    verdict = "within" if figures.is_quick else "ABOVE"
    lines += ["", f"Limit {MOST:g} at p50 and p99, to the activity (aim {AIM:g}): {verdict}.", ""]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--folder", type=Path, help="Where logs and databases stay; none: they go.")
    chosen = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(run(chosen.samples, chosen.folder or Path(folder)))
    told = report(figures, load)
    print(told)
    if chosen.samples >= SAMPLES:
        RESULTS.write_text(told, "utf-8")
    return 0 if figures.is_quick else 1


if __name__ == "__main__":
    sys.exit(main())
