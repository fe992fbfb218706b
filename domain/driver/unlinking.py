"""Unlinking in two steps: ask, and be told exactly what it means; confirm with the token (S16-S22).

A vendor unlink removes all of the driver's devices of that vendor and kind, so that is what is asked about. A session
under way first releases every hold of ours on what leaves (F38).
"""

from datetime import datetime, timedelta
from typing import TypeVar
from uuid import NAMESPACE_OID, uuid5

from domain.devices import Side
from domain.driver.effects import AskForRelease, Unlink
from domain.driver.events import ActionEnded, AskUnlink, ConfirmUnlink
from domain.driver.linked import twins
from domain.driver.outcomes import refuse, with_outcome
from domain.driver.state import ActionOutcome, DriverState, Implications, Meaning, Unlinking
from domain.journey import CHECK_PROMPT, LOCATE_PROMPT, Journey, journey_of
from domain.requirement import Requirement

ValueT = TypeVar("ValueT")

_OPTIONAL = (Requirement.RECOMMENDED, Requirement.NOT_ASKED)

TOKEN_LIVES = timedelta(minutes=10)
"""A confirmation must follow its question within this time; what it meant may have changed since."""

RELEASE_LIMIT = timedelta(minutes=15)
"""A session gets this long to release our holds; then the unlinking goes on without it."""


def ask(state: DriverState, action: AskUnlink) -> DriverState:
    """What unlinking would mean, with a token to confirm it. Nothing else changes."""
    if state.unlinking is not None and state.unlinking.action_id is not None:
        return refuse(state, action, "another unlinking is under way")
    device_ids = devices_of(state, action.side, action.vendor)
    if not device_ids:
        return refuse(state, action, "no such device is linked")
    token = str(uuid5(NAMESPACE_OID, f"{state.driver_id}/{action.action_id}"))
    implications = implications_of(state, action.side, device_ids)
    asked = Unlinking(
        token=token,
        side=action.side,
        vendor=action.vendor,
        device_ids=device_ids,
        expires_at=action.at + TOKEN_LIVES,
    )
    outcome = ActionOutcome(
        action_id=action.action_id,
        status="done",
        detail="confirm with the token",
        token=token,
        expires_at=asked.expires_at,
        implications=implications,
    )
    return with_outcome(state.model_copy(update={"unlinking": asked}), outcome)


def confirm(state: DriverState, action: ConfirmUnlink) -> DriverState:
    """Begin to unlink what was asked about, if the question still stands."""
    asked = state.unlinking
    why_not = _why_not(state, action)
    if asked is None or why_not:
        return refuse(state, action, why_not)
    waits_for = frozenset(session.session_id for session in state.sessions.values())
    confirmed = asked.model_copy(
        update={"action_id": action.action_id, "waits_for": waits_for, "go_on_at": action.at + RELEASE_LIMIT}
    )
    outcome = ActionOutcome(action_id=action.action_id, status="pending")
    return with_outcome(state.model_copy(update={"unlinking": confirmed}), outcome)


def _why_not(state: DriverState, action: ConfirmUnlink) -> str:
    asked = state.unlinking
    if asked is None or asked.token != action.token:
        return "this token is not known: ask again what unlinking means"
    if asked.action_id is not None:
        return "this unlinking is under way"
    if action.at > asked.expires_at:
        return "this token has expired: ask again what unlinking means"
    if devices_of(state, asked.side, asked.vendor) != asked.device_ids:
        return "the linked devices have changed: ask again what unlinking means"
    return ""


def released(state: DriverState, session_id: str) -> DriverState:
    """A session holds nothing any more on what leaves."""
    if state.unlinking is None:
        return state
    waits_for = state.unlinking.waits_for - {session_id}
    return state.model_copy(update={"unlinking": state.unlinking.model_copy(update={"waits_for": waits_for})})


def is_due(unlinking: Unlinking, now: datetime) -> bool:
    """Whether the vendor may be asked now."""
    is_confirmed = unlinking.action_id is not None and not unlinking.is_under_way
    return is_confirmed and (not unlinking.waits_for or (unlinking.go_on_at is not None and now >= unlinking.go_on_at))


def begun(state: DriverState, effect: AskForRelease | Unlink, at: datetime) -> DriverState:
    """A session was asked to release, or the vendor is being asked."""
    leaving = state.unlinking
    if leaving is None:
        return state
    if isinstance(effect, AskForRelease):
        leaving = leaving.model_copy(update={"told": leaving.told | {effect.session_id}})
    else:
        leaving = leaving.model_copy(update={"is_under_way": True, "begun_at": at})
    return state.model_copy(update={"unlinking": leaving})


def answered(state: DriverState, event: ActionEnded) -> DriverState:
    """The vendor unlinked; or it did not: then everything stays, and it can be asked again."""
    if state.unlinking is None or event.action_id != state.unlinking.action_id:
        return state
    return _done(state, state.unlinking) if event.is_done else state.model_copy(update={"unlinking": None})


