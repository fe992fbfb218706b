"""Which device events a session or driver needs to hear. Everything else is stored and stays silent."""

from domain.devices import Device, PowerDeliveryState, Reading, Side
from domain.model import Model


class Watch(Model):
    """What an open session listens to."""

    session_id: str
    driver_id: str
    device_ids: tuple[str, ...]
    soc_above_pct: float | None = None  # tell when the level reaches this


