"""docs/failures.md names F1 to F75, and every test it names exists."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| F(\d+) \| (.+?) \| (.+?) \|$", (TESTS.parent / "docs/failures.md").read_text("utf-8"), re.MULTILINE
)


def test_every_failure_has_one_row_in_order() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 76))


def test_every_listed_test_exists() -> None:
    listed = [name for _, _, shown in ROWS for name in re.findall(r"`(.+?)`", shown)]
    assert listed
    assert [name for name in listed if not exists(name)] == []


def test_a_row_without_a_test_says_so() -> None:
    silent = [number for number, _, shown in ROWS if "`" not in shown and not shown.startswith(("*open", "*elsewhere"))]
    assert silent == []


def exists(name: str) -> bool:
    path, _, function = name.partition("::")
    file = TESTS / path
    if not file.exists():
        return False
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == function for n in nodes)


def test_a_missing_test_would_be_noticed() -> None:
    assert not exists("unit/test_failures_table.py::test_that_nobody_wrote")
