"""Opens sessions as the driver's workflow would: an enrolled driver, his linked devices, a plug-in."""

from datetime import UTC, datetime, time
from decimal import Decimal

from domain.departure import Wish
from domain.devices import Device
from domain.driver.decide import decide
from domain.driver.effects import BeginSession
from domain.driver.state import DriverState, Enrolment, Program
from domain.resets import ChargerRecord
from domain.session.state import SessionState
from domain.tariff import Tariff
from nights.world.spec import NightSpec, WishSpec
from nights.world.vendor import DRIVER_ID, PLACE_ID

LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)


def wish_of(spec: WishSpec) -> Wish:
    """The wish as the product understands it."""
    return Wish(
        target_soc_pct=spec.target_pct,
        min_soc_pct=spec.min_pct,
        ready_by=time.fromisoformat(spec.ready_by),
        zone=spec.zone,
    )


def _tells_a_plug(device: Device) -> bool:
    """A charger whose word alone may open a session, should the car say nothing (S45)."""
    return device.side == "charger" and device.reading.is_plugged_in is True


def open_session(spec: NightSpec, devices: list[Device], seq: int, now: datetime, wish: Wish) -> SessionState | None:
    """The session that the driver's workflow opens on what is known now; None: none."""
    vehicle_ids = [device.id for device in devices if device.side == "vehicle"]
    charger_ids = [device.id for device in devices if device.side == "charger"]
    program = Program(name="nights", wish=wish, tariff=Tariff(fees_per_kwh=Decimal(spec.fees_per_kwh)))
    state = DriverState(
        driver_id=DRIVER_ID,
        program=program,
        wish=wish,
        devices={device.id: device for device in devices},
        places=dict.fromkeys(charger_ids, PLACE_ID),
        enrolment=Enrolment(at=LONG_AGO, text_version="1", language="en"),
        next_seq=dict.fromkeys(vehicle_ids, seq),
        chargers={d.id: ChargerRecord(plugged_since=d.reading.observed_at) for d in devices if _tells_a_plug(d)},
    )
    opened = [effect for effect in decide(state, now).effects if isinstance(effect, BeginSession)]
    if not opened:
        return None
    return opened[0].session.model_copy(update={"spread_seconds": spec.spread_seconds})
