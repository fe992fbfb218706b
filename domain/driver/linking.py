"""Linking: one vendor page per kind of device, the car first (S6, S7); done once devices are seen, however told.

What is linked is a vendor account. The page lives 24 h and works once; the browser may come back, or never; a webhook
or a listing may be first. Our own token travels in the redirect, for the vendor's parameters are not dependable.
"""

from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import NAMESPACE_OID, uuid5

from domain.devices import Device, Side
from domain.driver.effects import ListDevices, StartLink
from domain.driver.events import ActionEnded, CredentialsDied, LinkReturned, RequestLink
from domain.driver.outcomes import accept, done, refuse
from domain.driver.records import matched
from domain.driver.state import DeadLogin, DriverState, LinkAttempt, LinkStatus, Todo
from domain.journey import RELINK_PROMPT

PAGE_LIVES = timedelta(hours=24)
"""A vendor's link page works this long (Enode: 24 h, once)."""


def request(state: DriverState, action: RequestLink) -> DriverState:
    """Open a page; one still open for the same kind is given up for it."""
    is_new = action.renews is None
    if is_new and action.side is Side.CHARGER and not state.of_side(Side.VEHICLE):
        return refuse(state, action, "link the vehicle first: the charger is asked for once it is linked")
    device = next((d for d in state.of_side(action.side) if d.vendor == action.renews), None)
    if action.renews is not None and (device is None or action.renews not in state.dead_logins):
        return refuse(state, action, f"the login at {action.renews} has not ended: nothing to renew")
    attempt = LinkAttempt(
        action_id=action.action_id,
        side=action.side,
        token=str(uuid5(NAMESPACE_OID, f"{state.driver_id}/link/{action.action_id}")),
        renews=action.renews,
    )
    todo = Todo(
        action_id=action.action_id,
        act="link",
        side=action.side,
        redirect_uri=_with_state(action.redirect_uri, attempt.token),
        language=action.language,
        relink_device_id=device.id if device is not None else None,
    )
    return accept(_with(state, attempt).model_copy(update={"unlinked": {}}), todo)


def _with_state(redirect_uri: str, token: str) -> str:
    """The redirect address with our token in it."""
    parts = urlsplit(redirect_uri)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "state"]
    return urlunsplit(parts._replace(query=urlencode([*pairs, ("state", token)])))


def page_asked_for(state: DriverState, effect: StartLink, at: datetime) -> DriverState:
    """The page is being opened; from now on it may be used."""
    attempt = _attempt(state, effect.side, effect.action_id)
    if attempt is None:
        return state
    return _with(state, attempt.model_copy(update={"expires_at": at + PAGE_LIVES}))


def returned(state: DriverState, action: LinkReturned) -> DriverState:
    """The browser is back: look which devices are there, unless the page was left early."""
    attempt = state.links.get(action.side)
    if action.state is not None and (attempt is None or attempt.token != action.state):
        return refuse(state, action, "this way back belongs to no page that is open: link again")
    if action.error is not None:
        if attempt is not None and attempt.is_open:
            left = {"status": LinkStatus.LEFT, "detail": action.error}
            state = _with(state, attempt.model_copy(update=left))
        return done(state, action, f"the page was left early: {action.error}")
    return accept(state, Todo(action_id=action.action_id, act="list_devices", side=action.side))


def answered(state: DriverState, event: ActionEnded) -> DriverState:
    """A page was opened or not, or devices were listed."""
    for side, attempt in state.links.items():
        if event.action_id == attempt.action_id and attempt.status is LinkStatus.OPENING:
            status = LinkStatus.OPEN if event.is_done else LinkStatus.FAILED
            state = _with(state, attempt.model_copy(update={"status": status, "detail": event.detail}))
        elif event.action_id == last_look_id(attempt) and attempt.is_open:
            state = _with(state, attempt.model_copy(update={"status": LinkStatus.EXPIRED}))
        elif attempt.is_open and any(device.side is side for device in event.devices):
            state = _completed(state, attempt) if attempt.renews not in state.dead_logins else state
            for device in event.devices:  # the driver means to use them: what was missed of them is forgotten
                state = matched(state, device.id)
    return state


