"""Enode's words to ours. VIN, serial number and coordinates end here."""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from pydantic import SecretStr

from domain.devices import (
    ActionState,
    Capability,
    CapabilityKind,
    Device,
    Intervention,
    LinkedVendor,
    LinkSession,
    Place,
    PowerDeliveryState,
    Reading,
    ReadingSource,
    Side,
    VendorAction,
)
from providers.enode import schemas
from providers.enode.surprises import Surprises, scrub

T = TypeVar("T")

STATES: Mapping[str, PowerDeliveryState] = {
    "UNKNOWN": PowerDeliveryState.UNKNOWN,
    "UNPLUGGED": PowerDeliveryState.UNPLUGGED,
    "PLUGGED_IN:INITIALIZING": PowerDeliveryState.INITIALIZING,
    "PLUGGED_IN:CHARGING": PowerDeliveryState.CHARGING,
    "PLUGGED_IN:COMPLETE": PowerDeliveryState.COMPLETE,
    "PLUGGED_IN:STOPPED": PowerDeliveryState.STOPPED,
    "PLUGGED_IN:NO_POWER": PowerDeliveryState.NO_POWER,
    "PLUGGED_IN:FAULT": PowerDeliveryState.FAULT,
    "PLUGGED_IN:DISCHARGING": PowerDeliveryState.DISCHARGING,
}

CAPABILITIES: Mapping[str, CapabilityKind] = {
    "startCharging": CapabilityKind.START_CHARGING,
    "stopCharging": CapabilityKind.STOP_CHARGING,
    "location": CapabilityKind.LOCATION,
    "smartCharging": CapabilityKind.SMART_CHARGING,
    "chargeState": CapabilityKind.CHARGE_STATE,
    "information": CapabilityKind.INFORMATION,
    "setMaxCurrent": CapabilityKind.SET_MAX_CURRENT,
    "odometer": CapabilityKind.ODOMETER,
}

CONTROLS = frozenset({CapabilityKind.START_CHARGING, CapabilityKind.STOP_CHARGING, CapabilityKind.SET_MAX_CURRENT})
"""What needs the driver's consent to control. What Enode answers without it is not documented, so it is not tried."""

ACTION_STATES: Mapping[str, ActionState] = {
    "PENDING": ActionState.PENDING,
    "CONFIRMED": ActionState.CONFIRMED,
    "FAILED": ActionState.FAILED,
    "CANCELLED": ActionState.CANCELLED,
}

FAILURES = frozenset(
    {"NO_RESPONSE", "FAILED_PRECONDITION", "UNNECESSARY", "CONFLICT", "REQUESTED_CANCELLATION", "NOT_FOUND"}
)
"""Why an action ended, in Enode's words. Any other word is passed on only as far as such words are made of it."""

SIDES: Mapping[str, Side] = {"vehicle": Side.VEHICLE, "charger": Side.CHARGER}

UNUSED_TYPES = frozenset({"hvac", "inverter", "battery", "meter"})

_SHORTEST_IDENTITY = 5
"""Fewer characters than this can't tell one device from another."""


def not_ahead(observed_at: datetime | None, received_at: datetime) -> datetime | None:
    """The device's time stamp, but never later than its arrival: a clock ahead would outlive every true reading."""
    return None if observed_at is None else min(observed_at, received_at)


