"""Enode's wire format (API version 2024-10-01), read tolerantly.

Only ids are required. A missing, null or unreadable field is `None`, extra fields are dropped, enum values stay
strings; `mapping` gives them meaning. Unreadable fields are counted when a `Surprises` comes as validation context.
"""

import json
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo
from pydantic.alias_generators import to_camel

from providers.enode.surprises import Surprises

T = TypeVar("T")


def whole_text(body: bytes) -> bytes:
    """JSON whose text can be written again: half a character, as of a name cut too short, becomes a question mark.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    return json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace")


def _none(value: Any, info: ValidationInfo) -> None:
    if value is not None and isinstance(info.context, Surprises):
        info.context.note(f"unreadable {info.field_name}", type(value).__name__)


Soft = Annotated[T | Annotated[None, PlainValidator(_none)] | None, Field(union_mode="left_to_right")]
"""A field whose bad value is no reason to lose the rest. As a union, so that good values cost no Python call."""


class Wire(BaseModel):
    """camelCase on the wire, snake_case here; personal values stay out of reprs."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Capability(Wire):
    is_capable: Soft[bool] = None
    intervention_ids: Soft[tuple[str, ...]] = None


class Information(Wire):
    brand: Soft[str] = None
    model: Soft[str] = None
    year: Soft[float] = None
    identity: Soft[str] = Field(
        default=None, validation_alias=AliasChoices("vin", "serialNumber"), repr=False, exclude=True
    )


class ChargeState(Wire):
    """Of a vehicle or charger; what only one of them has is `None` on the other. Units: %, kWh, kW, A."""

    battery_level: Soft[float] = None
    battery_capacity: Soft[float] = None
    charge_limit: Soft[float] = None
    charge_rate: Soft[float] = None
    is_plugged_in: Soft[bool] = None
    is_charging: Soft[bool] = None
    last_updated: Soft[AwareDatetime] = None
    max_current: Soft[float] = None
    power_delivery_state: Soft[str] = None
    plugged_in_charger_id: Soft[str] = None
    plugged_in_vehicle_id: Soft[str] = None


class AssetLocation(Wire):
    """Where an asset is, as the id of a place. Coordinates are not even read."""

    id: Soft[str] = None


class Asset(Wire):
    """A vehicle or a charger."""

    id: str = Field(min_length=1)
    user_id: Soft[str] = None
    vendor: Soft[str] = None
    is_reachable: Soft[bool] = None
    information: Soft[Information] = None
    charge_state: Soft[ChargeState] = None
    capabilities: Soft[dict[str, Soft[Capability]]] = None
    scopes: Soft[tuple[str, ...]] = None  # what the driver consented to
    location: Soft[AssetLocation] = None


class Cursors(Wire):
    after: Soft[str] = None


class Page(Wire):
    """One page of a list; items are validated one by one, so that one bad item does not cost the page."""

    data: list[Any]
    pagination: Soft[Cursors] = None


class FailureReason(Wire):
    type: Soft[str] = None
    detail: Soft[str] = None


class Action(Wire):
    id: str = Field(min_length=1)
    user_id: Soft[str] = None
    state: Soft[str] = None
    target_id: Soft[str] = None
    target_type: Soft[str] = None
    failure_reason: Soft[FailureReason] = None


class Problem(Wire):
    """An error's body."""

    type: Soft[str] = None
    title: Soft[str] = None
    detail: Soft[str] = None
    issues: Soft[list[Any]] = None


class Token(Wire):
    """OAuth2's answer; its keys are snake_case."""

    access_token: str = Field(min_length=1, repr=False, validation_alias="access_token")
    expires_in: Soft[float] = Field(default=None, validation_alias="expires_in")  # seconds


class LinkSession(Wire):
    link_url: str
    link_token: str = Field(default="", repr=False)


class LinkedVendor(Wire):
    vendor: str
    vendor_type: Soft[str] = None
    is_valid: Soft[bool] = None


class User(Wire):
    linked_vendors: Soft[list[Any]] = None


class Location(Wire):
    """A place; its coordinates are not read back."""

    id: str = Field(min_length=1)
    name: Soft[str] = None
    timezone_name: Soft[str] = None


class Resolution(Wire):
    title: Soft[str] = None
    description: Soft[str] = None
    access: Soft[str] = None
    action: Soft[str] = None


class Intervention(Wire):
    id: str = Field(min_length=1)
    vendor: Soft[str] = None
    resolution: Soft[Resolution] = None


class VendorHealth(Wire):
    vendor: str
    status: Soft[str] = None
    linking_status: Soft[str] = None


class WebhookResponse(Wire):
    code: Soft[int] = None


class WebhookTest(Wire):
    status: Soft[str] = None
    description: Soft[str] = None
    response: Soft[WebhookResponse] = None


class Webhook(Wire):
    id: str = Field(min_length=1)
    url: Soft[str] = None
    events: Soft[tuple[str, ...]] = None
    is_active: Soft[bool] = None
    last_success: Soft[AwareDatetime] = None
    api_version: Soft[str] = None


class EventUser(Wire):
    id: Soft[str] = None


class Event(Wire):
    """One webhook event; which of the optional keys are filled depends on `event`."""

    event: str
    created_at: Soft[AwareDatetime] = None
    user: Soft[EventUser] = None
    vehicle: Soft[Asset] = None
    charger: Soft[Asset] = None
    vendor_action: Soft[Action] = None
    vendor: Soft[str] = None
    pending_events: Soft[float] = None
