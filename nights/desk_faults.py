"""Failures that lie outside the world of cars: prices, floods of news, accounts that are erased."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.errors import MalformedReply
from domain.prices import PriceSlot
from domain.session.events import DevicesLeaving, PricesChanged
from nights.play import PlayedNight
from nights.world.faults.registry import look

TO_LET_GO = timedelta(minutes=20)
"""From the release of what we hold to the unlinking."""

HALF_HOUR = timedelta(minutes=30)


def install_at_desk(night: PlayedNight) -> None:
    """Let everything go wrong that was drawn for this night and is not the world's."""
    for fault in night.spec.faults:
        injection = AT_DESK.get(fault.f)
        if injection is not None:
            injection(night, **fault.params)


def _tell_prices(night: PlayedNight) -> None:
    if night.session is not None:
        night.session.hear(PricesChanged(area="NL"))


def prices_late(night: PlayedNight, late_hours: float) -> None:
    """F44: tomorrow's prices come out late."""
    plug_in = night.spec.plug_in_at.astimezone(ZoneInfo("Europe/Amsterdam"))
    midnight = datetime.combine(plug_in.date() + timedelta(days=1), datetime.min.time(), plug_in.tzinfo).astimezone(UTC)
    out_at = midnight - timedelta(hours=11) + timedelta(hours=late_hours)

    def known(now: datetime, slots: list[PriceSlot]) -> list[PriceSlot]:
        return slots if now >= out_at else [slot for slot in slots if slot.starts_at < midnight]

    night.prices.changes.append(known)
    if out_at > night.spec.plug_in_at:
        night.timeline.at(out_at, lambda: _tell_prices(night))


def prices_torn(night: PlayedNight, shape: str) -> None:
    """F45: gaps, a first slot that is missing, or nothing at all."""

    def torn(now: datetime, slots: list[PriceSlot]) -> list[PriceSlot]:
        if shape == "none":
            return []
        if shape == "first_missing":
            return [slot for slot in slots if slot.starts_at > now]
        return [slot for index, slot in enumerate(slots) if index % 7 != 3]

    night.prices.changes.append(torn)


def mixed_lengths(night: PlayedNight, from_minutes: float) -> None:
    """F46: from some instant on slots are quarter hours."""
    since = night.spec.plug_in_at + timedelta(minutes=from_minutes)

    def cut(_: datetime, slots: list[PriceSlot]) -> list[PriceSlot]:
        return [part for slot in slots for part in (_quarters(slot) if slot.starts_at >= since else [slot])]

    night.prices.changes.append(cut)


def _quarters(slot: PriceSlot) -> list[PriceSlot]:
    count = max(int((slot.ends_at - slot.starts_at) / timedelta(minutes=15)), 1)
    step = (slot.ends_at - slot.starts_at) / count
    return [
        slot.model_copy(update={"starts_at": slot.starts_at + n * step, "ends_at": slot.starts_at + (n + 1) * step})
        for n in range(count)
    ]


def odd_prices(night: PlayedNight, shape: str) -> None:
    """F47: a night at -0.50, or at nothing. The truth of this night, so the whole series changes."""
    first, last = night.spec.plug_in_at + timedelta(hours=3), night.spec.plug_in_at + timedelta(hours=7)

    def odd(slot: PriceSlot) -> PriceSlot:
        if shape == "zero":
            return slot.model_copy(update={"price_per_kwh": 0.0})
        is_within = first <= slot.starts_at < last
        return slot.model_copy(update={"price_per_kwh": -0.5}) if is_within else slot

    night.prices.replace(odd, first - timedelta(days=10), last + timedelta(days=2))


def wrong_unit(night: PlayedNight, factor: int, rejected: bool) -> None:
    """F48: the feed is off by a factor; the reader rejects it, so that there are no prices."""
    night.prices.failure = MalformedReply(f"prices off by {factor}")


def news_every_minute(night: PlayedNight, every_minutes: float, for_minutes: float) -> None:
    """F57: new prices and a new level every minute."""
    last = night.spec.plug_in_at + timedelta(minutes=30 + for_minutes)

    def again() -> None:
        _tell_prices(night)
        look(night.world, night.world.car_device, 0.0)
        if night.timeline.now < last:
            night.timeline.after_seconds(60 * every_minutes, again)

    night.timeline.at(night.spec.plug_in_at + HALF_HOUR, again)


def flood(night: PlayedNight, every_seconds: float, for_minutes: float) -> None:
    """F74: an event a minute."""
    last = night.spec.plug_in_at + timedelta(minutes=for_minutes)

    def again() -> None:
        for device in night.world.devices:
            night.world.vendor.observe(device)
            if device.reading is not None:
                night.world.vendor.send(device, device.reading)
        if night.timeline.now < last:
            night.timeline.after_seconds(every_seconds, again)

    night.timeline.at(night.spec.plug_in_at + timedelta(minutes=5), again)


def gone(night: PlayedNight, side: str, at_minutes: float, by: str) -> None:
    """F38: the vendor says that a device is gone, or the driver unlinks it: the session is asked to let go of it."""
    device = night.world.device_of(side)

    def leave() -> None:
        if night.session is not None:
            night.session.hear(DevicesLeaving(device_ids=(device.id,), why="unlinked"))

    night.timeline.at(night.spec.plug_in_at + timedelta(minutes=at_minutes, seconds=20), leave)


def erased(night: PlayedNight, at_minutes: float) -> None:
    """F39: the account is erased: first our holds are released, then everything is unlinked."""
    devices = list(night.world.devices)

    def leave() -> None:
        if night.session is not None:
            ids = tuple(device.id for device in devices)
            night.session.hear(DevicesLeaving(device_ids=ids, why="the account is erased"))

    def vanish() -> None:
        for device in devices:
            device.is_linked = False

    at = night.spec.plug_in_at + timedelta(minutes=at_minutes)
    night.erased_at = at
    night.timeline.at(at, leave)
    night.timeline.at(at + TO_LET_GO, vanish)


def killed(night: PlayedNight, after_seconds: float, times: int) -> None:
    """F72: the worker dies so long after a command was begun, and is back a little later."""
    night.steps.kills = [after_seconds] * times


AT_DESK: dict[str, Callable[..., None]] = {
    "F38": gone,
    "F39": erased,
    "F44": prices_late,
    "F45": prices_torn,
    "F46": mixed_lengths,
    "F47": odd_prices,
    "F48": wrong_unit,
    "F57": news_every_minute,
    "F72": killed,
    "F74": flood,
}