class WireMapping:
    """Maps wire models to domain values; counts what it does not know.

    `identity_salt` keys the digests of VINs and serial numbers. Without it devices carry no digest: an unsalted one
    could be reversed by trying all VINs.
    """

    def __init__(self, identity_salt: SecretStr | None = None, surprises: Surprises | None = None) -> None:
        self._salt = identity_salt.get_secret_value().encode() if identity_salt else b""
        self.surprises = surprises or Surprises()

    def device(
        self,
        side: Side,
        wire: schemas.Asset,
        *,
        received_at: datetime,
        source: ReadingSource = ReadingSource.READ,
        driver_id: str | None = None,
    ) -> Device:
        """The device with its reading.

        Args:
            driver_id: whose device it is, when the caller knows better than the asset.

        Raises:
            ValueError: neither caller nor asset names the driver.
        """
        owner = driver_id or wire.user_id
        if not owner:
            raise ValueError("device without user")
        information = wire.information or schemas.Information()
        return Device(
            id=wire.id,
            side=side,
            driver_id=owner,
            vendor=wire.vendor or "UNKNOWN",
            brand=information.brand,
            model=information.model,
            year=_year(information.year),
            identity_digest=self._digest(side, information),
            capabilities=self._capabilities(wire.capabilities or {}, _may_control(side, wire.scopes)),
            max_current_a=in_range(wire.charge_state.max_current if wire.charge_state else None, 0, 1000),
            reading=self._reading(side, wire, received_at, source),
        )

    def action(self, wire: schemas.Action, *, side: Side, device_id: str | None = None) -> VendorAction:
        """The action. An unknown state is read as pending: it ends nothing, and proof is measured anyway."""
        failure = wire.failure_reason or schemas.FailureReason()
        return VendorAction(
            id=wire.id,
            side=side,
            device_id=wire.target_id or device_id or "",
            state=self._known(ACTION_STATES, "action state", wire.state, ActionState.PENDING),
            reason=self._failure(failure.type),
            detail=scrub(failure.detail) if failure.detail else None,
        )

    def _failure(self, word: str | None) -> str | None:
        if word is None or word in FAILURES:
            return word
        said = scrub(word, limit=40)
        self.surprises.note("failure reason", said)
        return said

    def side(self, target_type: str | None) -> Side | None:
        """The side named by an asset type; `None` for kinds of devices we do not use."""
        side = SIDES.get(target_type or "")
        if side is None and target_type not in UNUSED_TYPES:
            self.surprises.note("asset type", target_type)
        return side

    def linked_vendor(self, wire: schemas.LinkedVendor) -> LinkedVendor:
        """The link. An untold validity counts as valid: only a clear word may ask a driver to link again."""
        return LinkedVendor(
            vendor=wire.vendor,
            side=self.side(wire.vendor_type),
            is_valid=wire.is_valid is not False,
        )

    def place(self, wire: schemas.Location) -> Place:
        return Place(id=wire.id, name=wire.name or "", zone=wire.timezone_name or "UTC")

    def intervention(self, wire: schemas.Intervention) -> Intervention:
        resolution = wire.resolution or schemas.Resolution()
        return Intervention(
            id=wire.id,
            title=resolution.title or "",
            description=resolution.description or "",
            vendor=wire.vendor,
            needs_relink=resolution.action == "Link",
            is_physical=resolution.access == "Physical",
        )

    def link(self, wire: schemas.LinkSession) -> LinkSession:
        return LinkSession(url=wire.link_url, token=wire.link_token)

    def _reading(self, side: Side, wire: schemas.Asset, received_at: datetime, source: ReadingSource) -> Reading:
        state = wire.charge_state or schemas.ChargeState()
        is_vehicle = side is Side.VEHICLE
        return Reading(
            side=side,
            device_id=wire.id,
            observed_at=not_ahead(state.last_updated, received_at),
            received_at=received_at,
            source=source,
            is_reachable=wire.is_reachable,
            is_plugged_in=state.is_plugged_in,
            state=self._known(STATES, "power delivery state", state.power_delivery_state, PowerDeliveryState.UNKNOWN),
            charge_rate_kw=in_range(state.charge_rate, -1000, 1000),
            soc_pct=in_range(state.battery_level, 0, 100) if is_vehicle else None,
            charge_limit_pct=in_range(state.charge_limit, 1, 100) if is_vehicle else None,
            battery_capacity_kwh=_positive(state.battery_capacity) if is_vehicle else None,
            paired_with=(state.plugged_in_charger_id if is_vehicle else state.plugged_in_vehicle_id) or None,
            location_id=(wire.location.id if wire.location else None) or None,
        )

    def _capabilities(
        self, wire: Mapping[str, schemas.Capability | None], may_control: bool
    ) -> dict[CapabilityKind, Capability]:
        """Known capabilities that were told; a capability left out stays unknown, one without consent is none."""
        for name in wire.keys() - CAPABILITIES.keys():
            self.surprises.note("capability", name)
        return {
            kind: _capability(told.is_capable and (may_control or kind not in CONTROLS), told.intervention_ids or ())
            for name, kind in CAPABILITIES.items()
            if (told := wire.get(name)) is not None and told.is_capable is not None
        }

    def _digest(self, side: Side, information: schemas.Information) -> str | None:
        """One physical device, one digest, whichever vendor account shows it.

        A VIN is unique in the world; a serial number only within its brand.
        """
        identity = re.sub(r"[^A-Z0-9]", "", (information.identity or "").upper())
        if not self._salt or len(identity) < _SHORTEST_IDENTITY or len(set(identity)) == 1:
            return None
        namespace = "vin" if side is Side.VEHICLE else f"serial/{(information.brand or '').strip().lower()}"
        return hmac.digest(self._salt, f"{namespace}/{identity}".encode(), "sha256").hex()

    def _known(self, table: Mapping[str, T], field: str, value: str | None, otherwise: T) -> T:
        if value is None:
            return otherwise
        if value not in table:
            self.surprises.note(field, value)
        return table.get(value, otherwise)


def _may_control(side: Side, scopes: tuple[str, ...] | None) -> bool:
    """False only where the consent is told and control is not in it."""
    return not scopes or "all" in scopes or f"{side.value}:control:charging" in scopes


@lru_cache(maxsize=1000)
def _capability(is_capable: bool, intervention_ids: tuple[str, ...]) -> Capability:
    """Most devices say the same; making the value anew for each was a quarter of an event's price."""
    return Capability(is_capable=is_capable, intervention_ids=intervention_ids)


def in_range(value: float | None, low: float, high: float) -> float | None:
    """The value, or `None` when it is none, not a number or implausible. Unknown is safer than wrong."""
    return value if value is not None and low <= value <= high else None


def _positive(value: float | None) -> float | None:
    return in_range(value, 0, 1000) or None


def _year(value: float | None) -> int | None:
    year = in_range(value, 1900, 2200)
    return None if year is None else int(year)
