"""Listening, and the account of a night. Storage first, reports later."""

from temporalio import activity

from activities.errors import translated
from domain import steps
from domain.account import NightAccount, NightFacts, settle_night
from domain.errors import NightchargeError
from domain.ports import NightBook, PriceSource, ReadingBook, WatchBook
from domain.prices import PriceSeries
from domain.session.events import NightAccounted


class Records:
    """Holds the books of watches, readings and nights, and the prices an account needs."""

    def __init__(self, watches: WatchBook, readings: ReadingBook, nights: NightBook, prices: PriceSource) -> None:
        self._watches, self._readings, self._nights, self._prices = watches, readings, nights, prices

    @activity.defn(name=steps.LISTEN)
    async def listen(self, step: steps.ListenTo) -> steps.Heard:
        """Open or change the watch; bring along what became known before it was open."""
        with translated():
            await self._watches.save_watch(step.watch)
            devices = [await self._watches.device(device_id) for device_id in step.watch.device_ids]
        return steps.Heard(readings=tuple(device.reading for device in devices if device is not None))

    @activity.defn(name=steps.STOP_LISTENING)
    async def stop_listening(self, step: steps.ListenTo) -> None:
        """Close the watch; device events go to the driver again."""
        with translated():
            await self._watches.end_watch(step.watch.session_id)

    @activity.defn(name=steps.CLOSE_NIGHT)
    async def close_night(self, step: steps.CloseTheNight) -> NightAccounted:
        """Settle from the raw series and store account and log; done twice, the first account stays."""
        with translated():
            stored = await self._nights.account(step.session_id, step.night.number)
            if stored is None:
                settled = await self._settle(step)
                await self._nights.save_night(settled, step.log)
                stored = await self._nights.account(step.session_id, step.night.number)
                stored = stored or settled  # of an erased driver nothing is kept
        return NightAccounted(
            number=stored.number,
            is_ready=stored.is_ready,
            saving=str(stored.saving),
            why=stored.why,
            commands_sent=stored.commands_sent,
            commands_proven=stored.commands_proven,
            routes=stored.routes,
        )

    async def _settle(self, step: steps.CloseTheNight) -> NightAccount:
        night = step.night
        facts = NightFacts(
            session_id=step.session_id,
            number=night.number,
            driver_id=step.driver_id,
            vehicle_id=step.car.device_id,
            charger_id=night.charger_id,
            plugged_in_at=step.plugged_in_at,
            begins_at=step.begins_at,
            departs_at=night.departs_at,
            closed_at=step.closed_at,
            target_soc_pct=night.target_soc_pct,
            soc_start_pct=night.soc_start_pct,
            max_power_kw=step.max_power_kw,
            battery_capacity_kwh=step.car.battery_capacity_kwh,
            efficiency=step.car.efficiency,
        )
        begins_at = step.begins_at or step.plugged_in_at
        device_ids = [step.car.device_id] + ([night.charger_id] if night.charger_id else [])
        readings = [
            reading
            for device_id in device_ids
            for reading in await self._readings.readings(device_id, begins_at, step.closed_at)
        ]
        outcomes = [command.outcome for command in night.commands if command.outcome is not None]
        try:
            prices = await self._prices.prices(step.tariff.area, begins_at, step.closed_at)
        except NightchargeError as error:  # no price is a reason in the account, not a reason for none
            activity.logger.warning("night settled without prices", extra={"why": type(error).__name__})
            prices = PriceSeries(area=step.tariff.area, currency=step.tariff.currency, source="none", slots=())
        return settle_night(facts, readings, outcomes, prices, step.tariff)
