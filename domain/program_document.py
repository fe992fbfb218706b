"""A program as operators write it: read from plain data (YAML), held against the stored one, and shown as a diff."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.capabilities import SHIPPED_BRANDS, BrandRow
from domain.errors import CallerError
from domain.program import Program, overridden
from domain.rollout.standing import Phase, Standing

NOT_WRITTEN = {"version", "standing", "region", "target"}
"""Parts of a program that are never written by hand."""

ROWS: TypeAdapter[tuple[BrandRow, ...]] = TypeAdapter(tuple[BrandRow, ...])


def read_program(document: object) -> Program:
    """The program a document describes. `brands` lists rows that override the shipped table; `phase` counts at first.

    Raises:
        CallerError: it describes none; the text names every place and what is wrong there.
    """
    if not isinstance(document, dict):
        raise CallerError("the document is a mapping: name, tariff, brands, rules, ...")
    written: dict[str, Any] = {str(key): value for key, value in document.items()}
    refused = sorted(NOT_WRITTEN & set(written))
    if refused:
        raise CallerError(
            f"{', '.join(refused)}: not written by hand (versions count themselves, rollouts move phases)"
        )
    try:
        rows = ROWS.validate_python(written.pop("brands", None) or ())
    except ValidationError as error:
        raise CallerError("; ".join(_complaints(error, "brands"))) from error
    twice = [brand for brand, count in Counter(row.brand.casefold() for row in rows).items() if count > 1]
    if twice:
        raise CallerError(f"brands: {', '.join(twice)} has more than one row")
    try:
        phase = Phase(written.pop("phase", Phase.LAUNCH))
        table = overridden(SHIPPED_BRANDS, rows, _table_version(rows))
        return Program.model_validate({**written, "brands": table, "standing": Standing(phase=phase)})
    except ValidationError as error:
        raise CallerError("; ".join(_complaints(error))) from error
    except ValueError as error:
        raise CallerError(f"phase: {error}; phases are {', '.join(Phase)}") from error


def next_version(written: Program, stored: Program | None) -> Program:
    """The written program as it would follow the stored one: how far the rollout has come stays."""
    if stored is None:
        return written
    return written.model_copy(update={"version": stored.version, "standing": stored.standing})


def differences(old: Program | None, new: Program) -> list[str]:
    """What would change, a line each: "rules.lowest_success: 0.8 -> 0.9". Empty: nothing."""
    before = _leaves(old.model_dump(mode="json")) if old is not None else {}
    after = _leaves(new.model_dump(mode="json"))
    return [
        f"{path}: {_shown(before.get(path))} -> {_shown(after.get(path))}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path) and path.split(".")[0] not in {"version", "region", "target"}
    ]


def _table_version(rows: tuple[BrandRow, ...]) -> str:
    if not rows:
        return SHIPPED_BRANDS.version
    body = ROWS.dump_json(rows)
    return f"{SHIPPED_BRANDS.version}+{hashlib.sha256(body).hexdigest()[:8]}"


def _leaves(value: object, path: str = "") -> dict[str, object]:
    return dict(_walk(value, path))


def _walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Every leaf with its path. Rows of brands go by their brand, so that a row more is one line more."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) and "brand" in item for item in value):
        for item in value:
            yield from _walk({k: v for k, v in item.items() if k != "brand"}, f"{path}.{item['brand']}")
    else:
        yield path, sorted(value, key=str) if isinstance(value, list) else value


def _shown(value: object) -> str:
    return "nothing" if value in (None, [], {}) else json.dumps(value, ensure_ascii=False)


def _complaints(error: ValidationError, within: str = "") -> Iterator[str]:
    for one in error.errors(include_url=False):
        place = ".".join(filter(None, [within, *map(str, one["loc"])])) or "the program"
        yield f"{place}: {one['msg']}"
