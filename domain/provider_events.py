"""What a vendor platform tells us unasked. Events are hints with an age: when in doubt, the state is read."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from domain.devices import Device, VendorAction
from domain.model import Instant, Model


class _Event(Model):
    created_at: Instant | None = None  # the platform's time stamp of the event; None: not told


class DeviceDiscovered(_Event):
    """A device appeared with a linked account. Its reading may be empty until the first update."""

    kind: Literal["device_discovered"] = "device_discovered"
    device: Device


class DeviceUpdated(_Event):
    """A device's state changed; `device` is the full picture."""

    kind: Literal["device_updated"] = "device_updated"
    device: Device


class DeviceDeleted(_Event):
    """A device vanished from its account. Only its ids can be relied on."""

    kind: Literal["device_deleted"] = "device_deleted"
    device: Device


class CredentialsInvalidated(_Event):
    """The driver's grant for one vendor died; the driver must link again. Devices are kept."""

    kind: Literal["credentials_invalidated"] = "credentials_invalidated"
    driver_id: str
    vendor: str


class ActionUpdated(_Event):
    """A command moved on at the vendor. Its word, not our proof."""

    kind: Literal["action_updated"] = "action_updated"
    action: VendorAction
    driver_id: str


class Heartbeat(_Event):
    """The platform's sign of life, with its estimate of events still queued for us."""

    kind: Literal["heartbeat"] = "heartbeat"
    pending: int = Field(ge=0)


class Ignored(_Event):
    """An event without use to us, or one that could not be read (`problem` says why)."""

    kind: Literal["ignored"] = "ignored"
    name: str
    problem: str | None = None


ProviderEvent = Annotated[
    DeviceDiscovered | DeviceUpdated | DeviceDeleted | CredentialsInvalidated | ActionUpdated | Heartbeat | Ignored,
    Field(discriminator="kind"),
]

_EVENTS: TypeAdapter[list[ProviderEvent]] = TypeAdapter(list[ProviderEvent])


def events_to_json(events: Sequence[ProviderEvent]) -> bytes:
    """Events as they lie in our own inbox."""
    return _EVENTS.dump_json(list(events))


def events_from_json(body: bytes) -> list[ProviderEvent]:
    """The inverse of `events_to_json`."""
    return _EVENTS.validate_json(body)
