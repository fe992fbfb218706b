"""What the product needs of the outside world.

Adapters live in providers/, storage/ and gateway/; activities hold them.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from domain.account import NightAccount
from domain.commands import CommandIntent, CommandOutcome
from domain.devices import Device, Intervention, LinkedVendor, LinkSession, Place, Reading, Side, VendorAction
from domain.nightlog import LogEntry
from domain.plan import ChargingPlan, PlanProblem
from domain.prices import PriceSeries
from domain.relevance import Watch
from domain.session.events import PricesChanged


class DeviceProvider(Protocol):
    """Cars and chargers behind one vendor platform. Methods raise `RetryableError` or `PermanentError`."""

    async def list_devices(self, driver_id: str, side: Side) -> list[Device]: ...

    async def read(self, side: Side, device_id: str) -> Device: ...

    async def start(self, side: Side, device_id: str) -> VendorAction:
        """Ask for charging. A refusal is an answer (`ActionState.REFUSED`), not an error."""
        ...

    async def stop(self, side: Side, device_id: str) -> VendorAction: ...

    async def action(self, side: Side, action_id: str) -> VendorAction: ...

    async def request_refresh(self, side: Side, device_id: str) -> None: ...

    async def linked_vendors(self, driver_id: str) -> list[LinkedVendor]: ...

    async def start_link(self, driver_id: str, side: Side, *, redirect_uri: str, language: str) -> LinkSession: ...

    async def relink(self, device_id: str, *, redirect_uri: str, language: str) -> LinkSession:
        """A page on which the driver renews the login that this device hangs on."""
        ...

    async def unlink(self, driver_id: str, vendor: str, side: Side) -> None:
        """Remove all of the driver's devices of this vendor and side."""
        ...

    async def forget_driver(self, driver_id: str) -> None:
        """Delete the driver and all data at the vendor platform."""
        ...

    async def create_place(self, driver_id: str, name: str, latitude: float, longitude: float, zone: str) -> Place: ...

    async def places(self, driver_id: str) -> list[Place]: ...

    async def set_charger_place(self, charger_id: str, place_id: str | None) -> Device: ...

    async def interventions(self, language: str) -> list[Intervention]: ...


class PriceSource(Protocol):
    """Market prices of one or more areas."""

    async def prices(self, area: str, starts_at: datetime, ends_at: datetime) -> PriceSeries:
        """All known prices that overlap `[starts_at, ends_at)`; fewer if the rest is not out yet."""
        ...


class PriceBook(PriceSource, Protocol):
    """Prices kept, by market area, and who is to be told of them."""

    async def keep_prices(self, series: PriceSeries, received_at: datetime) -> None:
        """Store the series with its report. Where it overlaps what is stored, it stands; the rest stays."""
        ...

    async def told(self, area: str, on: str) -> str | None:
        """Digest of the publication of this delivery day (ISO date) that sessions were told of last."""
        ...

    async def note_told(self, area: str, on: str, digest: str, told_at: datetime) -> None: ...

    async def waiting(self, area: str, after: str, limit: int) -> list[str]:
        """Open sessions that wait for this area's prices: up to `limit` ids behind `after`, in order."""
        ...


class Sessions(Protocol):
    """The door to open sessions."""

    async def prices_changed(self, session: str, event: PricesChanged) -> bool:
        """Tell a session; False if it is over."""
        ...


class Planner(Protocol):
    def __call__(self, problem: PlanProblem) -> ChargingPlan: ...


class CommandBook(Protocol):
    """Intents and outcomes of commands."""

    async def open_intent(self, intent: CommandIntent) -> CommandIntent:
        """Store the intent unless its key is known; return what is stored under the key now."""
        ...

    async def note_request(self, key: str, requested_at: datetime, *, instead_of: datetime | None = None) -> bool:
        """Claim the right to send: True if the noted request was `instead_of` (None: none) until now."""
        ...

    async def note_action(self, key: str, action_id: str | None) -> None: ...

    async def close_intent(self, key: str, outcome: CommandOutcome) -> None: ...

    async def commands(self, session_id: str) -> list[CommandIntent]: ...


class ReadingBook(Protocol):
    """The raw series: every reading that reached us, relevant or not."""

    async def add_readings(self, readings: Sequence[Reading]) -> None:
        """Store; a reading already stored (same device, observation and content) is kept once."""
        ...

    async def readings(self, device_id: str, starts_at: datetime, ends_at: datetime) -> list[Reading]:
        """Readings observed in `[starts_at, ends_at)` plus the last one before, in order of observation."""
        ...


class NightBook(Protocol):
    """Nights as they ended. Accounts are never revised: a second save of the same night changes nothing."""

    async def save_night(self, account: NightAccount, log: Sequence[LogEntry]) -> None: ...

    async def account(self, session_id: str, number: int) -> NightAccount | None: ...

    async def accounts(self, session_id: str) -> list[NightAccount]: ...

    async def log(self, session_id: str, number: int) -> list[LogEntry]: ...


class WatchBook(Protocol):
    """Last picture per device, and who listens to it."""

    async def save_device(self, device: Device) -> None: ...

    async def device(self, device_id: str) -> Device | None: ...

    async def devices(self, driver_id: str) -> list[Device]: ...

    async def remove_device(self, device_id: str) -> None: ...

    async def save_watch(self, watch: Watch) -> None:
        """Open a session's watch, or change it (same session id)."""
        ...

    async def end_watch(self, session_id: str) -> None: ...

    async def watch_of(self, device_id: str) -> Watch | None: ...


class ErasureBook(Protocol):
    """Erasing a driver from storage, and knowing it afterwards."""

    async def erase(self, driver_id: str, device_ids: Collection[str], at: datetime) -> None:
        """Delete everything of the driver and of these devices. Doing it again is harmless."""
        ...

    async def erased(self, driver_ids: Collection[str]) -> dict[str, datetime]:
        """Which of these drivers were erased, and when: what was observed until then must leave no trace."""
        ...


class Notices(Protocol):
    """Words to the driver."""

    async def tell(self, driver_id: str, session_id: str, kind: str, cause: str, what_to_do: str) -> None: ...
