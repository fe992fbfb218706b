"""What a person must do before a vehicle's ability returns: suppressed while a charger makes up for it (S25, S27)."""

from collections.abc import Mapping

from domain.capabilities import Effective
from domain.devices import CapabilityKind, Device
from domain.model import Instant, Model

CLOSED_REMEMBERED = 20
"""Resolved interventions kept, per driver."""


class VehicleIntervention(Model):
    """One intervention of one vehicle; the texts are the vendor's, by id and language."""

    id: str
    vehicle_id: str
    blocks: tuple[CapabilityKind, ...]
    since: Instant  # when it was first heard of
    resolved_at: Instant | None = None


Known = dict[str, VehicleIntervention]
"""By vehicle and id (`key_of`), oldest first."""


def key_of(vehicle_id: str, intervention_id: str) -> str:
    return f"{vehicle_id}/{intervention_id}"


def heard_of(known: Known, vehicle: Device, *, is_masked: bool) -> Known:
    """What is known once `vehicle` was seen.

    `is_masked`: a charger makes up for it now, so that the platform may leave the list empty although nothing was done;
    then silence closes nothing.
    """
    listed = _blocked_by(vehicle)
    at = vehicle.reading.received_at
    after = dict(known)
    for intervention_id, blocks in listed.items():
        key = key_of(vehicle.id, intervention_id)
        before = known.get(key)
        since = before.since if before is not None and before.resolved_at is None else at
        after[key] = VehicleIntervention(id=intervention_id, vehicle_id=vehicle.id, blocks=blocks, since=since)
    for key, before in known.items():
        is_gone = before.vehicle_id == vehicle.id and before.id not in listed and before.resolved_at is None
        if is_gone and not is_masked:
            after[key] = before.model_copy(update={"resolved_at": at})
    return _without_oldest_closed(after)


def surfaced(known: Known, effective: Mapping[str, Effective]) -> tuple[VehicleIntervention, ...]:
    """What to show now: unresolved, and the ability it blocks is missed. `effective` by vehicle id."""
    return tuple(
        each
        for each in known.values()
        if each.resolved_at is None
        and each.vehicle_id in effective
        and any(not _has(effective[each.vehicle_id], kind) for kind in each.blocks)
    )


def _has(effective: Effective, kind: CapabilityKind) -> bool:
    """Whether the vehicle has what this kind means, by itself or through the charger."""
    match kind:
        case CapabilityKind.START_CHARGING:
            return effective.can_start
        case CapabilityKind.STOP_CHARGING:
            return effective.can_stop
        case CapabilityKind.LOCATION:
            return effective.can_locate
        case CapabilityKind.SMART_CHARGING:
            return effective.can_smart_charge
        case _:  # no charger makes up for it
            return False


def _blocked_by(vehicle: Device) -> dict[str, tuple[CapabilityKind, ...]]:
    """Intervention id -> what it blocks."""
    blocked: dict[str, tuple[CapabilityKind, ...]] = {}
    for kind, capability in vehicle.capabilities.items():
        for intervention_id in capability.intervention_ids:
            blocked[intervention_id] = (*blocked.get(intervention_id, ()), kind)
    return blocked


def _without_oldest_closed(known: Known) -> Known:
    closed = sorted((each.resolved_at, key) for key, each in known.items() if each.resolved_at is not None)
    dropped = {key for _, key in closed[:-CLOSED_REMEMBERED]}
    return {key: each for key, each in known.items() if key not in dropped}
