"""The account of one night, as it is stored and never revised."""

from decimal import Decimal

from domain.model import Instant, Model


class SlotAccount(Model):
    """Measured energy and money of one tariff slot."""

    starts_at: Instant
    ends_at: Instant
    price_per_kwh: Decimal  # all-in [currency/kWh]
    energy_ac_kwh: Decimal  # by meter
    baseline_ac_kwh: Decimal  # what charging at once at plug-in would have drawn


class NightAccount(Model):
    """What a night brought: energy by meter, money under the tariff, readiness with its reason."""

    session_id: str
    number: int  # night within the session, from 1
    driver_id: str
    vehicle_id: str
    charger_id: str | None
    route: str  # side that carried the night's last proven command: "charger", "vehicle" or "none"
    plugged_in_at: Instant
    departs_at: Instant
    closed_at: Instant
    ready_at: Instant | None  # when the target was reached, by reading; None: it was not
    is_ready: bool
    why: str  # why ready or not, for the record
    soc_start_pct: float | None
    soc_end_pct: float | None
    target_soc_pct: float
    currency: str
    energy_ac_kwh: Decimal
    cost: Decimal
    baseline_cost: Decimal  # charging at once at plug-in, same energy, same tariff
    saving: Decimal  # baseline_cost - cost
    commands_sent: int
    commands_proven: int
    slots: tuple[SlotAccount, ...] = ()
