"""The commands `nightcharge inbox`: deliveries that kept failing, seen and tried again by a person."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from ops.output import AsJson, tell
from settings import Settings
from storage.sql import SqlStore

T = TypeVar("T")

inbox = typer.Typer(no_args_is_help=True, help="Webhook deliveries that kept failing and were set aside.")


@inbox.command("list")
def list_set_aside(as_json: AsJson = False) -> None:
    """What was set aside, oldest first, and why."""
    aside = _with_store(lambda store: store.inbox.set_aside())
    for one in aside:
        words = f"{one.delivery_id}  {one.origin.value}  arrived {one.received_at:%Y-%m-%d %H:%M:%S}Z  {one.why}"
        tell(as_json, one.model_dump(mode="json"), words)
    if not aside and not as_json:
        typer.echo("nothing was set aside")


@inbox.command()
def retry(
    delivery: Annotated[list[str] | None, typer.Argument(help="Delivery ids; none: all.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Have deliveries tried again; a running gateway takes them up by itself."""
    count = _with_store(lambda store: store.inbox.retry(delivery or None))
    tell(as_json, {"retried": count}, f"{count} will be tried again")


def _with_store(work: Callable[[SqlStore], Awaitable[T]]) -> T:
    async def run() -> T:
        store = SqlStore(Settings().database_url)
        try:
            await store.create()
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