def _done(state: DriverState, gone: Unlinking) -> DriverState:
    """All that was unlinked is gone, also what appeared since it was confirmed.

    To whom the charger was only recommended, no prompt asks for it again (S21).
    """
    device_ids = tuple({*gone.device_ids, *devices_of(state, gone.side, gone.vendor)})
    at = gone.begun_at
    unlinked = {**state.unlinked, **dict.fromkeys(device_ids, at)} if at is not None else state.unlinked
    state = without(state, device_ids, at).model_copy(update={"unlinking": None, "unlinked": unlinked})
    is_optional = any(vehicle.requirement in _OPTIONAL for vehicle in journey_of(state).vehicles)
    if gone.side is Side.CHARGER and is_optional:
        state = state.model_copy(update={"dismissed": state.dismissed | {"prompt.charger_recommended"}})
    return state


def without(state: DriverState, device_ids: tuple[str, ...], at: datetime | None = None) -> DriverState:
    """The state without these devices and what hangs on them. `at`: when they left, if it is known."""
    devices = {key: value for key, value in state.devices.items() if key not in device_ids}
    vendors = {device.vendor for device in devices.values()}
    interventions = state.interventions.items()
    is_charger = any(device.id in device_ids for device in state.of_side(Side.CHARGER))
    return state.model_copy(
        update={
            "devices": devices,
            "own": _besides(device_ids, state.own),
            "own_before": _besides(device_ids, state.own_before),
            "places": _besides(device_ids, state.places),
            "chargers": _besides(device_ids, state.chargers),
            "vendor_resets": _besides(device_ids, state.vendor_resets),
            "interventions": {key: value for key, value in interventions if value.vehicle_id not in device_ids},
            "dead_logins": {key: value for key, value in state.dead_logins.items() if key in vendors},
            "dismissed": _still_dismissed(state, device_ids),
            "charger_left_at": at if is_charger and at is not None else state.charger_left_at,
        }
    )


def _besides(device_ids: tuple[str, ...], by_device: dict[str, ValueT]) -> dict[str, ValueT]:
    return {key: value for key, value in by_device.items() if key not in device_ids}


def _still_dismissed(state: DriverState, gone: tuple[str, ...]) -> frozenset[str]:
    """What was dismissed about a charger that is gone is asked of the next one."""
    is_charger_gone = any(device.id in gone for device in state.of_side(Side.CHARGER))
    return state.dismissed - {LOCATE_PROMPT, CHECK_PROMPT} if is_charger_gone else state.dismissed


def devices_of(state: DriverState, side: Side, vendor: str) -> tuple[str, ...]:
    """All linked devices that a vendor unlink would remove."""
    return tuple(sorted(device.id for device in state.of_side(side) if device.vendor == vendor))


def implications_of(state: DriverState, side: Side, device_ids: tuple[str, ...]) -> Implications:
    """Exactly what unlinking means now, by comparing the journeys before and after."""
    before, after = journey_of(state), journey_of(without(state, device_ids))
    of_vehicles = [_of_vehicle(state, one, device_ids) for one in device_ids]
    meanings = _of_chargers(before, after) if side is Side.CHARGER else of_vehicles
    if len(device_ids) > 1:
        meanings.append(Meaning(key="unlink.all_of_vendor"))
    if state.sessions:
        meanings.append(Meaning(key="unlink.session_open"))
    return Implications(
        device_ids=device_ids,
        disables_smart_charging=before.is_enabled and not after.is_enabled,
        words=tuple(dict.fromkeys(meaning.key for meaning in meanings)),
        meanings=tuple(meanings),
    )


def _of_chargers(before: Journey, after: Journey) -> list[Meaning]:
    """What becomes of each car without these chargers, the worst first."""
    enabled = {vehicle.vehicle_id for vehicle in before.vehicles if vehicle.is_enabled}
    goes_on = "unlink.other_charger" if after.charger_ids else "unlink.less_reliable"
    ending = [
        vehicle
        for vehicle in after.vehicles
        if not vehicle.is_enabled and (vehicle.vehicle_id in enabled or vehicle.requirement is Requirement.MANDATORY)
    ]
    going_on = [vehicle for vehicle in after.vehicles if vehicle.is_enabled]
    meanings = [_meaning("unlink.disables", vehicle.vehicle_id, vehicle.brand) for vehicle in ending]
    meanings += [_meaning(goes_on, vehicle.vehicle_id, vehicle.brand) for vehicle in going_on]
    return meanings or [Meaning(key="unlink.unused")]


def _of_vehicle(state: DriverState, vehicle_id: str, leaving: tuple[str, ...]) -> Meaning:
    """A car that is linked through another vendor as well is still there (F65)."""
    is_still_there = any(twin.id not in leaving for twin in twins(state, vehicle_id))
    return _meaning(
        "unlink.same_car" if is_still_there else "unlink.vehicle", vehicle_id, state.devices[vehicle_id].brand
    )


def _meaning(key: str, vehicle_id: str, brand: str | None) -> Meaning:
    return Meaning(key=key, vehicle_id=vehicle_id, brand=brand)
