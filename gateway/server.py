"""The gateway process: settings, adapters, application, server."""

import asyncio
import logging
import signal
import socket
from functools import partial

import uvicorn

from client import Nightcharge, connect
from gateway.app import create_app
from gateway.intake import Intake
from providers.enode.webhooks import parse_delivery, verify
from settings import Settings
from storage.sql import SqlStore
from worker import wire_mapping

logger = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Serve until asked to stop. Prints its address, since the port may be a free one."""
    store = SqlStore(settings.database_url)
    await store.create()
    workflows = Nightcharge(await connect(), clock=settings.clock)
    intake = Intake(
        inbox=store,
        readings=store,
        watches=store,
        workflows=workflows,
        parse=partial(parse_delivery, mapping=wire_mapping(settings)),
        now=settings.clock.now,
    )
    app = create_app(
        inbox=store, intake=intake, verify=partial(verify, settings.webhook_secret), now=settings.clock.now
    )
    listener = socket.create_server((settings.gateway_host, settings.gateway_port))
    print(f"gateway listening on http://{settings.gateway_host}:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, lambda: setattr(server, "should_exit", True))
    await server.serve(sockets=[listener])
    await store.close()
