"""The documents tell what is there: every setting, every route, every test they name, every file they link to."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from domain.journey import Stage
from gateway.api.app import mount, openapi_of
from settings import Settings
from workflows.search_attributes import ALL

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OURS = ("overview", "quickstart", "concepts", "api", "operations", "security", "contract/README")


def text_of(name: str) -> str:
    return (DOCS / f"{name}.md").read_text("utf-8")


def test_every_setting_stands_in_the_docs() -> None:
    told = set(re.findall(r"`NIGHTCHARGE_(\w+)`", text_of("operations")))
    assert {name.upper() for name in Settings.model_fields} == told


def test_every_route_stands_in_the_docs() -> None:
    services: Any = None
    app = FastAPI(openapi_url=None)
    mount(app, services)
    there = {f"{method.upper()} {path}" for path, known in openapi_of(app)["paths"].items() for method in known}
    told = set(re.findall(r"^\| `((?:GET|POST|DELETE|PUT) \S+)` \|", text_of("api"), re.MULTILINE))
    assert told == there


def test_every_search_attribute_and_every_stage_of_a_driver_stands_in_the_runbook() -> None:
    attributes = re.findall(r"^\| `(\w+)` \| (?:drivers|sessions|both)", text_of("operations"), re.MULTILINE)
    assert set(attributes) == {key.name for key in ALL}
    [stages] = re.findall(r"^\| `Stage` \| drivers \| (.+) \|$", text_of("operations"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", stages)) == set(Stage)


@pytest.mark.parametrize("name", OURS)
def test_every_link_leads_to_a_file(name: str) -> None:
    file = DOCS / f"{name}.md"
    links = [link for link in re.findall(r"\]\(([^)#]+)", text_of(name)) if "://" not in link]
    assert [link for link in links if not (file.parent / link).exists()] == []


def test_every_test_that_security_names_exists() -> None:
    named = re.findall(r"`((?:unit|integration|e2e)/\S+?\.py)(?:::(\w+))?`", text_of("security"))
    assert len(named) > 15
    for file, test in named:
        source = (ROOT / "tests" / file).read_text("utf-8")
        assert not test or re.search(rf"^(async )?def {test}\(", source, re.MULTILINE), f"{file}::{test}"


def test_the_owasp_list_is_complete() -> None:
    assert [int(number) for number in re.findall(r"^\| API(\d+) ", text_of("security"), re.MULTILINE)] == [
        *range(1, 11)
    ]
