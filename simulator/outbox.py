"""Webhook delivery: batches of up to 100 events, signed, retried with growing patience, given up in the end."""

import asyncio
import hashlib
import hmac
import json
from collections import deque
from dataclasses import dataclass, field

import httpx

from simulator import wire
from simulator.cloud import Cloud
from simulator.registry import Json, Tenant, Webhook

BATCH = 100
"""Most events one delivery carries."""

TIMEOUT_SECONDS = 5.0
"""Real time the receiver has to answer."""

GATHER_SECONDS = 0.02
"""Real time waited for more events before a delivery leaves; also the least pause before a retry."""

ALWAYS_SENT = {"system:heartbeat"}


def signature(secret: str, body: bytes) -> str:
    """Value of `x-enode-signature` for a raw body."""
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


@dataclass(eq=False)
class Mailbox:
    """Events waiting for one webhook, and how its deliveries went."""

    webhook: Webhook
    queue: deque[tuple[Json, bool]] = field(default_factory=deque)
    has_mail: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    delivered: int = 0
    failed: int = 0
    dropped: int = 0


class Outbox:
    """One mailbox per webhook, each with its own delivery task."""

    def __init__(self, cloud: Cloud) -> None:
        self.mailboxes: dict[str, Mailbox] = {}
        self._cloud = cloud
        self._is_running = False
        self._client: httpx.AsyncClient | None = None
        cloud.send = self.send

    def start(self) -> None:
        self._is_running = True
        self._book_heartbeat()

    async def stop(self) -> None:
        self._is_running = False
        tasks = [box.task for box in self.mailboxes.values() if box.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def send(self, tenant: Tenant, event: Json, is_forged: bool) -> None:
        """Queues an event for every active webhook of the tenant that wants it."""
        for webhook in tenant.webhooks.values():
            if webhook.is_active and _wants(webhook, event["event"]):
                self._put(webhook, event, is_forged)

    def forget(self, webhook: Webhook) -> None:
        box = self.mailboxes.pop(webhook.id, None)
        if box is not None and box.task is not None:
            box.task.cancel()

    async def test(self, webhook: Webhook) -> Json:
        """Delivers a test event now and tells how it went; a success makes the webhook active again."""
        body = _encode([wire.event("enode:webhook:test", self._cloud.timeline.now)])
        try:
            answer = await self._post(webhook, body, self._cloud.ids.next("delivery"), is_forged=False)
        except httpx.HTTPError as error:
            return {"status": "FAILURE", "description": f"No answer: {type(error).__name__}", "response": None}
        is_good = answer.is_success
        if is_good:
            self._succeeded(webhook)
        return {
            "status": "SUCCESS" if is_good else "FAILURE",
            "description": "Delivered." if is_good else f"The receiver answered {answer.status_code}.",
            "response": {
                "code": answer.status_code,
                "body": answer.text[:1000],
                "headers": [f"{name}: {value}" for name, value in answer.headers.items()],
            },
        }

    # -- one webhook ------------------------------------------------------------------------------------------------

    def _put(self, webhook: Webhook, event: Json, is_forged: bool) -> None:
        box = self.mailboxes.setdefault(webhook.id, Mailbox(webhook))
        box.queue.append((event, is_forged))
        box.has_mail.set()
        if self._is_running and (box.task is None or box.task.done()):
            box.task = asyncio.get_running_loop().create_task(self._deliver(box))

    async def _deliver(self, box: Mailbox) -> None:
        while box.webhook.is_active:
            await box.has_mail.wait()
            await asyncio.sleep(GATHER_SECONDS)
            batch = [box.queue.popleft() for _ in range(min(BATCH, len(box.queue)))]
            if not box.queue:
                box.has_mail.clear()
            if batch:
                await self._deliver_batch(box, batch)

    async def _deliver_batch(self, box: Mailbox, batch: list[tuple[Json, bool]]) -> None:
        """Tries one batch until it is taken or patience ends; every try carries the same body and delivery id."""
        body = _encode([event for event, _ in batch])
        is_forged = any(forged for _, forged in batch)
        delivery_id = self._cloud.ids.next("delivery")
        for patience in (*self._cloud.settings.webhook_retry_seconds, None):
            if await self._try(box.webhook, body, delivery_id, is_forged):
                box.delivered += len(batch)
                self._succeeded(box.webhook)
                return
            box.failed += 1
            if patience is not None:
                await self._wait(patience)
        box.dropped += len(batch) + len(box.queue)
        box.queue.clear()
        box.has_mail.clear()
        box.webhook.is_active = False

    async def _try(self, webhook: Webhook, body: bytes, delivery_id: str, is_forged: bool) -> bool:
        try:
            answer = await self._post(webhook, body, delivery_id, is_forged=is_forged)
        except httpx.HTTPError:
            return False
        # A forged event is an attacker's, not ours: nobody retries it.
        return answer.is_success or is_forged

    async def _post(self, webhook: Webhook, body: bytes, delivery_id: str, *, is_forged: bool) -> httpx.Response:
        if self._client is None:
            # The environment's proxies must never see a loopback delivery.
            self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False)
        secret = "forged" if is_forged else webhook.secret
        headers = {
            "content-type": "application/json",
            "x-enode-delivery": delivery_id,
            "x-enode-signature": signature(secret, body),
        }
        if webhook.authentication is not None:
            headers[webhook.authentication["headerName"]] = webhook.authentication["headerValue"]
        return await self._client.post(webhook.url, content=body, headers=headers)

    async def _wait(self, seconds: float) -> None:
        """Waits world time, and at least a moment of real time."""
        is_due = asyncio.Event()
        self._cloud.timeline.after_seconds(seconds, is_due.set)
        await asyncio.sleep(GATHER_SECONDS)
        await is_due.wait()

    def _succeeded(self, webhook: Webhook) -> None:
        webhook.last_success_at = self._cloud.timeline.now
        webhook.is_active = True

    def _book_heartbeat(self) -> None:
        if (minutes := self._cloud.settings.heartbeat_minutes) is not None:
            self._cloud.timeline.after_seconds(minutes * 60, self._beat)

    def _beat(self) -> None:
        for tenant in self._cloud.tenants.values():
            for webhook in tenant.webhooks.values():
                if webhook.is_active:
                    box = self.mailboxes.get(webhook.id)
                    waiting = 0 if box is None else len(box.queue)
                    beat = wire.event("system:heartbeat", self._cloud.timeline.now, pendingEvents=waiting)
                    self._put(webhook, beat, False)
        self._book_heartbeat()


def _wants(webhook: Webhook, name: str) -> bool:
    return "*" in webhook.events or name in webhook.events or name in ALWAYS_SENT


def _encode(events: list[Json]) -> bytes:
    return json.dumps(events, separators=(",", ":")).encode()
