"""A car in its charger as a vendor platform shows it, on a clock moved by hand; it obeys, ignores or fails as told."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from pydantic import PrivateAttr
from support.factories import DRIVER, EVENING, make_device, make_reading

from domain.clock import Clock
from domain.commands import Goal
from domain.devices import ActionState, Device, LinkedVendor, LinkSession, PowerDeliveryState, Side, VendorAction

Reaction = Callable[["Vendor", Goal], Awaitable[None]]


class HandClock(Clock):
    """World time that moves only by waiting: every span waited for passes at once."""

    _now: datetime = PrivateAttr(default=EVENING)

    def now(self) -> datetime:
        return self._now

    def pass_by(self, span: timedelta) -> None:
        self._now += span

    def real_span(self, span: timedelta, *, floor: timedelta = timedelta(0)) -> timedelta:
        self.pass_by(span)
        return timedelta(0)


async def obey(vendor: "Vendor", goal: Goal) -> None:
    vendor.flows = goal is Goal.START


async def ignore(vendor: "Vendor", goal: Goal) -> None:
    """Accept, and do nothing."""


async def flip(vendor: "Vendor", goal: Goal) -> None:
    vendor.flows = not vendor.flows


def failing(error: BaseException, *, after: Reaction = ignore) -> Reaction:
    """Do as `after`, then answer with an error."""

    async def react(vendor: "Vendor", goal: Goal) -> None:
        await after(vendor, goal)
        raise error

    return react


class Vendor:
    """A `DeviceProvider` of one car and one charger."""

    def __init__(self, clock: HandClock, *, flows: bool = False, reacts: Reaction = obey) -> None:
        self.clock = clock
        self.flows = flows
        self.reacts = reacts
        self.answer = ActionState.PENDING
        self.silent: dict[Side, Exception] = {}
        self.refresh_fails: Exception | None = None
        self.sent: list[tuple[Goal, Side]] = []
        self.placed: dict[str, str | None] = {}
        self.devices: list[Device] = []
        self.logins: list[LinkedVendor] = []
        self.forgotten: list[str] = []

    async def read(self, side: Side, device_id: str) -> Device:
        if side in self.silent:
            raise self.silent[side]
        state = PowerDeliveryState.CHARGING if self.flows else PowerDeliveryState.STOPPED
        now = self.clock.now()
        reading = make_reading(side, state=state, observed_at=now, received_at=now, device_id=device_id)
        return make_device(side, reading=reading)

    async def start(self, side: Side, device_id: str) -> VendorAction:
        return await self._command(Goal.START, side, device_id)

    async def stop(self, side: Side, device_id: str) -> VendorAction:
        return await self._command(Goal.STOP, side, device_id)

    async def request_refresh(self, side: Side, device_id: str) -> None:
        if self.refresh_fails is not None:
            raise self.refresh_fails

    async def list_devices(self, driver_id: str, side: Side) -> list[Device]:
        assert driver_id == DRIVER
        return [device for device in self.devices if device.side is side]

    async def start_link(self, driver_id: str, side: Side, *, redirect_uri: str, language: str) -> LinkSession:
        return LinkSession(url=f"https://vendor.invalid/{side.value}?back={redirect_uri}&hl={language}", token="t")

    async def relink(self, device_id: str, *, redirect_uri: str, language: str) -> LinkSession:
        return LinkSession(url=f"https://vendor.invalid/renew/{device_id}?back={redirect_uri}&hl={language}", token="t")

    async def linked_vendors(self, driver_id: str) -> list[LinkedVendor]:
        return list(self.logins)

    async def forget_driver(self, driver_id: str) -> None:
        self.forgotten.append(driver_id)

    async def set_charger_place(self, charger_id: str, place_id: str | None) -> Device:
        self.placed[charger_id] = place_id
        return make_device(Side.CHARGER)

    async def _command(self, goal: Goal, side: Side, device_id: str) -> VendorAction:
        self.sent.append((goal, side))
        await self.reacts(self, goal)
        return VendorAction(id=f"action-{len(self.sent)}", side=side, device_id=device_id, state=self.answer)
