"""What a driver's workflow hears."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from domain.departure import Wish
from domain.devices import Device, LinkedVendor, Reading, Side
from domain.model import Instant, Model, Request, SaidInstant
from domain.program import Program
from domain.reliability import Routes

FORBIDDEN_SCHEMES = frozenset({"", "javascript", "data", "vbscript", "file", "blob"})
"""Of addresses a browser is sent to: these lead nowhere, or run what they contain."""


def _leads_back(uri: str) -> str:
    parts = urlsplit(uri)  # raises ValueError
    if parts.scheme in FORBIDDEN_SCHEMES or not (parts.netloc or parts.path):
        raise ValueError("an address to come back to: https://... or your app's own scheme")
    return uri


class Act(Request):
    """Base of a user action. `action_id` makes repeats harmless: the first outcome is returned again."""

    action_id: str = Field(min_length=1, max_length=100)


class RequestLink(Act):
    """Open a vendor page on which the driver links a car or a charger."""

    type: Literal["request_link"] = "request_link"
    side: Side
    redirect_uri: Annotated[str, Field(max_length=500), AfterValidator(_leads_back)]
    language: str = "en-GB"
    renews: str | None = Field(default=None, max_length=100)  # the vendor whose ended login is renewed


class LinkReturned(Act):
    """The driver's browser came back from the vendor's page: look which devices are there."""

    type: Literal["link_returned"] = "link_returned"
    side: Side
    state: str | None = Field(default=None, max_length=100)  # as it came back in the redirect
    error: str | None = Field(default=None, max_length=200)  # the vendor's word, if the page was left early


class DismissPrompt(Act):
    type: Literal["dismiss_prompt"] = "dismiss_prompt"
    prompt: str


class PlaceCharger(Act):
    """Set, change or remove (None) a charger's place: an id of the vendor, coordinates never pass through here."""

    type: Literal["place_charger"] = "place_charger"
    charger_id: str
    place_id: str | None = None


class Enroll(Act):
    """Consent to managed charging."""

    type: Literal["enroll"] = "enroll"
    at: SaidInstant
    text_version: str
    language: str = "en"


class Withdraw(Act):
    type: Literal["withdraw"] = "withdraw"
    at: SaidInstant | None = None  # for the enrolment history


class SetWish(Act):
    """The standing wish for every night."""

    type: Literal["set_wish"] = "set_wish"
    wish: Wish
    at: SaidInstant | None = None  # when the driver said so; None: for later nights alone, not for one under way


class ActTonight(Act):
    """The driver's word for one night: to the open session, else kept for a plug-in before the next departure."""

    type: Literal["act_tonight"] = "act_tonight"
    at: SaidInstant
    vehicle_id: str
    act: Literal["charge_now", "stay_stopped", "skip_night", "pause_until", "follow_plan", "set_wish", "name_charger"]
    wish: Wish | None = None  # for set_wish
    until: SaidInstant | None = None  # for pause_until
    charger_id: str | None = None  # for name_charger


class AskUnlink(Act):
    """Ask what unlinking all devices of one vendor and kind would mean."""

    type: Literal["ask_unlink"] = "ask_unlink"
    side: Side
    vendor: str
    at: SaidInstant


class ConfirmUnlink(Act):
    """Unlink what was asked about."""

    type: Literal["confirm_unlink"] = "confirm_unlink"
    token: str
    at: SaidInstant


class Erase(Act):
    """Erase the driver here and at the vendor (GDPR, article 17). It cannot be taken back."""

    type: Literal["erase"] = "erase"
    at: SaidInstant


DriverAction = Annotated[
    RequestLink
    | LinkReturned
    | DismissPrompt
    | PlaceCharger
    | Enroll
    | Withdraw
    | SetWish
    | ActTonight
    | AskUnlink
    | ConfirmUnlink
    | Erase,
    Field(discriminator="type"),
]


class DeviceSeen(Model):
    """A device was discovered, or changed in something a driver's workflow cares for."""

    type: Literal["device_seen"] = "device_seen"
    device: Device


class DeviceGone(Model):
    type: Literal["device_gone"] = "device_gone"
    device_id: str
    at: Instant | None = None


class CredentialsDied(Model):
    """The driver's login at one vendor ended; the devices stay, out of reach until it is renewed."""

    type: Literal["credentials_died"] = "credentials_died"
    vendor: str
    at: Instant


class ActionEnded(Model):
    """An action that needed the outside world came to its end."""

    type: Literal["action_ended"] = "action_ended"
    action_id: str
    is_done: bool
    detail: str = ""
    url: str | None = None
    charger_id: str | None = None  # of a placed charger
    place_id: str | None = None
    at: Instant | None = None  # when the vendor knew of the place
    devices: tuple[Device, ...] = ()  # found by a listing
    logins: tuple[LinkedVendor, ...] = ()  # the driver's vendor accounts, found by a listing


class SessionEnded(Model):
    """A session closed. It listened alone meanwhile, so it hands back what it last saw of the devices."""

    type: Literal["session_ended"] = "session_ended"
    session_id: str
    vehicle_id: str
    readings: tuple[Reading, ...] = ()


class HoldsReleased(Model):
    """A session holds nothing any more on devices that leave, or is gone."""

    type: Literal["holds_released"] = "holds_released"
    session_id: str


class NightReported(Model):
    """A session's account of a night."""

    type: Literal["night_reported"] = "night_reported"
    session_id: str
    vehicle_id: str
    number: int
    is_ready: bool
    saving: str
    why: str
    commands_sent: int = 0
    commands_proven: int = 0
    routes: Routes = Field(default_factory=dict)  # commands by side of the cable, as far as they tell of it
    matched_charger_id: str | None = None  # the charger that surely held the car
    is_match_known: bool = False  # False: the session does not say whether one did


class ProgramChanged(Model):
    """The program changed, or how far its rollout has come. An older version than the one known changes nothing."""

    type: Literal["program_changed"] = "program_changed"
    program: Program
    reason: str


class PassedOn(Model):
    """Whether a session could be told the driver's word."""

    type: Literal["passed_on"] = "passed_on"
    action_id: str
    is_heard: bool


class TimeReached(Model):
    """The kept timer fired."""

    type: Literal["time_reached"] = "time_reached"


DriverEvent = Annotated[
    RequestLink
    | LinkReturned
    | DismissPrompt
    | PlaceCharger
    | Enroll
    | Withdraw
    | SetWish
    | AskUnlink
    | ConfirmUnlink
    | ActTonight
    | Erase
    | PassedOn
    | HoldsReleased
    | DeviceSeen
    | DeviceGone
    | CredentialsDied
    | ActionEnded
    | SessionEnded
    | NightReported
    | ProgramChanged
    | TimeReached,
    Field(discriminator="type"),
]
