"""Our webhooks at Enode: created, watched and brought back to life by machine."""

from typing import Any

from pydantic import SecretStr

from domain.errors import CallerError, CommandRejected
from domain.model import Instant, Model
from providers.enode import schemas
from providers.enode.client import Call, EnodeClient, Reply
from providers.enode.errors import Kind
from providers.enode.surprises import scrub

EVENTS: tuple[str, ...] = (
    "user:vehicle:discovered",
    "user:vehicle:updated",
    "user:vehicle:deleted",
    "user:charger:discovered",
    "user:charger:updated",
    "user:charger:deleted",
    "user:vendor-action:updated",
    "user:credentials:invalidated",
)
"""What we subscribe to; heartbeats come without asking."""

SHORTEST_SECRET = 32
"""Characters; Enode takes 6, its advice is at least 128 random bits, which are 32 hexadecimal digits."""


class Webhook(Model):
    """A webhook as Enode knows it. `last_success_at` says nothing while the hook is new."""

    id: str
    url: str
    events: tuple[str, ...]
    is_active: bool
    last_success_at: Instant | None = None


class WebhookTest(Model):
    """How a test delivery ended. A success brings an inactive webhook back."""

    succeeded: bool
    status_code: int | None  # of our own answer; None: nothing was reached
    description: str


class Webhooks:
    """Create, list, change, delete and test webhooks."""

    def __init__(self, client: EnodeClient) -> None:
        self._client = client

    async def create(self, url: str, secret: SecretStr, events: tuple[str, ...] = EVENTS) -> Webhook:
        """Raises CommandRejected if Enode finds the address or secret wrong, or knows the address already."""
        _check(secret)
        body: dict[str, Any] = {"url": url, "secret": secret.get_secret_value(), "events": list(events)}
        if self._client.settings.api_version:
            body["apiVersion"] = self._client.settings.api_version
        return await self._one(Call(Kind.WRITE, "POST", "/webhooks", body=body))

    async def list(self) -> list[Webhook]:
        call = Call(Kind.READ, "GET", "/webhooks")
        return [_webhook(Reply(call.label, item).read(schemas.Webhook)) async for item in self._client.pages(call)]

    async def update(
        self, webhook_id: str, *, secret: SecretStr | None = None, events: tuple[str, ...] | None = None
    ) -> Webhook:
        """Change what is given. Any change brings an inactive webhook back."""
        body: dict[str, Any] = {}
        if secret is not None:
            _check(secret)
            body["secret"] = secret.get_secret_value()
        if events is not None:
            body["events"] = list(events)
        return await self._one(Call(Kind.WRITE, "PATCH", "/webhooks/{}", (webhook_id,), body=body))

    async def delete(self, webhook_id: str) -> None:
        """Delete; one that is gone is no error."""
        await self._client.call(Call(Kind.REMOVE, "DELETE", "/webhooks/{}", (webhook_id,)))

    async def test(self, webhook_id: str) -> WebhookTest:
        """Have Enode deliver a test event now."""
        reply = await self._client.call(Call(Kind.WRITE, "POST", "/webhooks/{}/test", (webhook_id,)))
        told = reply.read(schemas.WebhookTest)
        return WebhookTest(
            succeeded=told.status == "SUCCESS",
            status_code=told.response.code if told.response else None,
            description=scrub(told.description or ""),
        )

    async def keep_alive(self, url: str, secret: SecretStr, events: tuple[str, ...] = EVENTS) -> Webhook:
        """The webhook for `url`: created if missing, brought back if inactive, widened if it lacks events.

        Call it at start and whenever heartbeats stay away; it changes nothing when all is well.
        """
        found = await self._at(url)
        if found is None:
            try:
                return await self.create(url, secret, events)
            except CommandRejected:  # another worker may have been quicker: a duplicate is refused
                found = await self._at(url)
                if found is None:
                    raise
        if found.is_active and ("*" in found.events or set(events) <= set(found.events)):
            return found
        found = await self.update(found.id, secret=secret, events=events)
        if not found.is_active and (await self.test(found.id)).succeeded:
            found = found.model_copy(update={"is_active": True})
        return found

    async def revive(self, url: str, secret: SecretStr, events: tuple[str, ...] = EVENTS) -> bool:
        """As `keep_alive`; True if the webhook was missing or inactive, so that events may have been thrown away."""
        before = await self._at(url)
        await self.keep_alive(url, secret, events)
        return before is None or not before.is_active

    async def _at(self, url: str) -> Webhook | None:
        return next((one for one in await self.list() if one.url == url), None)

    async def _one(self, call: Call) -> Webhook:
        return _webhook((await self._client.call(call)).read(schemas.Webhook))


def _webhook(wire: schemas.Webhook) -> Webhook:
    return Webhook(
        id=wire.id,
        url=wire.url or "",
        events=wire.events or (),
        is_active=wire.is_active is not False,
        last_success_at=wire.last_success,
    )


def _check(secret: SecretStr) -> None:
    if len(secret.get_secret_value()) < SHORTEST_SECRET:
        raise CallerError(f"a webhook secret has at least {SHORTEST_SECRET} characters")
