"""One running world: scenario, platform services and the clock that drives them."""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime

from domain.clock import Clock
from simulator.cloud import Cloud
from simulator.control import Control
from simulator.linking import KINDS, Linking
from simulator.mishaps import Mishaps
from simulator.occurrences import Occurrences
from simulator.outbox import Outbox
from simulator.pairing import Pairing
from simulator.reactions import Reactions
from simulator.registry import Device, Location, User
from simulator.scenario import ChargerSpec, Scenario, UserSpec, VehicleSpec
from simulator.schedules import Schedules
from simulator.smart import SmartCharging
from simulator.telemetry import Telemetry
from simulator.timeline import Timeline

log = logging.getLogger(__name__)

SHORTEST_PAUSE_SECONDS = 0.005
"""The pump sleeps at least so long (real time), so that a fast clock gathers what is due instead of spinning."""

ALL_SCOPES = {
    "vehicle": {"vehicle:read:data", "vehicle:read:location", "vehicle:control:charging"},
    "charger": {"charger:read:data", "charger:control:charging"},
}


class Simulation:
    """The world of one scenario. `now` tells world time; `advance` brings the world up to it."""

    def __init__(self, scenario: Scenario, clock: Clock | None, *, starts_at: datetime | None = None) -> None:
        """With `clock` None the world moves only when told to (`step`), from `starts_at`."""
        self.scenario = scenario
        self.clock = clock
        self._manual_now = (starts_at or datetime(2026, 1, 1, tzinfo=UTC)).astimezone(UTC)
        self.timeline = Timeline(self.now())
        self.cloud = Cloud(scenario, self.timeline)
        self.world = self.cloud.world
        self.faults = self.cloud.faults
        self.telemetry = Telemetry(self.cloud)
        self.pairing = Pairing(self.cloud)
        self.control = Control(self.cloud, self.telemetry)
        self.schedules = Schedules(self.cloud, self.control)
        self.smart = SmartCharging(self.cloud, self.control, self.schedules)
        self.linking = Linking(self.cloud, self.telemetry, self.pairing, self.control, self.schedules)
        self.occurrences = Occurrences(self.cloud)
        self.mishaps = Mishaps(self.cloud, self.telemetry, self.pairing)
        self.reactions = Reactions(self.cloud)
        self.control.on_press.append(self.reactions.on_press)
        self.outbox = Outbox(self.cloud)
        self.telemetry.listeners += [
            self.pairing.on_observed,
            self.control.on_observed,
            self.schedules.on_observed,
            self.smart.on_observed,
        ]
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._populate()

    def now(self) -> datetime:
        return self._manual_now if self.clock is None else self.clock.now()

    def advance(self) -> None:
        """Lets everything happen that is due by now."""
        self.timeline.advance(self.now())

    def step(self, to: datetime) -> None:
        """Moves a world without a clock to the instant `to`."""
        if self.clock is not None:
            raise ValueError("this world follows a clock")
        self._manual_now = max(self._manual_now, to.astimezone(UTC))
        self.advance()

    def start(self) -> None:
        """Opens for business: from here on the world moves by itself and events are delivered. Needs a running loop."""
        self.timeline.on_earlier = self._wake.set
        self.outbox.start()
        self._pump = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump
            self._pump = None
        self.timeline.on_earlier = None
        await self.outbox.stop()

    async def _run(self) -> None:
        """Keeps the world up to date without polling: sleeps until the next appointment."""
        while True:
            try:
                self.advance()
            except Exception:
                # One thing that went wrong must not stop the world; whoever waits for it sees why on stderr.
                log.exception("an appointment failed", extra={"action": "simulator-appointment-failed"})
            self._wake.clear()
            await self._sleep_until(self.timeline.next_at)

    async def _sleep_until(self, due: datetime | None) -> None:
        if self.clock is None or due is None:
            await self._wake.wait()
            return
        seconds = self.clock.timer(self.clock.now(), due).total_seconds()
        await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
        try:
            await asyncio.wait_for(self._wake.wait(), max(seconds - SHORTEST_PAUSE_SECONDS, 0))
        except TimeoutError:
            return

    # -- the beginning ----------------------------------------------------------------------------------------------

    def _populate(self) -> None:
        for spec in self.scenario.users:
            self.cloud.prepare(spec)
        for spec in self.scenario.users:
            self._link_at_start(spec)
            self.occurrences.book_habits(spec)
        for occurrence in self.scenario.events:
            self.occurrences.book(occurrence)
        for fault in self.scenario.faults:
            if "/" in fault.target:
                self.cloud.body_named(fault.target)
            self.faults.add(fault)

    def _link_at_start(self, spec: UserSpec) -> None:
        tenant = self.cloud.tenants[spec.client]
        owned: list[VehicleSpec | ChargerSpec] = [*spec.vehicles, *spec.chargers]
        wanted = [device for device in owned if device.is_linked]
        if not wanted:
            return
        user = self.cloud.user(tenant, spec.id)
        keys = {device.key for device in wanted}
        devices: list[Device] = []
        for vendor in sorted({device.vendor for device in wanted}):
            for kind in KINDS:
                if any(_kind(device) == kind and device.vendor == vendor for device in wanted):
                    devices += self.linking.link(user, vendor, [kind], ALL_SCOPES[kind])
        unwanted = [device.spec.key for device in devices if device.spec.key not in keys]
        if unwanted:
            raise ValueError(f"{spec.id}: an account links all its devices, yet {unwanted} are not marked as linked")
        self._set_home(user, spec, devices)
        self._begin(devices)

    def _set_home(self, user: User, spec: UserSpec, devices: list[Device]) -> None:
        home = spec.home
        if home is None or not home.is_set:
            return
        place = Location(
            id=self.cloud.ids.named(user.tenant.client_id, user.id, "home"),
            user_id=user.id,
            name=home.name,
            latitude=home.latitude,
            longitude=home.longitude,
            zone=home.zone,
            created_at=self.timeline.now,
        )
        user.tenant.locations[place.id] = place
        for device in devices:
            if device.kind == "charger":
                device.location_id, device.location_set_at = place.id, self.timeline.now

    def _begin(self, devices: list[Device]) -> None:
        for device in devices:
            self.telemetry.start(device, first_after=None)
        for device in devices:
            if device.kind == "vehicle":
                self.pairing.pair_now(device)
        for device in devices:
            self.cloud.mark_sent(device)


def _kind(spec: VehicleSpec | ChargerSpec) -> str:
    return "vehicle" if isinstance(spec, VehicleSpec) else "charger"
