"""A town of drivers for rollouts: real driver machines, real books in SQLite, nights with a chance per brand."""

import random
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session
from support.factories import EVENING, make_device, make_reading
from temporalio.testing import ActivityEnvironment

from activities.rollout import RolloutSteps
from domain.clock import Clock
from domain.devices import Device, PowerDeliveryState, Side
from domain.driver.apply import apply as apply_to_driver
from domain.driver.events import DeviceSeen, Enroll, ProgramChanged
from domain.driver.state import DriverState
from domain.journey import VehicleJourney, journey_of
from domain.program import Limits, Program
from domain.rollout import steps
from domain.rollout.apply import apply, begun
from domain.rollout.decide import decide
from domain.rollout.effects import Close, Gather, Publish, Rehearse, TellPage, WakeAt
from domain.rollout.evidence import NightRecord
from domain.rollout.standing import Phase
from domain.rollout.state import RolloutState
from storage.database import Database
from storage.migrations import migrate
from storage.programs import Programs
from storage.reliability import SqlReliability
from storage.roster import SqlRoster
from storage.statements import upsert
from storage.tables import DeviceRow

NAME = "town"
NIGHT = timedelta(days=1)


def driver_ids(count: int, seed: int = 0) -> list[str]:
    """Ids as they look in production."""
    rng = random.Random(seed)
    return [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(count)]


def device_of(driver_id: str, side: Side = Side.VEHICLE, *, brand: str = "Finecar", can_control: bool = True) -> Device:
    """A linked device of its own for each driver, at home."""
    device_id = f"{side.value}-{driver_id}"
    reading = make_reading(
        side, device_id=device_id, state=PowerDeliveryState.UNPLUGGED, paired_with=None, location_id="home", hours=-2
    )
    brand = brand if side is Side.VEHICLE else "Zaptec"
    return make_device(
        side, can_control=can_control, id=device_id, driver_id=driver_id, brand=brand, vendor=brand, reading=reading
    )


def make_rollout(program: Program, phase: Phase, **changes: Any) -> RolloutState:
    """A rollout of this phase, not yet begun."""
    values: dict[str, Any] = {
        "rollout_id": f"{program.name}:{phase.value}:1",
        "program": program.name,
        "phase": phase,
        "limits": program.limits,
        "enabled_brands": program.enabled_brands,
        "before": program.standing,
        "published": program.standing,
        "wanted": program.standing,
    }
    return RolloutState(**{**values, **changes})


