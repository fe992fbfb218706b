"""Rows of values that more than one book stores."""

from datetime import datetime

from domain.devices import Device, Reading
from storage.content import instant_of, reading_digest
from storage.statements import Values


def reading_values(reading: Reading) -> Values:
    return {
        "digest": reading_digest(reading),
        "device_id": reading.device_id,
        "at": instant_of(reading),
        "received_at": reading.received_at,
        "reading_json": reading.model_dump_json(),
    }


def device_values(device: Device, *, seen_at: datetime | None = None) -> Values:
    return {
        "id": device.id,
        "driver_id": device.driver_id,
        "device_json": device.model_dump_json(),
        "seen_at": seen_at,
        "gone_at": None,
    }
