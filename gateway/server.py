"""The gateway process: settings, adapters, application, server."""

import asyncio
import os
import signal
import socket
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

import uvicorn
import uvicorn.lifespan.on  # this and the next uvicorn loads when it serves: in every child, if not before the fork
import uvicorn.protocols.http.auto
from fastapi import FastAPI
from temporalio.client import Client

from client import Nightcharge, connect
from domain.inbox import Delivery, Origin
from domain.provider_events import ProviderEvent, events_from_json
from gateway.api.access import Access
from gateway.api.app import mount
from gateway.api.services import ApiConfig, Services
from gateway.app import create_app
from gateway.health import health
from gateway.intake import Intake
from gateway.keeper import GO, READY
from gateway.outgoing import Sender
from gateway.pages.mount import PagesConfig, mount_pages, operator_page_url
from gateway.upkeep import Upkeep
from gateway.webhooks_in import webhooks_in
from providers.enode.client import EnodeClient
from providers.enode.hooks import Webhooks
from providers.enode.mapping import WireMapping
from providers.enode.provider import EnodeProvider
from providers.enode.webhooks import parse_delivery, verify
from settings import Settings
from storage.inbox import SqlInbox
from storage.sql import SqlStore
from storage.tenants import Tenants
from worker import enode_settings, wire_mapping
from workflows.sweep_schedule import sweep_now
from workflows.telling import Telling

GOODBYE_SECONDS = 3
"""Real time for answers under way at the end; an event stream would go on for minutes."""


GATHER_SECONDS = 0.03
"""Real time from one transaction of deliveries to the next: a storm's answers wait so long, and cost a third."""

PAUSE_SECONDS = 0.2
"""World time between two rounds of the intake in a storm: short beside any reaction, long enough for a full round."""


async def serve(settings: Settings, listener: socket.socket, parent: socket.socket, *, again: bool) -> None:
    """Make all ready, serve when the parent says so, until asked to stop; without its parent it ends at once.

    Prints its address when it serves: the port may be a free one. `again`: another one served before, on these tables.
    """
    loop = asyncio.get_running_loop()
    parent.setblocking(False)
    async with AsyncExitStack() as stack:
        store = SqlStore(settings.database_url)
        stack.push_async_callback(store.close)
        if not again:
            await store.create()
        app = await build(settings, store, await connect(), stack)
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GOODBYE_SECONDS)
        )
        if await loop.sock_recv(parent, 1) != GO:
            return
        # From now on the parent says nothing: what can be read is its end. Killed is killed: the port is free at once.
        loop.add_reader(parent, os._exit, 1)
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, lambda: setattr(server, "should_exit", True))
        parent.send(READY)
        print(f"gateway listening on http://{settings.gateway_host}:{listener.getsockname()[1]}", flush=True)
        await server.serve(sockets=[listener])


async def build(settings: Settings, store: SqlStore, temporal: Client, stack: AsyncExitStack) -> FastAPI:
    """The application, wired."""
    now = settings.clock.now
    inbox = SqlInbox(store.database, gather_seconds=GATHER_SECONDS)
    intake = Intake(
        inbox=inbox,
        workflows=Telling(temporal),
        parse=partial(parsed, mapping=wire_mapping(settings)),
        now=now,
        pause_seconds=PAUSE_SECONDS / settings.clock.speed,
    )
    upkeep = Upkeep(inbox, now)
    if settings.gateway_url:
        enode = await stack.enter_async_context(EnodeClient(enode_settings(settings), clock=settings.clock))
        hook = partial(
            Webhooks(enode).revive, f"{settings.gateway_url.rstrip('/')}/webhooks/enode", settings.webhook_secret
        )
        upkeep = Upkeep(inbox, now, revive=hook, lost=partial(sweep_now, temporal))

    def arrived() -> None:
        upkeep.heard()
        intake.wake()

    ahead = [webhooks_in(inbox, verify=partial(verify, settings.webhook_secret), now=now, arrived=arrived)]
    if not settings.gateway_secret.get_secret_value():
        return create_app([health(inbox, now)], jobs=[intake.run, upkeep.run], ahead=ahead)
    api = await api_of(settings, store, temporal, stack)
    sender = Sender(api.hooks, api.access, now=api.real_now, plain=settings.hooks_in_private_network)
    app = create_app([health(inbox, now)], jobs=[intake.run, upkeep.run, sender.run], ahead=ahead)
    mount(app, api)
    mount_pages(app, api, PagesConfig(settings.temporal_ui_url, temporal.namespace, partial(_open_vendors, api)))
    return app


def _open_vendors(api: Services) -> list[str]:
    """Vendors that this gateway's own calls keep away from now."""
    return api.vendor.client.gate.open_vendors() if isinstance(api.vendor, EnodeProvider) else []


async def api_of(settings: Settings, store: SqlStore, temporal: Client, stack: AsyncExitStack) -> Services:
    """What the routes of the API work with."""
    enode = await stack.enter_async_context(EnodeClient(enode_settings(settings), clock=settings.clock))
    return Services(
        workflows=Nightcharge(
            temporal,
            clock=settings.clock,
            operator_url=operator_page_url(settings.public_url) if settings.public_url else "",
        ),
        store=store,
        access=Access(Tenants(store.database), settings.gateway_secret),
        now=settings.clock.now,
        real_now=partial(datetime.now, UTC),
        vendor=EnodeProvider(enode, wire_mapping(settings)),
        config=ApiConfig(
            public_url=settings.public_url.rstrip("/"),
            most_switched_kw=settings.most_switched_kw,
            plain_hooks=settings.hooks_in_private_network,
        ),
    )


def parsed(delivery: Delivery, *, mapping: WireMapping) -> list[ProviderEvent]:
    """The events of a delivery: the vendor's by the adapter, the sweep's are ours already."""
    if delivery.origin is Origin.SWEEP:
        return events_from_json(delivery.body)
    return parse_delivery(delivery.body, delivery.received_at, mapping=mapping)
