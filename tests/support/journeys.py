"""A driver played by hand: hear, decide, begin what was decided."""

from datetime import datetime
from typing import TypeVar

from support.factories import CHARGER, EVENING, at, make_device, make_driver, make_reading

from domain.devices import Device, PowerDeliveryState, Side
from domain.driver.apply import apply, begun
from domain.driver.decide import decide
from domain.driver.effects import DriverEffect
from domain.driver.events import ActionEnded, DeviceSeen, DriverEvent, Enroll, PlaceCharger, TimeReached
from domain.driver.state import ActionOutcome, DriverState
from domain.journey import Journey, journey_of

HOME = "place-1"

EffectT = TypeVar("EffectT")


class Played:
    """A driver whose effects nobody carries out but the test."""

    def __init__(self, state: DriverState | None = None) -> None:
        self.state = state or make_driver()
        self.effects: list[DriverEffect] = []

    def hear(self, event: DriverEvent, hours: float = 0.0) -> "Played":
        self.state = apply(self.state, event)
        return self.decide(at(hours))

    def decide(self, now: datetime) -> "Played":
        decision = decide(self.state, now)
        self.effects = list(decision.effects)
        for effect in decision.effects:
            self.state = begun(self.state, effect, now)
        return self

    def wait(self, hours: float) -> "Played":
        """The kept timer fires so many hours after the plug-in."""
        return self.hear(TimeReached(), hours)

    def see(self, device: Device, hours: float = 0.0) -> "Played":
        return self.hear(DeviceSeen(device=device), hours)

    def enroll(self, action_id: str = "enroll") -> "Played":
        return self.hear(Enroll(action_id=action_id, at=EVENING, text_version="1"))

    def place(self, action_id: str = "place") -> "Played":
        """Say where the charger stands, and have the vendor take it."""
        self.hear(PlaceCharger(action_id=action_id, charger_id=CHARGER, place_id=HOME))
        return self.hear(ActionEnded(action_id=action_id, is_done=True, charger_id=CHARGER, place_id=HOME))

    def of(self, kind: type[EffectT]) -> list[EffectT]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def outcome(self, action_id: str) -> ActionOutcome:
        return self.state.outcomes[action_id]

    @property
    def journey(self) -> Journey:
        return journey_of(self.state)


def plugged(side: Side = Side.VEHICLE, *, hours: float = 0.0, **changes) -> Device:
    """A device in a plugged-in car's evening."""
    reading = make_reading(side, hours=hours, state=PowerDeliveryState.STOPPED)
    return make_device(side, reading=reading, **changes)


def placed_charger(*, hours: float = -1, **changes) -> Device:
    """A charger whose place the vendor knows."""
    device_id = changes.get("id", CHARGER)
    values = {"state": PowerDeliveryState.UNPLUGGED, "paired_with": None, "location_id": HOME, "device_id": device_id}
    reading = make_reading(Side.CHARGER, hours=hours, **{**values, **changes.pop("reading", {})})
    return make_device(Side.CHARGER, reading=reading, **changes)


def incapable() -> Played:
    """An incapable car was linked."""
    return Played().see(make_device(can_control=False))


def capable() -> Played:
    return Played().see(make_device())


def enrolled(*, can_control: bool = True, with_charger: bool = True) -> Played:
    """Both linked, the charger placed, consent given; or a capable car alone."""
    played = capable() if can_control else incapable()
    if with_charger:
        played.see(placed_charger())
    return played.enroll()
