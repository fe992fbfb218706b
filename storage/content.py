"""What makes two stored things the same, whichever store holds them."""

import hashlib
from datetime import datetime

from domain.devices import Reading


def instant_of(reading: Reading) -> datetime:
    """When the reading was observed; a device that never gave a time stamp counts from its arrival here."""
    return reading.observed_at or reading.received_at


def reading_digest(reading: Reading) -> str:
    """One digest per device, observation and content; how and when the reading travelled does not matter."""
    content = reading.model_dump_json(exclude={"received_at", "source", "observed_at"})
    return hashlib.sha256(f"{instant_of(reading).isoformat()} {content}".encode()).hexdigest()


def body_digest(body: bytes) -> str:
    """One digest per content of a webhook delivery."""
    return hashlib.sha256(body).hexdigest()
