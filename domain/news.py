"""What a round of device events comes to: each workflow hears of each device once, in order of observation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.devices import Device, Reading
from domain.inbox import Known
from domain.relevance import hearing


@dataclass(frozen=True)
class Sighting:
    """A device as one event told of it; or the event that it vanished."""

    device: Device
    at: datetime  # when it was observed, else when the event was made, else when it arrived
    is_gone: bool = False


@dataclass(frozen=True)
class News:
    """What a device's events come to."""

    picture: Device | None = None  # newer than what was known
    gone_at: datetime | None = None  # it vanished, and was not seen again
    to_session: tuple[Reading, ...] = ()
    to_driver: tuple[Device, ...] = ()

    @property
    def is_telling(self) -> bool:
        """Whether anybody has to hear of it."""
        return bool(self.to_session or self.to_driver or self.gone_at)


def news_of(known: Known, sightings: Sequence[Sighting]) -> News:
    """The events of one device, folded.

    A burst is heard as one: the last that matters. Only a car seen unplugged in between is told beside it, for a
    session ends with it. What was observed before the known picture, or before the device vanished, is not news.
    """
    before, gone_at = known.device, known.gone_at
    picture: Device | None = None
    to_session: list[Reading] = []
    to_driver: list[Device] = []
    for sighting in sorted(sightings, key=lambda one: one.at):
        if gone_at is not None and sighting.at <= gone_at:
            continue
        if sighting.is_gone:
            if not _was_seen_after(before, sighting.at):
                before, picture, gone_at = None, None, sighting.at
                to_session, to_driver = [], []
            continue
        heard_by = hearing(before, sighting.device, known.watch)
        if not heard_by.is_newer:
            continue
        before = picture = sighting.device
        gone_at = None
        if heard_by.to_session:
            to_session.append(sighting.device.reading)
        if heard_by.to_driver:
            to_driver.append(sighting.device)
    return News(
        picture=picture,
        gone_at=gone_at if gone_at != known.gone_at else None,
        to_session=tuple(_coalesced(to_session, [reading.is_plugged_in for reading in to_session])),
        to_driver=tuple(_coalesced(to_driver, [device.reading.is_plugged_in for device in to_driver])),
    )


def _was_seen_after(device: Device | None, at: datetime) -> bool:
    """An old word that a device vanished does not outweigh a newer picture of it."""
    return device is not None and device.reading.observed_at is not None and device.reading.observed_at > at


def _coalesced(told: list, plugged: list[bool | None]) -> list:  # type: ignore[type-arg]
    """The last one, and before it the last that saw the car unplugged."""
    kept = [index for index, is_plugged in enumerate(plugged) if is_plugged is False][-1:]
    last = len(told) - 1
    return [told[index] for index in dict.fromkeys([*kept, last]) if index >= 0]
