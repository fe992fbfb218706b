"""The commands `nightcharge inbox`: deliveries that kept failing, seen and tried again by a person."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from settings import Settings
from storage.sql import SqlStore

T = TypeVar("T")

inbox = typer.Typer(no_args_is_help=True, help="Webhook deliveries that kept failing and were set aside.")


@inbox.command("list")
def list_set_aside(as_json: Annotated[bool, typer.Option("--json", help="Tell it as JSON.")] = False) -> None:
    """What was set aside, oldest first, and why."""
    aside = _with_store(lambda store: store.inbox.set_aside())
    for one in aside:
        told = f"{one.delivery_id}  {one.origin.value}  arrived {one.received_at:%Y-%m-%d %H:%M:%S}Z  {one.why}"
        typer.echo(json.dumps(one.model_dump(mode="json")) if as_json else told)
    if not aside and not as_json:
        typer.echo("nothing was set aside")


@inbox.command()
def retry(
    delivery: Annotated[list[str] | None, typer.Argument(help="Delivery ids; none: all.", show_default=False)] = None,
) -> None:
    """Have deliveries tried again; a running gateway takes them up by itself."""
    count = _with_store(lambda store: store.inbox.retry(delivery or None))
    typer.echo(f"{count} will be tried again")


def _with_store(work: Callable[[SqlStore], Awaitable[T]]) -> T:
    async def run() -> T:
        store = SqlStore(Settings().database_url)
        try:
            await store.create()
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
