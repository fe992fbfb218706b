"""The books in memory, without the inbox: the store of the loop engine and of tests.

Nothing survives the process. The suite in tests/contract/storage holds it and the SQL store to the same behaviour.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from domain.account import NightAccount
from domain.commands import CommandIntent, CommandOutcome
from domain.devices import Device, Reading
from domain.errors import CallerError
from domain.nightlog import LogEntry
from domain.relevance import Watch
from storage.content import instant_of

_at_and_arrival = itemgetter(0, 1)


class MemoryStore:
    """CommandBook, ReadingBook, NightBook and WatchBook of `domain.ports` in dictionaries."""

    def __init__(self) -> None:
        self._intents: dict[str, CommandIntent] = {}
        self._readings: dict[str, list[tuple[datetime, datetime, Reading]]] = {}
        self._known_readings: set[tuple[object, ...]] = set()
        self._nights: dict[tuple[str, int], tuple[NightAccount, tuple[LogEntry, ...]]] = {}
        self._devices: dict[str, Device] = {}
        self._watches: dict[str, Watch] = {}
        self._listeners: dict[str, list[str]] = {}

    async def create(self) -> None:
        """Nothing to prepare."""

    async def close(self) -> None:
        """Nothing to release."""

    # Commands

    async def open_intent(self, intent: CommandIntent) -> CommandIntent:
        return self._intents.setdefault(intent.key, intent)

    async def note_request(self, key: str, requested_at: datetime, *, instead_of: datetime | None = None) -> bool:
        if self._intent(key).requested_at != instead_of:
            return False
        self._intents[key] = self._intent(key).model_copy(update={"requested_at": requested_at})
        return True

    async def note_action(self, key: str, action_id: str | None) -> None:
        self._intents[key] = self._intent(key).model_copy(update={"action_id": action_id})

    async def close_intent(self, key: str, outcome: CommandOutcome) -> None:
        """Keep the outcome; the first one stays."""
        if self._intent(key).outcome is None:
            self._intents[key] = self._intent(key).model_copy(update={"outcome": outcome})

    async def commands(self, session_id: str) -> list[CommandIntent]:
        """All intents of the session, by command number."""
        mine = [intent for intent in self._intents.values() if intent.session_id == session_id]
        return sorted(mine, key=lambda intent: intent.order.number)

    def _intent(self, key: str) -> CommandIntent:
        try:
            return self._intents[key]
        except KeyError:
            raise CallerError(f"no command intent under {key}") from None

    # Readings

    async def add_readings(self, readings: Sequence[Reading]) -> None:
        for reading in readings:
            identity = _identity(reading)
            if identity not in self._known_readings:
                self._known_readings.add(identity)
                entry = (instant_of(reading), reading.received_at, reading)
                insort(self._readings.setdefault(reading.device_id, []), entry, key=_at_and_arrival)

    async def readings(self, device_id: str, starts_at: datetime, ends_at: datetime) -> list[Reading]:
        series = self._readings.get(device_id, [])
        first = bisect_left(series, starts_at, key=itemgetter(0))
        last = bisect_left(series, ends_at, key=itemgetter(0))
        return [reading for _, _, reading in series[max(first - 1, 0) : last]]

    # Nights

    async def save_night(self, account: NightAccount, log: Sequence[LogEntry]) -> None:
        self._nights.setdefault((account.session_id, account.number), (account, tuple(log)))

    async def account(self, session_id: str, number: int) -> NightAccount | None:
        night = self._nights.get((session_id, number))
        return night[0] if night else None

    async def accounts(self, session_id: str) -> list[NightAccount]:
        """All accounts of the session, by night."""
        mine = [account for (session, _), (account, _) in self._nights.items() if session == session_id]
        return sorted(mine, key=lambda account: account.number)

    async def log(self, session_id: str, number: int) -> list[LogEntry]:
        night = self._nights.get((session_id, number))
        return list(night[1]) if night else []

    # Devices and who listens to them

    async def save_device(self, device: Device) -> None:
        self._devices[device.id] = device

    async def device(self, device_id: str) -> Device | None:
        return self._devices.get(device_id)

    async def devices(self, driver_id: str) -> list[Device]:
        """The driver's devices, by id."""
        return sorted((d for d in self._devices.values() if d.driver_id == driver_id), key=lambda d: d.id)

    async def remove_device(self, device_id: str) -> None:
        self._devices.pop(device_id, None)

    async def save_watch(self, watch: Watch) -> None:
        self._watches[watch.session_id] = watch
        for device_id, sessions in self._listeners.items():
            if watch.session_id in sessions and device_id not in watch.device_ids:
                sessions.remove(watch.session_id)
        for device_id in watch.device_ids:
            sessions = self._listeners.setdefault(device_id, [])
            if watch.session_id not in sessions:
                sessions.append(watch.session_id)

    async def end_watch(self, session_id: str) -> None:
        watch = self._watches.pop(session_id, None)
        for device_id in set(watch.device_ids) if watch else ():
            self._listeners[device_id].remove(session_id)

    async def watch_of(self, device_id: str) -> Watch | None:
        """The watch that began to listen to the device last; the one before hears again when that one ends."""
        sessions = self._listeners.get(device_id)
        return self._watches[sessions[-1]] if sessions else None


_TRAVELLED = {"received_at", "source", "observed_at"}
_content = itemgetter(*(name for name in Reading.model_fields if name not in _TRAVELLED))


def _identity(reading: Reading) -> tuple[object, ...]:
    """Hashable equal of `storage.content.reading_digest`, without the price of writing JSON."""
    return instant_of(reading), _content(reading.__dict__)
