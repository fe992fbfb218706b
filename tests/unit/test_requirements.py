"""docs/requirements.md names S1 to S54, and every test it names exists."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| S(\d+) \| (.+?) \| (.+?) \|$", (TESTS.parent / "docs/requirements.md").read_text("utf-8"), re.MULTILINE
)


def test_every_statement_has_one_row_in_order() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 55))


def test_every_listed_test_exists() -> None:
    listed = [name for _, _, shown in ROWS for name in re.findall(r"`(.+?)`", shown)]
    assert listed
    assert [name for name in listed if not exists(name)] == []


def test_a_row_without_a_test_says_that_it_is_open() -> None:
    assert [number for number, _, shown in ROWS if "`" not in shown and shown != "*open*"] == []


def exists(name: str) -> bool:
    path, _, function = name.partition("::")
    file = TESTS / path
    if not file.exists():
        return False
    tree = ast.parse(file.read_text("utf-8"))
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function for node in ast.walk(tree)
    )


def test_a_missing_test_would_be_noticed() -> None:
    assert not exists("unit/test_requirements.py::test_that_nobody_wrote")
