"""Both pages on an application that the API is on already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import FastAPI

from gateway.api.services import Services
from gateway.pages import driver, driver_acts, operator, operator_entry
from gateway.pages.render import STATIC, Static


@dataclass(frozen=True)
class PagesConfig:
    """What an installation decides."""

    temporal_ui_url: str = ""  # empty: no links to it
    namespace: str = "default"
    open_vendors: Callable[[], Sequence[str]] = tuple  # vendors that this gateway's own calls keep away from now


def mount_pages(app: FastAPI, services: Services, config: PagesConfig = PagesConfig()) -> None:
    """Put the pages onto `app`."""
    app.state.pages = config
    assert app.state.services is services
    for module in (driver, driver_acts, operator_entry, operator):
        app.include_router(module.router)
    app.mount(STATIC, Static(), name="pages")


def driver_page_url(public_url: str, link_token: str) -> str:
    """What a driver opens; the token is made by `POST /v1/drivers/{driver_id}/links`, whose answer has this URL too."""
    return f"{public_url.rstrip('/')}/driver#{link_token}"


def operator_page_url(public_url: str) -> str:
    """What an operator opens, and enters there a key with the scopes `read` and `export`."""
    return f"{public_url.rstrip('/')}/operator"
