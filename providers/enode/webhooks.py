"""Webhook deliveries: is it theirs, and what does it say.

Enode signs the raw body with HMAC-SHA1; the header is `x-enode-signature: sha1=<hex>`. `x-enode-delivery` names the
delivery. A body is a JSON array of 1 to 100 events.
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from pydantic import Field, PlainValidator, SecretStr, TypeAdapter, ValidationError

from domain.devices import Device, ReadingSource, Side
from domain.provider_events import (
    ActionUpdated,
    CredentialsInvalidated,
    DeviceDeleted,
    DeviceDiscovered,
    DeviceUpdated,
    Heartbeat,
    Ignored,
    ProviderEvent,
)
from providers.enode import schemas
from providers.enode.mapping import WireMapping, in_range

SIGNATURE_HEADER = "x-enode-signature"
DELIVERY_HEADER = "x-enode-delivery"

_PREFIX = "sha1="


def sign(secret: str | SecretStr, raw_body: bytes) -> str:
    """The signature header of `raw_body`."""
    key = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    return _PREFIX + hmac.new(key.encode(), raw_body, hashlib.sha1).hexdigest()


def verify(secret: str | SecretStr, raw_body: bytes, signature_header: str | None) -> bool:
    """True if the header signs these very bytes. Constant time; an empty secret verifies nothing."""
    key = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    if not key or not signature_header:
        return False
    # Bytes, because compare_digest refuses text that is not ASCII, and a forger may send any.
    return hmac.compare_digest(sign(key, raw_body).encode(), signature_header.strip().encode("utf-8", "replace"))


def parse_delivery(body: bytes, received_at: datetime, *, mapping: WireMapping | None = None) -> list[ProviderEvent]:
    """The events of one delivery, in the order sent.

    What can't be read comes back as `Ignored` with a problem: one bad event never costs the others, and a bad body
    never comes back as an exception, which would only make the same delivery fail again.

    Args:
        received_at: world instant of the delivery's arrival.
        mapping: the adapter's; it salts identity digests and counts surprises. Without one, devices carry no digest.
    """
    mapping = mapping or WireMapping()
    try:
        events = _read(body, mapping)
    except (ValueError, RecursionError):
        return [_unreadable(mapping, "", "body is not JSON")]
    if events is None:
        return [_unreadable(mapping, "", "body is not an array")]
    return [_event(event, received_at, mapping) for event in events]


_EVENTS: TypeAdapter[list[schemas.Event | None]] = TypeAdapter(
    list[Annotated[schemas.Event | Annotated[None, PlainValidator(lambda _: None)], Field(union_mode="left_to_right")]]
)
"""A delivery; None stands for an event that can't be read."""


def _read(body: bytes, mapping: WireMapping) -> list[schemas.Event | None] | None:
    """The events of a body; None: it is no array.

    Read from the bytes at once, which takes half as long. That reader refuses half a character; but a name cut too
    short must not cost the other ninety-nine events.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    try:
        return _EVENTS.validate_json(body, context=mapping.surprises)
    except ValidationError:
        whole = schemas.whole_text(body)
        return _EVENTS.validate_json(whole, context=mapping.surprises) if whole.startswith(b"[") else None


def _event(wire: schemas.Event | None, received_at: datetime, mapping: WireMapping) -> ProviderEvent:
    if wire is None:
        return _unreadable(mapping, "", "event without a name")
    reader = _READERS.get(wire.event)
    if reader is None:
        if wire.event not in _UNUSED_EVENTS and not wire.event.startswith(_UNUSED_PREFIXES):
            mapping.surprises.note("event", wire.event)
        return Ignored(name=wire.event, created_at=wire.created_at)
    try:
        return reader(wire, received_at, mapping)
    except ValidationError:  # its words quote the input, so they are not passed on
        return _unreadable(mapping, wire.event, "unreadable content")
    except ValueError as problem:
        return _unreadable(mapping, wire.event, str(problem))


def _unreadable(mapping: WireMapping, name: str, problem: str) -> Ignored:
    mapping.surprises.note("unreadable event", name)
    return Ignored(name=name, problem=problem)


def _device(wire: schemas.Event, received_at: datetime, mapping: WireMapping) -> Device:
    side = Side.VEHICLE if wire.event.startswith("user:vehicle:") else Side.CHARGER
    asset = wire.vehicle if side is Side.VEHICLE else wire.charger
    if asset is None:
        raise ValueError(f"no {side.value}")
    return mapping.device(
        side,
        asset,
        received_at=received_at,
        source=ReadingSource.WEBHOOK,
        driver_id=wire.user.id if wire.user else None,
    )


def _discovered(wire: schemas.Event, received_at: datetime, mapping: WireMapping) -> ProviderEvent:
    return DeviceDiscovered(device=_device(wire, received_at, mapping), created_at=wire.created_at)


def _updated(wire: schemas.Event, received_at: datetime, mapping: WireMapping) -> ProviderEvent:
    return DeviceUpdated(device=_device(wire, received_at, mapping), created_at=wire.created_at)


def _deleted(wire: schemas.Event, received_at: datetime, mapping: WireMapping) -> ProviderEvent:
    return DeviceDeleted(device=_device(wire, received_at, mapping), created_at=wire.created_at)


def _credentials(wire: schemas.Event, received_at: datetime, mapping: WireMapping) -> ProviderEvent:
    if not (wire.user and wire.user.id and wire.vendor):
        raise ValueError("no user or vendor")
    return CredentialsInvalidated(driver_id=wire.user.id, vendor=wire.vendor, created_at=wire.created_at)


def _action(wire: schemas.Event, received_at: datetime, mapping: WireMapping) -> ProviderEvent:
    action = wire.vendor_action
    if action is None:
        raise ValueError("no action")
    driver_id = (wire.user.id if wire.user else None) or action.user_id
    if not driver_id or not action.target_id:
        raise ValueError("action without user or target")
    side = mapping.side(action.target_type)
    if side is None:
        return Ignored(name=wire.event, created_at=wire.created_at)
    return ActionUpdated(action=mapping.action(action, side=side), driver_id=driver_id, created_at=wire.created_at)


def _heartbeat(wire: schemas.Event, received_at: datetime, mapping: WireMapping) -> ProviderEvent:
    pending = in_range(wire.pending_events, 0, 1e12)
    return Heartbeat(pending=int(pending or 0), created_at=wire.created_at)


_READERS: dict[str, Callable[[schemas.Event, datetime, WireMapping], ProviderEvent]] = {
    "user:vehicle:discovered": _discovered,
    "user:vehicle:updated": _updated,
    "user:vehicle:deleted": _deleted,
    "user:charger:discovered": _discovered,
    "user:charger:updated": _updated,
    "user:charger:deleted": _deleted,
    "user:vendor-action:updated": _action,
    "user:credentials:invalidated": _credentials,
    "system:heartbeat": _heartbeat,
}

_UNUSED_EVENTS = frozenset(
    {
        "enode:webhook:test",
        "user:charge-action:updated",  # deprecated twin of user:vendor-action:updated
        "user:schedule:execution-updated",
        "user:vehicle:smart-charging-status-updated",
    }
)
_UNUSED_PREFIXES = ("user:hvac:", "user:inverter:", "user:battery:", "user:meter:", "user:hem-system:")
