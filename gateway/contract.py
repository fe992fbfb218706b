"""The contract for backends in any language: names and JSON Schemas of what can be sent to the workflows.

It is generated from the workflows themselves into docs/contract/, where a test holds it current, and compatible with
every version that was released.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from temporalio import workflow

from domain.departure import Wish
from domain.model import Model
from domain.program import Program
from gateway.schemas import exact
from workflows.driver import DriverWorkflow
from workflows.ids import NAMESPACE
from workflows.policies import TASK_QUEUE
from workflows.session import SessionWorkflow

FOLDER = Path(__file__).parents[1] / "docs" / "contract"

CURRENT = "contract.json"

INTERNAL = frozenset(
    {"device_seen", "device_gone", "credentials_died", "session_reported", "program_changed"}
    | {"reading", "prices_changed", "devices_leaving"}
)
"""Signals between our own parts: no backend sends them, and they may change."""

UNSTABLE = frozenset({"state", "night_log", "pulse"})
"""Queries for operators: their answers show the inside and change with it, so their form is no part of the contract."""


class NewDriver(Model):
    """What a backend writes of a driver's state; the rest is the workflow's own."""

    driver_id: str
    program: Program
    wish: Wish


class NewDriverStart(Model):
    """The input of a driver's workflow, as a backend writes it."""

    state: NewDriver
    operator_url: str = ""  # of the operator's page, for links from the Temporal UI


INPUTS: dict[str, type[Model]] = {"Driver": NewDriverStart}
"""Of the workflows that backends start. Sessions are opened by their driver's workflow."""

_IDS = {"Driver": "driver:<driver_id>", "ChargingSession": "session:<vehicle_id>:<seq>"}

_REFS = "#/$defs/{model}"

Json = dict[str, Any]


def contract() -> Json:
    """The present contract."""
    schemas = _Schemas()
    workflows = {}
    for one in (DriverWorkflow, SessionWorkflow):
        found = workflow._Definition.must_from_class(one)
        assert found.name is not None
        workflows[found.name] = {
            "workflow_id": _IDS[found.name],
            "input": schemas.of([INPUTS[found.name]]) if found.name in INPUTS else None,
            "signals": {
                name: {"description": signal.description or "", "payload": schemas.of(signal.arg_types)}
                for name, signal in sorted(_named(found.signals))
                if name not in INTERNAL
            },
            "updates": {
                name: {
                    "description": update.description or "",
                    "payload": schemas.of(update.arg_types),
                    "result": schemas.result(update.ret_type),
                }
                for name, update in sorted(_named(found.updates))
            },
            "queries": {
                name: {
                    "description": query.description or "",
                    "payload": schemas.of(query.arg_types),
                    "result": None if name in UNSTABLE else schemas.result(query.ret_type),
                }
                for name, query in sorted(_named(found.queries))
            },
        }
    return {
        "encoding": "json/plain",
        "task_queue": TASK_QUEUE,
        "driver_id": f"uuid5(uuid5({NAMESPACE}, program), reference)",
        "workflows": workflows,
        "$defs": schemas.known,
    }


def write(folder: Path = FOLDER) -> Path:
    """Write the present contract; returns the file."""
    file = folder / CURRENT
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_text(contract()), "utf-8")
    return file


def as_text(told: Json) -> str:
    return json.dumps(told, indent=1, sort_keys=True) + "\n"


class _Schemas:
    """Collects the definitions that payloads and results refer to."""

    def __init__(self) -> None:
        self.known: Json = {}

    def of(self, types: Sequence[type] | None) -> Json | None:
        """The schema of the one value that is sent; None: nothing is."""
        return self._schema(types[0], "validation") if types else None

    def result(self, kind: Any) -> Json | None:
        return self._schema(kind, "serialization") if kind is not None else None

    def _schema(self, kind: Any, mode: Any) -> Json:
        schema: Json = exact(TypeAdapter(kind).json_schema(mode=mode, ref_template=_REFS))
        for name, definition in schema.pop("$defs", {}).items():
            self.known.setdefault(name, definition)
        if "properties" not in schema:
            return schema
        name = schema.get("title", "Value")
        self.known.setdefault(name, schema)
        return {"$ref": _REFS.format(model=name)}


def _named(handlers: Any) -> Iterator[tuple[str, Any]]:
    return ((name, handler) for name, handler in handlers.items() if name is not None)


