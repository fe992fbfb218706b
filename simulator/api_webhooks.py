"""Routes of webhooks. Plain HTTP is allowed for targets on the loopback (and hosts the operator named) only."""

from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from simulator import wire
from simulator.http import Caller, Page, Sim, paged
from simulator.problems import bad_request, not_found
from simulator.registry import Json, Tenant, Webhook

router = APIRouter()

EventName = Literal[
    "*",
    "user:vehicle:discovered",
    "user:vehicle:updated",
    "user:vehicle:deleted",
    "user:vehicle:smart-charging-status-updated",
    "user:charger:discovered",
    "user:charger:updated",
    "user:charger:deleted",
    "user:hvac:discovered",
    "user:hvac:updated",
    "user:hvac:deleted",
    "user:inverter:discovered",
    "user:inverter:updated",
    "user:inverter:deleted",
    "user:inverter:statistics-updated",
    "user:battery:discovered",
    "user:battery:updated",
    "user:battery:deleted",
    "user:meter:discovered",
    "user:meter:updated",
    "user:meter:deleted",
    "user:charge-action:updated",
    "user:vendor-action:updated",
    "user:schedule:execution-updated",
    "user:credentials:invalidated",
    "enode:webhook:test",
]


class AuthenticationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    headerName: str = Field(min_length=1, max_length=128, pattern=r"^[a-z0-9\-_]+$")
    headerValue: str = Field(min_length=1, max_length=256, pattern=r"^[\x20-\x7e]+$")


class WebhookChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(default=None, min_length=8, max_length=200)
    secret: str | None = Field(default=None, min_length=6, max_length=256)
    events: list[EventName] | None = None
    apiVersion: Literal["2024-10-01"] | None = None
    authentication: AuthenticationBody | None = None


class WebhookBody(WebhookChange):
    url: str = Field(min_length=8, max_length=200)
    secret: str = Field(min_length=6, max_length=256)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _has_port(target: SplitResult) -> bool:
    """Whether the port, if one is named, is a port."""
    try:
        return target.port != 0
    except ValueError:
        return False


def _check_url(url: str, tenant: Tenant, allowed: list[str], but: Webhook | None = None) -> None:
    target = urlsplit(url)
    host = target.hostname or ""
    is_near = (_is_loopback(host) or host in allowed) and _has_port(target)
    is_plain = "@" not in target.netloc and "\\" not in url  # what readers of addresses disagree on
    if target.scheme not in ("http", "https") or not is_near or not is_plain:
        raise bad_request("Invalid webhook", "The simulator delivers to the loopback and to allowed hosts only.")
    if any(hook.url == url and hook is not but for hook in tenant.webhooks.values()):
        raise bad_request("Duplicate webhook", "A webhook with this URL exists.")


def _webhook_or_404(tenant: Tenant, webhook_id: str) -> Webhook:
    hook = tenant.webhooks.get(webhook_id)
    if hook is None:
        raise not_found("Webhook not found", f"Could not find webhook with ID {webhook_id}")
    return hook


@router.post("/webhooks")
async def create_webhook(body: WebhookBody, sim: Sim, tenant: Caller) -> Json:
    _check_url(body.url, tenant, sim.cloud.settings.webhook_hosts)
    now = sim.timeline.now
    hook = Webhook(
        id=sim.cloud.ids.next("webhook"),
        url=body.url,
        secret=body.secret,
        events=["*"] if body.events is None else list(body.events),
        created_at=now,
        api_version=body.apiVersion,
        authentication=None if body.authentication is None else body.authentication.model_dump(),
        last_success_at=now,
    )
    tenant.webhooks[hook.id] = hook
    return wire.webhook(hook)


@router.get("/webhooks")
async def list_webhooks(sim: Sim, tenant: Caller, page: Page) -> Json:
    return paged(list(tenant.webhooks.values()), page, lambda hook: (hook.created_at, hook.id), wire.webhook)


@router.get("/webhooks/{webhook_id}")
async def get_webhook(webhook_id: str, sim: Sim, tenant: Caller) -> Json:
    return wire.webhook(_webhook_or_404(tenant, webhook_id))


@router.patch("/webhooks/{webhook_id}")
async def update_webhook(webhook_id: str, body: WebhookChange, sim: Sim, tenant: Caller) -> Json:
    """Any update makes an inactive webhook active again."""
    hook = _webhook_or_404(tenant, webhook_id)
    if body.url is not None:
        _check_url(body.url, tenant, sim.cloud.settings.webhook_hosts, but=hook)
        hook.url = body.url
    hook.secret = body.secret or hook.secret
    hook.events = hook.events if body.events is None else list(body.events)
    if "apiVersion" in body.model_fields_set:
        hook.api_version = body.apiVersion
    if "authentication" in body.model_fields_set:
        hook.authentication = None if body.authentication is None else body.authentication.model_dump()
    hook.is_active = True
    return wire.webhook(hook)


@router.delete("/webhooks/{webhook_id}", status_code=204)
async def delete_webhook(webhook_id: str, sim: Sim, tenant: Caller) -> Response:
    sim.outbox.forget(_webhook_or_404(tenant, webhook_id))
    del tenant.webhooks[webhook_id]
    return Response(status_code=204)


@router.post("/webhooks/{webhook_id}/test")
async def test_webhook(webhook_id: str, sim: Sim, tenant: Caller) -> Json:
    return await sim.outbox.test(_webhook_or_404(tenant, webhook_id))
