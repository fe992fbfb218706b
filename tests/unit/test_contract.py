"""The contract for other languages: current, compatible with what was released, and complete."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow

from gateway.contract import CURRENT, FOLDER, INTERNAL, as_text, broken, contract
from workflows.driver import DriverWorkflow
from workflows.session import SessionWorkflow

RELEASED = sorted(FOLDER.glob("released-*.json"))


def test_the_contract_in_the_repository_is_the_present_one() -> None:
    told = (FOLDER / CURRENT).read_text("utf-8")
    assert told == as_text(contract()), "write it anew with `nightcharge contract`"


@pytest.mark.parametrize("file", RELEASED, ids=lambda path: path.stem)
def test_what_was_released_is_still_understood(file: Path) -> None:
    assert broken(json.loads(file.read_text("utf-8")), contract()) == []


def test_there_is_a_released_version_to_be_held_to() -> None:
    assert RELEASED


def test_every_handler_is_in_the_contract_or_named_as_our_own() -> None:
    told = contract()["workflows"]
    for one in (DriverWorkflow, SessionWorkflow):
        found = workflow._Definition.must_from_class(one)
        mine = told[found.name]
        assert set(found.signals) - INTERNAL == set(mine["signals"])
        assert set(found.updates) == set(mine["updates"])
        assert set(found.queries) == set(mine["queries"])


def test_every_reference_leads_somewhere() -> None:
    told = contract()

    def refs(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(refs(value) for value in node.values()))
        return set().union(*(refs(one) for one in node)) if isinstance(node, list) else set()

    assert {ref.removeprefix("#/$defs/") for ref in refs(told)} <= set(told["$defs"])


def _gone_signal(told: dict[str, Any]) -> None:
    del told["workflows"]["Driver"]["signals"]["enroll"]


def _gone_field(told: dict[str, Any]) -> None:
    del told["$defs"]["Enroll"]["properties"]["language"]


def _new_needed_field(told: dict[str, Any]) -> None:
    told["$defs"]["Wish"]["properties"]["mood"] = {"type": "string"}
    told["$defs"]["Wish"]["required"] = ["mood"]


def _other_type(told: dict[str, Any]) -> None:
    told["$defs"]["Enroll"]["properties"]["text_version"]["type"] = "integer"


def _gone_choice(told: dict[str, Any]) -> None:
    told["$defs"]["Side"]["enum"] = ["vehicle"]


def _gone_action(told: dict[str, Any]) -> None:
    payload = told["workflows"]["Driver"]["updates"]["act"]["payload"]
    payload["anyOf"] = payload["anyOf"][1:]


def _untold(told: dict[str, Any]) -> None:
    del told["$defs"]["ActionOutcome"]["properties"]["url"]


def _other_id(told: dict[str, Any]) -> None:
    told["driver_id"] = "uuid4()"


@pytest.mark.parametrize(
    "change",
    [
        _gone_signal,
        _gone_field,
        _new_needed_field,
        _other_type,
        _gone_choice,
        _gone_action,
        _untold,
        _other_id,
    ],
)
def test_a_change_that_breaks_a_backend_is_found(change: Any) -> None:
    changed = copy.deepcopy(contract())
    change(changed)
    assert broken(contract(), changed)


def _new_signal(told: dict[str, Any]) -> None:
    told["workflows"]["Driver"]["signals"]["sing"] = {"description": "", "payload": None}


def _new_field_of_choice(told: dict[str, Any]) -> None:
    told["$defs"]["Wish"]["properties"]["mood"] = {"type": "string", "default": "calm"}


def _more_told(told: dict[str, Any]) -> None:
    told["$defs"]["ActionOutcome"]["properties"]["more"] = {"type": "string"}


def _wider_type(told: dict[str, Any]) -> None:
    told["$defs"]["Enroll"]["properties"]["text_version"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


@pytest.mark.parametrize("change", [_new_signal, _new_field_of_choice, _more_told, _wider_type])
def test_a_change_that_breaks_nobody_is_none(change: Any) -> None:
    changed = copy.deepcopy(contract())
    change(changed)
    assert broken(contract(), changed) == []
