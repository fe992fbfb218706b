"""Reading devices, commanding them until measured, linking them."""

import asyncio

from temporalio import activity

from activities.command_run import LOOK_EVERY, CommandRun
from activities.errors import translated
from activities.heartbeat import beating
from domain import steps
from domain.commands import CommandOutcome
from domain.devices import Reading, ReadingSource, Side
from domain.driver.events import ActionEnded
from domain.errors import RetryableError, UnknownDevice
from domain.ports import CommandBook, DeviceProvider, ReadingBook
from domain.session.events import ReadingArrived


class Devices:
    """Holds the vendor platform and the books of intents and readings."""

    def __init__(self, provider: DeviceProvider, commands: CommandBook, readings: ReadingBook) -> None:
        self._provider, self._commands, self._readings = provider, commands, readings

    @activity.defn(name=steps.READ_DEVICE)
    async def read_device(self, step: steps.ReadDevice) -> ReadingArrived:
        """The device's state, after the vendor was asked to refresh it and given time to. The request is but a hint."""
        with translated(step.clock):
            try:
                await self._provider.request_refresh(step.side, step.device_id)
            except RetryableError as error:
                activity.logger.info("no refresh", extra={"side": step.side.value, "why": type(error).__name__})
            await asyncio.sleep(step.clock.real_span(LOOK_EVERY).total_seconds())
            return ReadingArrived(reading=await self._read(step.side, step.device_id))

    @activity.defn(name=steps.SEND_COMMAND)
    async def send_command(self, step: steps.SendCommand) -> CommandOutcome:
        """From intent to proof: store, read back, ask once, look until measured or out of time."""
        with translated(step.clock), beating():
            run = CommandRun(
                self._provider,
                self._commands,
                self._readings,
                session_id=step.session_id,
                order=step.order,
                clock=step.clock,
            )
            return await run.to_the_end()

    @activity.defn(name=steps.START_LINK)
    async def start_link(self, step: steps.StartLinkStep) -> ActionEnded:
        """A vendor page for one kind of device: cars and chargers are linked one after the other."""
        with translated():
            way = {"redirect_uri": step.redirect_uri, "language": step.language}
            if step.relink_device_id is None:
                link = await self._provider.start_link(step.driver_id, step.side, **way)
            else:
                link = await self._provider.relink(step.relink_device_id, **way)
        return ActionEnded(action_id=step.action_id, is_done=True, detail="link page opened", url=link.url)

    @activity.defn(name=steps.LIST_DEVICES)
    async def list_devices(self, step: steps.ListDevicesStep) -> ActionEnded:
        """The devices of one kind that are linked now."""
        with translated():
            devices = await self._provider.list_devices(step.driver_id, step.side)
            logins = await self._provider.linked_vendors(step.driver_id)
        return ActionEnded(
            action_id=step.action_id,
            is_done=bool(devices),
            detail=f"{len(devices)} {step.side.value}(s) linked",
            devices=tuple(devices),
            logins=tuple(logins),
        )

    @activity.defn(name=steps.SET_PLACE)
    async def set_place(self, step: steps.SetPlaceStep) -> ActionEnded:
        """Tell the vendor where the charger stands; that unlocks the vehicle's location."""
        with translated():
            await self._provider.set_charger_place(step.charger_id, step.place_id)
        return ActionEnded(
            action_id=step.action_id,
            is_done=True,
            detail="charger placed" if step.place_id else "place removed",
            charger_id=step.charger_id,
            place_id=step.place_id,
            at=step.clock.now(),
        )

    @activity.defn(name=steps.UNLINK)
    async def unlink(self, step: steps.UnlinkStep) -> ActionEnded:
        """Remove all of the driver's devices of this vendor and kind."""
        with translated():
            try:
                await self._provider.unlink(step.driver_id, step.vendor, step.side)
            except UnknownDevice:
                activity.logger.info("unlinked already", extra={"side": step.side.value})
        return ActionEnded(action_id=step.action_id, is_done=True, detail=f"{step.side.value} unlinked")

    @activity.defn(name=steps.FORGET_AT_VENDOR)
    async def forget_at_vendor(self, step: steps.ForgetStep) -> ActionEnded:
        """Delete the driver and all data at the vendor; a driver it does not know is forgotten already."""
        with translated():
            try:
                await self._provider.forget_driver(step.driver_id)
            except UnknownDevice:
                activity.logger.info("forgotten already")
        return ActionEnded(action_id=step.action_id, is_done=True, detail="forgotten at the vendor")

    async def _read(self, side: Side, device_id: str) -> Reading:
        device = await self._provider.read(side, device_id)
        await self._readings.add_readings([device.reading])
        return device.reading.model_copy(update={"source": ReadingSource.READ})
