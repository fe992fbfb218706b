"""The demo's cast: three drivers, their cars, and one winter night with a strong price spread."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from domain.departure import Wish
from domain.driver.state import Program
from workflows.ids import driver_id

BEGINS_AT = datetime(2022, 12, 14, 16, 0, tzinfo=UTC)
"""17:00 in Amsterdam, 14 December 2022: 0.56 EUR/kWh at 18:00, 0.27 EUR/kWh at three in the morning."""

DEPARTS_AT = datetime(2022, 12, 15, 6, 0, tzinfo=UTC)
"""07:00 in Amsterdam."""

PROGRAM = Program(name="demo", wish=Wish(target_soc_pct=80, ready_by=time(7, 0), zone="Europe/Amsterdam"))


@dataclass(frozen=True)
class Role:
    """One driver of the demo."""

    letter: str
    story: str
    car: dict[str, Any]
    charger: dict[str, Any] | None
    plugs_in_at: datetime
    links_charger: bool
    faults: tuple[dict[str, Any], ...] = ()

    @property
    def reference(self) -> str:
        return f"demo-driver-{self.letter.lower()}"

    @property
    def driver_id(self) -> str:
        return driver_id(PROGRAM.name, self.reference)


CAST = (
    Role(
        letter="A",
        story="a car that can neither start nor stop by itself: the charger is mandatory",
        car={
            "vendor": "JEEP",
            "model": "Avenger",
            "battery_capacity_kwh": 51,
            "soc_pct": 30,
            "capabilities": {"startCharging": False, "stopCharging": False, "location": False, "smartCharging": False},
        },
        charger={"vendor": "ZAPTEC"},
        plugs_in_at=BEGINS_AT + timedelta(hours=2, minutes=5),
        links_charger=True,
    ),
    Role(
        letter="B",
        story="a capable car: the prompt is dismissed, charged through the car",
        car={"vendor": "TESLA", "model": "Model Y", "battery_capacity_kwh": 57.5, "soc_pct": 45},
        charger=None,
        plugs_in_at=BEGINS_AT + timedelta(hours=2, minutes=20),
        links_charger=False,
    ),
    Role(
        letter="C",
        story="a capable car with a charger that accepts commands and goes on delivering",
        car={"vendor": "VOLKSWAGEN", "model": "ID.3", "battery_capacity_kwh": 58, "soc_pct": 35},
        charger={"vendor": "EASEE", "model": "Home"},
        plugs_in_at=BEGINS_AT + timedelta(hours=2, minutes=10),
        links_charger=True,
        faults=({"kind": "ignore_command", "lie": True},),
    ),
)


def scenario() -> dict[str, Any]:
    """The world of the demo, in the simulator's own words."""
    return {
        "seed": 20221214,
        "users": [_user(role) for role in CAST],
        "events": [event for role in CAST for event in _events(role)],
        "faults": [{"target": f"{role.driver_id}/box", **fault} for role in CAST for fault in role.faults],
    }


def _user(role: Role) -> dict[str, Any]:
    return {
        "id": role.driver_id,
        "home": {"is_set": False},
        "vehicles": [{"key": "car", "max_kw": 11, **role.car}],
        "chargers": [{"key": "box", "max_kw": 11, **role.charger}] if role.charger else [],
    }


def _events(role: Role) -> list[dict[str, Any]]:
    """Drive off a little after the wanted departure."""
    leaves_at = DEPARTS_AT + timedelta(minutes=10)
    return [{"at": leaves_at.isoformat(), "do": "unplug", "vehicle_id": f"{role.driver_id}/car"}]