def seen(state: DriverState, device: Device, known: Device | None) -> DriverState:
    """A device that was not known completes the attempt of its kind, whoever told of it, and however late."""
    attempt = state.links.get(device.side)
    if known is None and attempt is not None and attempt.renews is None and attempt.status is not LinkStatus.LINKED:
        return _completed(state, attempt)
    return state


def _completed(state: DriverState, attempt: LinkAttempt) -> DriverState:
    return _with(state, attempt.model_copy(update={"status": LinkStatus.LINKED, "detail": ""}))


def is_waiting(attempt: LinkAttempt) -> bool:
    """Whether its last look is still to come."""
    return attempt.is_open and not attempt.is_last_look


def last_look(attempt: LinkAttempt, now: datetime) -> ListDevices | None:
    """Once a page has expired it is looked a last time: devices may have come without a word."""
    is_due = attempt.expires_at is not None and now >= attempt.expires_at
    if not is_waiting(attempt) or not is_due:
        return None
    return ListDevices(
        action_id=last_look_id(attempt), side=attempt.side, reason="the link page expired and nobody came back"
    )


def last_look_begun(state: DriverState, effect: ListDevices) -> DriverState:
    attempt = state.links.get(effect.side)
    if attempt is None or effect.action_id != last_look_id(attempt):
        return state
    return _with(state, attempt.model_copy(update={"is_last_look": True}))


def last_look_id(attempt: LinkAttempt) -> str:
    return f"last-look-{attempt.token}"


# Logins


def login_died(state: DriverState, event: CredentialsDied) -> DriverState:
    """The driver must link again; the devices stay. A repeated word changes nothing, nor one older than a contact."""
    devices = [device for device in state.devices.values() if device.vendor == event.vendor]
    if not devices or any(_was_reached_after(device, event.at) for device in devices):
        return state
    return _died(state, event.vendor, event.at)


def _died(state: DriverState, vendor: str, at: datetime) -> DriverState:
    if vendor in state.dead_logins:
        return state
    dead = {**state.dead_logins, vendor: DeadLogin(vendor=vendor, at=at)}
    return state.model_copy(update={"dead_logins": dead, "dismissed": state.dismissed - {RELINK_PROMPT}})


def logins_listed(state: DriverState, event: ActionEnded) -> DriverState:
    """The vendor's own word on which logins live."""
    for vendor in sorted({login.vendor for login in event.logins}):
        told_at = [device.reading.received_at for device in event.devices if device.vendor == vendor]
        if all(login.is_valid for login in event.logins if login.vendor == vendor):
            state = login_lives(state, vendor)
        elif told_at:  # it ended in the middle of linking, before any device was known that could have told of it
            state = _died(state, vendor, max(told_at))
    return state


def is_alive_again(state: DriverState, device: Device) -> bool:
    """A device that was reached after its login ended shows that the login lives."""
    dead = state.dead_logins.get(device.vendor)
    return dead is not None and _was_reached_after(device, dead.at)


def _was_reached_after(device: Device, at: datetime) -> bool:
    reading = device.reading
    return reading.is_reachable is True and reading.observed_at is not None and reading.observed_at > at


def login_lives(state: DriverState, vendor: str) -> DriverState:
    if vendor not in state.dead_logins:
        return state
    dead = {key: value for key, value in state.dead_logins.items() if key != vendor}
    for attempt in state.links.values():
        if attempt.renews == vendor:
            state = _completed(state, attempt)
    return state.model_copy(update={"dead_logins": dead, "dismissed": state.dismissed - {RELINK_PROMPT}})


def _attempt(state: DriverState, side: Side, action_id: str) -> LinkAttempt | None:
    attempt = state.links.get(side)
    return attempt if attempt is not None and attempt.action_id == action_id else None


def _with(state: DriverState, attempt: LinkAttempt) -> DriverState:
    return state.model_copy(update={"links": {**state.links, attempt.side: attempt}})
