"""How the gateway is: in numbers, for the load balancer and for whoever is woken at night."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from fastapi import APIRouter

from domain.inbox import Inbox
from domain.model import Model

BEHIND_AFTER_SECONDS = 60.0
"""World age of the oldest event from which on the gateway says that it is behind."""


class Health(Model):
    """The inbox in numbers. `behind` is no reason to restart: a restart only starts from the same inbox."""

    status: Literal["ok", "behind"]
    oldest_event_seconds: float  # age of the oldest delivery still to be worked off; 0: none is
    pending_deliveries: int
    set_aside_deliveries: int  # kept failing, wait for a person: `nightcharge inbox`


async def health_of(inbox: Inbox, now: datetime) -> Health:
    backlog = await inbox.backlog()
    age = max((now - backlog.oldest_at).total_seconds(), 0.0) if backlog.oldest_at else 0.0
    return Health(
        status="behind" if age > BEHIND_AFTER_SECONDS else "ok",
        oldest_event_seconds=age,
        pending_deliveries=backlog.pending,
        set_aside_deliveries=backlog.set_aside,
    )


def health(inbox: Inbox, now: Callable[[], datetime]) -> APIRouter:
    """`GET /health`."""
    router = APIRouter()

    @router.get("/health", include_in_schema=False)
    async def read() -> Health:
        return await health_of(inbox, now())

    return router
