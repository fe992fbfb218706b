"""Rows of values that more than one book stores."""

from datetime import datetime

from domain.devices import Device, Reading
from storage.content import instant_of, reading_digest
from storage.tables import DeviceRow, ReadingRow


def reading_row(reading: Reading) -> ReadingRow:
    return ReadingRow(
        digest=reading_digest(reading),
        device_id=reading.device_id,
        at=instant_of(reading),
        received_at=reading.received_at,
        reading_json=reading.model_dump_json(),
    )


def device_row(device: Device, *, seen_at: datetime | None = None) -> DeviceRow:
    return DeviceRow(id=device.id, driver_id=device.driver_id, device_json=device.model_dump_json(), seen_at=seen_at)
