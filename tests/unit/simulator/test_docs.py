"""What is not documented does not exist: every fault, route and option is on the simulator's page."""

from pathlib import Path
from typing import get_args

import pytest
import typer

from simulator import admin
from simulator.command import simulator
from simulator.faults import Fault

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
FAULTS = [kind.model_fields["kind"].default for kind in get_args(get_args(Fault)[0])]


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_on_the_page(kind: str) -> None:
    assert f"`{kind}`" in PAGE


def test_every_route_of_the_administrator_is_on_the_page() -> None:
    paths = {route.path.replace("{vehicle_id}", "{id}").split("{")[0].rstrip("/") for route in admin.router.routes}
    assert [path for path in sorted(paths) if path not in PAGE] == []


def test_every_option_is_on_the_page() -> None:
    app = typer.Typer(add_completion=False)
    app.command()(simulator)
    options = [option for parameter in typer.main.get_command(app).params for option in parameter.opts]
    assert len(options) > 6
    assert [option for option in options if f"`{option}" not in PAGE] == []
