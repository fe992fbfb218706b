"""One night from its drawn values to what there is to judge: world, sessions, words, account."""

import logging
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from temporalio.testing import ActivityEnvironment

import planner
from activities.devices import Devices
from activities.notices import Telling
from activities.planning import Planning
from activities.records import Records
from domain.account import NightAccount
from domain.devices import Device, Side
from domain.errors import NightchargeError
from domain.prices import PriceSeries
from domain.relevance import hearing
from domain.session.events import DriverActed, ReadingArrived
from domain.session.state import SessionState
from nights.front_desk import open_session, wish_of
from nights.loop import LoopSession, Steps
from nights.night_prices import NightPrices
from nights.virtual import VirtualClock, VirtualLoop
from nights.world.night import LEAD, NightWorld
from nights.world.spec import ActSpec, NightSpec
from storage.memory import MemoryStore

logging.getLogger("temporalio.activity").setLevel(logging.ERROR)

AFTERWARDS = timedelta(minutes=20)
"""The world goes on this long after the cable was pulled, so that the last account is settled."""


SWEPT_EVERY = timedelta(hours=1)
"""The sweep looks at every driver this often, and finds the plug-in of which no word came (F13, F41)."""


class Told:
    """Words to the driver, with their instants: the port `Notices`."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.words: list[tuple[datetime, str, str, str]] = []  # instant, kind, cause, what to do

    async def tell(self, driver_id: str, session_id: str, kind: str, cause: str, what_to_do: str) -> None:
        self.words.append((self._clock.now(), kind, cause, what_to_do))


class PlanningAtOnce(Planning):
    """Planning in the one thread there is."""

    def __init__(self, prices: NightPrices) -> None:
        self._night_prices = prices
        super().__init__(prices, planner.plan, None)  # type: ignore[arg-type]

    def _answer(self, asked: Coroutine[Any, Any, PriceSeries]) -> PriceSeries:
        try:
            asked.send(None)
        except StopIteration as answer:
            series: PriceSeries = answer.value
            return series
        raise AssertionError("a night's prices are answered at once")


class PlayedNight:
    """A night on virtual time."""

    def __init__(self, spec: NightSpec, series: PriceSeries) -> None:
        self.spec = spec
        self.world = NightWorld(spec)
        self.timeline = self.world.timeline
        self.loop = VirtualLoop(self.timeline)
        self.clock = VirtualClock.of(self.timeline)
        self.store = MemoryStore()
        self.told = Told(self.clock)
        self.prices = NightPrices(series, self.clock.now)
        self.wish = wish_of(spec.wish)
        self.sessions: list[LoopSession] = []
        self.erased_at: datetime | None = None
        self._devices: dict[str, Device] = {}
        self.steps = Steps(
            Devices(self.world.vendor, self.store, self.store),
            PlanningAtOnce(self.prices),
            Records(self.store, self.store, self.store, self.prices),
            Telling(self.told),
        )
        self.world.vendor.on_event = self._on_event
        for hours in range(1, int((spec.departs_at - spec.plug_in_at) / SWEPT_EVERY) + 1):
            self.timeline.at(spec.plug_in_at + hours * SWEPT_EVERY, self._sweep)
        for number, act in enumerate(spec.acts):
            self.timeline.at(act.at, lambda act=act, number=number: self._driver_acts(act, number))  # type: ignore[misc]

    @property
    def session(self) -> LoopSession | None:
        return self.sessions[-1] if self.sessions else None

    @staticmethod
    def begins_at(spec: NightSpec) -> datetime:
        """When the world of such a night begins."""
        return spec.plug_in_at - LEAD

    def _begin(self) -> None:
        """What is linked by now is known."""
        self._devices = {device.id: device for device in self.world.vendor.known()}

    def play(self) -> None:
        """From before the plug-in to after the unplug."""
        self._begin()
        end = self.spec.unplugs_at + AFTERWARDS
        ActivityEnvironment().run(lambda: self.loop.run_until(end, lambda: False))
        self.world.truth.settle_all()

    def accounts(self) -> list[NightAccount]:
        found: list[NightAccount] = []
        for session in self.sessions:
            asked = self.store.accounts(session.state.session_id)
            try:
                asked.send(None)
            except StopIteration as answer:
                found.extend(answer.value)
        return found

    # -- what reaches the product -----------------------------------------------------------------------------------

    def _on_event(self, device: Device) -> None:
        self.loop.run_soon(self._see(device))

    def _sweep(self) -> None:
        """As the sweep: what is plugged in and has no session is looked at, as if its event had come now."""
        if not self.sessions:
            for device in self.world.devices:
                self.loop.run_soon(self._look_at(device.side, device.id))

    async def _look_at(self, side: Side, device_id: str) -> None:
        with suppress(NightchargeError):
            await self._see(await self.world.vendor.read(side, device_id))

    async def _see(self, device: Device) -> None:
        """As the gateway's intake: the raw series, the session if it matters, else the driver."""
        before = await self.store.device(device.id)
        watch = await self.store.watch_of(device.id)
        if device.reading.observed_at is not None:
            await self.store.add_readings([device.reading])
        heard_by = hearing(before, device, watch)
        if heard_by.to_session and self.session is not None:
            self.session.hear(ReadingArrived(reading=device.reading))
        if before is None or heard_by.is_newer:
            await self.store.save_device(device)
            self._devices[device.id] = device
        if heard_by.to_driver and watch is None:
            self._driver_hears(device)

    def _driver_hears(self, device: Device) -> None:
        """The driver's workflow: one session per plug-in, opened on the word of either end of the cable."""
        if self.session is not None and not self.session.is_over:
            return
        is_ours = any(device.id == mine.id for mine in self.world.devices)
        if not is_ours or not device.reading.is_plugged_in or self.erased_at is not None:
            return
        seq = len(self.sessions) + 1
        state = open_session(self.spec, list(self._devices.values()), seq, self.clock.now(), self.wish)
        if state is not None:
            self.sessions.append(self.opened(state))

    def opened(self, state: SessionState) -> LoopSession:
        """A session of the machine this engine runs."""
        return LoopSession(state, self.steps, self.loop, self.clock)

    def _driver_acts(self, act: ActSpec, number: int) -> None:
        if act.wish is not None:
            self.wish = wish_of(act.wish)
        if self.session is None:
            return
        wish = None if act.wish is None else wish_of(act.wish)
        self.session.hear(DriverActed(action_id=f"a{number}", at=self.clock.now(), act=act.act, wish=wish))