@dataclass
class Town:
    """Drivers, their books, and the virtual time of a rollout played in a loop."""

    database: Database
    drivers: dict[str, DriverState] = field(default_factory=dict)
    devices: dict[str, list[Device]] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)  # of a command, by brand; else 0.98
    now: datetime = EVENING
    told: list[tuple[str, int, str]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.programs, self.roster = Programs(self.database), SqlRoster(self.database)
        self.reliability = SqlReliability(self.database)
        self.steps = RolloutSteps(self.programs, self.roster, self.reliability, self)

    async def settle(self, program: Program, homes: Iterable[tuple[str, Device, bool]]) -> Program:
        """Store the program and let drivers with these cars, and perhaps a charger, live under it."""
        stored = await self.programs.publish(program, reason="as it was", origin="test", at=self.now)
        lean = stored.for_driver()
        for driver_id, car, has_charger in homes:
            state = DriverState(driver_id=driver_id, program=lean, wish=program.wish)
            devices = [car, *([device_of(driver_id, Side.CHARGER)] if has_charger else [])]
            for device in devices:
                state = apply_to_driver(state, DeviceSeen(device=device))
            self.devices[driver_id] = devices
            self.drivers[driver_id] = apply_to_driver(state, Enroll(action_id="e", at=self.now, text_version="1"))
        await self.keep_devices()
        return stored

    async def keep_devices(self) -> None:
        """What webhooks and listings would have stored."""
        rows = [
            DeviceRow(id=device.id, driver_id=device.driver_id, device_json=device.model_dump_json())
            for devices in self.devices.values()
            for device in devices
        ]

        def work(session: Session) -> None:
            for row in rows:
                upsert(session, row)

        await self.database.write(work)

    async def link_charger(self, driver_id: str) -> None:
        charger = device_of(driver_id, Side.CHARGER)
        self.devices[driver_id].append(charger)
        state = apply_to_driver(self.drivers[driver_id], DeviceSeen(device=charger))
        self.drivers[driver_id] = apply_to_driver(state, Enroll(action_id="again", at=self.now, text_version="1"))
        await self.keep_devices()

    # What a rollout reaches

    async def running(self, program: str) -> AsyncIterator[list[tuple[str, str]]]:
        assert program == NAME
        yield [(d, journey_of(s).stage.value) for d, s in self.drivers.items() if d not in self.gone]

    async def tell_program(self, driver_id: str, program: Program, reason: str) -> bool:
        if driver_id in self.gone:
            return False
        self.told.append((driver_id, program.version, reason))
        event = ProgramChanged(program=program, reason=reason)
        self.drivers[driver_id] = apply_to_driver(self.drivers[driver_id], event)
        return True

    # What can be seen of it

    def vehicle(self, driver_id: str) -> VehicleJourney:
        return journey_of(self.drivers[driver_id]).vehicles[0]

    def requirements(self) -> dict[str, str]:
        return {driver_id: self.vehicle(driver_id).requirement.value for driver_id in self.drivers}

    def versions(self) -> set[int]:
        return {state.program.version for state in self.drivers.values()}

    async def night(self, number: int, commands: int = 4) -> None:
        """Every driver who may charges for a night; commands work with the brand's chance."""
        records = []
        for driver_id in self.drivers:
            vehicle = self.vehicle(driver_id)
            if not vehicle.is_enabled:
                continue
            rng = random.Random(f"{driver_id}/{number}")
            chance = self.chance.get(vehicle.brand or "", 0.98)
            proven = sum(rng.random() < chance for _ in range(commands))
            records.append(
                NightRecord(
                    session_id=f"{vehicle.vehicle_id}:{number}",
                    number=1,
                    driver_id=driver_id,
                    brand=vehicle.brand or "unknown",
                    closed_at=self.now,
                    has_charger=bool(journey_of(self.drivers[driver_id]).charger_ids),
                    is_ready=proven >= commands - 1,
                    commands_sent=commands,
                    commands_proven=proven,
                    api_calls=commands,
                    api_errors=commands - proven,
                    quarters=40,
                    fresh_quarters=38,
                )
            )
        await self.reliability.add_nights(NAME, records)

    async def bad_nights(self, driver_id: str, count: int) -> None:
        """Nights in which hardly anything works for this driver."""
        night = NightRecord(
            session_id="",
            number=1,
            driver_id=driver_id,
            brand=self.vehicle(driver_id).brand or "unknown",
            closed_at=self.now,
            has_charger=False,
            is_ready=False,
            commands_sent=6,
            commands_proven=0,
            api_calls=6,
            api_errors=6,
            quarters=40,
            fresh_quarters=2,
        )
        nights = [night.model_copy(update={"session_id": f"bad {driver_id} {n}"}) for n in range(count)]
        await self.reliability.add_nights(NAME, nights)

    # The loop

    async def play(self, state: RolloutState, *, nights: int = 60, pages: int | None = None) -> RolloutState:
        """Play until it is over, waits for an operator, or the nights or pages are used up."""
        night = pages_told = 0
        while True:
            decision = decide(state, self.now)
            for effect in decision.effects:
                if not isinstance(effect, WakeAt):
                    state = begun(state, effect, self.now)
            acts = [e for e in decision.effects if isinstance(e, Rehearse | Publish | TellPage | Gather)]
            for effect in acts:
                if isinstance(effect, TellPage):
                    pages_told += 1
                state = apply(state, await self._do(state, effect))
                if pages is not None and pages_told == pages:
                    return state
            if any(isinstance(effect, Close) for effect in decision.effects):
                return state
            if acts:
                continue
            wake = next((e for e in decision.effects if isinstance(e, WakeAt)), None)
            if wake is None or night == nights:
                return state
            night += 1
            self.now = wake.at - timedelta(minutes=1)
            await self.night(int((self.now - EVENING) / NIGHT))
            self.now = wake.at

    async def _do(self, state: RolloutState, effect: Any) -> Any:
        clock = Clock.starting(self.now, real_now=datetime.now(UTC), speed=1e-6)
        do = {
            Rehearse: self.steps.rehearse,
            Publish: self.steps.publish,
            TellPage: self.steps.tell_page,
            Gather: self.steps.gather,
        }[type(effect)]
        return await ActivityEnvironment().run(do, steps.step_of(effect, state, clock))


async def open_town(folder: Path, **changes: Any) -> Town:
    """A town with empty books."""
    database = Database(f"sqlite:///{folder}/town.db")
    await database.prepare(migrate)
    return Town(database, **changes)


QUICK = Limits(shares=(0.2, 1.0), soak_nights=3, longest_soak_nights=6, least_drivers=3, page_size=10, window=3)
"""Limits for small towns."""
