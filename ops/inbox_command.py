"""The commands `nightcharge inbox`: deliveries that kept failing, seen and tried again by a person."""

from typing import Annotated

import typer

from ops.output import AsJson, tell
from ops.stored import with_store

inbox = typer.Typer(no_args_is_help=True, help="Webhook deliveries that kept failing and were set aside.")


@inbox.command("list")
def list_set_aside(as_json: AsJson = False) -> None:
    """What was set aside, oldest first, and why."""
    aside = with_store(lambda store: store.inbox.set_aside())
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
    count = with_store(lambda store: store.inbox.retry(delivery or None))
    tell(as_json, {"retried": count}, f"{count} will be tried again")