def broken(before: Json, after: Json) -> list[str]:
    """What a backend written against `before` would stumble over in `after`."""
    found: list[str] = []
    for key in ("encoding", "task_queue", "driver_id"):
        if before[key] != after[key]:
            found.append(f"{key} changed")
    for name, known in before["workflows"].items():
        present = after["workflows"].get(name)
        if present is None:
            found.append(f"workflow {name} is gone")
            continue
        if known["workflow_id"] != present["workflow_id"]:
            found.append(f"the id of {name} changed")
        found += _narrowed(f"{name} input", known["input"], present["input"], before, after, set())
        for kind in ("signals", "updates", "queries"):
            for handler, told in known[kind].items():
                where = f"{name}.{handler}"
                if handler not in present[kind]:
                    found.append(f"{where} is gone")
                    continue
                now = present[kind][handler]
                found += _narrowed(f"{where} payload", told["payload"], now["payload"], before, after, set())
                if told.get("result") is not None:
                    found += _thinned(f"{where} result", told["result"], now["result"], before, after, set())
    return found


def _narrowed(where: str, old: Any, new: Any, before: Json, after: Json, seen: set[Any]) -> list[str]:
    """What was accepted and is not any more. Beyond names, kinds and choices, bounds are not compared."""
    old, new = _resolved(old, before), _resolved(new, after)
    if old is None or new is None:
        return [] if old is None and new is None else [f"{where}: a payload came or went"]
    if (id(old), id(new)) in seen:
        return []
    seen.add((id(old), id(new)))
    found = _other_kind(where, old, new)
    properties = new.get("properties", {})
    known = old.get("properties", {})
    found += [f"{where}: {name} is not taken any more" for name in known if properties and name not in properties]
    found += [f"{where}: {name} is needed now" for name in set(new.get("required", [])) - set(old.get("required", []))]
    for name, told in known.items():
        if name in properties:
            found += _narrowed(f"{where}.{name}", told, properties[name], before, after, seen)
    for name, choice in _choices(old).items():
        if name not in _choices(new):
            found.append(f"{where}: {name} is no choice any more")
        else:
            found += _narrowed(f"{where}<{name}>", choice, _choices(new)[name], before, after, seen)
    return found


def _thinned(where: str, old: Any, new: Any, before: Json, after: Json, seen: set[Any]) -> list[str]:
    """What an answer told and does not any more."""
    old, new = _resolved(old, before), _resolved(new, after)
    if old is None or new is None:
        return [f"{where}: the answer is gone"] if new is None else []
    if (id(old), id(new)) in seen:
        return []
    seen.add((id(old), id(new)))
    found = [f"{where}: {old.get('type')} became {new.get('type')}"] if old.get("type") != new.get("type") else []
    for name, told in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            found.append(f"{where}: {name} is not told any more")
        else:
            found += _thinned(f"{where}.{name}", told, new["properties"][name], before, after, seen)
    if "items" in old and "items" in new:
        found += _thinned(f"{where}[]", old["items"], new["items"], before, after, seen)
    return found


def _other_kind(where: str, old: Json, new: Json) -> list[str]:
    kinds_before, kinds_now = _kinds(old), _kinds(new)
    if kinds_before and kinds_now and not kinds_before <= kinds_now:
        return [f"{where}: {', '.join(sorted(kinds_before - kinds_now))} is not taken any more"]
    choices: list[Any] = old.get("enum", [])
    values = set(map(str, choices)) - set(map(str, new.get("enum", choices)))
    return [f"{where}: {', '.join(sorted(values))} is no choice any more"] if values else []


def _kinds(schema: Json) -> set[str]:
    """The JSON types a schema accepts; `integer` is a `number`."""
    if "anyOf" in schema:
        return set().union(*(_kinds(one) for one in schema["anyOf"]))
    kind = schema.get("type")
    kinds = {"object"} if kind is None and "$ref" in schema else {kind} if isinstance(kind, str) else set(kind or ())
    return kinds | {"integer"} if "number" in kinds else kinds


def _choices(schema: Json) -> Json:
    """The members of a union that have names."""
    members: list[Json] = schema.get("anyOf", []) + schema.get("oneOf", [])
    return {one["$ref"].rpartition("/")[2]: one for one in members if "$ref" in one}


def _resolved(schema: Any, told: Json) -> Any:
    while isinstance(schema, dict) and set(schema) >= {"$ref"}:
        schema = told["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema
